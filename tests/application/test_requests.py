"""What is accepted, what is refused, and that asking twice is asking once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError
from uuid import uuid4

import pytest
from attrs import evolve, fields

from adapters.memory.chain import a_network
from application.deployments.cancel import CancelDeployment
from application.deployments.request import Accepted
from application.ports.custody import Capabilities
from application.ports.storage.work import Scope
from domain.account import AccountState
from domain.deployment import Deployment
from domain.errors import Refusal
from domain.identifiers import OperationId
from domain.network import NetworkClass
from domain.operation import WaitReason
from domain.organisation import PERMISSIONS, Permission, Role
from domain.plan import Plan
from domain.signing import Curve
from tests.application.house import House, State
from tests.catalogue import STARTER, UNLIMITED


def is_refused(answer, code):
    assert isinstance(answer, Refusal), answer
    assert answer.code == code
    assert answer.detail


def nothing_happened(house):
    assert house.deployments() == ()
    assert house.credits == (25, 0, 0)
    house.is_intact()


def is_accepted(answer) -> Deployment:
    assert isinstance(answer, Accepted), answer
    return answer.deployment


# Asking twice.


def test_a_replay_answers_with_the_state_as_it_is_now():
    house = House()
    id = is_accepted(house.request(key="k")).id
    house.work_until_done()
    again = house.request(key="k")
    assert isinstance(again, Accepted)
    assert again.replayed
    assert (again.deployment.id, again.deployment.state) == (id, State.COMPLETED)
    assert len(house.deployments()) == 1
    assert house.credits == (20, 0, 5)


def test_a_key_used_for_another_request_is_refused_and_the_first_answer_stays():
    house = House()
    id = is_accepted(house.request(key="k")).id
    is_refused(house.request(key="k", fingerprint=b"x" * 32), "idempotency_key_reused")
    assert is_accepted(house.request(key="k")).id == id
    assert house.credits == (20, 5, 0)


def test_keys_of_other_routes_modes_and_organisations_are_other_keys():
    house = House()
    is_accepted(house.request(key="k"))
    other = house.neighbour()
    is_accepted(other.request(key="k"))
    assert len(house.deployments()) == len(other.deployments()) == 1


def test_a_refusal_by_a_rule_repeats_for_a_day_even_when_its_cause_is_gone():
    house = House()
    for _ in range(5):
        house.deploy()
    is_refused(house.request(key="late"), "monthly_quota_exceeded")
    house.set_tariff(house.registered.organisation.id, STARTER, "asked for")
    house.grant(100)
    is_refused(house.request(key="late"), "monthly_quota_exceeded")
    is_accepted(house.request(key="new"))
    house.pass_time(timedelta(hours=24, seconds=1))
    is_accepted(house.request(key="late"))
    house.is_intact()


def test_a_refusal_that_asks_to_come_back_is_not_remembered():
    house = House()
    tables = {table.name: table for table, _ in house.backup()}
    signers = dict(tables["signers"].rows)
    tables["signers"].rows = {}
    is_refused(house.request(key="k"), "network_not_ready")
    nothing_happened(house)
    tables["signers"].rows = signers
    is_accepted(house.request(key="k"))


def test_an_accepted_answer_is_repeated_for_thirty_days():
    house = House()
    id = is_accepted(house.request(key="k")).id
    house.pass_time(timedelta(days=29))
    assert is_accepted(house.request(key="k")).id == id


def test_a_second_request_while_the_first_is_worked_on_is_told_to_come_back():
    house = House()
    with house.store.begin(house.scope) as work:
        work.idempotency.take(house.key("k"), house.clock.now())
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(house.request, key="k").result()
    is_refused(answer, "request_in_flight")
    assert answer.retry_after
    nothing_happened(house)
    is_accepted(house.request(key="k"))


def at_once(house, number, **each):
    barrier = Barrier(number)

    def ask(turn):
        barrier.wait()
        return house.request(**{name: value(turn) for name, value in each.items()})

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(ask, range(number)))


def test_fifty_threads_with_one_key_start_one_deployment():
    house = House()
    answers = at_once(house, 50, key=lambda _: "one")
    ids = {a.deployment.id for a in answers if isinstance(a, Accepted)}
    assert len(ids) == 1
    refusals = {a.code for a in answers if isinstance(a, Refusal)}
    assert refusals <= {"request_in_flight"}
    assert {is_accepted(house.request(key="one")).id for _ in range(3)} == ids
    assert house.credits == (20, 5, 0)
    assert house.open_holds == 1
    house.is_intact()


def test_threads_with_keys_of_their_own_spend_no_credit_twice():
    house = House()
    house.set_tariff(house.registered.organisation.id, UNLIMITED, "no quota")
    answers = at_once(house, 20, key=lambda turn: f"k{turn}")
    accepted = [a for a in answers if isinstance(a, Accepted)]
    assert len(accepted) == 5
    assert {a.code for a in answers if isinstance(a, Refusal)} == {"insufficient_credits"}
    assert house.credits == (0, 25, 0)
    house.is_intact()
    house.work_until_done()
    assert house.credits == (0, 0, 25)


def test_threads_that_want_the_last_places_of_the_month_get_no_more_than_there_are():
    house = House()
    house.grant(1_000)
    answers = at_once(house, 12, key=lambda turn: f"k{turn}")
    assert sum(isinstance(a, Accepted) for a in answers) == 5
    assert {a.code for a in answers if isinstance(a, Refusal)} == {"monthly_quota_exceeded"}
    house.is_intact()


def test_two_requests_that_pass_each_other_at_the_gates_do_not_share_the_last_place():
    house = House()
    house.grant(1_000)
    for _ in range(4):
        house.deploy()
    house.chain = _MeetsItself(house.chain)
    answers = at_once(house, 2, key=lambda turn: f"k{turn}")
    assert sum(isinstance(a, Accepted) for a in answers) == 1
    assert {a.code for a in answers if isinstance(a, Refusal)} == {"monthly_quota_exceeded"}


class _MeetsItself:
    """A chain in whose `steps`, asked for behind the gates, two requests would meet."""

    def __init__(self, chain):
        self._chain, self._meeting = chain, Barrier(2)

    def steps(self, token):
        with suppress(BrokenBarrierError):
            self._meeting.wait(0.3)
        return self._chain.steps(token)

    def __getattr__(self, name):
        return getattr(self._chain, name)


def test_threads_that_use_one_client_reference_share_no_deployment():
    house = House()
    answers = at_once(
        house, 12, key=lambda turn: f"k{turn}", client_reference=lambda _: "invoice-7"
    )
    assert sum(isinstance(a, Accepted) for a in answers) == 1
    assert {a.code for a in answers if isinstance(a, Refusal)} == {"client_reference_used"}
    assert house.credits == (20, 5, 0)
    house.is_intact()


def test_a_cancellation_and_the_worker_never_both_win():
    for _ in range(10):
        house = House()
        id = house.deploy().id
        barrier = Barrier(2)

        def cancel(house=house, id=id, barrier=barrier):
            barrier.wait()
            return house.cancel(id)

        def work(house=house, barrier=barrier):
            barrier.wait()
            house.work_until_done()

        with ThreadPoolExecutor(2) as pool:
            answer = pool.submit(cancel)
            pool.submit(work).result()
        if isinstance(answer.result(), Deployment):
            assert house.get(id).state is State.CANCELLED
            assert not house.chain.node.mined
        else:
            is_refused(answer.result(), "too_late_to_cancel")
            assert house.get(id).state is State.COMPLETED
        house.is_intact()


# Quota and credits.


def test_a_full_quota_has_a_code_and_no_effect():
    house = House()
    house.grant(1_000)
    for _ in range(5):
        house.deploy()
    before = house.credits
    is_refused(house.request(), "monthly_quota_exceeded")
    assert house.credits == before
    assert len(house.deployments()) == 5
    house.is_intact()


def test_a_cancelled_deployment_gives_its_place_back():
    house = House()
    ids = [house.deploy().id for _ in range(5)]
    is_refused(house.request(), "monthly_quota_exceeded")
    assert isinstance(house.cancel(ids[0]), Deployment)
    assert house.credits == (5, 20, 0)
    is_accepted(house.request())
    is_refused(house.request(), "monthly_quota_exceeded")
    house.is_intact()


def test_a_deployment_that_failed_without_effect_gives_its_place_back():
    house = House()
    house.chain.node.reverts = 1
    ids = [house.deploy().id for _ in range(5)]
    house.work_until_done()
    assert [house.get(id).state for id in ids].count(State.FAILED) == 1
    is_accepted(house.request())
    is_refused(house.request(), "monthly_quota_exceeded")


def test_the_quota_is_a_calendar_months():
    house = House()
    house.grant(1_000)
    for _ in range(5):
        house.deploy()
    house.pass_time(timedelta(days=31))
    is_accepted(house.request())


def test_a_retry_needs_a_place_and_credits_like_a_request():
    house = House()
    house.chain.refuses = "no"
    id = house.deploy().id
    house.work_until_done()
    house.chain.refuses = None
    house.pass_time(timedelta(hours=1))
    ids = [house.deploy().id for _ in range(5)]
    is_refused(house.retry(id, "a"), "monthly_quota_exceeded")
    house.set_tariff(house.registered.organisation.id, UNLIMITED, "no quota")
    is_refused(house.retry(id, "b"), "insufficient_credits")
    assert house.get(id).state is State.FAILED
    assert isinstance(house.cancel(ids[0]), Deployment)
    is_refused(house.retry(id, "b"), "insufficient_credits")
    is_accepted(house.retry(id, "c"))
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    assert house.credits == (0, 0, 25)
    house.is_intact()


def test_a_retry_is_asked_for_once_per_key_and_only_after_a_failure():
    house = House()
    house.chain.refuses = "no"
    id = house.deploy().id
    is_refused(house.retry(id, "too early"), "not_retryable")
    is_refused(house.retry(OperationId(uuid4()), "nobody's"), "not_found")
    house.work_until_done()
    house.chain.refuses = None
    first, second = house.retry(id, "r"), house.retry(id, "r")
    assert isinstance(second, Accepted)
    assert second.replayed
    assert is_accepted(first).hold == second.deployment.hold
    assert house.credits == (20, 5, 0)
    is_refused(house.retry(id, "another"), "not_retryable")
    house.work_until_done()
    is_refused(house.retry(id, "too late"), "not_retryable")
    house.is_intact()


def test_too_few_credits_have_a_code_and_no_effect():
    house = House()
    house.set_tariff(house.registered.organisation.id, UNLIMITED, "no quota")
    for _ in range(5):
        house.deploy()
    is_refused(house.request(key="sixth"), "insufficient_credits")
    assert house.credits == (0, 25, 0)
    assert len(house.deployments()) == 5
    house.grant(5)
    is_refused(house.request(key="sixth"), "insufficient_credits")
    is_accepted(house.request(key="seventh"))
    house.is_intact()


# Plans.


def planned(house, **changes):
    from application.deployments.request import DeploymentRequest

    request = DeploymentRequest(network=house.network, token=house.token(**changes))
    answer = house.plan()(house.caller, request)
    assert not isinstance(answer, Refusal), answer
    plan, _ = answer
    return plan


def test_what_was_planned_is_what_is_done():
    house = House()
    plan = planned(house)
    nothing_happened(house)
    deployment = is_accepted(
        house.request(deployment=plan.deployment, plan_hash=plan.hash, key="k")
    )
    assert (deployment.id, deployment.credits) == (plan.deployment, plan.credits)
    house.work_until_done()
    done = house.get(plan.deployment)
    assert done.result == plan.predicted
    assert (done.owner, done.sender) == (plan.owner, plan.sender)


def test_a_request_that_differs_from_its_plan_is_refused():
    house = House()
    plan = planned(house)
    for changes in ({"supply": "1001"}, {"name": "Silver"}, {"decimals": 3}, {"symbol": "SLV"}):
        answer = house.request(
            deployment=plan.deployment, plan_hash=plan.hash, token=house.token(**changes)
        )
        is_refused(answer, "plan_changed")
        assert [fault.pointer for fault in answer.faults] == ["/plan_hash"]
    nothing_happened(house)
    is_accepted(house.request(deployment=plan.deployment, plan_hash=plan.hash))


def test_the_hash_of_one_plan_does_not_open_another_id():
    house = House()
    first, second = planned(house), planned(house)
    answer = house.request(deployment=second.deployment, plan_hash=first.hash)
    is_refused(answer, "plan_changed")
    nothing_happened(house)


def test_a_plans_hash_covers_all_that_is_promised():
    plan = planned(House())
    unlike = {
        "network": "memory:2",
        "token": planned(House(), supply="7").token,
        "owner": "0x1",
        "sender": "0x2",
        "predicted": "0x3",
        "steps": (),
        "fee_ceiling": 1,
        "credits": 1,
    }
    promised = {attribute.name for attribute in fields(Plan)} - {"deployment"}
    assert promised == set(unlike)
    hashes = {evolve(plan, **{name: value}).hash for name, value in unlike.items()}
    assert len(hashes | {plan.hash}) == len(unlike) + 1


@pytest.mark.parametrize(
    ("later", "code"),
    [
        (timedelta(hours=23, minutes=59), None),
        (timedelta(hours=24, seconds=1), "plan_expired"),
        (timedelta(days=300), "plan_expired"),
    ],
)
def test_a_plan_is_good_for_a_day(later, code):
    house = House()
    plan = planned(house)
    house.pass_time(later)
    answer = house.request(deployment=plan.deployment, plan_hash=plan.hash)
    if code is None:
        is_accepted(answer)
    else:
        is_refused(answer, code)
        assert house.deployments() == ()


def test_an_id_from_the_future_or_of_another_make_is_no_plans():
    house = House()
    plan = planned(house)
    house.pass_time(-timedelta(minutes=2))
    is_refused(house.request(deployment=plan.deployment), "plan_expired")
    is_refused(house.request(deployment=OperationId(uuid4())), "plan_expired")
    nothing_happened(house)


def test_an_id_is_used_once_whatever_became_of_it():
    house = House()
    plan = planned(house)
    is_accepted(house.request(deployment=plan.deployment))
    is_refused(house.request(deployment=plan.deployment), "deployment_id_used")
    assert isinstance(house.cancel(plan.deployment), Deployment)
    is_refused(house.request(deployment=plan.deployment), "deployment_id_used")
    house.is_intact()


def test_a_plan_says_why_it_would_wait():
    from application.deployments.request import DeploymentRequest

    house = House(funds=0)
    request = DeploymentRequest(network=house.network, token=house.token())
    plan, quote = house.plan()(house.caller, request)
    assert quote.would_wait_for is WaitReason.TREASURY_EMPTY
    assert all(signer.impediment is None for step in plan.steps for signer in step.signers)
    nothing_happened(house)


@pytest.mark.parametrize(
    ("longest", "impediment"), [(31, "message_too_long"), (32, None), (None, None)]
)
def test_a_plan_says_whether_the_custodian_takes_messages_that_long(longest, impediment):
    """AWS KMS signs no more than 4,096 bytes; this chain's longest message is a digest."""
    from application.deployments.request import DeploymentRequest

    house = House()

    class Narrow:
        def capabilities(self) -> Capabilities:
            return evolve(house.custodian.capabilities(), max_message_bytes=longest)

    plan = evolve(house.plan(), custodians={house.custodian_scheme: Narrow()})
    request = DeploymentRequest(network=house.network, token=house.token())
    planned, _ = plan(house.caller, request)
    assert [s.impediment for step in planned.steps for s in step.signers] == [impediment]


