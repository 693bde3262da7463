"""Hypothesis strategies for domain values, and how many examples a run draws."""

import os
from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import strategies as st

from domain.deployment import (
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
from domain.identifiers import AccountId, HoldId, NetworkId, OperationId, OrganisationId
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
from domain.token import Action, Order, Token, TokenKind


def examples(count: int) -> int:
    """*count*, or twenty times as many where the run is to prove something."""
    return count * 20 if os.environ.get("TALLYSTICK_PROVE") == "1" else count


#: What a database of text can hold: no NUL, nothing that is not Unicode.
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40)
instants = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 - the zone is the next argument
    datetime(2090, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)
#: Base units of a chain: wei for a whole deployment do not fit into 64 bits.
base_units = st.integers(0, 10**30)
supplies = st.integers(0, 2**256 - 1)
blocks = st.builds(Block, number=st.integers(0, 2**62), hash=st.text("0123456789abcdef"))

tokens = st.builds(
    Token,
    kind=st.just(TokenKind("memory_token")),
    name=texts,
    symbol=texts,
    decimals=st.integers(0, 255),
    supply=supplies,
    parameters=st.dictionaries(
        st.text("abcdefghij_", min_size=1, max_size=12),
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
        max_size=5,
    ),
)


orders = st.builds(
    Order,
    action=st.sampled_from(Action),
    parameters=st.dictionaries(
        st.sampled_from(["amount", "to", "partition"]),
        st.none() | st.booleans() | supplies.map(str) | texts,
        max_size=3,
    ),
)

_NETWORK = NetworkId("memory:1")


#: Sends on a chain whose slots are leases for a window.
WINDOWED_SENDER = "TREASURY"


def fresh_transaction_id() -> TransactionId:
    return TransactionId(f"0x{uuid4().hex}")


def attempts(
    number: int, role: AttemptRole, origin: AttemptOrigin = AttemptOrigin.SIGNED
) -> st.SearchStrategy[Attempt]:
    raw = st.binary(min_size=1, max_size=80)
    return st.builds(
        Attempt,
        number=st.just(number),
        role=st.just(role),
        origin=st.just(origin),
        transaction_id=st.builds(fresh_transaction_id),
        raw=raw if origin is AttemptOrigin.SIGNED else st.none() | raw,
        body=st.binary(max_size=80),
        fee_cap=base_units,
        signed_at=instants,
    )


def a_slot(deployment: Deployment) -> Slot:
    """The step's next slot: a nonce that is nobody else's, in whatever store, or a window.

    It is a window where the sender is one of a chain that has them.
    """
    if deployment.sender == WINDOWED_SENDER:
        return Slot(
            number=len(deployment.step.slots) + 1,
            network=deployment.network,
            signer=deployment.sender,
            lease=deployment.id.bytes + bytes([deployment.step.number] * 16),
            valid_until=150 * (len(deployment.step.slots) + 1) - 1,
        )
    return Slot(
        number=len(deployment.step.slots) + 1,
        network=deployment.network,
        # The steps after the first are the owner's.
        signer=deployment.sender if deployment.step.number == 1 else "0xowner",
        sequence=uuid4().int >> 66,
    )


@st.composite
def queued_deployments(
    draw: st.DrawFn,
    organisation: OrganisationId | None = None,
    network: NetworkId = _NETWORK,
    account: AccountId | None = None,
    hold: HoldId | None = None,
    of: OperationId | None = None,
) -> Deployment:
    """As accepted; an order on the token of *of*, if that is given, or a deployment.

    Identities are fresh, not drawn: a store may outlive the run.
    """
    order = draw(st.none() | orders) if of is not None else None
    steps = draw(st.integers(1, 3))
    deployment = Deployment(
        organisation=organisation or OrganisationId(uuid4()),
        id=OperationId(uuid4()),
        kind=OperationKind.DEPLOYMENT if order is None else OperationKind.of(order.action),
        order=order,
        of=None if order is None else of,
        steps=tuple(
            Step(number=number, name=draw(st.sampled_from(["create", "fund", "mint"])))
            for number in range(1, steps + 1)
        ),
        network=network,
        live=False,
        account=account,
        requested_by=draw(st.sampled_from(["mem_1", "key_1"])),
        token=draw(tokens),
        sender=draw(st.sampled_from(["0xtreasury", WINDOWED_SENDER])),
        fee_ceiling=draw(base_units),
        credits=draw(st.integers(0, 50)),
        hold=hold,
        plan_hash=draw(st.none() | st.binary(min_size=32, max_size=32)),
        client_reference=draw(st.none() | st.builds(lambda: f"reference {uuid4()}")),
        metadata=draw(st.dictionaries(texts, texts, max_size=3)),
        accepted_at=draw(instants),
        waiting_since=draw(st.none() | instants),
    )
    if draw(st.booleans()):
        return deployment
    return deployment.placed("0xowner", draw(st.none() | st.just("0xpredicted")))


