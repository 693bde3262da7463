"""EVM: a real node that mines when a test says so; blocks are final five blocks down."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from attrs import field, frozen

from application.ports.chain import Chain
from domain.operation import Draft
from domain.signing import PublicKey, Signature
from domain.token import TokenKind
from tests.adapters.evm.on_anvil.world import CEILING, MINTABLE, World, a_world
from tests.contract.subjects import ASubjectChain


@contextmanager
def chain() -> Iterator[ASubjectChain]:
    with a_world() as world:
        yield EvmSubject(world, chain=world.chain, treasury=world.sender, reorg=world.reorg)


@frozen
class EvmSubject(ASubjectChain):
    world: World
    chain: Chain = field(kw_only=True)
    treasury: str = field(kw_only=True)
    reorg: Callable[[int], None] | None = field(kw_only=True)
    kind: TokenKind = MINTABLE
    parameters: Mapping[str, object] = field(
        factory=lambda: {"name": "Gold", "symbol": "GLD", "decimals": 2, "initial_supply": "1000"}
    )
    fee_ceiling: int = CEILING

    def sign(self, draft: Draft) -> Sequence[tuple[PublicKey, Signature]]:
        return self.world.treasury.sign(draft)

    def mine(self, blocks: int = 1) -> None:
        self.world.mine(blocks)

    def finalise(self) -> None:
        self.world.finalise()

    def hold_back(self) -> AbstractContextManager[object]:
        return nullcontext()

    def foreign_transaction(self) -> None:
        nonce = self.chain.signer_state(self.treasury).next_sequence
        self.world.foreign_transaction(nonce)
        self.world.mine()