@pytest.mark.parametrize(("longest", "is_accepted_there"), [(31, False), (32, True)])
def test_what_is_longer_than_the_custodian_signs_is_not_accepted(longest, is_accepted_there):
    """Else it would be held for, and fail at its first signature."""
    house = House()

    class Narrow:
        def capabilities(self) -> Capabilities:
            return evolve(house.custodian.capabilities(), max_message_bytes=longest)

    answer = house.request(custodians={house.custodian_scheme: Narrow()})
    if is_accepted_there:
        is_accepted(answer)
    else:
        is_refused(answer, "message_too_long")
        nothing_happened(house)


class Edwards:
    """A custodian of a key service that has no secp256k1."""

    def capabilities(self) -> Capabilities:
        return Capabilities(curves=frozenset({Curve.ED25519}))


@pytest.mark.parametrize(
    ("custodians", "code"),
    [({}, "custodian_not_configured"), ({"memory": Edwards()}, "curve_not_offered")],
)
def test_what_nobody_here_can_sign_is_not_accepted(custodians, code):
    """Else it would wait for its signer for ever, with the credits held."""
    from application.deployments.request import DeploymentRequest

    house = House()
    is_refused(house.request(custodians=custodians), code)
    nothing_happened(house)
    plan = evolve(house.plan(), custodians=custodians)
    request = DeploymentRequest(network=house.network, token=house.token())
    planned, _ = plan(house.caller, request)
    assert [s.impediment for step in planned.steps for s in step.signers] == [code]


