"""Look at what treasuries hold, and tell once when it falls below a threshold, or is enough again.

Nothing is told on bad news from nodes: a balance that nobody can read has not changed.
"""

from collections.abc import Mapping

from attrs import frozen

from application.audit.trail import Trail
from application.ports.alarms import Alarms
from application.ports.chain import Chain, ChainUnavailableError, WrongChainError
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store
from domain.audit import WORKER
from domain.identifiers import INSTALLATION, NetworkId
from domain.treasury import Holding, Level, Thresholds, crossing


@frozen(kw_only=True)
class WatchTreasuries:
    store: Store
    chains: Mapping[NetworkId, Chain]
    thresholds: Mapping[NetworkId, Thresholds]
    alarms: Alarms
    clock: Clock
    identifiers: Identifiers

    def __call__(self) -> list[Holding]:
        """Look at all of them; tell what was seen.  Raises: StoreUnavailableError."""
        return [
            seen
            for network in self.chains
            for address in self._addresses(network)
            if (seen := self.look(network, address)) is not None
        ]

    def look(self, network: NetworkId, address: str) -> Holding | None:
        """Look at one of them; None: no node could say what it holds."""
        chain = self.chains[network]
        try:
            balance = chain.signer_state(address).balance
        except (ChainUnavailableError, WrongChainError):
            # The network's watch halts it, and `doctor` says why it does not answer.
            return None
        seen = self._record(chain, address, balance)
        # For as long as it is so.
        subject = f"{network} {address}"
        if seen.level is Level.EMPTY:
            self.alarms.sound("treasury_empty", subject, self._advice(seen))
        if seen.level is Level.LOW:
            self.alarms.sound("treasury_low", subject, self._advice(seen))
        return seen

    def _record(self, chain: Chain, address: str, balance: int) -> Holding:
        network, now = chain.network, self.clock.now()
        trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=WORKER)
        with self.store.begin(Scope.installation()) as work:
            # Of two workers that look at once, the second one finds what the first one told.
            work.signers.lock(network.id, address)
            known = work.signers.holding(network.id, address)
            before = known.level if known is not None else None
            level = self.thresholds[network.id].level(balance, before)
            seen = Holding(
                network=network.id, address=address, balance=balance, level=level, seen_at=now
            )
            work.signers.put_holding(seen)
            if action := crossing(before, level):
                trail.add(
                    action,
                    address,
                    now,
                    live=network.live,
                    details={
                        "balance": str(balance),
                        "network": network.id,
                        "threshold": str(self._threshold(seen)),
                    },
                )
            trail.write(work)
        return seen

    def _threshold(self, seen: Holding) -> int:
        thresholds = self.thresholds[seen.network]
        return thresholds.empty if seen.level is Level.EMPTY else thresholds.low

    def _advice(self, seen: Holding) -> str:
        least = self.thresholds[seen.network].missing(seen.balance)
        unit = self.chains[seen.network].network.base_unit
        return f"holds {seen.balance} {unit}; send {least} {unit} or more to {seen.address}"

    def _addresses(self, network: NetworkId) -> list[str]:
        with self.store.begin(Scope.installation()) as work:
            return [signer.address for signer in work.signers.treasury(network)]
