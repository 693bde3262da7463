"""A chain like Algorand's, small enough to be obviously right, that misbehaves when told to.

Rounds are cut into cells of W, `Network.window`: [0, W - 1], [W, 2 W - 1], and so on.  A slot is
an operation's lease for one cell, and every attempt in it may land from the cell's first round to
its last one (docs/adr/0014).  One `MemoryWindowedChain` is one process's view; several views of a
chain share its node, see `view`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from attrs import asdict, define, evolve, field, frozen

from adapters.memory.chain import token as kind_of_token
from adapters.memory.chain.faults import MisbehavingChain
from adapters.memory.chain.windowed_node import (
    DEAD,
    DEPOSIT,
    KNOWN,
    LEASE_TAKEN,
    UNDERPRICED,
    UNFUNDED,
    Asset,
    Creation,
    Group,
    WindowedNode,
)
from adapters.memory.signatures import is_by
from application.ports.chain import (
    ChainUnavailableError,
    Forecast,
    Head,
    HistoryUnavailableError,
    SignerChainState,
    no_such_action,
)
from domain.errors import MisuseError, Refusal
from domain.identifiers import NetworkId, OperationId, OrganisationId
from domain.network import Block, Family, Finality, Network, NetworkClass
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Effect,
    Expired,
    Final,
    Hint,
    Inclusion,
    InPool,
    Intent,
    LeaseWindow,
    NoEffect,
    NotSeen,
    Outcome,
    Party,
    Postponed,
    Signable,
    SignedTransaction,
    Slot,
    StepOutline,
    Submission,
    TransactionId,
    Verdict,
    WaitReason,
)
from domain.signing import Curve, PublicKey, Purpose, Signature
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

#: Rounds that must be left of a cell for a slot to be given in it, and for one to be signed in.
MARGIN = 10
SIGNING_MARGIN = 3

#: What a node's words mean.  None of them says that the bytes can never land.
_MEANINGS = {
    DEAD: Submission(Verdict.UNKNOWN, DEAD),
    LEASE_TAKEN: Submission(Verdict.UNKNOWN, LEASE_TAKEN, Hint.SLOT_TAKEN),
    KNOWN: Submission(Verdict.ALREADY_KNOWN, KNOWN),
    UNFUNDED: Submission(Verdict.UNKNOWN, UNFUNDED, Hint.UNFUNDED),
    UNDERPRICED: Submission(Verdict.UNKNOWN, UNDERPRICED, Hint.UNDERPRICED),
}
_PREFIX = b"TX"
_KEY_BYTES, _SIGNATURE_BYTES = 32, 64


def a_windowed_network(
    id: str = "memory:windows", *, window: int = 20, fee_ceiling: int = 1_000_000
) -> Network:
    """A development network whose blocks are final at once, and whose windows are short."""
    return Network(
        id=NetworkId(id),
        name="Memory with windows",
        family=Family.ALGORAND,
        network_class=NetworkClass.DEVELOPMENT,
        finality=Finality(depth=0),
        fee_ceiling=fee_ceiling,
        native_currency="MEM",
        native_decimals=6,
        poll=timedelta(seconds=1),
        replace_after=timedelta(seconds=30),
        window=window,
    )


@frozen
class Cell:
    """The rounds from *first* to *last*, both included."""

    first: int
    last: int

    @classmethod
    def around(cls, number: int, width: int) -> Cell:
        first = number - number % width
        # Round 0 is the genesis: nothing lands in it.
        return cls(max(1, first), first + width - 1)


@define(eq=False)
class MemoryWindowedChain(MisbehavingChain):
    """Both the chain and one process's view of it.

    The world is moved by `mine`, `advance`, `fund`, `evict`, `forget`, `hide`, `surface` and the
    fields below; single calls are spoilt by `misbehave`.
    """

    _network: Network = field(factory=a_windowed_network)
    #: Every look at an outcome, at an effect or at the head brings a block.
    instant: bool = False
    #: Blocks that others have and this view does not show yet.
    lag: int = 0
    #: How many of the newest blocks this view's node has kept; None: all of them.
    kept_rounds: int | None = None
    #: Why a simulation says that it cannot work.
    refuses: str | None = None
    #: What its tokens point at.
    document: Document | None = None
    node: WindowedNode = field(factory=WindowedNode)
    #: The newest round when this view first saw the chain.
    _first_look: int | None = field(default=None, init=False)

    # The world.

    @property
    def fee(self) -> int:
        """Of one transaction, now."""
        return self.node.fee

    @fee.setter
    def fee(self, fee: int) -> None:
        self.node.fee = fee

    def view(self) -> MemoryWindowedChain:
        """Another process's view of the chain: it has seen nothing yet, and answers well."""
        return type(self)(
            network=self._network, instant=self.instant, node=self.node, lock=self._lock
        )

    def fund(self, address: str, amount: int) -> None:
        with self._lock:
            self.node.ledger.balances[address] += amount

    def mine(self, blocks: int = 1) -> Block:
        with self._lock:
            for _ in range(blocks):
                self.node.mine()
            return self.node.latest

    def advance(self, rounds: int) -> None:
        """That many rounds pass, and there is nothing in their blocks."""
        with self._lock:
            for _ in range(rounds):
                self.node.mine(empty=True)

    def evict(self, id: TransactionId) -> None:
        with self._lock:
            self.node.evict(id)

    def forget(self) -> None:
        """The node remembers no transactions, only blocks."""
        with self._lock:
            self.node.forget()

    def hide(self) -> None:
        """What waits for a block is nowhere to be seen, until it is to `surface`."""
        with self._lock:
            self.node.hide()

    def surface(self) -> None:
        with self._lock:
            self.node.surface()

    def tokens_of(self, organisation: OrganisationId, operation: OperationId) -> int:
        """How many assets the operation has made."""
        with self._lock:
            notes = [json.loads(asset.creation.note) for asset in self.node.assets.values()]
        wanted = (str(organisation), str(operation))
        return sum((note["organisation"], note["operation"]) == wanted for note in notes)

    # The port.

    @property
    def network(self) -> Network:
        return self._network

    @property
    def curve(self) -> Curve:
        return Curve.ED25519

    def kinds(self) -> tuple[KindDescription, ...]:
        return (kind_of_token.DESCRIPTION,)

    def token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token | Refusal:
        return kind_of_token.validated(kind, parameters)

    def stored_token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token:
        return kind_of_token.stored(kind, parameters)

    def document_of(self, token: Token) -> Document | None:  # noqa: ARG002 - the same for all
        return self.document

    def address(self, key: PublicKey) -> str:
        if key.curve is not self.curve:
            raise MisuseError(f"a {key.curve.value} key rules no account here")
        return "MEM" + hashlib.sha256(key.raw).hexdigest()[-40:].upper()

    def order(
        self,
        token: Token,
        action: Action,
        parameters: Mapping[str, object],  # noqa: ARG002 - no kind has an action yet
    ) -> Order | Refusal:
        return no_such_action(token, action)

    def steps(self, token: Token, order: Order | None = None) -> tuple[StepOutline, ...]:  # noqa: ARG002 - the same for all
        return (StepOutline("create", (Party.SENDER, Party.OWNER)),)

    def groundwork(self) -> Token | None:
        return None

    def predicted(self, intent: Intent) -> str | None:  # noqa: ARG002 - the chain counts assets
        return None

    def plan(self, intent: Intent) -> Forecast | Refusal:
        def answer() -> Forecast | Refusal:
            group = self._group(intent, Cell.around(self._next, self._network.window))
            return self._simulated() or Forecast(
                gas=len(group.signers), gas_price=group.fee, deposit=DEPOSIT
            )

        return self._ask("plan", answer)

    def preflight(self, intent: Intent, fee_ceiling: int) -> Postponed | Refusal | None:
        def answer() -> Postponed | Refusal | None:
            if self.fee > fee_ceiling:
                return _too_dear(self.fee, fee_ceiling)
            refusal = self._simulated()
            if refusal is not None:
                return refusal
            group = self._group(intent, Cell.around(self._next, self._network.window))
            needed, left = group.fees + DEPOSIT, self.node.available(intent.sender)
            if left < needed:
                detail = f"{intent.sender} has {left} left and needs {needed}"
                return Postponed(WaitReason.TREASURY_EMPTY, detail)
            return None

        return self._ask("preflight", answer)

    def slot_terms(self, intent: Intent) -> LeaseWindow | Postponed:
        def answer() -> LeaseWindow | Postponed:
            cell = Cell.around(self._next, self._network.window)
            left = cell.last - self._latest.number
            if left < MARGIN:
                return _too_late(left, cell.last)
            return LeaseWindow(
                lease=self._lease(intent), valid_from=cell.first, valid_until=cell.last
            )

        return self._ask("slot_terms", answer)

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
        if slot.signer != intent.sender or slot.lease != self._lease(intent):
            raise MisuseError(f"slot {slot.number} is not one of {intent.operation}")

        def answer() -> Draft | Postponed:
            cell = Cell.around(_end(slot), self._network.window)
            left = cell.last - self._latest.number
            if cell.last != _end(slot):
                detail = f"round {_end(slot)} is the last one of no window"
                return Postponed(WaitReason.WINDOW_OPEN, detail)
            if left < SIGNING_MARGIN:
                return _too_late(left, cell.last)
            if self.fee > fee_ceiling:
                return _too_dear(self.fee, fee_ceiling)
            return self._draft(self._group(intent, cell))

        return self._ask("prepare", answer)

    def assemble(
        self, draft: Draft, signatures: Sequence[tuple[PublicKey, Signature]]
    ) -> SignedTransaction:
        if len(signatures) != len(draft.signables):
            msg = f"{len(draft.signables)} signatures are needed, not {len(signatures)}"
            raise ValueError(msg)
        for signable, (key, signature) in zip(draft.signables, signatures, strict=True):
            is_good = key.curve is self.curve and self.address(key) == signable.signer
            if not is_good or not is_by(key, signable.message, signature):
                raise ValueError(f"the signature is not by {signable.signer}")
        signed = b"".join(key.raw + signature.raw for key, signature in signatures)
        raw = bytes([len(signatures)]) + signed + draft.body
        return SignedTransaction(id=_id_of(draft.body), raw=raw)

    def submit(self, transaction: SignedTransaction) -> Submission:
        def answer() -> Submission:
            group = self._decoded(transaction.raw)
            if group is None:
                return Submission(Verdict.REJECTED, "malformed")
            if self.node.is_in_pool(group.id) or group.id in self.node.remembered:
                return _MEANINGS[KNOWN]
            words = self.node.take(group, self._next)
            return Submission(Verdict.ACCEPTED) if words is None else _MEANINGS[words]

        try:
            return self._ask("submit", answer, instead=lambda words: words)
        except ChainUnavailableError as error:
            return Submission(Verdict.UNKNOWN, str(error))

    def outcome(self, slot: Slot) -> Outcome:
        def answer() -> Outcome:
            self._tick()
            known = self.node.remembered
            for attempt in reversed(slot.attempts):
                made = known.get(attempt.transaction_id)
                if made is not None and self._shows(made.block):
                    return _final(slot, made)
            for attempt in reversed(slot.attempts):
                id = attempt.transaction_id
                if self.node.is_in_pool(id) or id in known:
                    return InPool(id)
            if self._latest.number <= _end(slot):
                return NotSeen()
            made = self._in_blocks(slot) if slot.attempts else None
            return Expired(self._latest) if made is None else _final(slot, made)

        return self._ask("outcome", answer)

    def effect_of(self, intent: Intent) -> Effect | NoEffect:
        def answer() -> Effect | NoEffect:
            self._tick()
            planned = self._creation(intent)
            for asset in self.node.assets_of(intent.owner):
                if not self._shows(asset.block) or _differences(asset.creation, planned):
                    continue
                # Whose it is only the note can say, which is in its block and nowhere else.
                self._require_history(asset.block.number)
                if asset.creation.note == planned.note:
                    return Effect(
                        token=str(asset.id),
                        transaction_id=asset.group.id,
                        raw=None,
                        block=asset.block,
                        is_final=True,
                        cost=asset.group.cost if asset.group.sender == intent.sender else 0,
                    )
            return NoEffect(self._latest, is_lasting=self._is_past_its_first_window)

        return self._ask("effect_of", answer)

    def read_back(self, intent: Intent, token: str) -> tuple[str, ...]:
        def answer() -> tuple[str, ...]:
            id = int(token) if token.isascii() and token.isdigit() else 0
            asset, planned = self.node.assets.get(id), self._creation(intent)
            if asset is None:
                return (f"there is no asset {token}",)
            if not self._shows(asset.block):
                raise ChainUnavailableError(f"the node does not have block {asset.block.number}")
            differences = _differences(asset.creation, planned)
            if asset.creation.note != planned.note and self._has_kept(asset.block.number):
                note = asset.creation.note
                differences = (*differences, f"note is {note} and should be {planned.note}")
            return differences

        return self._ask("read_back", answer)

    def planned(self, intent: Intent) -> TokenState:
        raise NotImplementedError

    def state(self, token: Token, place: str) -> TokenState | None:
        raise NotImplementedError

    def head(self) -> Head:
        def answer() -> Head:
            self._tick()
            return Head(latest=self._latest, final=self._latest)

        return self._ask("head", answer)

    def block_at(self, number: int) -> Block | None:
        def answer() -> Block | None:
            if not 0 <= number <= self._latest.number:
                return None
            self._require_history(number)
            return self.node.rounds[number].block

        return self._ask("block_at", answer)

    def signer_state(self, address: str) -> SignerChainState:
        return self._ask(
            "signer_state",
            lambda: SignerChainState(balance=self.node.ledger.balances[address], next_sequence=0),
        )

    # What an answer rests on.

    def _ask(
        self,
        method: str,
        answer: Callable[[], T],
        instead: Callable[[Submission], T] | None = None,
    ) -> T:
        def looking() -> T:
            if self._first_look is None:
                self._first_look = self._latest.number
            return answer()

        return super()._ask(method, looking, instead)

    def _tick(self) -> None:
        if self.instant:
            self.node.mine()

    @property
    def _latest(self) -> Block:
        return self.node.rounds[max(0, self.node.latest.number - self.lag)].block

    @property
    def _next(self) -> int:
        """The round that comes."""
        return self._latest.number + 1

    @property
    def _is_past_its_first_window(self) -> bool:
        """Whether all is over that was signed before this process first saw the chain."""
        seen = self._first_look or 0
        return self._latest.number >= Cell.around(seen + 1, self._network.window).last

    def _shows(self, block: Block) -> bool:
        return block.number <= self._latest.number

    def _has_kept(self, number: int) -> bool:
        return self.kept_rounds is None or number > self._latest.number - self.kept_rounds

    def _require_history(self, number: int) -> None:
        if not self._has_kept(number):
            raise HistoryUnavailableError(f"the node does not have block {number} any more")

    def _in_blocks(self, slot: Slot) -> Asset | None:
        """What one of the slot's attempts has made, by the blocks of its window."""
        ids = {attempt.transaction_id for attempt in slot.attempts}
        cell = Cell.around(_end(slot), self._network.window)
        for number in range(cell.first, cell.last + 1):
            self._require_history(number)
            for asset in self.node.rounds[number].assets:
                if asset.group.id in ids:
                    return asset
        return None

    def _simulated(self) -> Refusal | None:
        if self.refuses is None:
            return None
        return Refusal(code="deployment_would_revert", detail=self.refuses)

    # What is drafted, and what is read.

    def _draft(self, group: Group) -> Draft:
        body = self._body(group)
        return Draft(
            signables=tuple(
                Signable(signer, _PREFIX + body, Purpose.ALGORAND_TRANSACTION)
                for signer in group.signers
            ),
            body=body,
            fee_cap=group.fee,
        )

    def _body(self, group: Group) -> bytes:
        fields = {name: value for name, value in asdict(group).items() if name != "id"}
        return _json({"network": self._network.id, **fields})

    def _group(self, intent: Intent, cell: Cell) -> Group:
        """The same bytes for the same step, cell and fee: signing twice is signing once."""
        unnamed = Group(
            id=TransactionId(""),
            sender=intent.sender,
            lease=self._lease(intent).hex(),
            first=cell.first,
            last=cell.last,
            fee=self.fee,
            creation=self._creation(intent),
        )
        return evolve(unnamed, id=_id_of(self._body(unnamed)))

    def _lease(self, intent: Intent) -> bytes:
        named = [self._network.id, _note(intent)]
        return hashlib.sha256(b"lease" + _json(named)).digest()

    @staticmethod
    def _creation(intent: Intent) -> Creation:
        token = intent.token
        return Creation(
            note=_note(intent),
            owner=intent.owner,
            name=token.name,
            symbol=token.symbol,
            decimals=token.decimals,
            supply=token.supply,
        )

    def _decoded(self, raw: bytes) -> Group | None:
        """What a node makes of the bytes; None where they are not a signed group of its chain."""
        length, signers = _KEY_BYTES + _SIGNATURE_BYTES, []
        try:
            signed, body = raw[1 : 1 + raw[0] * length], raw[1 + raw[0] * length :]
            fields = json.loads(body)
            network, creation = fields.pop("network"), Creation(**fields.pop("creation"))
            group = Group(id=_id_of(body), creation=creation, **fields)
            for start in range(0, len(signed), length):
                key = PublicKey(Curve.ED25519, signed[start : start + _KEY_BYTES])
                signature = Signature(Curve.ED25519, signed[start + _KEY_BYTES : start + length])
                signers.append(self.address(key) if is_by(key, _PREFIX + body, signature) else "")
        except (ValueError, LookupError, TypeError, AttributeError):
            return None
        is_ours = network == self._network.id and signers == list(group.signers)
        return group if is_ours else None