def test_an_account_whose_custodian_is_not_at_hand_issues_nothing():
    """Though the treasury's is."""
    house = House()
    with house.store.begin(house.scope) as work:
        account = work.accounts.find(house.chain.network.family, live=False)
        work.accounts.put(evolve(account, custodian="vault"))
    is_refused(house.request(), "custodian_not_configured")
    nothing_happened(house)


def test_planning_before_the_account_is_ready_is_refused_and_creating_without_a_plan_waits():
    from application.deployments.request import DeploymentRequest

    house = House(is_account_ready=False)
    request = DeploymentRequest(network=house.network, token=house.token())
    is_refused(house.plan()(house.caller, request), "account_not_ready")
    is_refused(house.request(plan_hash=b"h" * 32), "account_not_ready")
    nothing_happened(house)
    is_accepted(house.request())


# Client references.


def test_a_client_reference_is_unique_for_ever():
    house = House()
    id = is_accepted(house.request(client_reference="invoice-7")).id
    is_refused(house.request(client_reference="invoice-7"), "client_reference_used")
    assert isinstance(house.cancel(id), Deployment)
    house.pass_time(timedelta(days=20))
    is_refused(house.request(client_reference="invoice-7"), "client_reference_used")
    is_accepted(house.request(client_reference="invoice-8"))
    is_accepted(house.neighbour().request(client_reference="invoice-7"))


