"""EVM: a real node that mines when a test says so; blocks are final five blocks down."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from attrs import field, frozen

from application.ports.chain import Chain
from domain.operation import Draft, Intent, Slot
from domain.signing import PublicKey, Signature
from domain.token import TokenKind
from tests.adapters.evm.on_anvil.world import CEILING, MINTABLE, World, a_world
from tests.contract.subjects import ACountingChain


@contextmanager
def chain() -> Iterator[ACountingChain]:
    with a_world() as world:
        yield EvmSubject(world, chain=world.chain, treasury=world.sender)


patient_chain = counting_chain = chain


@frozen
class EvmSubject(ACountingChain):
    world: World
    chain: Chain = field(kw_only=True)
    treasury: str = field(kw_only=True)
    owner: str = "0x00000000000000000000000000000000000000AA"
    stranger: str = "0x00000000000000000000000000000000000000Bb"
    kind: TokenKind = MINTABLE
    parameters: Mapping[str, object] = field(
        factory=lambda: {"name": "Gold", "symbol": "GLD", "decimals": 2, "initial_supply": "1000"}
    )
    symbol: str = "symbol"
    fee_ceiling: int = CEILING

    def sign(self, draft: Draft) -> Sequence[tuple[PublicKey, Signature]]:
        return self.world.treasury.sign(draft)

    def slot(self, intent: Intent, number: int = 1) -> Slot:
        nonce = self.chain.signer_state(intent.sender).next_sequence
        return Slot(
            number=number, network=self.chain.network.id, signer=intent.sender, sequence=nonce
        )

    def reorg(self, depth: int) -> None:
        self.world.reorg(depth)

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
