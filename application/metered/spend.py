"""Spend credits on a metered operation: hold, renew, capture, release.

Whoever asks at the same time shares a transaction (`adapters.system.group_commit`).
"""

from attrs import frozen

from application.access.caller import Caller
from application.metered.usage import Answer, Asked, Usage
from application.ports.together import Together
from domain.organisation import Permission


@frozen(kw_only=True)
class SpendCredits:
    together: Together[Asked, Answer]

    def __call__(self, caller: Caller, usage: Usage, *, live: bool) -> Answer:
        """What became of the hold, or why nothing.

        A refusal by a rule of business is remembered with the key of a hold and repeats.

        Raises:
            StoreUnavailableError: it may have been done or not; ask again with the same key.
        """
        if refusal := caller.refusal(Permission.WRITE_USAGE, live=live):
            return refusal
        return self.together(caller.organisation, Asked(caller=caller, usage=usage, live=live))

    async def soon(self, caller: Caller, usage: Usage, *, live: bool) -> Answer:
        """The same, for whoever waits on an event loop."""
        if refusal := caller.refusal(Permission.WRITE_USAGE, live=live):
            return refusal
        asked = Asked(caller=caller, usage=usage, live=live)
        return await self.together.soon(caller.organisation, asked)