# Who may, where.


@pytest.mark.parametrize("role", Role)
def test_only_who_may_deploy_deploys_cancels_and_retries(role):
    house = House()
    id = house.deploy().id
    caller = evolve(house.caller, permissions=PERMISSIONS[role])
    answer = house.request(caller=caller)
    if role in {Role.OWNER, Role.ISSUER, Role.DEVELOPER}:
        is_accepted(answer)
        return
    is_refused(answer, "forbidden")
    stranger = house.neighbour()
    is_refused(stranger.cancel(id), "not_found")
    assert house.credits == (20, 5, 0)


def test_a_live_key_deploys_nothing_on_a_test_network():
    house = House()
    key = evolve(house.caller, live=True, user=None)
    is_refused(house.request(caller=key), "mode_mismatch")
    nothing_happened(house)
    is_accepted(house.request(caller=evolve(key, live=False)))


def on_network(house, network_class):
    """The house with its network in another class."""
    network = evolve(a_network("memory:9"), network_class=network_class)
    with house.store.begin(Scope.installation()) as work:
        work.networks.register(network)
        work.signers.add(evolve(house.signer, network=network.id))
    house.chain._network = network
    house.network = network.id
    return house


def test_the_free_tariff_does_not_reach_live_networks():
    house = on_network(House(), NetworkClass.LIVE)
    is_refused(house.request(), "tariff_too_low")
    nothing_happened(house)


