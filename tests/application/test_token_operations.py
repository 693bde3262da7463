"""What is done with a token that was issued: asked for, paid, carried out once, told."""

from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from attrs import evolve

from adapters.memory.chain import REJECTED, UNAVAILABLE
from application.deployments.request import Accepted
from application.operator.end import EndOperation
from domain.account import AccountState
from domain.audit import Actor
from domain.deployment import Deployment, Reason
from domain.errors import Refusal
from domain.identifiers import OperationId, Prefix, public_id
from domain.operation import OperationKind, Party, SlotState, WaitReason
from domain.organisation import PERMISSIONS, Permission, Role
from domain.token import Action
from tests.application.house import House, State, states
from tests.application.mortal import Fate
from tests.application.test_windows import WindowedHouse
from tests.catalogue import FREE, TOKENS

#: What a mint has in its history, in this order, whatever else there is.
STORY = ("mint.queued", "mint.submitted", "mint.pending", "mint.confirmed", "mint.completed")


@pytest.fixture(params=[House, WindowedHouse], ids=["counting", "windows"])
def house(request):
    made = request.param(instant=True)
    made.token_of = made.issue().id
    return made


def is_refused(answer, code):
    assert isinstance(answer, Refusal), answer
    assert answer.code == code


def details(event):
    return event.content()["details"]


def changed_account(house, **changes):
    with house.store.begin(house.scope) as work:
        account = work.accounts.find(house.chain.network.family, live=False)
        work.accounts.put(evolve(account, **changes))


# Carried out.


def test_a_mint_costs_one_credit_and_changes_the_supply_by_what_was_asked(house):
    token = house.get(house.token_of)
    assert house.credits == (20, 0, 5)
    mint = house.operate(token.id)
    assert mint.kind is OperationKind.MINT
    assert (mint.of, mint.predicted, mint.owner) == (token.id, token.result, token.owner)
    assert mint.named == public_id(Prefix.OPERATION, mint.id)
    assert house.credits == (19, 1, 5)
    house.work_until_done()
    ended = house.get(mint.id)
    assert ended.state is State.COMPLETED
    assert ended.result == token.result
    assert house.credits == (19, 0, 6)
    assert house.supply(token) == 1_250
    assert house.effects(ended) == 1
    assert house.get(token.id) == token
    house.is_intact()


def test_whatever_a_kind_offers_is_carried_out_in_turn(house):
    token, ended = house.get(house.token_of), []
    for action, parameters, supply, paused in (
        (Action.PAUSE, {}, 1_000, True),
        (Action.UNPAUSE, {}, 1_000, False),
        (Action.BURN, {"amount": "1000"}, 0, False),
        (Action.MINT, {"amount": "7", "to": token.owner}, 7, False),
    ):
        ended.append(house.operate(token.id, action, **parameters).id)
        house.work_until_done()
        house.chain.mine(3)
        state = house.chain.state(token.token, token.result)
        assert (state.supply, state.paused) == (supply, paused)
    assert [house.get(id).state for id in ended] == [State.COMPLETED] * 4
    assert house.credits == (16, 0, 9)
    with house.store.begin(house.scope) as work:
        assert [each.id for each in work.deployments.on_token(token.id)] == ended
    house.is_intact()


def test_the_trail_names_what_was_asked_of_which_token(house):
    mint = house.operate(house.token_of)
    house.work_until_done()
    actions = house.actions(mint.id)
    assert [action for action in actions if action in STORY] == list(STORY)
    assert not [action for action in actions if not action.startswith(("mint.", "credits."))]
    told = details(house.events(mint.id)[0])
    assert told["token"] == public_id(Prefix.TOKEN, house.token_of)
    assert told["order"]["action"] == "mint"
    assert told["order"]["parameters"]["amount"] == "250"
    assert (told["credits"], told["kind"]) == (1, "memory_token")
    assert states(house.events(mint.id)) == [
        "Submitted", "Pending", "Confirmed", "Indexed", "Completed",
    ]  # fmt: skip


