"""The deployment's state machine, against an oracle that was written out by hand.

The thirteen edges are spelled here and nowhere read; the sentences below them hold whatever any
table says.
"""

from uuid import UUID

import pytest
from attrs import evolve, fields
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain import deployment as module
from domain.deployment import (
    ACTIONS,
    BlockVanished,
    Broadcast,
    Cancelled,
    Completed,
    Deployment,
    EffectFound,
    Event,
    Failed,
    Queued,
    ReadBack,
    Reason,
    Rejected,
    RetryRequested,
    SeenInBlock,
    Signed,
    SlotReserved,
    SlotSpent,
    State,
    StepFinal,
    Waits,
)
from domain.errors import IllegalTransitionError
from domain.identifiers import HoldId, KeyRef, NetworkId, OperationId, OrganisationId
from domain.network import Block
from domain.operation import (
    Attempt,
    AttemptOrigin,
    AttemptRole,
    Inclusion,
    LeaseWindow,
    NonceLine,
    Postponed,
    Signer,
    Slot,
    SlotState,
    Step,
    TransactionId,
    WaitReason,
)
from domain.signing import Curve, PublicKey
from tests.contract.tenants import NOW, TOKEN
from tests.strategies import (
    a_slot,
    examples,
    fresh_transaction_id,
    histories,
    legal_events,
    queued_deployments,
)

#: From spec/deployments.md, by hand: from, to, reason code.
THE_THIRTEEN_EDGES = """
    Queued     Submitted  DEPLOYMENT_SUBMITTED
    Queued     Failed     DEPLOYMENT_VALIDATION_FAILED
    Queued     Cancelled  USER_CANCELLED
    Submitted  Pending    TRANSACTION_BROADCAST
    Submitted  Failed     TRANSACTION_SUBMISSION_FAILED
    Pending    Confirmed  TRANSACTION_CONFIRMED
    Pending    Failed     TRANSACTION_REVERTED
    Pending    Failed     POST_DEPLOYMENT_FAILED
    Confirmed  Indexed    TRANSACTION_INDEXED
    Confirmed  Completed  DEPLOYMENT_COMPLETED
    Confirmed  Failed     POST_DEPLOYMENT_FAILED
    Indexed    Completed  DEPLOYMENT_COMPLETED
    Indexed    Failed     POST_DEPLOYMENT_FAILED
    Failed     Queued     DEPLOYMENT_RETRY_REQUESTED
"""
ROWS = [tuple(line.split()) for line in THE_THIRTEEN_EDGES.strip().splitlines()]
ALLOWED = {(start, end) for start, end, _ in ROWS}

#: An effect that was found walks two edges at once: nobody saw it being signed or sent.
SHORT_CUTS = {("Queued", "Pending"): {"EffectFound"}, ("Submitted", "Pending"): {"EffectFound"}}

#: What each event may do to the state, by hand; "=" leaves it.
MOVES = {
    Queued: {"="},
    SlotReserved: {"="},
    Signed: {"=", "Queued Submitted"},
    Broadcast: {"=", "Submitted Pending"},
    Rejected: {"="},
    SeenInBlock: {"="},
    BlockVanished: {"="},
    SlotSpent: {"="},
    EffectFound: {"=", "Queued Pending", "Submitted Pending"},
    StepFinal: {"=", "Pending Confirmed"},
    ReadBack: {"Confirmed Indexed"},
    Completed: {"Confirmed Completed", "Indexed Completed"},
    Failed: {
        "Queued Failed",
        "Submitted Failed",
        "Pending Failed",
        "Confirmed Failed",
        "Indexed Failed",
    },
    Cancelled: {"Queued Cancelled"},
    RetryRequested: {"Failed Queued"},
    Waits: {"="},
}

BLOCK = Block(number=7, hash="0xb")
FIRST = TransactionId("0xfirst")
FAILURES = [
    Reason.DEPLOYMENT_VALIDATION_FAILED,
    Reason.TRANSACTION_SUBMISSION_FAILED,
    Reason.TRANSACTION_REVERTED,
    Reason.POST_DEPLOYMENT_FAILED,
]


