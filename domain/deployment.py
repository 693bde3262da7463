"""The deployment of one token: a state machine whose transitions are its events.

What is done with a token afterwards (`order`: mint, burn, pause) is another kind of operation on
the same machine: what is said of deployments here holds for those.

::

    Queued ─▶ Submitted ─▶ Pending ─▶ Confirmed ─▶ Indexed ─▶ Completed
      │ ▲         │           │           │           │
      │ └─retry─┐ │           │           │           │
      │         Failed ◀──────┴───────────┴───────────┘
      └─▶ Cancelled

The table is `EDGES`, and `Deployment.apply` is the only way through it.  Sentences that hold
whatever the table says: what has been signed is never cancelled; a deployment that failed without
effect has no slot in which the effect could still land; there is never a second token; what has
a final step is never without effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, StrEnum
from typing import assert_never

from attrs import evolve, field, frozen, validators

from domain.errors import IllegalTransitionError
from domain.identifiers import (
    AccountId,
    HoldId,
    NetworkId,
    OperationId,
    OrganisationId,
    public_id,
)
from domain.money import Money, Rate
from domain.network import Block
from domain.operation import (
    Attempt,
    AttemptOrigin,
    AttemptRole,
    Inclusion,
    OperationKind,
    Slot,
    SlotState,
    Step,
    TransactionId,
    WaitReason,
)
from domain.signing import SigningReceipt
from domain.token import Order, Token


class State(Enum):
    QUEUED = "Queued"
    SUBMITTED = "Submitted"
    PENDING = "Pending"
    CONFIRMED = "Confirmed"
    INDEXED = "Indexed"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def is_open(self) -> bool:
        """Has work for a worker."""
        return self not in {State.COMPLETED, State.FAILED, State.CANCELLED}


class Reason(StrEnum):
    """Reason codes of the state table: upper case, and they never change meaning."""

    DEPLOYMENT_SUBMITTED = "DEPLOYMENT_SUBMITTED"
    DEPLOYMENT_VALIDATION_FAILED = "DEPLOYMENT_VALIDATION_FAILED"
    USER_CANCELLED = "USER_CANCELLED"
    TRANSACTION_BROADCAST = "TRANSACTION_BROADCAST"
    TRANSACTION_SUBMISSION_FAILED = "TRANSACTION_SUBMISSION_FAILED"
    TRANSACTION_CONFIRMED = "TRANSACTION_CONFIRMED"
    TRANSACTION_REVERTED = "TRANSACTION_REVERTED"
    POST_DEPLOYMENT_FAILED = "POST_DEPLOYMENT_FAILED"
    TRANSACTION_INDEXED = "TRANSACTION_INDEXED"
    DEPLOYMENT_COMPLETED = "DEPLOYMENT_COMPLETED"
    DEPLOYMENT_RETRY_REQUESTED = "DEPLOYMENT_RETRY_REQUESTED"


#: The thirteen edges (spec/deployments.md), and the reasons that may be given for each.
EDGES: Mapping[tuple[State, State], frozenset[Reason]] = {
    (State.QUEUED, State.SUBMITTED): frozenset({Reason.DEPLOYMENT_SUBMITTED}),
    (State.QUEUED, State.FAILED): frozenset({Reason.DEPLOYMENT_VALIDATION_FAILED}),
    (State.QUEUED, State.CANCELLED): frozenset({Reason.USER_CANCELLED}),
    (State.SUBMITTED, State.PENDING): frozenset({Reason.TRANSACTION_BROADCAST}),
    (State.SUBMITTED, State.FAILED): frozenset({Reason.TRANSACTION_SUBMISSION_FAILED}),
    (State.PENDING, State.CONFIRMED): frozenset({Reason.TRANSACTION_CONFIRMED}),
    (State.PENDING, State.FAILED): frozenset(
        {Reason.TRANSACTION_REVERTED, Reason.POST_DEPLOYMENT_FAILED}
    ),
    (State.CONFIRMED, State.INDEXED): frozenset({Reason.TRANSACTION_INDEXED}),
    (State.CONFIRMED, State.COMPLETED): frozenset({Reason.DEPLOYMENT_COMPLETED}),
    (State.CONFIRMED, State.FAILED): frozenset({Reason.POST_DEPLOYMENT_FAILED}),
    (State.INDEXED, State.COMPLETED): frozenset({Reason.DEPLOYMENT_COMPLETED}),
    (State.INDEXED, State.FAILED): frozenset({Reason.POST_DEPLOYMENT_FAILED}),
    (State.FAILED, State.QUEUED): frozenset({Reason.DEPLOYMENT_RETRY_REQUESTED}),
}


#: How a nonce ends without the step's effect.
_TAKEN = frozenset({SlotState.SPENT, SlotState.LOST})


class Payer(Enum):
    SPONSORED = "sponsored"
    SELF = "self"


@frozen(kw_only=True)
class Issue:
    """What a token begins with, for whoever has the trail and no tables.

    Neither name nor symbol: those are somebody's words, and the trail has no personal ones.
    """

    decimals: int
    #: In base units, as decimal text: it may exceed 2^53.
    supply: str

    @classmethod
    def of(cls, token: Token) -> Issue:
        return cls(decimals=token.decimals, supply=str(token.supply))


@frozen(kw_only=True)
class Queued:
    """Accepted: the credits are held, and a worker will take it from here."""

    kind: str
    network: NetworkId
    credits: int
    #: The token that is to be; None where *order* is about one that is.
    issue: Issue | None = None
    #: Public id of the token that *order* is about.
    token: str | None = None
    order: Order | None = None


@frozen(kw_only=True)
class SlotReserved:
    """The step has its slot.  From here on there is no cancelling."""

    step: int
    slot: Slot


@frozen(kw_only=True)
class Signed:
    """Signed bytes and transaction id are stored, before anybody else sees them."""

    step: int
    attempt: Attempt
    #: One for each signature in it.
    receipts: tuple[SigningReceipt, ...] = ()


@frozen(kw_only=True)
class Broadcast:
    """A node has the bytes."""

    step: int
    transaction_id: TransactionId
    at: datetime


@frozen(kw_only=True)
class Rejected:
    """A node says that these bytes can never land.  One node's word: no proof."""

    step: int
    transaction_id: TransactionId
    #: The node's words: for the operator, kept with the attempt and out of the trail.
    detail: str = field(repr=False)


