from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from attrs import asdict, define, evolve

from adapters.memory.chain import contract as program
from adapters.memory.chain import token as kind_of_token
from adapters.memory.chain.acts import (
    act_of,
    decoded,
    encoded,
    funding_of,
    id_of,
    sender_of,
)
from adapters.memory.chain.contract import Command
from adapters.memory.chain.counting_world import CountingWorld
from adapters.memory.chain.node import (
    PRICE_BUMP_PERCENT,
    Act,
    Anchoring,
    Call,
    Creation,
    Payment,
    gas_of,
    name_of,
    value_of,
)
from adapters.memory.signatures import is_by
from application.ports.chain import (
    ChainUnavailableError,
    Forecast,
    Head,
    SignerChainState,
)
from domain.anchor import ANCHOR, STEP
from domain.errors import MisuseError, Refusal
from domain.identifiers import NetworkId
from domain.network import Block
from domain.operation import (
    Attempt,
    AttemptRole,
    Draft,
    Effect,
    Final,
    Hint,
    Included,
    Inclusion,
    InPool,
    Intent,
    NoEffect,
    NonceLine,
    NotSeen,
    Outcome,
    Party,
    Postponed,
    Signable,
    SignedTransaction,
    Slot,
    SlotLost,
    StepOutline,
    Submission,
    Verdict,
    WaitReason,
)
from domain.signing import DIGEST_BYTES, Curve, PublicKey, Purpose, Signature
from domain.token import (
    Action,
    Document,
    KindDescription,
    Order,
    Token,
    TokenKind,
    TokenState,
)

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
#: What must be as it was planned.
_READ_BACK: Mapping[type, tuple[str, ...]] = {
    Creation: ("address", "name", "symbol", "decimals", "supply", "owner"),
    Payment: ("place", "to", "amount"),
    Call: ("place", "command"),
    Anchoring: ("place", "content"),
}
_KINDS = (kind_of_token.DESCRIPTION, kind_of_token.DESCRIPTION_OF_FIXED)
#: What a node's words mean; what is not here is unknown.
_MEANINGS = {
    "already known": Submission(Verdict.ALREADY_KNOWN, "already known"),
    "nonce too low": Submission(Verdict.UNKNOWN, "nonce too low", Hint.SLOT_TAKEN),
    "replacement transaction underpriced": Submission(
        Verdict.UNKNOWN, "replacement transaction underpriced", Hint.UNDERPRICED
    ),
    "insufficient funds for gas * price + value": Submission(
        Verdict.UNKNOWN, "insufficient funds for gas * price + value", Hint.UNFUNDED
    ),
}


