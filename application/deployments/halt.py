"""Stop a network, or one signer on it, until a person has looked: nothing is signed meanwhile."""

from attrs import evolve, frozen

from application.audit.trail import Trail
from application.ports.alarms import Alarms
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from domain.audit import WORKER, Actor
from domain.fields import readable
from domain.identifiers import INSTALLATION, NetworkId

#: Of a network that was halted before halts had codes.
UNKNOWN_CODE = "unknown"
#: Letters that are kept of a reason.
LONGEST_REASON = 1_000


@frozen(kw_only=True)
class Halt:
    """Halting what is halted changes nothing; the first reason stays.

    No halt fails for its reason: what a database does not take of one is replaced, the rest cut.
    """

    store: Store
    alarms: Alarms
    clock: Clock
    identifiers: Identifiers

    def network(self, id: NetworkId, code: str, reason: str) -> None:
        """*reason* may name a node, so it stays with the network; the trail gets *code*."""
        trail, reason = self._trail(WORKER), readable(reason, LONGEST_REASON)
        with self.store.begin(Scope.installation()) as work:
            status = work.networks.lock(id)
            if status.halted is None:
                work.networks.put(evolve(status, halted=reason))
                trail.add("network.halted", id, self.clock.now(), details={"code": code})
                trail.write(work)
        if status.halted is None:
            self.alarms.sound(f"network_halted.{code}", id, reason)

    def signer(self, network: NetworkId, address: str, reason: str) -> None:
        trail, reason = self._trail(WORKER), readable(reason, LONGEST_REASON)
        with self.store.begin(Scope.installation()) as work:
            signer = work.signers.lock(network, address)
            if signer is not None and signer.halted is None:
                work.signers.put(evolve(signer, halted=reason))
                trail.add("signer.halted", address, self.clock.now(), details={"reason": reason})
                trail.write(work)
        if signer is not None and signer.halted is None:
            self.alarms.sound("signer_halted", f"{network} {address}", reason)

    def _trail(self, actor: Actor) -> Trail:
        return Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=actor)


def code_of_halt(work: Work, id: NetworkId) -> str:
    """Why the network *id*, which is halted, was: the code, which names no node.

    *work* is the installation's.
    """
    for event in reversed(work.audit.of_subject(id)):
        details = event.content()["details"]
        if event.action == "network.halted" and isinstance(details, dict):
            return str(details.get("code", UNKNOWN_CODE))
    return UNKNOWN_CODE