def _final(slot: Slot, asset: Asset) -> Final:
    inclusion = Inclusion(
        transaction_id=asset.group.id,
        block=asset.block,
        succeeded=True,
        cost=asset.group.cost if asset.group.sender == slot.signer else 0,
    )
    return Final(inclusion, token=str(asset.id))


def _differences(found: Creation, planned: Creation) -> tuple[str, ...]:
    return tuple(
        f"{name} is {getattr(found, name)} and should be {getattr(planned, name)}"
        for name in ("owner", "name", "symbol", "decimals", "supply")
        if getattr(found, name) != getattr(planned, name)
    )


def _note(intent: Intent) -> str:
    named = {
        "organisation": str(intent.organisation),
        "operation": str(intent.operation),
        "step": intent.step,
    }
    return _json(named).decode()


def _end(slot: Slot) -> int:
    if slot.valid_until is None:
        raise MisuseError("a slot on this chain is a lease with a window")
    return slot.valid_until


def _too_late(left: int, last: int) -> Postponed:
    detail = f"{max(0, left)} rounds are left of the window that ends with round {last}"
    return Postponed(WaitReason.WINDOW_OPEN, detail)


def _too_dear(price: int, ceiling: int) -> Postponed:
    return Postponed(WaitReason.FEE_ABOVE_CEILING, f"{price} is above the ceiling of {ceiling}")


def _id_of(body: bytes) -> TransactionId:
    return TransactionId(hashlib.sha256(_PREFIX + body).hexdigest())


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