def test_each_step_takes_the_slot_of_whom_it_is(house):
    mint = house.operate(house.token_of)
    house.work_until_done()
    ended = house.get(mint.id)
    outlines = house.chain.steps(ended.token, ended.order)
    assert [step.name for step in ended.steps] == [outline.name for outline in outlines]
    for step, outline in zip(ended.steps, outlines, strict=True):
        (slot,) = step.slots
        assert slot.state is SlotState.USED
        assert slot.signer == (ended.owner if outline.slot_of is Party.OWNER else ended.sender)


def test_an_issuer_is_introduced_once_and_pays_for_nobody():
    house = House()
    token = house.issue()
    mints = [house.operate(token.id).id for _ in range(3)]
    house.work_until_done()
    assert [house.get(id).state for id in mints] == [State.COMPLETED] * 3
    issuer = house.signer_now(token.owner)
    assert not issuer.is_treasury
    assert issuer.next_sequence == 3
    assert house.signer_now().next_sequence == 4
    assert house.supply(token) == 1_750
    for sent in (house.deploy(), house.operate(token.id)):
        assert sent.sender == house.signer.address


def test_the_steps_before_the_last_are_told_as_such():
    house = House()
    mint = house.operate(house.issue().id)
    house.work_until_done()
    told = [action.partition(".")[2] for action in house.actions(mint.id)]
    for earlier, later in pairwise(
        ("pending", "step_confirmed", "step_signed", "step_sent", "confirmed", "completed")
    ):
        assert told.index(earlier) < told.index(later)
    assert "replaced" not in told
    assert told.count("submitted") == told.count("pending") == told.count("confirmed") == 1


# Asked for.


def test_the_same_key_is_one_operation_and_another_request_is_refused(house):
    order = house.order(house.token_of)
    first, second = (house.ask(house.token_of, order, key="k") for _ in range(2))
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.deployment.id == second.deployment.id
    other = house.ask(house.token_of, order, key="k", fingerprint=b"x" * 32)
    is_refused(other, "idempotency_key_reused")
    assert house.credits == (19, 1, 5)
    house.work_until_done()
    again = house.ask(house.token_of, order, key="k")
    assert again.deployment.state is State.COMPLETED
    house.is_intact()


def test_a_client_reference_is_for_deployments_and_for_what_is_done_with_tokens(house):
    order = house.order(house.token_of)
    assert isinstance(house.ask(house.token_of, order, client_reference="mine"), Accepted)
    is_refused(house.ask(house.token_of, order, client_reference="mine"), "client_reference_used")
    is_refused(house.request(client_reference="mine"), "client_reference_used")
    assert isinstance(house.request(client_reference="yours"), Accepted)
    is_refused(house.ask(house.token_of, order, client_reference="yours"), "client_reference_used")


def test_what_is_not_there_is_not_changed(house):
    order, other = house.order(house.token_of), house.neighbour()
    unknown = OperationId(uuid4())
    is_refused(house.ask(unknown, order), "not_found")
    is_refused(other.ask(house.token_of, order), "not_found")
    is_refused(house.validate(unknown, Action.PAUSE, {}), "not_found")
    is_refused(other.validate(house.token_of, Action.PAUSE, {}), "not_found")
    mint = house.operate(house.token_of)
    house.work_until_done()
    is_refused(house.ask(mint.id, order), "not_found")
    assert other.credits == (25, 0, 0)


def test_a_token_must_be_there_before_anything_is_done_with_it(house):
    order = house.order(house.token_of)
    young = house.deploy()
    is_refused(house.ask(young.id, order), "token_not_issued")
    is_refused(house.validate(young.id, Action.PAUSE, {}), "token_not_issued")
    house.cancel(young.id)
    is_refused(house.ask(young.id, order), "token_not_issued")
    assert house.credits == (20, 0, 5)