def test_there_are_thirteen_edges_and_the_table_has_them_and_no_others():
    assert len(ALLOWED) == 13
    table = {
        (start.value, end.value, reason.value)
        for (start, end), reasons in module.EDGES.items()
        for reason in reasons
    }
    assert table == set(ROWS)


def test_every_event_has_a_name_in_the_audit_trail():
    assert set(ACTIONS) == set(MOVES)
    assert len(set(ACTIONS.values())) == len(ACTIONS)


@st.composite
def any_event(draw: st.DrawFn, deployment: Deployment) -> Event:
    """Anything at all: sometimes what is due, mostly what is not."""
    ids = [attempt.transaction_id for attempt in deployment.step.attempts] or [
        TransactionId("0xunknown")
    ]
    id = draw(st.sampled_from([*ids, TransactionId("0xstranger")]))
    step = draw(st.sampled_from([1, 1, 1, 2]))
    number = len(deployment.step.attempts) + 1
    inclusion = Inclusion(transaction_id=id, block=BLOCK, succeeded=draw(st.booleans()), cost=1)
    slot = draw(
        st.sampled_from(
            [
                a_slot(deployment),
                Slot(number=1, network=NetworkId("n:1"), signer="0xs", sequence=1),
            ]
        )
    )
    attempt = Attempt(
        number=number,
        role=draw(st.sampled_from(AttemptRole)),
        origin=draw(st.sampled_from(AttemptOrigin)),
        transaction_id=draw(st.sampled_from([id, fresh_transaction_id()])),
        raw=b"raw",
        body=b"body",
        fee_cap=1,
        signed_at=NOW,
    )
    anything = st.sampled_from(
        [
            Queued(kind="k", network=deployment.network, credits=deployment.credits),
            SlotReserved(step=step, slot=slot),
            Signed(step=step, attempt=attempt),
            Broadcast(step=step, transaction_id=id, at=NOW),
            Rejected(step=step, transaction_id=id, detail="no"),
            SeenInBlock(step=step, inclusion=inclusion),
            BlockVanished(step=step, block=BLOCK),
            SlotSpent(
                step=step, slot_state=draw(st.sampled_from(SlotState)), at=BLOCK, transaction_id=id
            ),
            EffectFound(step=step, attempt=attempt, slot=slot),
            StepFinal(step=step, inclusion=inclusion, token="0xtoken"),
            ReadBack(token=draw(st.sampled_from(["0xtoken", "0xother"]))),
            Completed(credits=draw(st.sampled_from([deployment.credits, 99]))),
            Failed(
                reason=draw(st.sampled_from(Reason)),
                without_effect=draw(st.booleans()),
                detail="no",
            ),
            Cancelled(),
            RetryRequested(hold=draw(st.none() | st.builds(HoldId, st.uuids()))),
            Waits(reason=draw(st.sampled_from(WaitReason)), detail=""),
        ]
    )
    return draw(anything)


@st.composite
def nearly_legal_event(draw: st.DrawFn, event: Event) -> Event:
    """*event* with one thing about it changed."""
    changes = {
        "step": lambda step: step + 1,
        "slot": lambda slot: evolve(slot, number=slot.number + 1),
        "attempt": lambda attempt: evolve(
            attempt,
            **draw(
                st.sampled_from(
                    [
                        {"role": AttemptRole.FILL},
                        {"origin": AttemptOrigin.SIGNED},
                        {"origin": AttemptOrigin.FOUND},
                    ]
                )
            ),
        ),
        "transaction_id": lambda _: TransactionId("0xstranger"),
        "inclusion": lambda inclusion: evolve(
            inclusion,
            **draw(
                st.sampled_from(
                    [{"succeeded": False}, {"transaction_id": TransactionId("0xstranger")}]
                )
            ),
        ),
        "slot_state": lambda _: draw(st.sampled_from(SlotState)),
        "token": lambda _: "0xother",
        "credits": lambda amount: amount + 1,
        "reason": lambda reason: draw(st.sampled_from(type(reason))),
        "without_effect": lambda without_effect: not without_effect,
        "hold": lambda _: None,
    }
    known = [each.name for each in fields(type(event)) if each.name in changes]
    if not known:
        return event
    name = draw(st.sampled_from(known))
    return evolve(event, **{name: changes[name](getattr(event, name))})