@define(eq=False)
class MemoryChain(CountingWorld):
    """Both the chain and our window on it: how its world is moved, `CountingWorld` says."""

    @property
    def curve(self) -> Curve:
        return Curve.SECP256K1

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
        return "0x" + hashlib.sha256(key.raw).hexdigest()[-40:]

    def order(
        self, token: Token, action: Action, parameters: Mapping[str, object]
    ) -> Order | Refusal:
        return kind_of_token.ordered(_KINDS, token, action, parameters, _is_address)

    def handing_over(self, token: Token, to: str) -> Order | None:
        return kind_of_token.handing_over(token.kind, to)

    def steps(self, token: Token, order: Order | None = None) -> tuple[StepOutline, ...]:
        if token.kind == ANCHOR:
            return (StepOutline(STEP),)
        if order is None:
            return (StepOutline("create"),)
        # The issuer gives the order itself, and has nothing to pay for that with.
        act = StepOutline(order.action.value, signed_by=(Party.OWNER,), slot_of=Party.OWNER)
        return (StepOutline("fund"), act)

    def groundwork(self) -> Token | None:
        return None

    def predicted(self, intent: Intent) -> str | None:
        return intent.place if intent.order is not None else self._act(intent).place

    def allowance(self, intent: Intent) -> int:
        steps = self.steps(intent.token, intent.order)
        acts = [self._act(evolve(intent, step=1 + number)) for number in range(len(steps))]
        # What an issuer pays itself it was given.
        paid = [act for act, step in zip(acts, steps, strict=True) if step.slot_of is Party.SENDER]
        ceiling = self._network.fee_ceiling
        return sum(2 * gas_of(act) * ceiling + value_of(act) for act in paid)

    def longest_message(self, intent: Intent, party: Party) -> int:  # noqa: ARG002 - a digest
        return DIGEST_BYTES

    def plan(self, intent: Intent) -> Forecast | Refusal:
        def answer() -> Forecast | Refusal:
            steps = self.steps(intent.token, intent.order)
            acts = [self._act(evolve(intent, step=1 + number)) for number in range(len(steps))]
            return self._simulated(intent) or Forecast(
                gas=sum(map(gas_of, acts)), gas_price=self.gas_price
            )

        return self._ask("plan", answer)

    def preflight(self, intent: Intent, fee_ceiling: int) -> Postponed | Refusal | None:
        def answer() -> Postponed | Refusal | None:
            act, sender = self._act(intent), sender_of(intent)
            if name_of(act) in self.node.done:
                detail = "it is there already: its effect must be looked for"
                return Postponed(WaitReason.UNKNOWN_OUTCOME, detail)
            refusal = self._simulated(intent)
            if refusal is not None:
                return refusal
            if self.gas_price > fee_ceiling:
                return _too_dear(self.gas_price, fee_ceiling)
            cost = gas_of(act) * self._offer(fee_ceiling) + value_of(act)
            left = self.node.balance(sender) - self.node.promised(sender)
            if left < cost:
                detail = f"{sender} has {left} left and needs {cost}"
                return Postponed(WaitReason.TREASURY_EMPTY, detail)
            return None

        return self._ask("preflight", answer)

    def prepare(
        self,
        intent: Intent,
        slot: Slot,
        role: AttemptRole,
        fee_ceiling: int,
        replacing: Sequence[Attempt] = (),
    ) -> Draft | Postponed:
        if slot.signer != sender_of(intent):
            raise MisuseError(f"slot {slot.number} is not one of {sender_of(intent)}")

        def answer() -> Draft | Postponed:
            if role is AttemptRole.EFFECT and not replacing:
                refusal = self._simulated(intent)
                if refusal is not None:
                    return Postponed(WaitReason.UNKNOWN_OUTCOME, refusal.detail)
            highest = max((attempt.fee_cap for attempt in replacing), default=0)
            least = max(self.gas_price, -(-highest * (100 + PRICE_BUMP_PERCENT) // 100))
            if least > fee_ceiling:
                return _too_dear(least, fee_ceiling)
            fee_cap = max(least, self._offer(fee_ceiling))
            act = self._act(intent) if role is AttemptRole.EFFECT else None
            return _draft(self._network.id, slot, act, fee_cap)

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
        ((key, signature),) = signatures
        raw = key.raw + signature.raw + draft.body
        return SignedTransaction(id=id_of(raw), raw=raw)

    def submit(self, transaction: SignedTransaction) -> Submission:
        def answer() -> Submission:
            sent = decoded(transaction.raw, self._network.id, self.address)
            if sent is None:
                return Submission(Verdict.REJECTED, "invalid sender")
            words = self.node.take(sent)
            return Submission(Verdict.ACCEPTED) if words is None else _MEANINGS[words]

        try:
            return self._ask("submit", answer, instead=lambda words: words)
        except ChainUnavailableError as error:
            return Submission(Verdict.UNKNOWN, str(error))

    def outcome(self, slot: Slot) -> Outcome:
        def answer() -> Outcome:
            self._tick()
            for attempt in slot.attempts:
                mined = self.node.mined.get(attempt.transaction_id)
                if mined is None or not self._shows(mined.block):
                    continue
                inclusion = Inclusion(
                    transaction_id=attempt.transaction_id,
                    block=mined.block,
                    succeeded=mined.succeeded,
                    cost=mined.fee,
                )
                is_final = mined.block.number <= self._final.number
                return Final(inclusion) if is_final else Included(inclusion)
            if self.node.nonce_at(slot.signer, self._final) > _sequence(slot):
                return SlotLost(self._final)
            in_pool = {sent.id for sent in self.node.pool.values()} | {
                id for id, mined in self.node.mined.items() if not self._shows(mined.block)
            }
            for attempt in reversed(slot.attempts):
                if attempt.transaction_id in in_pool:
                    return InPool(attempt.transaction_id)
            return NotSeen()

        return self._ask("outcome", answer)

    def effect_of(self, intent: Intent) -> Effect | NoEffect:
        def answer() -> Effect | NoEffect:
            act = self._act(intent)
            mined = self.node.done.get(name_of(act))
            if mined is None or not self._shows(mined.block):
                return NoEffect(self._final)
            return Effect(
                token=act.place,
                transaction_id=mined.sent.id,
                raw=mined.sent.raw,
                block=mined.block,
                is_final=mined.block.number <= self._final.number,
                cost=mined.fee,
            )

        return self._ask("effect_of", answer)

    def read_back(self, intent: Intent, token: str) -> tuple[str, ...]:
        def answer() -> tuple[str, ...]:
            planned = self._act(intent)
            is_made = isinstance(planned, Creation)
            mined = (
                self.node.tokens.get(token) if is_made else self.node.done.get(name_of(planned))
            )
            if mined is not None and not self._shows(mined.block):
                raise ChainUnavailableError(f"the node does not have block {mined.block.number}")
            if mined is None or mined.sent.act is None:
                return (f"there is nothing of it at {token}",)
            found: Act = mined.sent.act
            names = _READ_BACK[type(planned)]
            differences = tuple(
                f"{name} is {getattr(found, name)} and should be {getattr(planned, name)}"
                for name in names
                if getattr(found, name) != getattr(planned, name)
            )
            if found.place != token:
                differences = (*differences, f"it is at {found.place} and not at {token}")
            return differences

        return self._ask("read_back", answer)

    def planned(self, intent: Intent) -> TokenState:
        return program.planned(intent.token, intent.owner)

    def state(self, token: Token, place: str) -> TokenState | None:  # noqa: ARG002 - told by its code
        def answer() -> TokenState | None:
            made, contract = (
                self.node.tokens.get(place),
                self.node.contract_at(place, self._final.number),
            )
            if made is None or not isinstance(made.sent.act, Creation) or contract is None:
                return None
            return contract.shown(asdict(made.sent.act), self._final)

        return self._ask("state", answer)

    def head(self) -> Head:
        def answer() -> Head:
            self._tick()
            return Head(latest=self._latest, final=self._final)

        return self._ask("head", answer)

    def block_at(self, number: int) -> Block | None:
        def answer() -> Block | None:
            has_it = 0 <= number <= self._latest.number
            return self.node.blocks[number].block if has_it else None

        return self._ask("block_at", answer)

    def slot_terms(self, intent: Intent) -> NonceLine:
        return self._ask("slot_terms", lambda: NonceLine(taken=self._nonce(sender_of(intent))))

    def signer_state(self, address: str) -> SignerChainState:
        return self._ask(
            "signer_state",
            lambda: SignerChainState(
                balance=self.node.balance(address), next_sequence=self._nonce(address)
            ),
        )

    # What an answer rests on.

    def _offer(self, fee_ceiling: int) -> int:
        """Twice today's price leaves room for a rise; never above the ceiling."""
        return min(2 * self.gas_price, fee_ceiling)

    def _act(self, intent: Intent) -> Act:
        return act_of(intent, funding_of(self._network))

    def _simulated(self, intent: Intent) -> Refusal | None:
        """Of the whole order, so that nobody is given coin for what will not work."""
        why = self.refuses
        if why is None:
            why = self._refused(intent)
        return None if why is None else Refusal(code="deployment_would_revert", detail=why)

    def _refused(self, intent: Intent) -> str | None:
        if intent.order is None:
            is_done = name_of(self._act(intent)) in self.node.done
            return "it was done before" if is_done else None
        asked = evolve(intent, step=len(self.steps(intent.token, intent.order)))
        contract = self.node.contract_at(intent.place or "", self._latest.number)
        if contract is None:
            # It was made, or nobody would ask this of it.
            raise ChainUnavailableError(f"the node has not come as far as {intent.place}")
        after = contract.after(Command.of(asked), asked.owner, program.name_of(asked))
        return after if isinstance(after, str) else None


def _draft(network: NetworkId, slot: Slot, act: Act | None, fee_cap: int) -> Draft:
    body = encoded(network, slot.signer, _sequence(slot), fee_cap, act)
    signable = Signable(slot.signer, hashlib.sha256(body).digest(), Purpose.EVM_TRANSACTION)
    return Draft(signables=(signable,), body=body, fee_cap=fee_cap, value=value_of(act))


def _sequence(slot: Slot) -> int:
    if slot.sequence is None:
        raise MisuseError("a slot on this chain is a nonce")
    return slot.sequence


def _is_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None


def _too_dear(price: int, ceiling: int) -> Postponed:
    return Postponed(WaitReason.FEE_ABOVE_CEILING, f"{price} is above the ceiling of {ceiling}")