def test_faults_point_into_the_request(house):
    faults = house.validate(house.token_of, Action.MINT, {"amount": "0", "more": 1})
    assert {fault.pointer for fault in faults} == {
        "/parameters/amount", "/parameters/to", "/parameters/more",
    }  # fmt: skip
    fixed = house.issue(token=fixed_token(house))
    is_refused(house.validate(fixed.id, Action.MINT, {}), "action_not_offered")


def fixed_token(house):
    (kind,) = (kind.kind for kind in house.chain.kinds() if not kind.actions)
    parameters = {"name": "Gold", "symbol": "GLD", "decimals": 2, "supply": "1000"}
    return house.chain.token(kind, parameters)


@pytest.mark.parametrize("role", Role)
def test_only_who_may_issue_may_do_something_with_a_token(house, role):
    caller = evolve(house.caller, permissions=PERMISSIONS[role])
    order = house.order(house.token_of)
    answer = house.ask(house.token_of, order, caller=caller, key="k")
    if Permission.WRITE_TOKENS in PERMISSIONS[role]:
        assert isinstance(answer, Accepted)
        return
    is_refused(answer, "forbidden")
    # It was about who asked: somebody who may is not told the same.
    assert isinstance(house.ask(house.token_of, order, key="k"), Accepted)


def test_a_key_of_the_other_mode_is_refused(house):
    live = evolve(house.caller, live=True, actor=Actor("api_key", "key_1"))
    order = house.order(house.token_of)
    is_refused(house.ask(house.token_of, order, caller=live, key="k"), "mode_mismatch")
    test = evolve(live, live=False)
    answer = house.ask(house.token_of, order, caller=test, key="k")
    assert answer.deployment.requested_by == "key_1"


def test_a_tariff_that_lost_the_kind_refuses(house, monkeypatch):
    monkeypatch.setattr(house, "catalogue", without_classes())
    is_refused(house.ask(house.token_of, house.order(house.token_of)), "tariff_too_low")
    assert house.credits == (20, 0, 5)


def without_classes():
    tariffs = {name: evolve(each, classes=frozenset()) for name, each in TOKENS.tariffs.items()}
    return evolve(TOKENS, tariffs=tariffs)


def test_a_disabled_account_does_nothing_more(house):
    order = house.order(house.token_of)
    changed_account(house, state=AccountState.DISABLED)
    is_refused(house.ask(house.token_of, order), "account_disabled")


def test_who_cannot_pay_is_refused_and_owes_nothing(house):
    for _ in range(20):
        house.operate(house.token_of)
    is_refused(house.ask(house.token_of, house.order(house.token_of)), "insufficient_credits")
    assert house.credits == (0, 20, 5)
    house.is_intact()


def test_the_months_number_is_of_deployments(house):
    """FREE has five of them a month, and says nothing of what is done with tokens."""
    for _ in range(8):
        house.operate(house.token_of)
    house.work_until_done()
    house.grant(50)
    for _ in range(4):
        house.deploy()
    is_refused(house.request(), "monthly_quota_exceeded")
    assert isinstance(house.ask(house.token_of, house.order(house.token_of)), Accepted)


# Taken back, failed, tried again.


def test_a_queued_operation_is_cancelled_by_who_may_and_costs_nothing(house):
    mint = house.operate(house.token_of)
    reader = evolve(house.caller, permissions=frozenset({Permission.READ_DEPLOYMENTS}))
    deployer = evolve(house.caller, permissions=frozenset({Permission.WRITE_DEPLOYMENTS}))
    for caller in (reader, deployer):
        is_refused(house.cancel(mint.id, caller=caller), "forbidden")
    cancelled = house.cancel(mint.id)
    assert isinstance(cancelled, Deployment)
    assert cancelled.state is State.CANCELLED
    assert house.credits == (20, 0, 5)
    assert house.actions(mint.id)[-1] == "mint.cancelled"
    house.work_until_done()
    assert house.supply(house.get(house.token_of)) == 1_000
    house.is_intact()