class DeploymentHistory(RuleBasedStateMachine):
    """Whatever is asked of it: it moves along a spelled edge, or refuses and stays as it was."""

    @initialize(
        owner=st.none() | st.just("0xowner"), head_start=st.integers(0, 4), steps=st.integers(1, 3)
    )
    def accept(self, owner: str | None, head_start: int, steps: int) -> None:
        """Most of what can go wrong is far from the start: some begin with a slot, and later."""
        self.deployment = queued(steps)
        self.step_finals = 0
        for event in beginning(self.deployment)[:head_start]:
            assert self.tell(event)
        if not head_start:
            self.deployment = evolve(self.deployment, owner=owner)

    @rule(data=st.data())
    def something_that_may_happen(self, data: st.DataObject) -> None:
        hold = data.draw(st.builds(HoldId, st.uuids()))
        events = legal_events(self.deployment, hold)
        if not events.is_empty:
            assert self.tell(data.draw(events)), "a legal event was refused"

    @rule(data=st.data())
    def something_slightly_wrong(self, data: st.DataObject) -> None:
        events = legal_events(self.deployment, data.draw(st.builds(HoldId, st.uuids())))
        if not events.is_empty:
            self.tell(data.draw(nearly_legal_event(data.draw(events))))

    @rule(reason=st.sampled_from(FAILURES), is_proven=st.booleans())
    def somebody_calls_it_a_failure(self, reason: Reason, is_proven: bool) -> None:
        self.tell(Failed(reason=reason, without_effect=is_proven, detail="no"))

    @precondition(lambda self: self.deployment.step.open_slot is not None)
    @rule(data=st.data(), succeeded=st.booleans())
    def somebody_calls_it_final(self, data: st.DataObject, succeeded: bool) -> None:
        slot = self.deployment.step.open_slot
        assert slot is not None
        ids = [attempt.transaction_id for attempt in slot.attempts]
        inclusion = Inclusion(
            transaction_id=data.draw(st.sampled_from([*ids, TransactionId("0xstranger")])),
            block=BLOCK,
            succeeded=succeeded,
            cost=1,
        )
        number = self.deployment.step.number
        self.tell(StepFinal(step=number, inclusion=inclusion, token="0xtoken"))

    @rule(data=st.data())
    def anything(self, data: st.DataObject) -> None:
        self.tell(data.draw(any_event(self.deployment)))

    @precondition(lambda self: self.deployment.state is State.QUEUED)
    @rule(owner=st.sampled_from(["0xowner", "0xother"]))
    def its_owner_is_known(self, owner: str) -> None:
        if self.deployment.owner in {None, owner}:
            self.deployment = self.deployment.placed(owner, None)
        else:
            with pytest.raises(IllegalTransitionError):
                self.deployment.placed(owner, None)

    def tell(self, event: Event) -> bool:
        before = self.deployment
        try:
            after = before.apply(event)
        except IllegalTransitionError:
            return False
        start, end = before.state.value, after.state.value
        move = "=" if start == end else f"{start} {end}"
        assert move in MOVES[type(event)]
        if move != "=":
            shortcut = type(event).__name__ in SHORT_CUTS.get((start, end), set())
            assert (start, end) in ALLOWED or shortcut
        self.sentences(before, event, after)
        self.deployment = after
        return True

    def sentences(self, before: Deployment, event: Event, after: Deployment) -> None:
        """What must hold whatever the table says."""
        open_before = [slot for step in before.steps for slot in step.slots if alive(slot)]
        if isinstance(event, Cancelled):
            # What has been signed is never cancelled; nor what may be signed at any moment.
            assert not open_before
            assert before.state is State.QUEUED
        if isinstance(event, Failed) and before.state is State.PENDING:
            # A person ends only what has begun, and of which nothing is under way.
            is_ended = has_begun(before) and not any(s.open_slot for s in before.steps)
            assert is_ended is not event.without_effect
            assert before.may_be_ended is is_ended
        if isinstance(event, Failed) and event.without_effect:
            # Nor with a step on chain: its slot is used.
            assert not open_before
            assert not has_begun(before)
            assert event.reason is not Reason.POST_DEPLOYMENT_FAILED
        if isinstance(event, RetryRequested):
            assert before.failure is not None
            assert before.failure.without_effect
            # What costs nothing (an anchor) has no hold, and none again.
            assert event.hold is None or event.hold != before.hold
        if isinstance(event, StepFinal):
            self.step_finals += 1
            winner = before.step.open_slot and before.step.open_slot.find(
                event.inclusion.transaction_id
            )
            assert winner
            assert winner.role is AttemptRole.EFFECT
            assert event.inclusion.succeeded
            # One after the other, and each names where the token is.
            assert [step.is_final for step in before.steps] == (
                [True] * (event.step - 1) + [False] * (len(before.steps) - event.step + 1)
            )
            is_last = event.step == len(before.steps)
            assert (after.result if is_last else after.predicted) == event.token
            assert (after.result is None) is not is_last
        if isinstance(event, SlotReserved):
            # A new slot needs the old one provably dead, and the steps before it done.
            own, *_ = (step for step in before.steps if step.number == event.step)
            assert not any(alive(slot) for slot in own.slots)
            assert all(step.is_final for step in before.steps[: event.step - 1])
        # Slots and attempts are only added; what was signed stays as it was signed.
        for old, new in zip(before.steps, after.steps, strict=True):
            assert len(new.slots) >= len(old.slots)
            for slot, same in zip(old.slots, new.slots, strict=False):
                kept = same.attempts[: len(slot.attempts)]
                assert [signed(attempt) for attempt in kept] == [
                    signed(attempt) for attempt in slot.attempts
                ]

    @invariant()
    def a_step_is_final_once(self) -> None:
        assert self.step_finals == sum(step.is_final for step in self.deployment.steps)
        is_confirmed = self.deployment.state in {State.CONFIRMED, State.INDEXED, State.COMPLETED}
        if is_confirmed:
            assert self.step_finals == len(self.deployment.steps)
            assert self.deployment.result is not None
        if self.deployment.has_begun:
            assert is_confirmed or self.deployment.state in {State.PENDING, State.FAILED}

    @invariant()
    def what_failed_without_effect_cannot_land_any_more(self) -> None:
        deployment = self.deployment
        if deployment.failure is not None and deployment.failure.without_effect:
            assert not any(alive(slot) for step in deployment.steps for slot in step.slots)
            assert deployment.may_retry
            assert deployment.is_given_back

    @invariant()
    def live_attempts_share_one_slot(self) -> None:
        for step in self.deployment.steps:
            assert sum(alive(slot) for slot in step.slots) <= 1
            assert not any(alive(slot) for slot in step.slots[:-1])

    @invariant()
    def what_is_known_agrees_with_the_state(self) -> None:
        deployment = self.deployment
        assert (deployment.failure is not None) == (deployment.state is State.FAILED)
        attempts = [attempt for step in deployment.steps for attempt in step.attempts]
        if deployment.state in {State.SUBMITTED, State.PENDING}:
            assert any(a.role is AttemptRole.EFFECT for a in attempts)
        if deployment.state is State.PENDING:
            broadcast = [a for a in attempts if a.broadcast_at]
            found = [a for a in attempts if a.origin is AttemptOrigin.FOUND]
            assert broadcast or found
        if not deployment.state.is_open:
            assert deployment.waiting is None
        assert deployment.may_cancel == (
            deployment.state is State.QUEUED
            and not any(alive(slot) for step in deployment.steps for slot in step.slots)
        )


