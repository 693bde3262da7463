"""A chain like Algorand's, small enough to be obviously right, that misbehaves when told to.

Rounds are cut into cells of W, `Network.window`: [0, W - 1], [W, 2 W - 1], and so on.  A slot is
an operation's lease for one cell, and every attempt in it may land from the cell's first round to
its last one (docs/adr/0014).  One `MemoryWindowedChain` is one process's view; several views of a
chain share its node, see `view`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from attrs import asdict, define

from adapters.memory.chain import contract as program
from adapters.memory.chain import token as kind_of_token
from adapters.memory.chain.groups import (
    PREFIX,
    act_of,
    asset_id,
    body_of,
    creation_of,
    decoded,
    group_of,
    id_of,
    lease_of,
)
from adapters.memory.chain.windowed_node import (
    DEAD,
    KNOWN,
    LEASE_TAKEN,
    REFUSED,
    UNDERPRICED,
    UNFUNDED,
    Anchoring,
    Call,
    Creation,
    Group,
    Landed,
)
from adapters.memory.chain.windowed_world import Cell, WindowedWorld
from adapters.memory.signatures import is_by
from application.ports.chain import (
    ChainUnavailableError,
    Forecast,
    Head,
    SignerChainState,
)
from domain.anchor import ANCHOR, STEP
from domain.errors import MisuseError, Refusal
from domain.network import Block
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

#: Rounds that must be left of a cell for a slot to be given in it, and for one to be signed in.
MARGIN = 10
SIGNING_MARGIN = 3

#: What a node's words mean.  None of them says that the bytes can never land.
_MEANINGS = {
    DEAD: Submission(Verdict.UNKNOWN, DEAD),
    LEASE_TAKEN: Submission(Verdict.UNKNOWN, LEASE_TAKEN, Hint.SLOT_TAKEN),
    KNOWN: Submission(Verdict.ALREADY_KNOWN, KNOWN),
    UNFUNDED: Submission(Verdict.UNKNOWN, UNFUNDED, Hint.UNFUNDED),
    REFUSED: Submission(Verdict.UNKNOWN, REFUSED),
    UNDERPRICED: Submission(Verdict.UNKNOWN, UNDERPRICED, Hint.UNDERPRICED),
}
#: For the digits that rounds and fees may have more than now.
_ROOM = 100
_ADDRESS = re.compile(r"MEM[0-9A-F]{40}")
_KINDS = (
    kind_of_token.DESCRIPTION,
    kind_of_token.DESCRIPTION_OF_FIXED,
    kind_of_token.DESCRIPTION_OF_TWO_STEPS,
)


@define(eq=False)
class MemoryWindowedChain(WindowedWorld):
    """Both the chain and one process's view of it: `WindowedWorld` says how it is moved."""

    @property
    def curve(self) -> Curve:
        return Curve.ED25519

    def kinds(self) -> tuple[KindDescription, ...]:
        return _KINDS

    def token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token | Refusal:
        return kind_of_token.validated(_KINDS, kind, parameters)

    def stored_token(self, kind: TokenKind, parameters: Mapping[str, object]) -> Token:
        return kind_of_token.stored(kind, parameters)

    def document_of(self, token: Token) -> Document | None:
        return None if token.kind == ANCHOR else self.document

    def address(self, key: PublicKey) -> str:
        if key.curve is not self.curve:
            raise MisuseError(f"a {key.curve.value} key rules no account here")
        return "MEM" + hashlib.sha256(key.raw).hexdigest()[-40:].upper()

    def order(
        self, token: Token, action: Action, parameters: Mapping[str, object]
    ) -> Order | Refusal:
        return kind_of_token.ordered(_KINDS, token, action, parameters, _is_address)

    def handing_over(self, token: Token, to: str) -> Order | None:  # noqa: ARG002 - of none
        return None

    def steps(self, token: Token, order: Order | None = None) -> tuple[StepOutline, ...]:
        """One group each, of which the treasury pays the fees."""
        if token.kind == ANCHOR:
            return (StepOutline(STEP),)
        names = ["create"] if order is None else [order.action.value]
        if order is None and token.kind == kind_of_token.TWO_STEPS:
            names.append(program.BOOTSTRAP)
        return tuple(StepOutline(name, (Party.SENDER, Party.OWNER)) for name in names)

    def groundwork(self) -> Token | None:
        return None

    def predicted(self, intent: Intent) -> str | None:
        # The chain counts assets: nobody knows before where a new one will be.
        return intent.sender if intent.token.kind == ANCHOR else intent.place

    def allowance(self, intent: Intent) -> int:
        group = self._group(intent, Cell.around(self._next, self._network.window))
        # Whoever asks before the owner has an address has to set aside as much as afterwards.
        signed = sum(len(step.signed_by) for step in self.steps(intent.token, intent.order))
        return 2 * signed * self._network.fee_ceiling + group.deposit

    def longest_message(self, intent: Intent, party: Party) -> int:
        del party
        group = self._group(intent, Cell.around(self._next, self._network.window))
        return len(PREFIX + self._draft(group).body) + _ROOM

    def plan(self, intent: Intent) -> Forecast | Refusal:
        def answer() -> Forecast | Refusal:
            group = self._group(intent, Cell.around(self._next, self._network.window))
            steps = len(self.steps(intent.token, intent.order))
            return self._simulated(intent) or Forecast(
                gas=steps * len(group.signers), gas_price=group.fee, deposit=group.deposit
            )

        return self._ask("plan", answer)

    def preflight(self, intent: Intent, fee_ceiling: int) -> Postponed | Refusal | None:
        def answer() -> Postponed | Refusal | None:
            if self.fee > fee_ceiling:
                return _too_dear(self.fee, fee_ceiling)
            group = self._group(intent, Cell.around(self._next, self._network.window))
            if isinstance(group.act, Call) and group.act.note in self.node.done:
                detail = "it is there already: its effect must be looked for"
                return Postponed(WaitReason.UNKNOWN_OUTCOME, detail)
            refusal = self._simulated(intent)
            if refusal is not None:
                return refusal
            needed, left = group.fees + group.deposit, self.node.available(intent.sender)
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
                lease=lease_of(self._network.id, intent),
                valid_from=cell.first,
                valid_until=cell.last,
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
        if slot.signer != intent.sender or slot.lease != lease_of(self._network.id, intent):
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
        return SignedTransaction(id=id_of(draft.body), raw=raw)

    def submit(self, transaction: SignedTransaction) -> Submission:
        def answer() -> Submission:
            group = decoded(transaction.raw, self._network.id, self.address)
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
            landed = self._done(intent)
            if landed is not None:
                return Effect(
                    token=_place(landed) or intent.sender,
                    transaction_id=landed.group.id,
                    raw=None,
                    block=landed.block,
                    is_final=True,
                    cost=landed.group.cost if landed.group.sender == intent.sender else 0,
                )
            return NoEffect(self._latest, is_lasting=self._is_past_its_first_window)

        return self._ask("effect_of", answer)

    def read_back(self, intent: Intent, token: str) -> tuple[str, ...]:
        def answer() -> tuple[str, ...]:
            if intent.token.kind == ANCHOR:
                is_there = token == intent.sender and self._done(intent) is not None
                return () if is_there else (f"nothing of it is at {token}",)
            planned = creation_of(intent)
            asset = self.node.assets.get(asset_id(token))
            if asset is None:
                return (f"there is no asset {token}",)
            if not self._shows(asset.block):
                raise ChainUnavailableError(f"the node does not have block {asset.block.number}")
            if intent.order is not None:
                return self._order_differs(intent, asset.id)
            differences = _differences(asset.creation, planned)
            if asset.creation.note != planned.note and self._has_kept(asset.block.number):
                note = asset.creation.note
                differences = (*differences, f"note is {note} and should be {planned.note}")
            contract = self.node.contract_at(asset.id, self._latest.number)
            if contract is None or contract.promised is not None:
                differences = (*differences, "it is not bootstrapped")
            return differences

        return self._ask("read_back", answer)

    def planned(self, intent: Intent) -> TokenState:
        return program.planned(intent.token, intent.owner)

    def state(self, token: Token, place: str) -> TokenState | None:  # noqa: ARG002 - told by its code
        def answer() -> TokenState | None:
            asset = self.node.assets.get(asset_id(place))
            contract = self.node.contract_at(asset_id(place), self._latest.number)
            if asset is None or contract is None:
                return None
            return contract.shown(asdict(asset.creation), self._latest)

        return self._ask("state", answer)

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

    def _group(self, intent: Intent, cell: Cell) -> Group:
        return group_of(self._network.id, intent, cell, self.fee)

    def _draft(self, group: Group) -> Draft:
        body = body_of(self._network.id, group)
        return Draft(
            signables=tuple(
                Signable(signer, PREFIX + body, Purpose.ALGORAND_TRANSACTION)
                for signer in group.signers
            ),
            body=body,
            fee_cap=group.fee,
        )

    def _in_blocks(self, slot: Slot) -> Landed | None:
        """What one of the slot's attempts has done, by the blocks of its window."""
        ids = {attempt.transaction_id for attempt in slot.attempts}
        cell = Cell.around(_end(slot), self._network.window)
        for number in range(cell.first, cell.last + 1):
            self._require_history(number)
            for landed in self.node.rounds[number].landed:
                if landed.group.id in ids:
                    return landed
        return None

    def _done(self, intent: Intent) -> Landed | None:
        """Whose an effect is only its note can say, which is in its block and nowhere else."""
        act = act_of(intent)
        if isinstance(act, Call):
            called = self.node.done.get(act.note)
            if called is None or not self._shows(called.block):
                return None
            self._require_history(called.block.number)
            return called
        if isinstance(act, Anchoring):
            return next(
                (
                    landed
                    for each in self.node.rounds
                    if self._shows(each.block) and self._has_kept(each.block.number)
                    for landed in each.landed
                    if landed.group.act == act
                ),
                None,
            )
        for asset in self.node.assets_of(intent.owner):
            if not self._shows(asset.block) or _differences(asset.creation, act):
                continue
            self._require_history(asset.block.number)
            if asset.creation.note == act.note:
                return asset.landed
        return None

    def _order_differs(self, intent: Intent, asset: int) -> tuple[str, ...]:
        """What was asked of *asset* in the order's name, and what the order says."""
        planned, landed = act_of(intent), self._done(intent)
        if landed is None or not isinstance(planned, Call) or landed.asset != asset:
            return (f"nothing of it was done with the asset {asset}",)
        if landed.group.act == planned:
            return ()
        return (f"{landed.group.act} was done, and should be {planned}",)

    def _simulated(self, intent: Intent) -> Refusal | None:
        why, act = self.refuses, act_of(intent)
        if why is None and isinstance(act, Call):
            contract = self.node.contract_at(act.asset, self._latest.number)
            if contract is None:
                # It was made, or nobody would ask this of it.
                raise ChainUnavailableError(f"the node has not come as far as {act.asset}")
            after = contract.after(act.command, act.owner, act.note)
            why = after if isinstance(after, str) else None
        return None if why is None else Refusal(code="deployment_would_revert", detail=why)