def test_what_cannot_work_fails_before_anything_is_signed_and_is_tried_again(house):
    burn = house.operate(house.token_of, Action.BURN, amount="1001")
    house.work_until_done()
    failed = house.get(burn.id)
    assert (failed.state, failed.failure.reason) == (
        State.FAILED, Reason.DEPLOYMENT_VALIDATION_FAILED,
    )  # fmt: skip
    assert failed.may_retry
    assert house.credits == (20, 0, 5)
    mint = house.operate(house.token_of, amount="1", to=failed.owner)
    house.work_until_done()
    assert house.get(mint.id).state is State.COMPLETED
    assert isinstance(house.retry(burn.id), Accepted)
    assert house.credits == (18, 1, 6)
    house.work_until_done()
    assert house.get(burn.id).state is State.COMPLETED
    assert house.supply(house.get(house.token_of)) == 0
    assert house.credits == (18, 0, 7)
    house.is_intact()


def test_of_two_that_exclude_each_other_one_is_carried_out_and_the_other_ends():
    house = WindowedHouse()
    token = house.issue_by_hand()
    burns = [house.operate(token.id, Action.BURN, amount="1000").id for _ in range(2)]
    for _ in range(60):
        house.work()
        house.chain.mine()
    ended = [house.get(id) for id in burns]
    assert sorted(each.state.value for each in ended) == ["Completed", "Failed"]
    (failed,) = (each for each in ended if each.state is State.FAILED)
    assert failed.may_retry
    assert house.supply(token) == 0
    assert house.credits == (19, 0, 6)
    house.is_intact()


def test_a_refusal_by_a_node_that_is_behind_the_last_window_is_no_end():
    house = WindowedHouse()
    token = house.issue_by_hand()
    mint = house.operate(token.id)
    house.chain.misbehave("submit", *[UNAVAILABLE] * 3)
    house.work()
    assert house.get(mint.id).state is State.SUBMITTED
    house.window_passes()
    (claim,) = house.claims()
    house.advance().step(claim)
    assert house.get(mint.id).step.slot.state is SlotState.EXPIRED
    house.chain.refuses, house.chain.lag = "no", house.chain.network.window + 5
    house.advance().step(claim)
    waiting = house.get(mint.id)
    assert (waiting.state, waiting.waiting) == (State.SUBMITTED, WaitReason.OPERATOR)
    house.chain.lag = 0
    house.advance().step(claim)
    assert house.get(mint.id).may_retry
    assert house.credits == (20, 0, 5)


def test_whoever_may_not_try_again_spoils_no_key(house):
    burn = house.operate(house.token_of, Action.BURN, amount="1001")
    house.work_until_done()
    reader = evolve(house.caller, permissions=frozenset({Permission.READ_DEPLOYMENTS}))
    is_refused(house.retry(burn.id, "k", caller=reader), "forbidden")
    assert isinstance(house.retry(burn.id, "k"), Accepted)


def test_what_a_backup_does_not_know_to_have_begun_is_not_cancelled(house):
    mint = house.operate(house.token_of)
    backup = house.backup()
    house.work_until_done()
    house.restore(backup)
    is_refused(house.cancel(mint.id), "too_late_to_cancel")
    house.lives(Fate({}))
    assert house.get(mint.id).state is State.COMPLETED
    assert house.supply(house.get(house.token_of)) == 1_250


def test_a_first_step_that_reverts_gives_the_credit_back():
    house = House()
    token = house.issue()
    mint = house.operate(token.id)
    house.chain.node.reverts = 1
    house.work_until_done()
    failed = house.get(mint.id)
    assert (failed.state, failed.failure.reason) == (State.FAILED, Reason.TRANSACTION_REVERTED)
    assert house.credits == (20, 0, 5)
    house.retry(mint.id)
    house.work_until_done()
    assert house.get(mint.id).state is State.COMPLETED
    assert house.supply(token) == 1_250
    house.is_intact()


# A later step comes to nothing.


def stuck():
    """A house with a token and a mint whose first step landed, and whose second one did not."""
    house = House(instant=False)
    token = house.issue_by_hand()
    mint = house.operate(token.id)
    house.work()
    assert house.get(mint.id).state is State.PENDING
    house.chain.refuses = "not today"
    for _ in range(6):
        house.chain.mine()
        house.work()
    return house, token, mint.id


