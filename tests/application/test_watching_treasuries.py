"""Balances are watched: the operator is told once when one falls, and when it is back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from application.notifications.endpoints import ChangeEndpoints, RegisterEndpoint
from application.operator.endpoints import OperatorsEndpoints
from application.operator.watch_treasuries import WatchTreasuries
from application.ports.egress import Reply
from application.ports.storage.work import Scope
from domain.notification import NAMES, OPERATORS_NAMES
from domain.treasury import Level, Thresholds
from domain.webhook import Scheme
from tests.application.house import House

LOW, EMPTY = 10**12, 10**9
TOLD = {"treasury.balance_low", "treasury.empty", "treasury.recovered"}


@pytest.fixture
def house():
    return House(funds=10 * LOW)


def watching(house: House) -> WatchTreasuries:
    return WatchTreasuries(
        store=house.store,
        chains={house.network: house.chain},
        thresholds={house.network: Thresholds(low=LOW, empty=EMPTY)},
        alarms=house.alarms,
        clock=house.clock,
        identifiers=house.identifiers,
    )


def operators(house: House) -> OperatorsEndpoints:
    return OperatorsEndpoints(
        store=house.store,
        register=RegisterEndpoint(
            store=house.store,
            egress=house.egress,
            secrets=house.webhook_secrets,
            clock=house.clock,
            identifiers=house.identifiers,
        ),
        change=ChangeEndpoints(
            store=house.store,
            egress=house.egress,
            clock=house.clock,
            identifiers=house.identifiers,
        ),
        identifiers=house.identifiers,
    )


def told(house: House) -> list[tuple[str, str]]:
    """Of treasuries, oldest first: what and at which balance."""
    with house.store.begin(Scope.installation()) as work:
        events = work.audit.all(limit=100)
    return [
        (each.action, str(each.content()["details"]["balance"]))
        for each in events
        if each.action in TOLD
    ]


def holds(house: House, balance: int) -> None:
    house.chain.fund(
        house.signer.address, balance - house.chain.node.balance(house.signer.address)
    )


def test_each_crossing_is_told_once(house):
    watch = watching(house)
    for balance in (10 * LOW, LOW, LOW - 1, LOW - 2, LOW, EMPTY - 1, 0, EMPTY, 2 * EMPTY, 2 * LOW):
        holds(house, balance)
        watch()
        watch()
    assert told(house) == [
        ("treasury.balance_low", str(LOW - 1)),
        ("treasury.empty", str(EMPTY - 1)),
        ("treasury.balance_low", str(2 * EMPTY)),
        ("treasury.recovered", str(2 * LOW)),
    ]


def test_the_operator_hears_where_to_send_how_much(house):
    holds(house, 5)
    (seen,) = watching(house)()
    assert (seen.balance, seen.level) == (5, Level.EMPTY)
    code, subject, detail = house.alarms.sounded[-1]
    assert (code, subject) == ("treasury_empty", f"{house.network} {house.signer.address}")
    assert f"send {LOW * 11 // 10 - 5} wei or more to {house.signer.address}" in detail
    holds(house, 5 + LOW * 11 // 10 - 5)
    (seen,) = watching(house)()
    assert seen.level is Level.ENOUGH


def test_a_node_that_does_not_answer_says_nothing_about_a_balance(house):
    watch = watching(house)
    watch()
    house.chain.is_down = True
    assert watch() == []
    with house.store.begin(Scope.installation()) as work:
        known = work.signers.holding(house.network, house.signer.address)
    assert known is not None
    assert known.level is Level.ENOUGH
    assert not told(house)


def test_of_workers_that_look_at_once_one_tells(house):
    holds(house, 1)
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda _: watching(house)(), range(16)))
    assert told(house) == [("treasury.empty", "1")]


def test_the_operators_endpoint_is_told(house):
    endpoints = operators(house)
    url = "https://ops.example/hook"
    house.egress.receivers[url] = lambda _: Reply(status=200)
    made = endpoints.add(url, live=True, scheme=Scheme.SHARED)
    assert [each.id for each in endpoints.all()] == [made.endpoint.id]
    holds(house, 1)
    watching(house)()
    house.tell()
    (sent,) = house.egress.received
    assert b'"type":"treasury.empty"' in sent.body
    assert b'"balance":"1"' in sent.body
    endpoints.remove(made.endpoint.id)
    assert endpoints.all() == []


def test_members_may_not_ask_for_what_is_the_operators():
    assert set(OPERATORS_NAMES) == TOLD
    assert not TOLD & set(NAMES)


def test_what_waits_for_an_empty_treasury_goes_on_after_a_top_up(house):
    """Nothing lost: the same deployment, one slot, one token, paid once."""
    holds(house, 1)
    watch = watching(house)
    deployed = house.deploy()
    for _ in range(3):
        house.work()
        watch()
    assert house.get(deployed.id).waiting.value == "treasury_empty"
    holds(house, 10 * LOW)
    house.pass_time(timedelta(minutes=1))
    watch()
    house.work_until_done()
    assert house.get(deployed.id).state.value == "Completed"
    assert house.chain.tokens_of(house.registered.organisation.id, deployed.id) == 1
    assert [what for what, _ in told(house)] == ["treasury.empty", "treasury.recovered"]
