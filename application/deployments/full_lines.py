"""Networks on which, a moment ago, a signer had no slot left to give away."""

from datetime import datetime, timedelta

from attrs import define, field

from application.ports.clock import Clock
from domain.identifiers import NetworkId

#: Short against the time for which a slot is taken.
MOMENT = timedelta(milliseconds=250)


@define
class FullLines:
    """One process's memory of it: what is queued there would hear the same, one after the other.

    After the moment somebody tries again.  Threads may tell and ask at once.
    """

    clock: Clock
    _heard: dict[NetworkId, datetime] = field(factory=dict, init=False)

    def tell(self, network: NetworkId) -> None:
        self._heard[network] = self.clock.now()

    def networks(self) -> frozenset[NetworkId]:
        now = self.clock.now()
        # A clock that was set back keeps nobody waiting.
        return frozenset(
            network for network, at in self._heard.copy().items() if at <= now < at + MOMENT
        )
