"""What an organisation costs the treasury in a day is counted once, whatever happens meanwhile.

The oracle is the treasury's balance on the chain: what it fell by is what was spent.
"""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.deployments.budget import STALE, Budgets
from application.deployments.request import Accepted, DeploymentRequest
from application.operator.watch_treasuries import WatchTreasuries
from domain.deployment import State
from domain.errors import Refusal
from domain.identifiers import Prefix, public_id
from domain.operation import WaitReason
from domain.treasury import Budget, Thresholds
from tests.application.house import LEASE_IS_OVER, House, examples
from tests.application.mortal import DEATHS, Fate
from tests.application.test_windows import WindowedHouse

FUNDS = 10**15
PLENTY = 10**14


def a_house(limit: int = PLENTY, **changes) -> House:
    house = House(**changes)
    house.budgets = Budgets(limits={house.network: limit})
    return house


def balance(house: House) -> int:
    return house.chain.node.balance(house.signer.address)


def refusal_of(answer) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


def planned(house: House):
    request = DeploymentRequest(network=house.network, token=house.token())
    return house.plan()(house.caller, request)


def test_what_a_deployment_took_is_spent_and_the_rest_is_free_again():
    house = a_house()
    house.deploy()
    assert house.budget() == Budget(house.allowance, 0)
    house.work_until_done()
    assert house.budget() == Budget(0, FUNDS - balance(house))
    assert 0 < house.budget().spent <= house.allowance


def test_what_an_issuer_is_given_is_spent_too():
    house = a_house()
    gold = house.issue()
    house.operate(gold.id)
    house.work_until_done()
    assert house.budget() == Budget(0, FUNDS - balance(house))
    assert house.chain.node.balance(gold.owner) > 0, "what is left stays with the issuer"


@pytest.mark.parametrize("ask", [planned, House.request], ids=["plan", "accept"])
def test_what_is_above_the_days_budget_is_refused_until_tomorrow(ask):
    house = a_house()
    house.budgets = Budgets(limits={house.network: 2 * house.allowance - 1})
    house.deploy()
    refusal = refusal_of(ask(house))
    assert refusal.code == "network_budget_exhausted"
    assert f"{house.allowance - 1} of the day's {2 * house.allowance - 1} wei" in refusal.detail
    assert house.credits[1] == house.catalogue.deployment_credits, "nothing more is held"
    assert refusal.retry_after is not None
    house.pass_time(refusal.retry_after - timedelta(microseconds=1))
    assert refusal_of(ask(house)).code == "network_budget_exhausted"
    house.pass_time(timedelta(microseconds=1))
    assert not isinstance(ask(house), Refusal)


def test_the_rest_of_what_was_set_aside_can_be_used_on_the_same_day():
    house = a_house()
    house.budgets = Budgets(limits={house.network: 2 * house.allowance - 1})
    house.issue()
    assert house.budget().spent < house.allowance
    assert isinstance(house.request(), Accepted)


def test_what_ends_without_effect_costs_only_what_it_took():
    house = a_house()
    cancelled = house.deploy()
    assert not isinstance(house.cancel(cancelled.id), Refusal)
    assert house.budget() == Budget(0, 0)
    house.chain.refuses = "never"
    failed = house.deploy()
    house.work_until_done()
    assert house.get(failed.id).state is State.FAILED
    assert house.budget() == Budget(0, FUNDS - balance(house))
    house.chain.refuses = None
    assert isinstance(house.retry(failed.id), Accepted)
    assert house.budget().reserved == house.allowance
    house.work_until_done()
    assert house.budget() == Budget(0, FUNDS - balance(house))


def test_a_retry_is_counted_on_the_day_on_which_it_is_asked_for():
    house = a_house()
    house.chain.refuses = "never"
    failed = house.deploy()
    house.work_until_done()
    before = FUNDS - balance(house)
    assert house.budget() == Budget(0, before)
    house.pass_time(timedelta(days=1))
    house.chain.refuses = None
    house.budgets = Budgets(limits={house.network: house.allowance - 1})
    assert refusal_of(house.retry(failed.id, key="too much")).code == "network_budget_exhausted"
    house.budgets = Budgets(limits={house.network: house.allowance})
    assert isinstance(house.retry(failed.id), Accepted)
    house.work_until_done()
    assert house.budget() == Budget(0, FUNDS - balance(house) - before)