@pytest.mark.parametrize("network_class", [NetworkClass.TEST, NetworkClass.LIVE])
def test_before_an_address_is_verified_nothing_is_signed_outside_development(network_class):
    house = on_network(House(), network_class)
    house.set_tariff(house.registered.organisation.id, UNLIMITED, "all of it")
    # Somebody of an earlier release, which could not verify anybody.
    house.store._access.verifications.rows.clear()
    is_refused(house.request(), "address_not_verified")
    nothing_happened(house)
    with house.store.begin(Scope(user=house.registered.user.id)) as work:
        work.users.verify(house.clock.now())
    answer = house.request()
    assert isinstance(answer, Refusal) is (network_class is NetworkClass.LIVE), answer
    if network_class is NetworkClass.LIVE:
        # The house has an account for other networks only.
        is_refused(answer, "account_not_found")


def test_a_kind_of_a_higher_class_needs_a_higher_tariff():
    from domain.catalogue import KindClass

    house = House()
    described = house.chain.kinds()
    house.chain = _Kinds(
        house.chain, tuple(evolve(d, kind_class=KindClass.COMPLIANCE) for d in described)
    )
    is_refused(house.request(), "tariff_too_low")
    house.set_tariff(house.registered.organisation.id, UNLIMITED, "all of it")
    is_accepted(house.request())