def has_begun(deployment: Deployment) -> bool:
    return any(slot.state is SlotState.USED for step in deployment.steps for slot in step.slots)


def signed(attempt: Attempt) -> tuple[object, ...]:
    return attempt.transaction_id, attempt.raw, attempt.body, attempt.fee_cap


def alive(slot: Slot) -> bool:
    """The step's effect may be in it, now or later."""
    return slot.state in {SlotState.OPEN, SlotState.USED}


def test_any_history_of_a_deployment():
    run_state_machine_as_test(
        DeploymentHistory,
        settings=settings(
            max_examples=examples(100),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@given(st.data())
@settings(max_examples=examples(30), suppress_health_check=list(HealthCheck))
def test_final_states_accept_nothing(data: st.DataObject):
    deployment = data.draw(queued_deployments())
    history = data.draw(histories(deployment, longest=20))
    last = history[-1][1] if history else deployment
    if last.state in {State.COMPLETED, State.CANCELLED}:
        event = data.draw(any_event(last))
        with pytest.raises(IllegalTransitionError):
            last.apply(event)


def test_a_fill_alone_submits_nothing():
    """Filling a reserved slot of which nothing with an effect was signed is no submission."""
    deployment = queued()
    deployment = deployment.apply(SlotReserved(step=1, slot=a_slot(deployment)))
    fill = Attempt(
        number=1,
        role=AttemptRole.FILL,
        transaction_id=TransactionId("0xfill"),
        raw=b"raw",
        body=b"body",
        fee_cap=1,
        signed_at=NOW,
    )
    assert deployment.apply(Signed(step=1, attempt=fill)).state is State.QUEUED


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("without_effect", [True, False])
def test_a_failure_is_told_by_a_reason_of_its_own(reason: Reason, without_effect: bool):
    """From Queued only a failed validation is a failure, and it is without effect."""
    deployment = queued()
    event = Failed(reason=reason, without_effect=without_effect, detail="no")
    if (reason, without_effect) == (Reason.DEPLOYMENT_VALIDATION_FAILED, True):
        assert deployment.apply(event).state is State.FAILED
    else:
        with pytest.raises(IllegalTransitionError):
            deployment.apply(event)


@pytest.mark.parametrize("head_start", [1, 2, 3])
@pytest.mark.parametrize("reason", FAILURES[:3])
def test_nothing_is_proven_while_a_slot_is_open(head_start: int, reason: Reason):
    deployment = queued()
    for event in beginning(deployment)[:head_start]:
        deployment = deployment.apply(event)
    with pytest.raises(IllegalTransitionError):
        deployment.apply(Failed(reason=reason, without_effect=True, detail="no"))
    with pytest.raises(IllegalTransitionError):
        deployment.apply(Cancelled())


def test_only_a_success_of_the_step_is_its_end():
    deployment = queued()
    for event in beginning(deployment)[:3]:
        deployment = deployment.apply(event)
    landed = Inclusion(transaction_id=FIRST, block=BLOCK, succeeded=True, cost=1)
    for inclusion in (
        evolve(landed, succeeded=False),
        evolve(landed, transaction_id=TransactionId("0xstranger")),
    ):
        with pytest.raises(IllegalTransitionError):
            deployment.apply(StepFinal(step=1, inclusion=inclusion, token="0xtoken"))
    confirmed = deployment.apply(StepFinal(step=1, inclusion=landed, token="0xtoken"))
    assert confirmed.state is State.CONFIRMED
    with pytest.raises(IllegalTransitionError):
        confirmed.apply(StepFinal(step=1, inclusion=landed, token="0xtoken"))


def test_a_retry_takes_a_new_hold_and_begins_again():
    deployment = queued()
    failed = deployment.apply(
        Failed(reason=Reason.DEPLOYMENT_VALIDATION_FAILED, without_effect=True, detail="no")
    )
    with pytest.raises(IllegalTransitionError):
        failed.apply(RetryRequested(hold=deployment.hold))
    hold = HoldId(UUID(int=9))
    again = failed.apply(RetryRequested(hold=hold))
    assert (again.state, again.hold, again.failure) == (State.QUEUED, hold, None)
    assert again.waiting is WaitReason.QUEUED


def test_a_wait_begins_when_its_reason_does():
    deployment = queued().awaiting(None, NOW)
    assert deployment.waiting_since is None
    waiting = deployment.awaiting(WaitReason.FINALITY, NOW)
    later = NOW.replace(year=2030)
    assert waiting.awaiting(WaitReason.FINALITY, later).waiting_since == NOW
    assert waiting.awaiting(WaitReason.OPERATOR, later).waiting_since == later


def test_only_what_is_queued_and_waits_for_its_turn_is_in_line():
    """What has begun is under way, also where a later step waits for its turn."""
    assert {
        (state, reason)
        for state in State
        for reason in (None, *WaitReason)
        if evolve(queued(), state=state, waiting=reason).is_in_line
    } == {(State.QUEUED, WaitReason.QUEUED)}


def window(number: int, until: int, lease: bytes = b"l" * 32) -> Slot:
    return Slot(
        number=number,
        network=NetworkId("memory:1"),
        signer="0xtreasury",
        lease=lease,
        valid_until=until,
    )


def ended(state: SlotState) -> SlotSpent:
    return SlotSpent(step=1, slot_state=state, at=BLOCK, transaction_id=None)


def test_a_window_ends_by_itself_and_a_nonce_never_does():
    nonce = Slot(number=1, network=NetworkId("memory:1"), signer="0xtreasury", sequence=0)
    for slot, endings in (
        (window(1, 149), {SlotState.EXPIRED}),
        (nonce, {SlotState.SPENT, SlotState.LOST}),
    ):
        reserved = queued().apply(SlotReserved(step=1, slot=slot))
        for state in SlotState:
            if state in endings:
                assert reserved.apply(ended(state)).step.open_slot is None
                continue
            with pytest.raises(IllegalTransitionError):
                reserved.apply(ended(state))


@pytest.mark.parametrize(
    "second",
    [window(2, 149), window(2, 148), window(2, 299, b"m" * 32)],
    ids=["the same window", "an earlier window", "another lease"],
)
def test_the_next_window_is_a_later_one_of_the_same_lease(second: Slot):
    expired = (
        queued().apply(SlotReserved(step=1, slot=window(1, 149))).apply(ended(SlotState.EXPIRED))
    )
    assert expired.apply(SlotReserved(step=1, slot=window(2, 299))).step.open_slot
    with pytest.raises(IllegalTransitionError):
        expired.apply(SlotReserved(step=1, slot=second))


def test_a_lease_without_a_window_is_no_slot():
    with pytest.raises(ValueError, match="window"):
        evolve(window(1, 149), valid_until=None)


def test_a_window_stands_in_no_line_and_takes_no_nonce():
    signer = Signer(
        network=NetworkId("memory:1"),
        address="0xtreasury",
        key=KeyRef("memory:1"),
        public_key=PublicKey(Curve.ED25519, bytes(32)),
        next_sequence=7,
        limit=1,
    )
    terms = LeaseWindow(lease=b"l" * 32, valid_from=0, valid_until=149)
    answer = signer.reserve(5, 1, terms)
    assert not isinstance(answer, Postponed)
    slot, after = answer
    assert (slot.lease, slot.valid_until, slot.sequence) == (b"l" * 32, 149, None)
    assert after == signer
    assert isinstance(signer.reserve(5, 1, NonceLine(7)), Postponed)
    assert isinstance(evolve(signer, halted="why").reserve(0, 1, terms), Postponed)


def beginning(deployment: Deployment) -> list[Event]:
    """Slot, signature, broadcast, finality: one after the other they carry the first step out."""
    attempt = Attempt(
        number=1, transaction_id=FIRST, raw=b"raw", body=b"body", fee_cap=1, signed_at=NOW
    )
    return [
        SlotReserved(step=1, slot=a_slot(deployment)),
        Signed(step=1, attempt=attempt),
        Broadcast(step=1, transaction_id=FIRST, at=NOW),
        StepFinal(
            step=1,
            inclusion=Inclusion(transaction_id=FIRST, block=BLOCK, succeeded=True, cost=1),
            token="0xtoken",
        ),
    ]


def queued(steps: int = 1) -> Deployment:
    return Deployment(
        organisation=OrganisationId(UUID(int=1)),
        id=OperationId(UUID(int=2)),
        network=NetworkId("memory:1"),
        live=False,
        account=None,
        requested_by="mem_1",
        token=TOKEN,
        sender="0xtreasury",
        owner="0xowner",
        fee_ceiling=1,
        credits=5,
        hold=HoldId(UUID(int=3)),
        accepted_at=NOW,
        steps=tuple(Step(number=number, name=f"step {number}") for number in range(1, steps + 1)),
    )