def test_without_a_budget_nothing_is_counted():
    house = House()
    house.issue()
    assert house.budget() == Budget()


deaths = st.dictionaries(st.integers(0, 60), st.sampled_from(DEATHS), max_size=4)


@given(deaths=deaths, orders=st.integers(0, 2))
@examples(40)
def test_whoever_dies_when_what_was_spent_is_counted_once(deaths, orders):
    house = a_house(instant=True)
    fate = Fate(deaths)
    gold = house.deploy()
    house.lives(fate)
    for _ in range(orders):
        if house.get(gold.id).state is State.COMPLETED:
            house.operate(gold.id)
            house.lives(fate)
    assert house.budget() == Budget(0, FUNDS - balance(house))


def test_a_group_with_a_deposit_costs_no_more_than_was_set_aside():
    house = WindowedHouse(instant=True)
    house.budgets = Budgets(limits={house.network: PLENTY})
    before = house.chain.node.ledger.balances[house.signer.address]
    house.issue()
    after = house.chain.node.ledger.balances[house.signer.address]
    assert house.budget().reserved == 0
    assert house.budget().spent <= house.allowance
    assert before - after == house.budget().spent > 0


# The treasury's balance


def seen(house: House, *, low: int = 0, empty: int = 0) -> None:
    WatchTreasuries(
        store=house.store,
        chains=house.chains,
        thresholds={house.network: Thresholds(low=max(low, empty), empty=empty)},
        alarms=house.alarms,
        clock=house.clock,
        identifiers=house.identifiers,
    )()


@pytest.mark.parametrize("ask", [planned, House.request], ids=["plan", "accept"])
def test_what_a_treasury_cannot_pay_for_is_refused_and_says_what_to_send_where(ask):
    house = a_house(funds=0)
    house.chain.fund(house.signer.address, house.allowance - 3)
    assert not isinstance(ask(house), Refusal), "nobody has looked yet"
    seen(house)
    refusal = refusal_of(ask(house))
    assert refusal.code == "treasury_empty"
    for part in (house.signer.address, house.network, "MEM", "3 wei or more"):
        assert part in refusal.detail
    house.chain.fund(house.signer.address, 3)
    seen(house)
    assert not isinstance(ask(house), Refusal)


def test_a_treasury_below_its_threshold_takes_nothing_more_on():
    house = a_house()
    seen(house, empty=FUNDS + 1)
    assert refusal_of(house.request()).code == "treasury_empty"


def test_old_news_of_a_balance_refuse_nothing():
    house = a_house()
    seen(house, empty=FUNDS + 1)
    house.pass_time(STALE + timedelta(seconds=1))
    assert isinstance(house.request(), Accepted)


# An issuing account that pays for itself


def lows(house: House) -> list[tuple[str, str]]:
    with house.store.begin(house.scope) as work:
        events = work.audit.all(limit=500)
    return [
        (each.subject, str(each.content()["details"]["balance"]))
        for each in events
        if each.action == "account.balance_low"
    ]


def robbed(house: House, address: str) -> int:
    """What the account held, which it does not any more."""
    held = house.chain.node.balance(address)
    house.chain.fund(address, -held)
    return held


@pytest.mark.parametrize("times", [1, 2])
def test_an_issuing_account_with_too_little_is_told_of_once_each_time(times):
    house = a_house(instant=False)
    gold = house.issue_by_hand()
    for time in range(1, times + 1):
        order = house.operate(gold.id)
        given = None
        for _ in range(20):
            claims = house.claims()
            for claim in claims:
                # One act at a time: the account is robbed as soon as it was given its coin.
                house.advance().step(claim)
            house.give_back(claims)
            house.pass_time(LEASE_IS_OVER)
            house.chain.mine()
            if given is None and house.get(order.id).step.number == 2:
                given = robbed(house, gold.owner)
                assert given > 0
        assert house.get(order.id).waiting is WaitReason.TREASURY_EMPTY
        account = public_id(Prefix.ACCOUNT, gold.account)
        assert lows(house) == [(account, "0")] * time
        house.chain.fund(gold.owner, given)
        for _ in range(8):
            house.work()
            house.chain.mine()
        assert house.get(order.id).state is State.COMPLETED
    house.tell()
