"""The chain port over algod: every step is one atomic group, in one window, under one lease.

What may be asked of whom: drafts, messages and ids are computed here and ask nobody; every inquiry
is put to the one node of this chain, whose genesis was compared a moment ago.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from algosdk.encoding import is_valid_address
from attrs import evolve, field, frozen

from adapters.algorand import group, protocol, window
from adapters.algorand.anchor import AnchorKind
from adapters.algorand.applications import PER_ACCOUNT
from adapters.algorand.deed import Deed, Sight
from adapters.algorand.effect import Origins
from adapters.algorand.identity import lease_of, note_of
from adapters.algorand.kind import DocumentUrl, Kind
from adapters.algorand.meeting import Meeting
from adapters.algorand.node import AnswerError, Node, UnreachableError
from adapters.algorand.outcome import outcome_of
from adapters.algorand.reads import Account, Parameters, Reader
from adapters.algorand.rekey import RekeyKind
from adapters.algorand.searches import Searches
from adapters.algorand.simulation import Rehearsal, too_dear
from adapters.algorand.standards import kinds, publishing_at
from adapters.algorand.submission import submitted
from adapters.algorand.window import Span
from application.ports.chain import (
    Chain,
    ChainUnavailableError,
    Forecast,
    Head,
    SignerChainState,
)
from application.ports.nodes import Endpoint
from domain.anchor import ANCHOR
from domain.errors import MisuseError, Refusal
from domain.identifiers import InstallationId
from domain.network import Block, Network
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Effect,
    Intent,
    LeaseWindow,
    NoEffect,
    Outcome,
    Party,
    Postponed,
    SignedTransaction,
    Slot,
    StepOutline,
    Submission,
    Verdict,
    WaitReason,
)
from domain.rekey import REKEY
from domain.signing import Curve, PublicKey, Signature
from domain.token import (
    Action,
    Document,
    KindDescription,
    Order,
    Token,
    TokenKind,
    TokenState,
)

T = TypeVar("T")

#: What is done on chain and is no token.
_NO_TOKENS: Mapping[TokenKind, Kind] = {ANCHOR: AnchorKind(), REKEY: RekeyKind()}


@frozen(eq=False)
class AlgorandChain(Chain):
    network: Network
    _reader: Reader = field(repr=False)
    _installation: InstallationId
    _meeting: Meeting = field(repr=False)
    _document_url: DocumentUrl | None = field(repr=False)
    _origins: Origins = field(factory=Origins, repr=False)
    _searches: Searches = field(factory=Searches, repr=False)
    curve: Curve = Curve.ED25519

    @classmethod
    def through(
        cls,
        network: Network,
        endpoint: Endpoint,
        installation: InstallationId,
        answer_within: timedelta,
        document_url: DocumentUrl | None,
    ) -> "AlgorandChain":
        """Raises: ValueError: the configuration does not say which chain it is, or where."""
        if not network.id.startswith("algorand:"):
            raise ValueError(f"{network.id} is not an Algorand network")
        if network.genesis is None:
            raise ValueError(f"{network.id} needs its whole genesis hash: its name holds a part")
        reader = Reader(Node(endpoint, answer_within), network)
        return cls(network, reader, installation, Meeting(reader), document_url)

    def kinds(self) -> tuple[KindDescription, ...]:
        found = protocol.offered(publishing_at(self._document_url), self.network)
        return tuple(kind.description for kind in found.values())

    def token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token | Refusal:
        found = publishing_at(self._document_url)
        if kind not in protocol.offered(found, self.network):
            return protocol.not_offered(found, self.network, kind)
        return found[kind].token(parameters)

    def stored_token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token:
        return _kind(kind).stored_token(parameters)

    def document_of(self, token: Token) -> Document | None:
        return _kind(token.kind).document_of(token)

    def address(self, key: PublicKey) -> str:
        return group.address_of(key)

    def order(
        self, token: Token, action: Action, parameters: Mapping[str, object]
    ) -> Order | Refusal:
        return _kind(token.kind).order(token, action, parameters)

    def handing_over(self, token: Token, to: str) -> Order | None:  # noqa: ARG002 - of none
        """None: addresses obey other keys, and tokens stay where they are."""
        return None

    def steps(self, token: Token, order: Order | None = None) -> tuple[StepOutline, ...]:
        return _kind(token.kind).steps(order)

    def groundwork(self) -> None:
        return None

    def predicted(self, intent: Intent) -> str | None:
        # The chain counts assets; an anchor is with whoever says it, a rekey with the account.
        return {ANCHOR: intent.sender, REKEY: intent.owner}.get(intent.token.kind)

    def allowance(self, intent: Intent) -> int:
        deed, (transactions, deposit) = self._deed(intent), _kind(intent.token.kind).later(intent)
        # An issuing account that does not exist yet is made to.
        locked = deed.locked + deed.most_deposited + PER_ACCOUNT + deposit
        return locked + (group.MOST + transactions) * self.network.fee_ceiling

    def longest_message(self, intent: Intent, party: Party) -> int:
        if party is Party.SENDER:
            return group.longest_payment(self.network)
        note = note_of(intent, self._installation)
        return group.longest_act(self._deed(intent), self.network, note, self._lease(intent))

    def plan(self, intent: Intent) -> Forecast | Refusal:
        def inquiry(reader: Reader) -> Forecast | Refusal:
            waiting = self._unrunnable(reader, intent)
            if waiting is not None:
                return Refusal(code="network_not_ready", detail=waiting.detail)
            rehearsal = self._rehearsal(reader, intent)
            kind = _kind(intent.token.kind)
            transactions, deposit = kind.later(intent)
            return rehearsal.refusal(intent, kind) or Forecast(
                gas=len(rehearsal.group.transactions) + transactions,
                gas_price=rehearsal.group.fee,
                deposit=rehearsal.group.deposit + deposit,
                warnings=self._warnings(rehearsal.group.fee),
            )

        return self._ask(inquiry)

    def preflight(self, intent: Intent, fee_ceiling: int) -> Postponed | Refusal | None:
        def inquiry(reader: Reader) -> Postponed | Refusal | None:
            # Before the rehearsal, whose verdict on a program that does not run is for ever.
            waiting = self._unrunnable(reader, intent) or self._obstacle(reader, intent)
            if waiting is not None:
                return waiting
            rehearsal = self._rehearsal(reader, intent)
            if rehearsal.group.fee > fee_ceiling:
                return too_dear(rehearsal.group.fee, fee_ceiling)
            refusal = rehearsal.refusal(intent, _kind(intent.token.kind))
            if refusal is not None:
                return self._is_done(reader, intent) or refusal
            if rehearsal.shortage is not None:
                return Postponed(WaitReason.TREASURY_EMPTY, rehearsal.shortage)
            return None

        return self._ask(inquiry)

    def slot_terms(self, intent: Intent) -> LeaseWindow | Postponed:
        lease = self._lease(intent)
        return self._ask(
            lambda reader: window.terms(self.network, lease, reader.parameters().last_round)
        )

    def prepare(
        self,
        intent: Intent,
        slot: Slot,
        role: AttemptRole,
        fee_ceiling: int,
        replacing: Sequence[Attempt] = (),
    ) -> Draft | Postponed:
        if role is not AttemptRole.EFFECT or replacing:
            raise MisuseError(f"slot {slot.number} ends by itself: no fills, no replacements")
        lease = self._lease(intent)
        if slot.signer != intent.sender or slot.lease != lease:
            raise MisuseError(f"slot {slot.number} is not one of {intent.operation}")

        def inquiry(reader: Reader) -> Draft | Postponed:
            # Asked every time: nothing is signed for a chain that was another one a moment ago.
            now = reader.parameters()
            span = window.span_of(self.network, slot, now.last_round)
            if isinstance(span, Postponed):
                return span
            waiting = self._shortcoming(reader, intent, now) or self._obstacle(reader, intent)
            if waiting is not None:
                return waiting
            payer, issuer = self._parties(reader, intent)
            drafted = self._sponsorship(reader, intent, now, span, lease, payer, issuer).group()
            if drafted.fee > fee_ceiling:
                return too_dear(drafted.fee, fee_ceiling)
            return drafted.draft()

        return self._ask(inquiry)

    def assemble(
        self, draft: Draft, signatures: Sequence[tuple[PublicKey, Signature]]
    ) -> SignedTransaction:
        return group.assemble(draft, signatures)

    def submit(self, transaction: SignedTransaction) -> Submission:
        def inquiry(reader: Reader) -> Submission:
            try:
                return submitted(reader, transaction)
            except UnreachableError:
                raise
            except ChainUnavailableError as error:
                self._meeting.forget()
                return Submission(Verdict.UNKNOWN, reader.node.words(str(error)))

        return self._ask(inquiry)

    def outcome(self, slot: Slot) -> Outcome:
        return self._ask(lambda reader: outcome_of(reader, slot))

    def effect_of(self, intent: Intent) -> Effect | NoEffect:
        deed = self._deed(intent)
        return self._ask(lambda reader: deed.effect(self._sight(reader, intent)))

    def read_back(self, intent: Intent, token: str) -> tuple[str, ...]:
        kind = _kind(intent.token.kind)

        def inquiry(reader: Reader) -> tuple[str, ...]:
            # What is found is in words of the node's, or of whoever wrote it on chain.
            found = kind.differences(self._sight(reader, intent), token)
            return tuple(map(reader.node.words, found))

        return self._ask(inquiry)

    def planned(self, intent: Intent) -> TokenState:
        return _kind(intent.token.kind).planned(intent)

    def state(self, token: Token, place: str) -> TokenState | None:
        kind = _kind(token.kind)

        def inquiry(reader: Reader) -> TokenState | None:
            # A block is final when it is there; what is read after it is of it, or of a later one.
            at = reader.existing_block(reader.parameters().last_round)
            found = kind.state(reader, place)
            return None if found is None else evolve(found, at=at)

        return self._ask(inquiry)

    def head(self) -> Head:
        def inquiry(reader: Reader) -> Head:
            latest = reader.existing_block(reader.parameters().last_round)
            return Head(latest=latest, final=latest)

        return self._ask(inquiry)

    def block_at(self, number: int) -> Block | None:
        def inquiry(reader: Reader) -> Block | None:
            block = reader.block(number)
            if block is None and number <= reader.parameters().last_round:
                # It may have come since it was asked for.
                block = reader.block(number)
                if block is None:
                    raise reader.forgotten(number)
            return block

        return self._ask(inquiry)

    def signer_state(self, address: str) -> SignerChainState:
        if not is_valid_address(address):
            # What can be no account's name holds nothing, and obeys nobody.
            return SignerChainState(balance=0, next_sequence=0)
        return self._ask(lambda reader: _state_of(reader.account(address)))

    def _ask(self, inquiry: Callable[[Reader], T]) -> T:
        try:
            self._meeting.hold()
            return inquiry(self._reader)
        except AnswerError as error:
            raise ChainUnavailableError(str(error)) from error
        except ChainUnavailableError:
            self._meeting.forget()
            raise

    def _is_done(self, reader: Reader, intent: Intent) -> Postponed | None:
        """An application refuses what it has done already, and that is no fault of the order."""
        if _kind(intent.token.kind).needs_avm is None:
            return None
        if isinstance(self._deed(intent).effect(self._sight(reader, intent)), Effect):
            detail = "it is there already: its effect must be looked for"
            return Postponed(WaitReason.UNKNOWN_OUTCOME, detail)
        return None

    @staticmethod
    def _obstacle(reader: Reader, intent: Intent) -> Postponed | None:
        return _kind(intent.token.kind).obstacle(reader, intent)

    def _unrunnable(self, reader: Reader, intent: Intent) -> Postponed | None:
        """Why the intent's programs do not run on the chain now; None: they do."""
        if _kind(intent.token.kind).needs_avm is None:
            return None
        return self._shortcoming(reader, intent, reader.parameters())

    def _shortcoming(self, reader: Reader, intent: Intent, now: Parameters) -> Postponed | None:
        found = protocol.shortcoming(self.network, _kind(intent.token.kind), now.consensus)
        # It quotes what the node calls its protocol.
        return None if found is None else evolve(found, detail=reader.node.words(found.detail))

    def _rehearsal(self, reader: Reader, intent: Intent) -> Rehearsal:
        now = reader.parameters()
        span = Span(max(1, now.last_round), now.last_round + self.network.window)
        payer, issuer = self._parties(reader, intent)
        # Of a lease's size, and nobody's: an attempt that is on chain is no reason to fail.
        lease = hashlib.sha256(self._lease(intent)).digest()
        rehearsed = self._sponsorship(reader, intent, now, span, lease, payer, issuer).group()
        return Rehearsal.of(reader, rehearsed, payer, issuer)

    def _sponsorship(
        self,
        reader: Reader,
        intent: Intent,
        now: Parameters,
        span: Span,
        lease: bytes,
        payer: Account,
        issuer: Account,
    ) -> group.Sponsorship:
        deed = self._deed(intent)
        return group.Sponsorship(
            deed=deed,
            deposit=deed.deposit(reader),
            note=note_of(intent, self._installation),
            span=span,
            lease=lease,
            parameters=now,
            payer=payer,
            issuer=issuer,
        )

    @staticmethod
    def _parties(reader: Reader, intent: Intent) -> tuple[Account, Account]:
        """Who pays and who creates, which may be the same."""
        payer = reader.account(intent.sender)
        is_self = intent.owner == intent.sender
        return payer, payer if is_self else reader.account(intent.owner)

    def _deed(self, intent: Intent) -> Deed:
        return _kind(intent.token.kind).deed(intent, self._lease(intent))

    def _sight(self, reader: Reader, intent: Intent) -> Sight:
        return Sight(
            reader=reader,
            origins=self._origins,
            searches=self._searches,
            intent=intent,
            note=note_of(intent, self._installation),
            lasting_from=window.closing_of(self.network, self._meeting.first_seen),
            operation=self._lease(intent),
        )

    def _lease(self, intent: Intent) -> bytes:
        return lease_of(intent, self._installation, self.network.id)

    def _warnings(self, fee: int) -> tuple[str, ...]:
        if fee <= self.network.fee_ceiling:
            return ()
        warning = (
            f"a transaction costs {fee} microalgos now, which is above the network's ceiling of "
            f"{self.network.fee_ceiling}: the deployment will wait until it is cheaper"
        )
        return (warning,)


def _state_of(account: Account) -> SignerChainState:
    ruler = account.signer if account.signer != account.address else None
    return SignerChainState(balance=account.amount, next_sequence=0, ruler=ruler)


def _kind(name: TokenKind) -> Kind:
    """Also one that is no longer offered: what was accepted is brought to its end."""
    if name in _NO_TOKENS:
        return _NO_TOKENS[name]
    try:
        return kinds()[name]
    except KeyError:
        raise MisuseError(f"{name} is not a kind of an Algorand chain") from None