@frozen(kw_only=True)
class SeenInBlock:
    """Included, and not yet final."""

    step: int
    inclusion: Inclusion


@frozen(kw_only=True)
class BlockVanished:
    """The block that included it is gone: the watch is open again."""

    step: int
    block: Block


@frozen(kw_only=True)
class SlotSpent:
    """At finality the slot was taken without the step's effect: nothing can land in it."""

    step: int
    #: SPENT by an attempt of ours, LOST to a transaction that is not ours, or EXPIRED.
    slot_state: SlotState
    at: Block
    transaction_id: TransactionId | None


@frozen(kw_only=True)
class EffectFound:
    """The effect is on chain though our records do not know how: the chain is the judge."""

    step: int
    attempt: Attempt
    #: A slot that never took effect through an attempt we knew.
    slot: Slot


@frozen(kw_only=True)
class StepFinal:
    """The step's effect is in a block that will not vanish."""

    step: int
    inclusion: Inclusion
    #: Where the token is, or will be when the last step is done.
    token: str


@frozen(kw_only=True)
class ReadBack:
    """What is on chain equals the plan."""

    token: str


@frozen(kw_only=True)
class Completed:
    """The credits are captured."""

    credits: int


@frozen(kw_only=True)
class Failed:
    """It ended without its token, or with one that is not what was planned."""

    reason: Reason
    #: Proven that nothing happened on chain, and that nothing can.
    without_effect: bool
    #: May quote a node: for who asked and the operator, and out of the trail.
    detail: str = field(repr=False)


@frozen(kw_only=True)
class Cancelled:
    """Withdrawn before a slot was reserved."""


@frozen(kw_only=True)
class RetryRequested:
    """Asked for again, after a failure that proved to be without effect."""

    hold: HoldId | None


@frozen(kw_only=True)
class Waits:
    """It cannot go on now, for a reason that somebody may want to act on."""

    reason: WaitReason
    #: May hold a node's or a custodian's words: for the log, and out of the trail.
    detail: str = field(repr=False)


Event = (
    Queued
    | SlotReserved
    | Signed
    | Broadcast
    | Rejected
    | SeenInBlock
    | BlockVanished
    | SlotSpent
    | EffectFound
    | StepFinal
    | ReadBack
    | Completed
    | Failed
    | Cancelled
    | RetryRequested
    | Waits
)

#: The name of each event in the audit trail, in the event stream and in webhooks.
ACTIONS: Mapping[type, str] = {
    Queued: "deployment.queued",
    SlotReserved: "deployment.slot_reserved",
    Signed: "deployment.submitted",
    Broadcast: "deployment.pending",
    Rejected: "deployment.rejected",
    SeenInBlock: "deployment.included",
    BlockVanished: "deployment.block_vanished",
    SlotSpent: "deployment.slot_spent",
    EffectFound: "deployment.effect_found",
    StepFinal: "deployment.confirmed",
    ReadBack: "deployment.indexed",
    Completed: "deployment.completed",
    Failed: "deployment.failed",
    Cancelled: "deployment.cancelled",
    RetryRequested: "deployment.retry_requested",
    Waits: "deployment.waiting",
}


