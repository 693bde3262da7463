"""The chain in memory whose slots are leases with windows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from uuid import uuid4

from attrs import define, field

from adapters.memory.chain import MemoryWindowedChain
from adapters.memory.custody import MemoryCustodian
from application.ports.custody import KeyDescription
from domain.identifiers import INSTALLATION, AccountId
from domain.operation import Draft, Intent, LeaseWindow, Slot, TransactionId
from domain.signing import Curve, KeyUse, PublicKey, Signature
from domain.token import TokenKind
from tests.contract.subjects import AForgetfulChain, AnOrderingChain
from tests.contract.subjects.memory import IMPOSSIBLE, orders_to

FUNDS = 10**9


@contextmanager
def chain() -> Iterator[AForgetfulChain]:
    yield MemoryWindowsSubject()


patient_chain = windowed_chain = forgetful_chain = ordering_chain = chain


@define(slots=False)
class MemoryWindowsSubject(AForgetfulChain, AnOrderingChain):
    chain: MemoryWindowedChain = field(factory=MemoryWindowedChain)
    kind: TokenKind = field(default=TokenKind("memory_token"))
    parameters: Mapping[str, object] = field(
        factory=lambda: {"name": "Gold", "symbol": "GLD", "decimals": 2, "supply": "1000"}
    )
    symbol: str = "symbol"
    fee_ceiling: int = 1_000_000
    many_steps: TokenKind | None = field(default=TokenKind("memory_two_steps"))
    treasury: str = field(init=False)
    owner: str = field(init=False)
    stranger: str = field(init=False)
    _custodian: MemoryCustodian = field(factory=MemoryCustodian)

    def __attrs_post_init__(self) -> None:
        self._keys = {self.chain.address(key.public_key): key for key in map(self._key, range(3))}
        self.treasury, self.owner, self.stranger = self._keys
        self.chain.fund(self.treasury, FUNDS)
        self.orders = orders_to(self.stranger)
        self.impossible = IMPOSSIBLE

    def _key(self, _: int) -> KeyDescription:
        return self._custodian.create_key(
            INSTALLATION, AccountId(uuid4()), Curve.ED25519, KeyUse.ALGORAND_ACCOUNT
        )

    def sign(self, draft: Draft) -> Sequence[tuple[PublicKey, Signature]]:
        keys = [(self._keys[each.signer], each) for each in draft.signables]
        return [
            (
                key.public_key,
                self._custodian.sign(key.key, each.message, each.purpose).signature,
            )
            for key, each in keys
        ]

    def slot(self, intent: Intent, number: int = 1) -> Slot:
        """In the window of now, or in the next one where too little is left of it."""
        now, width = self.chain.node.latest.number, self.chain.network.window
        left = width - (now + 1) % width
        if left < 15:
            self.chain.advance(left)
        terms = self.chain.slot_terms(intent)
        assert isinstance(terms, LeaseWindow), terms
        return Slot(
            number=number,
            network=self.chain.network.id,
            signer=intent.sender,
            lease=terms.lease,
            valid_until=terms.valid_until,
        )

    def mine(self, blocks: int = 1) -> None:
        self.chain.mine(blocks)

    def finalise(self) -> None:
        self.chain.mine()

    def hold_back(self) -> AbstractContextManager[object]:
        """Nothing is mined unless asked for anyway."""
        return nullcontext()

    def raise_price(self) -> None:
        self.chain.fee += 1

    def pass_rounds(self, number: int) -> None:
        self.chain.advance(number - self.chain.node.latest.number)

    def evict(self, id: TransactionId) -> None:
        self.chain.evict(id)

    def forget(self) -> None:
        self.chain.forget()