def test_a_later_step_that_cannot_work_waits_for_a_person_and_goes_on_when_it_can():
    house, token, id = stuck()
    waiting = house.get(id)
    assert (waiting.state, waiting.waiting) == (State.PENDING, WaitReason.OPERATOR)
    assert waiting.has_begun
    assert house.credits == (19, 1, 5)
    assert house.waits(id) == ["operator"]
    house.chain.refuses = None
    house.chain.instant = True
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    assert house.supply(token) == 1_250
    assert house.credits == (19, 0, 6)
    house.is_intact()


def test_nobody_ends_what_has_landed_meanwhile():
    """A restored backup forgets it; the chain does not."""
    house, token, id = stuck()
    backup = house.backup()
    house.chain.refuses, house.chain.instant = None, True
    house.work_until_done()
    assert house.supply(token) == 1_250
    house.restore(backup)
    is_refused(house.end(id, "it looks stuck"), "not_endable")
    assert house.get(id).state is State.PENDING
    house.operator_looks()
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    assert house.supply(token) == 1_250
    assert house.credits == (19, 0, 6)


def test_nobody_ends_what_could_land_yet():
    house, _, id = stuck()

    class JustBegun:
        """Whose process has not seen a whole window yet."""

        def effect_of(self, intent):
            return evolve(house.chain.effect_of(intent), is_lasting=False)

    end = EndOperation(
        store=house.store,
        chains={house.network: JustBegun()},
        clock=house.clock,
        identifiers=house.identifiers,
    )
    organisation = house.registered.organisation.id
    is_refused(end(organisation, id, "it looks stuck"), "outcome_open")
    is_refused(evolve(end, chains={})(organisation, id, "no nodes here"), "network_not_ready")
    assert house.get(id).state is State.PENDING


def test_a_later_step_that_reverts_is_tried_again_and_never_fails_by_itself():
    house = House(instant=False)
    token = house.issue_by_hand()
    mint = house.operate(token.id)
    house.work()
    house.chain.mine()
    house.chain.node.reverts = 1
    for _ in range(12):
        house.work()
        house.chain.mine()
    ended = house.get(mint.id)
    assert ended.state is State.COMPLETED
    assert [slot.state for slot in ended.steps[1].slots] == [SlotState.SPENT, SlotState.USED]
    assert "operator" in house.waits(mint.id)
    assert house.supply(token) == 1_250
    assert house.credits == (19, 0, 6)
    house.is_intact()


def test_a_stuck_operation_does_not_keep_a_worker_busy():
    house, _, id = stuck()
    before = len(house.events(id))
    claims = house.claims()
    for claim in claims:
        assert house.advance()(claim) is State.PENDING
    assert house.claims() == [], "it is looked at again later"
    assert len(house.events(id)) == before
    assert len(house.get(id).steps[1].slots) == len(house.get(id).steps[1].attempts) == 0


def test_a_person_ends_what_is_stuck_and_it_is_paid_and_over():
    house, token, id = stuck()
    ended = house.end(id, "the issuer has gone")
    assert isinstance(ended, Deployment)
    assert ended.state is State.FAILED
    assert ended.failure.reason is Reason.POST_DEPLOYMENT_FAILED
    assert not ended.may_retry
    assert "the issuer has gone" in ended.failure.detail
    assert ended.steps[0].inclusion.transaction_id in ended.failure.detail
    assert house.credits == (19, 0, 6)
    assert house.actions(id)[-1] == "mint.failed"
    assert house.events(id)[-1].content()["actor"]["kind"] == "operator"
    is_refused(house.retry(id), "not_retryable")
    is_refused(house.end(id), "not_endable")
    house.chain.refuses = None
    house.chain.instant = True
    house.work_until_done()
    assert house.supply(token) == 1_000
    house.is_intact()