class _Kinds:
    """A chain that offers its kinds in another class."""

    def __init__(self, chain, kinds):
        self._chain, self._kinds = chain, kinds

    def kinds(self):
        return self._kinds

    def __getattr__(self, name):
        return getattr(self._chain, name)


def test_an_account_that_is_not_to_be_used_is_refused():
    house = House()
    with house.store.begin(house.scope) as work:
        account = work.accounts.find(house.chain.network.family, live=False)
    is_refused(house.request(custodian="vault"), "custodian_not_offered")
    is_refused(house.request(account=house.neighbour().deploy().account), "account_not_found")
    is_accepted(house.request(account=account.id, custodian="memory"))
    with house.store.begin(house.scope) as work:
        work.accounts.lock(account.id)
        work.accounts.put(evolve(account, state=AccountState.DISABLED))
    is_refused(house.request(), "account_disabled")
    house.is_intact()


# Two organisations.


def test_two_organisations_with_one_deployment_id_neither_collide_nor_show():
    house = House()
    other = house.neighbour()
    id = planned(house).deployment
    mine, theirs = (
        is_accepted(house.request(deployment=id)),
        is_accepted(other.request(deployment=id)),
    )
    assert mine.id == theirs.id
    assert mine.organisation != theirs.organisation
    assert isinstance(other.cancel(id), Deployment)
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    assert other.get(id).state is State.CANCELLED
    assert (house.tokens(id), other.tokens(id)) == (1, 0)
    assert house.credits == (20, 0, 5)
    assert other.credits == (25, 0, 0)
    assert {e.organisation for e in house.events(id)} == {mine.organisation}
    assert len({e.id for e in (*house.all_events(), *other.all_events())}) == len(
        house.all_events()
    ) + len(other.all_events())
    house.is_intact()
    other.is_intact()


def test_one_id_of_two_organisations_is_two_tokens():
    house = House()
    other = house.neighbour()
    id = planned(house).deployment
    house.deploy(deployment=id)
    other.deploy(deployment=id)
    house.work_until_done()
    assert (house.tokens(id), other.tokens(id)) == (1, 1)
    assert house.get(id).result != other.get(id).result


def test_a_strangers_deployment_is_as_unknown_as_none():
    house = House()
    other = house.neighbour()
    id, nobody = house.deploy().id, OperationId(uuid4())
    assert other.cancel(id) == other.cancel(nobody)
    assert other.retry(id, "a") == other.retry(nobody, "b")
    assert other.events(id) == []
    assert other.deployments() == ()
    assert house.get(id).state is State.QUEUED


def test_cancelling_twice_is_no_error_and_cancelling_too_late_is_refused():
    house = House()
    id = house.deploy().id
    assert isinstance(house.cancel(id), Deployment)
    assert isinstance(house.cancel(id), Deployment)
    assert house.actions(id).count("deployment.cancelled") == 1
    assert house.credits == (25, 0, 0)
    done = house.deploy().id
    house.work_until_done()
    is_refused(house.cancel(done), "too_late_to_cancel")
    is_refused(house.cancel(OperationId(uuid4())), "not_found")
    assert house.credits == (20, 0, 5)
    house.is_intact()


def test_a_reserved_slot_is_too_late_to_cancel_though_nothing_is_signed_yet():
    house = House()
    id = house.deploy().id
    (claim,) = house.claims()
    house.advance().step(claim)
    assert house.get(id).state is State.QUEUED
    assert house.get(id).step.open_slot
    is_refused(house.cancel(id), "too_late_to_cancel")
    house.give_back([claim])
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED


def test_nobody_without_the_permission_gets_a_plan():
    from application.deployments.request import DeploymentRequest

    house = House()
    caller = evolve(house.caller, permissions=frozenset({Permission.READ_DEPLOYMENTS}))
    request = DeploymentRequest(network=house.network, token=house.token())
    is_refused(house.plan()(caller, request), "forbidden")


def test_nothing_is_cancelled_by_a_process_that_cannot_look_at_its_network():
    """A restored backup may have forgotten that it began; the chain would know."""
    house = House()
    id = is_accepted(house.request()).id
    blind = CancelDeployment(
        store=house.store, chains={}, clock=house.clock, identifiers=house.identifiers
    )
    is_refused(blind(house.caller, id), "network_not_ready")
    assert house.get(id).state is State.QUEUED
    assert house.credits == (20, 5, 0)
