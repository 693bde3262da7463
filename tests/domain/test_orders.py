"""What is done with a token: what it is called, what it changes, and how its steps are told."""

from uuid import UUID

import pytest
from attrs import evolve

from domain.deployment import (
    Broadcast,
    Deployment,
    Failed,
    Reason,
    Signed,
    SlotReserved,
    SlotSpent,
    State,
    StepFinal,
    action_of,
)
from domain.errors import IllegalTransitionError
from domain.identifiers import OperationId, Prefix, public_id
from domain.network import Block
from domain.operation import (
    Attempt,
    AttemptRole,
    Inclusion,
    OperationKind,
    Slot,
    SlotState,
    TransactionId,
)
from domain.token import Action, Order
from tests.contract.tenants import NOW
from tests.domain.test_deployment import queued

BLOCK = Block(number=7, hash="0xb")
MINT = Order(action=Action.MINT, parameters={"amount": "5", "to": "0xwho"})


def an_order() -> Deployment:
    return evolve(
        queued(2),
        kind=OperationKind.MINT,
        order=MINT,
        of=OperationId(UUID(int=8)),
        predicted="0xt",
    )


@pytest.mark.parametrize(
    ("action", "parameters", "change"),
    [
        (Action.MINT, {"amount": "5", "to": "0xwho"}, 5),
        (Action.MINT, {"amount": str(2**256 - 1)}, 2**256 - 1),
        (Action.BURN, {"amount": "5"}, -5),
        (Action.PAUSE, {}, 0),
        (Action.UNPAUSE, {}, 0),
        (Action.HAND_OVER, {"to": "0xnext"}, 0),
    ],
)
def test_an_order_says_by_how_much_the_supply_changes(action, parameters, change):
    assert Order(action=action, parameters=parameters).supply_change == change


def test_every_action_is_an_operation_of_its_own_and_nothing_else_is_on_a_token():
    kinds = {OperationKind.of(action) for action in Action}
    assert len(kinds) == len(Action)
    assert {kind for kind in OperationKind if kind.is_on_a_token} == kinds
    assert OperationKind.DEPLOYMENT not in kinds


def test_its_public_id_says_what_it_is():
    for kind in OperationKind:
        makes = kind in {OperationKind.DEPLOYMENT, OperationKind.INSTALL_FACTORY}
        wanted = Prefix.DEPLOYMENT if makes else Prefix.OPERATION
        deployment = evolve(queued(), kind=kind)
        assert deployment.named == public_id(wanted, deployment.id)
    assert an_order().named.startswith("op_")
    assert queued().named.startswith("dep_")


def slot(deployment: Deployment) -> Slot:
    number = len(deployment.step.slots) + 1
    signer = "0xtreasury" if deployment.step.number == 1 else "0xowner"
    return Slot(number=number, network=deployment.network, signer=signer, sequence=number)


def attempt(deployment: Deployment, **changes: object) -> Attempt:
    number = len(deployment.step.attempts) + 1
    made = Attempt(
        number=number,
        transaction_id=TransactionId(f"0x{deployment.step.number}{number}"),
        raw=b"raw",
        body=b"body",
        fee_cap=1,
        signed_at=NOW,
    )
    return evolve(made, **changes)


def done(deployment: Deployment) -> tuple[list[str], Deployment]:
    """What the carrying out of the current step is called, and what comes of it."""
    number = deployment.step.number
    deployment = deployment.apply(SlotReserved(step=number, slot=slot(deployment)))
    made = attempt(deployment)
    id = made.transaction_id
    inclusion = Inclusion(transaction_id=id, block=BLOCK, succeeded=True, cost=1)
    names = []
    for event in (
        Signed(step=number, attempt=made),
        Broadcast(step=number, transaction_id=id, at=NOW),
        StepFinal(step=number, inclusion=inclusion, token="0xt"),
    ):
        before, deployment = deployment, deployment.apply(event)
        names.append(action_of(before.state, event, deployment.state).partition(".")[2])
    return names, deployment