def action_of(before: State, event: Event, after: State) -> str:
    """The name of *event* for a deployment that it took from *before* to *after*.

    A second signature, and its sending, are told as what they are for; so are those of steps that
    are not the last.
    """
    match event:
        case Signed(attempt=attempt) if attempt.role is AttemptRole.FILL:
            return "deployment.slot_filling"
        case Signed(step=step, attempt=attempt) if step > 1 and attempt.number == 1:
            return "deployment.step_signed"
        case Signed() if before is not State.QUEUED:
            return "deployment.replaced"
        case Broadcast(step=step) if step > 1:
            return "deployment.step_sent"
        case Broadcast() if before is not State.SUBMITTED:
            return "deployment.sent_again"
        case StepFinal() if after is not State.CONFIRMED:
            return "deployment.step_confirmed"
        case _:
            return ACTIONS[type(event)]


@frozen(kw_only=True)
class Failure:
    reason: Reason
    without_effect: bool
    detail: str


@frozen(kw_only=True)
class Deployment:
    organisation: OrganisationId
    id: OperationId
    kind: OperationKind = OperationKind.DEPLOYMENT
    network: NetworkId
    live: bool
    account: AccountId | None
    #: Who asked: ``mem_…`` or ``key_…``.
    requested_by: str
    token: Token
    #: What is asked of the token of `of`; None: to bring it into being.
    order: Order | None = None
    #: The deployment whose token it is about, where that is not its own.
    of: OperationId | None = None
    payer: Payer = Payer.SPONSORED
    #: Signs and pays for all attempts; fixed at acceptance.
    sender: str
    #: Address of the issuing account; None until that is ready.
    owner: str | None = None
    #: Price per unit of gas at most, in base units; fixed at acceptance.
    fee_ceiling: int
    credits: int = field(validator=validators.ge(0))
    #: The hold that pays; a retry takes a new one.  None for the installation's own operations.
    hold: HoldId | None = None
    plan_hash: bytes | None = None
    #: What who asked says that it is worth.
    declared_value: Money | None = None
    client_reference: str | None = None
    metadata: Mapping[str, str] = field(factory=dict)
    #: When it was accepted, or accepted again: what the month's number goes by.
    accepted_at: datetime
    state: State = State.QUEUED
    steps: tuple[Step, ...] = (Step(number=1, name="create"),)
    #: Where the token is or will be, as soon as that is known.
    predicted: str | None = None
    #: Contract address or asset id, once final.
    result: str | None = None
    failure: Failure | None = None
    waiting: WaitReason | None = WaitReason.QUEUED
    waiting_since: datetime | None = None

    @property
    def named(self) -> str:
        """Its public id."""
        return public_id(self.kind.prefix, self.id)

    @property
    def has_begun(self) -> bool:
        """One of its steps is on chain for good: it is no longer without effect."""
        return any(step.is_final for step in self.steps)

    @property
    def is_in_line(self) -> bool:
        """It waits for nothing but its turn."""
        return self.state is State.QUEUED and self.waiting is WaitReason.QUEUED

    @property
    def may_be_ended(self) -> bool:
        """A person may call it failed: it has begun, and no transaction of it is under way."""
        return self.state is State.PENDING and self.has_begun and self.step.open_slot is None

    @property
    def step(self) -> Step:
        """The step that is being worked on: the first that is not final, else the last."""
        return next((step for step in self.steps if not step.is_final), self.steps[-1])

    @property
    def is_untouched(self) -> bool:
        """Nothing of it is on chain, nor could be from one moment to the next."""
        return self.state is State.QUEUED and not self._has_live_slot

    @property
    def may_cancel(self) -> bool:
        return self.is_untouched and not self._is_of_a_key_change

    @property
    def came_to_nothing(self) -> bool:
        """It failed, and provably had no effect."""
        return (
            self.state is State.FAILED and self.failure is not None and self.failure.without_effect
        )

    @property
    def may_retry(self) -> bool:
        return self.came_to_nothing and not self._is_of_a_key_change

    @property
    def is_given_back(self) -> bool:
        """Counts neither in credits nor in the month's number."""
        return self.state is State.CANCELLED or self.came_to_nothing

    @property
    def _is_of_a_key_change(self) -> bool:
        """Whoever wants it to be otherwise asks for another change of keys."""
        return self.kind is OperationKind.HAND_OVER

    @property
    def _has_live_slot(self) -> bool:
        return any(s.slot is not None and not s.slot.state.is_dead for s in self.steps)

    @property
    def has_unvalued_costs(self) -> bool:
        """Something of it took coin, and it is not known what that was worth."""
        return any(a.cost and a.rate is None for step in self.steps for a in step.attempts)

    def valued(self, rate: Rate) -> Deployment:
        """The deployment with *rate* for what took coin since the last one was recorded."""
        return evolve(self, steps=tuple(step.valued(rate) for step in self.steps))

    def outline(self) -> Deployment:
        """The deployment without what was signed for it: to be shown, and never recorded."""
        return evolve(self, steps=tuple(step.outline() for step in self.steps))

    def placed(self, owner: str, predicted: str | None) -> Deployment:
        """The deployment once its owner's address is known.  Not a transition: nothing happens."""
        if self.state is not State.QUEUED or (self.owner or owner) != owner:
            raise IllegalTransitionError(f"{self.id} has its owner already")
        return evolve(self, owner=owner, predicted=predicted)

    def belonging_to(self, owner: str) -> Deployment:
        """The order once its token has another owner.  Not a transition: nothing happens."""
        if self.order is None or not self.is_untouched:
            raise IllegalTransitionError(f"{self.id} is given by {self.owner}")
        return evolve(self, owner=owner)

    def awaiting(self, reason: WaitReason | None, now: datetime) -> Deployment:
        """The deployment, waiting for *reason* since now (or since before, if it did already)."""
        if reason is self.waiting:
            return self
        return evolve(self, waiting=reason, waiting_since=now if reason else None)

    def apply(self, event: Event) -> Deployment:
        """Return the deployment as it is after *event*.

        Raises:
            IllegalTransitionError: *event* cannot happen now.
        """
        match event:
            case Queued():
                self._require(self.state is State.QUEUED and not self._has_live_slot, event)
                return self
            case SlotReserved(step=number, slot=slot):
                self._require(
                    self.state in {State.QUEUED, State.SUBMITTED, State.PENDING}
                    and self.owner is not None
                    and number == self.step.number,
                    event,
                )
                return self._with_step(self.step.with_slot(slot))
            case Signed(step=number, attempt=attempt):
                step, slot = self._open(number, event)
                changed = self._with_step(step.with_last_slot(slot.with_attempt(attempt)))
                # A fill alone submits nothing: its slot will be spent, and the next one counts.
                if self.state is State.QUEUED and _is_effect(attempt):
                    return changed._moved(State.SUBMITTED, Reason.DEPLOYMENT_SUBMITTED)
                return changed
            case Broadcast(step=number, transaction_id=id, at=at):
                step, slot = self._open(number, event)
                attempt_of = slot.find(id)
                self._require(attempt_of is not None, event)
                changed = self._with_step(
                    step.with_last_slot(slot.changing(id, lambda known: known.sent(at)))
                )
                if self.state is State.SUBMITTED and attempt_of and _is_effect(attempt_of):
                    return changed._moved(State.PENDING, Reason.TRANSACTION_BROADCAST)
                return changed
            case Rejected(step=number, transaction_id=id, detail=detail):
                step, slot = self._open(number, event)
                return self._with_step(
                    step.with_last_slot(slot.changing(id, lambda known: known.refused(detail)))
                )
            case SeenInBlock(step=number, inclusion=inclusion):
                step, slot = self._open(number, event)
                self._require(slot.find(inclusion.transaction_id) is not None, event)
                return self._with_step(evolve(step, inclusion=inclusion))
            case BlockVanished(step=number):
                step, _ = self._open(number, event)
                self._require(step.inclusion is not None, event)
                return self._with_step(evolve(step, inclusion=None))
            case SlotSpent(step=number, slot_state=state, transaction_id=id):
                step, slot = self._open(number, event)
                # A window ends by itself, and by nothing else; a nonce never does.
                ends = state is SlotState.EXPIRED if slot.expires else state in _TAKEN
                self._require(ends, event)
                if step.inclusion is not None and step.inclusion.transaction_id == id:
                    cost = step.inclusion.cost
                    slot = slot.changing(id, lambda known: known.costing(cost))
                return self._with_step(
                    evolve(step.with_last_slot(evolve(slot, state=state)), inclusion=None)
                )
            case EffectFound(step=number, attempt=attempt, slot=slot):
                self._require(
                    self.state in {State.QUEUED, State.SUBMITTED, State.PENDING}
                    and number == self.step.number
                    and attempt.origin is AttemptOrigin.FOUND
                    and _is_effect(attempt),
                    event,
                )
                return self._adopting(attempt, slot)
            case StepFinal(step=number, inclusion=inclusion, token=token):
                step, slot = self._open(number, event)
                winner = slot.find(inclusion.transaction_id)
                self._require(
                    self.state is State.PENDING
                    and inclusion.succeeded
                    and winner is not None
                    and _is_effect(winner),
                    event,
                )
                paid = slot.changing(
                    inclusion.transaction_id, lambda known: known.costing(inclusion.cost)
                )
                used = step.with_last_slot(evolve(paid, state=SlotState.USED))
                changed = self._with_step(evolve(used, inclusion=inclusion, is_final=True))
                if all(step.is_final for step in changed.steps):
                    moved = changed._moved(State.CONFIRMED, Reason.TRANSACTION_CONFIRMED)
                    return evolve(moved, result=token)
                return evolve(changed, predicted=token)
            case ReadBack(token=token):
                self._require(token == self.result, event)
                return self._moved(State.INDEXED, Reason.TRANSACTION_INDEXED)
            case Completed(credits=credits):
                self._require(credits == self.credits, event)
                return self._moved(State.COMPLETED, Reason.DEPLOYMENT_COMPLETED)
            case Failed(reason=reason, without_effect=without_effect, detail=detail):
                self._require(
                    without_effect == (reason is not Reason.POST_DEPLOYMENT_FAILED)
                    and not (without_effect and self._has_live_slot)
                    and (self.state is not State.PENDING or without_effect or self.may_be_ended),
                    event,
                )
                failure = Failure(reason=reason, without_effect=without_effect, detail=detail)
                return evolve(self._moved(State.FAILED, reason), failure=failure)
            case Cancelled():
                self._require(self.may_cancel, event)
                return self._moved(State.CANCELLED, Reason.USER_CANCELLED)
            case RetryRequested(hold=hold):
                is_new = hold is None or hold != self.hold
                self._require(self.came_to_nothing and is_new, event)
                moved = self._moved(State.QUEUED, Reason.DEPLOYMENT_RETRY_REQUESTED)
                return evolve(moved, failure=None, hold=hold, waiting=WaitReason.QUEUED)
            case Waits():
                self._require(self.state.is_open, event)
                return self
            case _:
                assert_never(event)

    def _adopting(self, attempt: Attempt, slot: Slot) -> Deployment:
        """Walk the edges that the forgotten attempt must have walked.

        Where the step's slot is still open, the attempt joins it: the effect excludes every other
        one.  Else it comes with the slot it was found in.
        """
        step = self.step
        if step.open_slot is None:
            step = step.with_slot(evolve(slot, number=len(step.slots) + 1, attempts=()))
        target = step.open_slot
        self._require(target is not None, attempt)
        if target is None:
            raise AssertionError
        changed = self._with_step(step.with_last_slot(target.with_attempt(attempt)))
        if changed.state is State.QUEUED:
            changed = changed._moved(State.SUBMITTED, Reason.DEPLOYMENT_SUBMITTED)
        if changed.state is State.SUBMITTED:
            changed = changed._moved(State.PENDING, Reason.TRANSACTION_BROADCAST)
        return changed

    def _moved(self, state: State, reason: Reason) -> Deployment:
        if reason not in EDGES.get((self.state, state), frozenset()):
            msg = f"{self.id}: {self.state.value} to {state.value} by {reason} is not in the table"
            raise IllegalTransitionError(msg)
        waiting = self.waiting if state.is_open else None
        return evolve(self, state=state, waiting=waiting)

    def _open(self, number: int, event: object) -> tuple[Step, Slot]:
        """The current step and its open slot, or it is not the moment for *event*."""
        step, slot = self.step, self.step.open_slot
        if (
            slot is None
            or step.number != number
            or self.state not in {State.QUEUED, State.SUBMITTED, State.PENDING}
        ):
            raise IllegalTransitionError(f"{self.id}: no open slot for {type(event).__name__}")
        return step, slot

    def _with_step(self, step: Step) -> Deployment:
        steps = tuple(step if known.number == step.number else known for known in self.steps)
        return evolve(self, steps=steps)

    def _require(self, condition: bool, event: object) -> None:
        if not condition:
            msg = f"{self.id} is {self.state.value}: {type(event).__name__} cannot happen"
            raise IllegalTransitionError(msg)


def _is_effect(attempt: Attempt) -> bool:
    return attempt.role is AttemptRole.EFFECT