def legal_events(deployment: Deployment, hold: HoldId | None) -> st.SearchStrategy[Event]:
    """What may happen next, by the sentences of the specification; never by the state table.

    *hold* pays for a retry; without one nothing is retried.
    """
    choices: list[st.SearchStrategy[Event]] = []
    state, step = deployment.state, deployment.step
    slot, number = step.open_slot, step.number
    if state is State.QUEUED and slot is None:
        choices += [
            st.builds(
                Queued,
                kind=st.just("k"),
                network=st.just(deployment.network),
                credits=st.just(deployment.credits),
            ),
            st.just(_failed(Reason.DEPLOYMENT_VALIDATION_FAILED)),
        ]
        if deployment.kind is not OperationKind.HAND_OVER:
            choices.append(st.just(Cancelled()))
    if state in {State.QUEUED, State.SUBMITTED, State.PENDING}:
        if slot is None and deployment.owner is not None:
            choices.append(
                st.builds(SlotReserved, step=st.just(number), slot=st.just(a_slot(deployment)))
            )
        choices.append(
            st.builds(
                EffectFound,
                step=st.just(number),
                attempt=attempts(len(step.attempts) + 1, AttemptRole.EFFECT, AttemptOrigin.FOUND),
                slot=st.just(a_slot(deployment)),
            )
        )
        if slot is not None:
            choices += _in_an_open_slot(deployment, number, slot)
    if slot is None and state is State.SUBMITTED:
        choices.append(st.just(_failed(Reason.TRANSACTION_SUBMISSION_FAILED)))
    if slot is None and state is State.PENDING and not any(s.is_final for s in deployment.steps):
        choices.append(st.just(_failed(Reason.TRANSACTION_REVERTED)))
    # Before everything is there, a person ends only what has begun and has nothing under way.
    has_begun = any(each.is_final for each in deployment.steps)
    if state in {State.CONFIRMED, State.INDEXED} or (
        state is State.PENDING and has_begun and slot is None
    ):
        choices.append(st.just(_failed(Reason.POST_DEPLOYMENT_FAILED)))
    if state is State.CONFIRMED:
        choices.append(st.just(ReadBack(token=deployment.result or "")))
    if state in {State.CONFIRMED, State.INDEXED}:
        choices.append(st.just(Completed(credits=deployment.credits)))
    if state is State.FAILED and deployment.may_retry and hold is not None:
        choices.append(st.just(RetryRequested(hold=hold)))
    if state.is_open:
        reasons = st.sampled_from(WaitReason)
        choices.append(st.builds(Waits, reason=reasons, detail=texts))
    return st.one_of(choices) if choices else st.nothing()


@st.composite
def histories(
    draw: st.DrawFn, deployment: Deployment, holds: tuple[HoldId, ...] = (), longest: int = 12
) -> list[tuple[Event, Deployment]]:
    """What happened to *deployment*, one legal event after another, and what it was after each."""
    history: list[tuple[Event, Deployment]] = []
    unused = list(holds)
    for _ in range(draw(st.integers(0, longest))):
        events = legal_events(deployment, unused[0] if unused else None)
        if events.is_empty:
            break
        event = draw(events)
        if isinstance(event, RetryRequested):
            unused.pop(0)
        deployment = deployment.apply(event)
        if draw(st.booleans()) and deployment.state.is_open:
            deployment = deployment.awaiting(draw(st.sampled_from(WaitReason)), draw(instants))
        history.append((event, deployment))
    return history


def _in_an_open_slot(
    deployment: Deployment, number: int, slot: Slot
) -> list[st.SearchStrategy[Event]]:
    next_attempt = len(deployment.step.attempts) + 1
    choices: list[st.SearchStrategy[Event]] = [
        st.builds(Signed, step=st.just(number), attempt=attempts(next_attempt, role))
        for role in AttemptRole
    ]

    def spent(state: SlotState, id: TransactionId | None) -> st.SearchStrategy[Event]:
        return st.builds(
            SlotSpent,
            step=st.just(number),
            slot_state=st.just(state),
            at=blocks,
            transaction_id=st.just(id),
        )

    choices.append(spent(SlotState.EXPIRED if slot.expires else SlotState.LOST, None))
    for attempt in slot.attempts:
        id = attempt.transaction_id
        choices += [
            st.builds(Broadcast, step=st.just(number), transaction_id=st.just(id), at=instants),
            st.builds(Rejected, step=st.just(number), transaction_id=st.just(id), detail=texts),
            st.builds(SeenInBlock, step=st.just(number), inclusion=inclusions(id)),
        ]
        if not slot.expires:
            choices.append(spent(SlotState.SPENT, id))
        if attempt.role is AttemptRole.EFFECT and deployment.state is State.PENDING:
            choices.append(
                st.builds(
                    StepFinal,
                    step=st.just(number),
                    inclusion=inclusions(id, succeeded=True),
                    token=st.just("0xtoken"),
                )
            )
    if deployment.step.inclusion is not None:
        choices.append(st.builds(BlockVanished, step=st.just(number), block=blocks))
    return choices


def inclusions(id: TransactionId, succeeded: bool | None = None) -> st.SearchStrategy[Inclusion]:
    return st.builds(
        Inclusion,
        transaction_id=st.just(id),
        block=blocks,
        succeeded=st.booleans() if succeeded is None else st.just(succeeded),
        cost=base_units,
    )


def _failed(reason: Reason) -> Failed:
    is_proven = reason is not Reason.POST_DEPLOYMENT_FAILED
    return Failed(reason=reason, without_effect=is_proven, detail="it did not work")
