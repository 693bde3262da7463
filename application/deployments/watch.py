"""Look at a network: is it still the chain it was?"""

from collections.abc import Mapping

from attrs import evolve, frozen

from application.deployments.halt import Halt
from application.ports.chain import (
    Chain,
    ChainUnavailableError,
    HistoryUnavailableError,
    WrongChainError,
)
from application.ports.storage.work import Scope, Store
from domain.identifiers import NetworkId
from domain.network import Block, NetworkStatus


@frozen(kw_only=True)
class WatchNetwork:
    store: Store
    chains: Mapping[NetworkId, Chain]
    halt: Halt

    def __call__(self, id: NetworkId) -> NetworkStatus:
        """Remember the newest final block; halt the network where one that was final is gone.

        A node that does not answer, or that is behind, proves nothing and changes nothing.
        """
        chain = self.chains[id]
        with self.store.begin(Scope.installation()) as work:
            known = work.networks.status(id)
        try:
            final = chain.head().final
            again = self._again(chain, known)
        except ChainUnavailableError:
            return known
        except WrongChainError as error:
            self.halt.network(id, "wrong_chain", str(error))
            return evolve(known, halted=str(error))
        if known.final is not None and again is not None and again.hash != known.final.hash:
            reason = f"final block {known.final.number} was {known.final.hash}, is {again.hash}"
            self.halt.network(id, "final_block_vanished", reason)
            return evolve(known, halted=reason)
        if known.final is None or final.number > known.final.number:
            with self.store.begin(Scope.installation()) as work:
                status = work.networks.lock(id)
                if status.final is None or final.number > status.final.number:
                    known = evolve(status, final=final)
                    work.networks.put(known)
        return known

    @staticmethod
    def _again(chain: Chain, known: NetworkStatus) -> Block | None:
        """The block that was final, as the chain has it now; None where it cannot show it."""
        if known.final is None:
            return None
        try:
            return chain.block_at(known.final.number)
        except HistoryUnavailableError:
            return None
