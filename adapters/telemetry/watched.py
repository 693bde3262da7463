"""Ports, watched: each call is a span, and otherwise what it was."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from attrs import frozen

from application.ports.alarms import Alarms
from application.ports.chain import (
    Chain,
    ChainUnavailableError,
    Forecast,
    Head,
    HistoryUnavailableError,
    SignerChainState,
    WrongChainError,
)
from application.ports.custody import (
    Capabilities,
    CustodyRefusedError,
    CustodyUnavailableError,
    FoundKey,
    KeyCustodian,
    KeyDescription,
    Signing,
)
from application.ports.telemetry import SpanKind, Telemetry
from domain.errors import Refusal
from domain.identifiers import AccountId, KeyRef, OrganisationId
from domain.network import Block, Network
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Effect,
    Intent,
    NoEffect,
    Outcome,
    Party,
    Postponed,
    SignedTransaction,
    Slot,
    SlotTerms,
    StepOutline,
    Submission,
)
from domain.signing import Curve, KeyUse, PublicKey, Purpose, Signature
from domain.token import (
    Action,
    Document,
    KindDescription,
    Order,
    Token,
    TokenKind,
    TokenState,
)

C = TypeVar("C")
A = TypeVar("A")

#: The narrower kind first.
_NODE_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (HistoryUnavailableError, "history"),
    (ChainUnavailableError, "unavailable"),
    (WrongChainError, "wrong_chain"),
)


@frozen
class WatchedNode(Chain):
    """One node of a network."""

    chain: Chain
    #: What may be shown of where it is.
    node: str
    telemetry: Telemetry

    @contextmanager
    def _asking(self, call: str) -> Iterator[None]:
        with self.telemetry.span(
            f"node {call}",
            kind=SpanKind.CLIENT,
            network=self.chain.network.id,
            node=self.node,
            call=call,
        ) as span:
            try:
                yield
            except (ChainUnavailableError, WrongChainError) as error:
                span.failed(next(why for kind, why in _NODE_FAILURES if isinstance(error, kind)))
                raise

    # What asks nobody.

    @property
    def network(self) -> Network:
        return self.chain.network

    @property
    def curve(self) -> Curve:
        return self.chain.curve

    def kinds(self) -> tuple[KindDescription, ...]:
        return self.chain.kinds()

    def token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token | Refusal:
        return self.chain.token(kind, parameters)

    def stored_token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token:
        return self.chain.stored_token(kind, parameters)

    def document_of(self, token: Token) -> Document | None:
        return self.chain.document_of(token)

    def address(self, key: PublicKey) -> str:
        return self.chain.address(key)

    def order(
        self, token: Token, action: Action, parameters: Mapping[str, object]
    ) -> Order | Refusal:
        return self.chain.order(token, action, parameters)

    def handing_over(self, token: Token, to: str) -> Order | None:
        return self.chain.handing_over(token, to)

    def steps(self, token: Token, order: Order | None = None) -> tuple[StepOutline, ...]:
        return self.chain.steps(token, order)

    def groundwork(self) -> Token | None:
        return self.chain.groundwork()

    def predicted(self, intent: Intent) -> str | None:
        return self.chain.predicted(intent)

    def assemble(
        self, draft: Draft, signatures: Sequence[tuple[PublicKey, Signature]]
    ) -> SignedTransaction:
        return self.chain.assemble(draft, signatures)

    def allowance(self, intent: Intent) -> int:
        return self.chain.allowance(intent)

    def longest_message(self, intent: Intent, party: Party) -> int:
        return self.chain.longest_message(intent, party)

    def planned(self, intent: Intent) -> TokenState:
        return self.chain.planned(intent)

    # What asks the node.

    def plan(self, intent: Intent) -> Forecast | Refusal:
        with self._asking("plan"):
            return self.chain.plan(intent)

    def preflight(self, intent: Intent, fee_ceiling: int) -> Postponed | Refusal | None:
        with self._asking("preflight"):
            return self.chain.preflight(intent, fee_ceiling)

    def slot_terms(self, intent: Intent) -> SlotTerms | Postponed:
        with self._asking("slot_terms"):
            return self.chain.slot_terms(intent)

    def prepare(
        self,
        intent: Intent,
        slot: Slot,
        role: AttemptRole,
        fee_ceiling: int,
        replacing: Sequence[Attempt] = (),
    ) -> Draft | Postponed:
        with self._asking("prepare"):
            return self.chain.prepare(intent, slot, role, fee_ceiling, replacing)

    def submit(self, transaction: SignedTransaction) -> Submission:
        with self._asking("submit"):
            return self.chain.submit(transaction)

    def outcome(self, slot: Slot) -> Outcome:
        with self._asking("outcome"):
            return self.chain.outcome(slot)

    def effect_of(self, intent: Intent) -> Effect | NoEffect:
        with self._asking("effect_of"):
            return self.chain.effect_of(intent)

    def read_back(self, intent: Intent, token: str) -> tuple[str, ...]:
        with self._asking("read_back"):
            return self.chain.read_back(intent, token)

    def state(self, token: Token, place: str) -> TokenState | None:
        with self._asking("state"):
            return self.chain.state(token, place)

    def head(self) -> Head:
        with self._asking("head"):
            return self.chain.head()

    def block_at(self, number: int) -> Block | None:
        with self._asking("block_at"):
            return self.chain.block_at(number)

    def signer_state(self, address: str) -> SignerChainState:
        with self._asking("signer_state"):
            return self.chain.signer_state(address)


@frozen
class WatchedCustodian(KeyCustodian):
    custodian: KeyCustodian
    #: What begins its key references.
    scheme: str
    telemetry: Telemetry

    @contextmanager
    def asking(self, call: str) -> Iterator[None]:
        with self.telemetry.span(
            f"custodian {call}", kind=SpanKind.CLIENT, custodian=self.scheme, call=call
        ) as span:
            try:
                yield
            except CustodyRefusedError as error:
                span.failed(error.code)
                raise
            except CustodyUnavailableError:
                span.failed("unavailable")
                raise

    def capabilities(self) -> Capabilities:
        return self.custodian.capabilities()

    def create_key(
        self, organisation: OrganisationId, account: AccountId, curve: Curve, use: KeyUse
    ) -> KeyDescription:
        with self.asking("create_key"):
            return self.custodian.create_key(organisation, account, curve, use)

    def import_key(
        self,
        organisation: OrganisationId,
        account: AccountId,
        curve: Curve,
        use: KeyUse,
        secret: bytearray,
    ) -> KeyDescription:
        with self.asking("import_key"):
            return self.custodian.import_key(organisation, account, curve, use, secret)

    def describe(self, key: KeyRef) -> KeyDescription:
        with self.asking("describe"):
            return self.custodian.describe(key)

    def sign(self, key: KeyRef, message: bytes, purpose: Purpose) -> Signing:
        with self.asking("sign"):
            return self.custodian.sign(key, message, purpose)

    def find(self, key: KeyRef) -> FoundKey:
        with self.asking("find"):
            return _WatchedKey(self.custodian.find(key), self)

    def rotate(self, key: KeyRef) -> KeyDescription:
        with self.asking("rotate"):
            return self.custodian.rotate(key)

    def disable(self, key: KeyRef) -> None:
        with self.asking("disable"):
            self.custodian.disable(key)

    def lacks(self) -> Sequence[str]:
        with self.asking("lacks"):
            return self.custodian.lacks()


@frozen
class _WatchedKey(FoundKey):
    _found: FoundKey
    _watched: WatchedCustodian

    @property
    def description(self) -> KeyDescription:
        return self._found.description

    def sign(self, message: bytes) -> Signing:
        with self._watched.asking("sign"):
            return self._found.sign(message)


@frozen
class WatchedAlarms(Alarms):
    alarms: Alarms
    telemetry: Telemetry

    def sound(self, code: str, subject: str, detail: str) -> None:
        with self.telemetry.span("alarm", code=code) as span:
            span.failed(code)
            self.alarms.sound(code, subject, detail)


@frozen
class WatchedTurn(Generic[C, A]):
    """A turn in which commands of several organisations share a commit."""

    commit: Callable[[Mapping[OrganisationId, Sequence[C]]], Mapping[OrganisationId, Sequence[A]]]
    telemetry: Telemetry

    def __call__(
        self, turn: Mapping[OrganisationId, Sequence[C]]
    ) -> Mapping[OrganisationId, Sequence[A]]:
        with self.telemetry.span(
            "serve_turn",
            commands=sum(len(commands) for commands in turn.values()),
            organisations=len(turn),
        ):
            return self.commit(turn)
