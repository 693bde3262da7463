"""End all access at once: after a restored backup, or when nobody knows who has what.

A backup brings back what has ended since: sessions, API keys, letters.  The epoch of access goes
up by one, in one transaction, and whatever was let in by something of before is out with the next
request.  Passwords stay, and so does what signs to others: secrets of webhook endpoints let nobody
in here.
"""

from attrs import frozen

from application.audit.trail import Trail
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.audit import OPERATOR
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, Prefix, public_id


@frozen(kw_only=True)
class EndAllAccess:
    store: Store
    clock: Clock
    identifiers: Identifiers

    def __call__(self, reason: str) -> int | Refusal:
        """The epoch that has begun.  *reason* is kept for seven years, in clear."""
        if not reason.strip():
            return Refusal(code="reason_missing", detail="say why: it is kept for seven years")
        with self.store.begin(Scope.installation()) as work:
            epoch = work.access_epoch.advance()
            trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=OPERATOR)
            trail.add(
                "operator.ended_access",
                public_id(Prefix.ORGANISATION, INSTALLATION),
                self.clock.now(),
                details={"auth_epoch": epoch, "reason": reason},
            )
            trail.write(work)
        return epoch
