from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from uuid import uuid4

from attrs import define, field

from adapters.memory.chain import MemoryChain
from adapters.memory.cipher import MemoryCipher
from adapters.memory.clock import MemoryClock
from adapters.memory.custody import MemoryCustodian, MemoryPublicKeys
from adapters.memory.egress import MemoryEgress
from adapters.memory.files import MemoryFiles
from adapters.memory.identifiers import MemoryIdentifiers
from adapters.memory.identity_provider import Account, MemoryIdentityProvider
from adapters.memory.mail import MemoryMail
from adapters.memory.metadata import MemoryMetadata
from adapters.memory.passwords import MemoryPasswords
from adapters.memory.payments import MemoryPayments
from adapters.memory.seal_state import MemorySealState
from adapters.memory.seeds import MemorySeedSigning
from adapters.memory.signatures import MemoryVerification
from adapters.memory.storage import MemoryStore
from adapters.memory.telemetry import MemoryTelemetry
from adapters.memory.wrapping import MemoryKeyWrapping
from application.ports.cipher import Cipher
from application.ports.clock import Clock
from application.ports.custody import Custodian, KeyDescription, KeyWrapping, Verifies
from application.ports.derivation import PublicKeys
from application.ports.egress import Reply
from application.ports.files import Files
from application.ports.identifiers import Identifiers
from application.ports.identity_provider import Answer
from application.ports.metadata import MetadataStore
from application.ports.passwords import Passwords
from application.ports.payments import Order, Page
from application.ports.seal_state import SealStateStore
from application.ports.seeds import SeedSigning
from application.ports.storage.seals import SealStore
from application.ports.storage.work import Store
from application.ports.telemetry import Telemetry
from domain.identifiers import INSTALLATION, AccountId
from domain.operation import Draft, Intent, Party, Slot
from domain.payment import PaymentEvent, PaymentId, SubscriptionId
from domain.signing import Curve, KeyUse, PublicKey, Signature
from domain.token import Action, TokenKind
from tests.contract.custody import guarded
from tests.contract.payers import ITEMS
from tests.contract.postbox import Mailing
from tests.contract.sign_in import SigningIn
from tests.contract.subjects import ACountingChain, AnOrderingChain


@contextmanager
def store() -> Iterator[Store]:
    yield MemoryStore()


@contextmanager
def file_store() -> Iterator[Files]:
    yield MemoryFiles()


@contextmanager
def sealed_store() -> Iterator[tuple[Store, SealStore]]:
    opened = MemoryStore()
    yield opened, opened.seal_store()


@contextmanager
def verification() -> Iterator[Verifies]:
    yield MemoryVerification()


@contextmanager
def public_keys() -> Iterator[PublicKeys]:
    yield MemoryPublicKeys()


@contextmanager
def seal_state() -> Iterator[SealStateStore]:
    yield MemorySealState()


@contextmanager
def custodian() -> Iterator[Custodian]:
    yield guarded(MemoryCustodian())


@contextmanager
def cipher() -> Iterator[Cipher]:
    yield MemoryCipher()


@contextmanager
def key_wrapping() -> Iterator[KeyWrapping]:
    yield MemoryKeyWrapping()


@contextmanager
def telemetry() -> Iterator[Telemetry]:
    yield MemoryTelemetry()


@contextmanager
def clock() -> Iterator[Clock]:
    yield MemoryClock()


@define(slots=False)
class MemoryReceivers:
    """Receivers, as `tests.contract.test_egress` wants them."""

    port: MemoryEgress = field(factory=MemoryEgress)
    private: str = "https://private.example.com/"
    nobody: str = "https://nobody.example.com/"

    def __attrs_post_init__(self) -> None:
        self.port.private.add(self.private)

    @property
    def requests(self) -> Sequence[tuple[str, bytes]]:
        """The id of each message that arrived, and its body."""
        return [(each.headers.get("webhook-id", ""), each.body) for each in self.port.received]

    @contextmanager
    def answering(self, reply: Reply) -> Iterator[str]:
        url = f"https://{len(self.port.receivers)}.example.com/hook"
        self.port.receivers[url] = lambda _: reply
        yield url


@contextmanager
def seed_signing() -> Iterator[SeedSigning]:
    yield MemorySeedSigning()


@contextmanager
def egress() -> Iterator[MemoryReceivers]:
    yield MemoryReceivers()


@contextmanager
def identifiers() -> Iterator[Identifiers]:
    yield MemoryIdentifiers(MemoryClock())


@contextmanager
def passwords() -> Iterator[Passwords]:
    yield MemoryPasswords()