def test_the_first_step_submits_the_last_one_confirms_and_others_are_told_as_steps():
    first, begun = done(queued(3))
    second, further = done(begun)
    third, confirmed = done(further)
    assert first == ["submitted", "pending", "step_confirmed"]
    assert second == ["step_signed", "step_sent", "step_confirmed"]
    assert third == ["step_signed", "step_sent", "confirmed"]
    assert [each.state for each in (begun, further)] == [State.PENDING] * 2
    assert confirmed.state is State.CONFIRMED
    only, _ = done(queued())
    assert only == ["submitted", "pending", "confirmed"]


def test_what_is_signed_again_for_a_later_step_is_told_as_what_it_is_for():
    _, begun = done(an_order())
    begun = begun.apply(SlotReserved(step=2, slot=slot(begun)))
    begun = begun.apply(Signed(step=2, attempt=attempt(begun)))
    state = State.PENDING
    again = Signed(step=2, attempt=attempt(begun))
    fill = Signed(step=2, attempt=attempt(begun, role=AttemptRole.FILL))
    assert action_of(state, again, state) == "deployment.replaced"
    assert action_of(state, fill, state) == "deployment.slot_filling"


def failed(reason: Reason) -> Failed:
    is_proven = reason is not Reason.POST_DEPLOYMENT_FAILED
    return Failed(reason=reason, without_effect=is_proven, detail="why")


def test_what_has_begun_is_never_without_effect():
    _, begun = done(an_order())
    assert begun.has_begun
    spent = begun.apply(SlotReserved(step=2, slot=slot(begun)))
    spent = spent.apply(Signed(step=2, attempt=attempt(spent)))
    with pytest.raises(IllegalTransitionError):
        spent.apply(failed(Reason.POST_DEPLOYMENT_FAILED))
    spent = spent.apply(
        SlotSpent(step=2, slot_state=SlotState.SPENT, at=BLOCK, transaction_id=None)
    )
    for each in (begun, spent):
        assert each.state is State.PENDING
        assert each.may_be_ended
        with pytest.raises(IllegalTransitionError):
            each.apply(failed(Reason.TRANSACTION_REVERTED))
        ended = each.apply(failed(Reason.POST_DEPLOYMENT_FAILED))
        assert ended.state is State.FAILED
        assert not ended.may_retry
        assert not ended.is_given_back
        assert not ended.may_be_ended
    # The step goes on in a slot of its own, behind the dead one.
    again = spent.apply(SlotReserved(step=2, slot=slot(spent)))
    assert [each.state for each in again.step.slots] == [SlotState.SPENT, SlotState.OPEN]
    assert not again.may_be_ended


def test_nothing_is_ended_by_a_person_before_a_step_is_on_chain_or_after_all_are():
    deployment = an_order()
    assert not deployment.may_be_ended
    deployment = deployment.apply(SlotReserved(step=1, slot=slot(deployment)))
    deployment = deployment.apply(Signed(step=1, attempt=attempt(deployment)))
    assert not deployment.may_be_ended
    id = deployment.step.attempts[0].transaction_id
    deployment = deployment.apply(Broadcast(step=1, transaction_id=id, at=NOW))
    assert deployment.state is State.PENDING
    assert not deployment.may_be_ended
    with pytest.raises(IllegalTransitionError):
        deployment.apply(failed(Reason.POST_DEPLOYMENT_FAILED))
    spent = SlotSpent(step=1, slot_state=SlotState.SPENT, at=BLOCK, transaction_id=id)
    over = deployment.apply(spent)
    assert (over.state, over.step.open_slot) == (State.PENDING, None)
    assert not over.may_be_ended
    with pytest.raises(IllegalTransitionError):
        over.apply(failed(Reason.POST_DEPLOYMENT_FAILED))
    _, begun = done(an_order())
    _, confirmed = done(begun)
    assert not confirmed.may_be_ended