def _final(slot: Slot, landed: Landed) -> Final:
    inclusion = Inclusion(
        transaction_id=landed.group.id,
        block=landed.block,
        succeeded=True,
        cost=landed.group.cost if landed.group.sender == slot.signer else 0,
    )
    return Final(inclusion, token=_place(landed))


def _place(landed: Landed) -> str | None:
    """The asset that it is about; None where it is about none."""
    return str(landed.asset) if landed.asset else None


def _differences(found: Creation, planned: Creation) -> tuple[str, ...]:
    return tuple(
        f"{name} is {getattr(found, name)} and should be {getattr(planned, name)}"
        for name in ("owner", "name", "symbol", "decimals", "supply")
        if getattr(found, name) != getattr(planned, name)
    )


def _is_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None


def _end(slot: Slot) -> int:
    if slot.valid_until is None:
        raise MisuseError("a slot on this chain is a lease with a window")
    return slot.valid_until


def _too_late(left: int, last: int) -> Postponed:
    detail = f"{max(0, left)} rounds are left of the window that ends with round {last}"
    return Postponed(WaitReason.WINDOW_OPEN, detail)


def _too_dear(price: int, ceiling: int) -> Postponed:
    return Postponed(WaitReason.FEE_ABOVE_CEILING, f"{price} is above the ceiling of {ceiling}")