@define
class MemoryWorld:
    """Payers and banks, as `tests.contract.payers` wants them moved."""

    payments: MemoryPayments
    clock: MemoryClock

    def now(self) -> datetime:
        return self.clock.now()

    def signed(self, event: PaymentEvent) -> tuple[bytes, str]:
        return self.payments.signed(event)

    def pay(self, page: Page) -> str:
        self.payments.pay(page.id)
        session = self.payments._sessions[page.id]
        return str(session.subscription or session.payment)

    def promise(self, page: Page) -> None:
        self.payments.promise(page.id)

    def arrive(self, page: Page) -> str:
        self.payments.arrive(page.id)
        return self.payments.payment_of(page.id)

    def refund(self, payment: str, amount_minor: int) -> None:
        self.payments.refund(PaymentId(payment), amount_minor)

    def dispute(self, payment: str) -> str:
        return self.payments.dispute(PaymentId(payment))

    def decide(self, dispute: str, *, is_won: bool) -> None:
        self.payments.close(dispute, is_won=is_won)

    def cancel(self, order: Order, subscription: str) -> None:
        del order
        self.payments.cancel(SubscriptionId(subscription), self.now())


@contextmanager
def payments() -> Iterator[MemoryWorld]:
    clock = MemoryClock()
    port = MemoryPayments(clock.now)
    for item in ITEMS:
        port.publish(item)
    yield MemoryWorld(port, clock)


@contextmanager
def metadata_store() -> Iterator[MetadataStore]:
    yield MemoryMetadata()


@contextmanager
def chain() -> Iterator[ACountingChain]:
    yield MemorySubject()


patient_chain = counting_chain = ordering_chain = chain


@define(slots=False)
class MemorySubject(ACountingChain, AnOrderingChain):
    chain: MemoryChain = field(factory=MemoryChain)
    kind: TokenKind = field(default=TokenKind("memory_token"))
    parameters: Mapping[str, object] = field(
        factory=lambda: {"name": "Gold", "symbol": "GLD", "decimals": 2, "supply": "1000"}
    )
    symbol: str = "symbol"
    fee_ceiling: int = 1_000_000
    many_steps: TokenKind | None = None
    treasury: str = field(init=False)
    owner: str = field(init=False)
    stranger: str = "0x00000000000000000000000000000000000000Bb"
    _custodian: MemoryCustodian = field(factory=MemoryCustodian)

    def __attrs_post_init__(self) -> None:
        self._keys = {self.chain.address(key.public_key): key for key in map(self._key, range(2))}
        self.treasury, self.owner = self._keys
        self.chain.fund(self.treasury, 10**15)
        self.orders = orders_to(self.stranger)
        self.impossible = IMPOSSIBLE

    def _key(self, _: int) -> KeyDescription:
        return self._custodian.create_key(
            INSTALLATION, AccountId(uuid4()), Curve.SECP256K1, KeyUse.EVM_ACCOUNT
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
        outline = self.chain.steps(intent.token, intent.order)[intent.step - 1]
        signer = intent.owner if outline.slot_of is Party.OWNER else intent.sender
        nonce = self.chain.signer_state(signer).next_sequence
        return Slot(number=number, network=self.chain.network.id, signer=signer, sequence=nonce)

    def reorg(self, depth: int) -> None:
        self.chain.reorg(depth)

    def mine(self, blocks: int = 1) -> None:
        self.chain.mine(blocks)

    def finalise(self) -> None:
        self.chain.finalise()

    def hold_back(self) -> AbstractContextManager[object]:
        """Nothing is mined unless asked for anyway."""
        return nullcontext()

    def foreign_transaction(self) -> None:
        self.chain.foreign_transaction(self.treasury)
        self.chain.mine()


def orders_to(address: str) -> list[tuple[Action, Mapping[str, object]]]:
    """Everything that a token in memory can do."""
    return [
        (Action.MINT, {"amount": "250", "to": address}),
        (Action.PAUSE, {}),
        (Action.UNPAUSE, {}),
        (Action.BURN, {"amount": "1000"}),
    ]


#: There are not as many.
IMPOSSIBLE: tuple[Action, Mapping[str, object]] = (Action.BURN, {"amount": "1001"})


@contextmanager
def mailing() -> Iterator[Mailing]:
    mail = MemoryMail()
    yield Mailing(mail, lambda: list(mail.sent))


@contextmanager
def identity_provider() -> Iterator[SigningIn]:
    port = MemoryIdentityProvider()

    def log_in(url: str, account: Account) -> tuple[str, Answer]:
        code, state = port.log_in(url, account)
        return state, Answer(code=code, issuer=port.issuer)

    def go_away() -> None:
        port.is_away = True

    yield SigningIn(port, log_in, go_away)