def test_nothing_else_is_ended_by_a_person():
    house = House(instant=False)
    token = house.issue_by_hand()
    mint = house.operate(token.id)
    other = house.neighbour()
    seen = set()
    for _ in range(20):
        now = house.get(mint.id)
        seen.add((now.state, now.has_begun))
        if now.step.open_slot or not now.has_begun or now.state is not State.PENDING:
            is_refused(house.end(mint.id), "not_endable")
        is_refused(other.end(mint.id), "not_found")
        for claim in house.claims():
            house.advance().step(claim)
            house.give_back([claim])
        house.pass_time(timedelta(seconds=6))
        house.chain.mine()
    assert house.get(mint.id).state is State.COMPLETED
    assert (State.PENDING, True) in seen
    is_refused(house.end(token.id), "not_endable")
    is_refused(house.end(OperationId(uuid4())), "not_found")
    is_refused(house.end(mint.id, "  "), "reason_missing")


# A signer of an issuer's.


def test_a_foreign_nonce_halts_the_issuer_and_nobody_else():
    house = House(instant=False)
    token = house.issue_by_hand()
    mint = house.operate(token.id)
    while house.get(mint.id).steps[1].open_slot is None:
        house.chain.mine()
        house.work()
    house.chain.evict(house.get(mint.id).steps[1].slots[0].attempts[0].transaction_id)
    house.chain.foreign_transaction(token.owner, 0)
    house.chain.finalise()
    for _ in range(3):
        house.work()
        house.chain.mine()
    assert house.signer_now(token.owner).halted
    assert house.signer_now().halted is None
    halted = house.get(mint.id)
    assert (halted.state, halted.waiting) == (State.PENDING, WaitReason.NETWORK_HALTED)
    where = f"{house.network} {token.owner}"
    assert ("signer_halted", where) in {alarm[:2] for alarm in house.alarms.sounded}
    following = house.deploy()
    house.chain.instant = True
    for _ in range(6):
        house.work()
    assert house.get(following.id).state is State.COMPLETED, "the treasury goes on"
    assert token.owner in house.resume()
    for _ in range(6):
        house.work()
    assert house.get(mint.id).state is State.COMPLETED
    assert house.supply(token) == 1_250
    house.is_intact()


def test_nonces_that_our_records_do_not_know_halt_the_issuer():
    """A backup from before the last mint."""
    house = House()
    token = house.issue()
    house.operate(token.id)
    house.work_until_done()
    backup = house.backup()
    house.operate(token.id)
    house.work_until_done()
    house.restore(backup)
    again = house.operate(token.id)
    house.work(4)
    # The treasury has paid for it, and its records do not say so either.
    assert house.signer_now().halted
    house.operator_looks()
    house.work(4)
    assert house.signer_now(token.owner).halted
    house.operator_looks()
    house.work_until_done()
    assert house.get(again.id).state is State.COMPLETED
    assert house.supply(token) == 1_750, "the forgotten one, too"


def test_no_node_wanting_a_first_step_is_no_effect():
    house = House()
    token = house.issue()
    mint = house.operate(token.id)
    house.chain.misbehave("submit", REJECTED)
    house.work_until_done()
    assert house.get(mint.id).may_retry
    assert house.credits == (20, 0, 5)


def test_a_tariff_is_not_asked_for_its_number_when_an_operation_is_tried_again(house):
    burn = house.operate(house.token_of, Action.BURN, amount="1001")
    house.work_until_done()
    for _ in range(3):
        house.deploy()
    house.work_until_done()
    house.set_tariff(house.registered.organisation.id, FREE, "as before")
    assert isinstance(house.retry(burn.id), Accepted)


def test_an_order_that_nobody_here_can_sign_is_not_accepted(house):
    order = house.order(house.token_of)
    before = house.credits
    is_refused(house.ask(house.token_of, order, custodians={}), "custodian_not_configured")
    assert house.credits == before
    changed_account(house, custodian="vault")
    is_refused(house.ask(house.token_of, order), "custodian_not_configured")
    assert house.credits == before
