"""Issued tokens are watched: what differs is told once, and nobody cries wolf."""

import threading
from collections import Counter
from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.chain import NO_HISTORY, UNAVAILABLE, WRONG_CHAIN
from adapters.memory.clock import MemoryClock
from adapters.memory.identifiers import MemoryIdentifiers
from application.tokens.watch import AGAIN, LEASE, Verdict, WatchForgotten, next_look
from domain.deployment import State
from domain.identifiers import OperationId, Prefix, public_id
from domain.token import Action, Power
from tests.application.house import House
from tests.application.mortal import AFTER, DEATHS, Death, Fate, Mortal, MortalStore
from tests.application.test_windows import WindowedHouse
from tests.application.watching import (
    EVERY,
    Interfered,
    a_watcher,
    alarms,
    events,
    look,
    told,
    watch,
    watched,
)
from tests.contract.tenants import at_once

GROWN = "supply: expected 1000, found 1007"


@pytest.fixture(params=[House, WindowedHouse], ids=["counting", "windows"])
def house(request):
    made = request.param(instant=True)
    made.world = Interfered(made.chain)
    return made


@pytest.fixture
def token(house):
    return house.issue()


# What is told.


def test_of_a_token_that_is_as_planned_nothing_is_said(house, token):
    assert watched(house, token.id).checked_at is None
    assert look(house) == 1
    assert watched(house, token.id).checked_at == house.clock.now()
    assert told(house, token.id) == []
    assert house.alarms.sounded == []


def test_a_difference_is_told_once_and_sounded_at_every_look(house, token):
    look(house)
    house.world.changes = {"supply": 1007}
    for _ in range(3):
        assert look(house) == 1
    assert told(house, token.id) == [("token.drifted", [GROWN])]
    assert alarms(house) == [GROWN] * 3
    assert watched(house, token.id).differences == (GROWN,)


def test_what_was_told_names_token_network_and_block(house, token):
    house.world.changes = {"supply": 1007}
    look(house)
    (event,) = events(house, token.id)
    content, block = event.content(), house.chain.head().final
    assert content["subject"] == public_id(Prefix.TOKEN, token.id)
    assert content["correlation_id"] == public_id(Prefix.DEPLOYMENT, token.id)
    assert content["actor"] == {"id": None, "kind": "worker"}
    assert content["details"]["network"] == house.network
    seen = content["details"]["block"]
    assert 0 < seen["number"] <= block.number
    assert seen["hash"] == house.chain.block_at(seen["number"]).hash
    (alarm,) = house.alarms.sounded
    organisation = public_id(Prefix.ORGANISATION, house.registered.organisation.id)
    subject = f"{house.network} {organisation} {public_id(Prefix.TOKEN, token.id)}"
    assert alarm == ("token_drift", subject, GROWN)


def test_another_difference_is_told_anew(house, token):
    house.world.changes = {"supply": 1007}
    look(house)
    house.world.changes = {"supply": 1007, "powers": {Power.MANAGE: ("0xeve",)}}
    look(house)
    (first, second) = told(house, token.id)
    assert first[1] == [GROWN]
    assert second[0] == "token.drifted"
    assert second[1][0] == GROWN
    assert any(each.startswith("power to manage: ") for each in second[1])


def test_that_all_is_well_again_is_told_once(house, token):
    house.world.changes = {"supply": 1007}
    look(house)
    house.world.changes = {}
    look(house)
    look(house)
    assert told(house, token.id) == [("token.drifted", [GROWN]), ("token.restored", [])]
    assert alarms(house) == [GROWN]
    house.world.changes = {"supply": 1007}
    look(house)
    assert [action for action, _ in told(house, token.id)][-1] == "token.drifted"


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"supply": 999}, "supply: "),
        ({"powers": {}}, "power to mint: "),
        ({"code": "00" * 32}, "code: "),
        ({"paused": True}, "paused: "),
        ({"name": "Fool's gold"}, "name: "),
    ],
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_supply_powers_code_and_what_it_says_of_itself_are_all_compared(
    house, token, changes, difference
):
    house.world.changes = changes
    look(house)
    ((_, differences),) = told(house, token.id)
    assert any(each.startswith(difference) for each in differences)


def test_a_token_that_is_gone_differs(house, token):
    house.world.is_gone = True
    look(house)
    assert told(house, token.id) == [("token.drifted", [f"there is nothing at {token.result}"])]
    assert events(house, token.id)[0].content()["details"]["block"] is None


def test_each_organisation_is_told_of_its_own_tokens_only(house, token):
    neighbour = house.neighbour()
    neighbour.world = house.world
    other = neighbour.issue()
    house.world.changes = {"supply": 1007}
    assert look(house) == 2
    assert [action for action, _ in told(house, token.id)] == ["token.drifted"]
    assert [action for action, _ in told(neighbour, other.id)] == ["token.drifted"]
    assert told(neighbour, token.id) == told(house, other.id) == []


# What is not.


@pytest.mark.parametrize("fault", [UNAVAILABLE, NO_HISTORY], ids=["unavailable", "history"])
def test_bad_news_from_nodes_is_no_news_of_the_token(house, token, fault):
    house.world.changes = {"supply": 1007}
    house.chain.misbehave("state", fault)
    assert look(house) == 1
    assert told(house, token.id) == []
    assert house.alarms.sounded == []
    assert watched(house, token.id).checked_at is None
    assert watch(house) == 0
    house.pass_time(AGAIN)
    assert watch(house) == 1
    assert told(house, token.id) == [("token.drifted", [GROWN])]


def test_a_node_that_is_down_takes_nothing_back(house, token):
    house.world.changes = {"supply": 1007}
    look(house)
    house.chain.is_down = True
    for _ in range(3):
        look(house)
    house.chain.behave()
    look(house)
    assert told(house, token.id) == [("token.drifted", [GROWN])]
    assert len(alarms(house)) == 2


def test_a_node_that_has_not_seen_the_newest_mint_says_nothing_of_it(house, token):
    house.operate(token.id)
    house.work_until_done()
    house.chain.instant, house.chain.lag = False, 50
    look(house)
    assert told(house, token.id) == []
    house.chain.lag = 0
    house.chain.mine(3)
    look(house)
    assert told(house, token.id) == []
    assert watched(house, token.id).checked_at == house.clock.now()


def test_a_node_of_another_chain_halts_the_network_and_says_nothing_of_tokens(house, token):
    house.world.changes = {"supply": 1007}
    house.chain.misbehave("state", WRONG_CHAIN)
    assert look(house) == 1
    assert house.network_status.halted is not None
    assert [code for code, _, _ in house.alarms.sounded] == ["network_halted.wrong_chain"]
    assert told(house, token.id) == []


def test_while_its_network_is_halted_nothing_is_told(house, token):
    house.halt.network(house.network, "final_block_vanished", "the chain is another one")
    house.world.changes = {"supply": 1007}
    look(house)
    assert told(house, token.id) == []
    assert alarms(house) == []
    house.operator_looks()
    look(house)
    assert told(house, token.id) == [("token.drifted", [GROWN])]


def test_while_an_operation_is_under_way_nothing_is_told(house, token):
    mint = house.operate(token.id)
    house.world.changes = {"supply": 1007}
    assert look(house) == 1
    assert told(house, token.id) == []
    house.cancel(mint.id)
    house.pass_time(AGAIN)
    assert watch(house) == 1
    assert told(house, token.id) == [("token.drifted", [GROWN])]


def test_what_was_ordered_through_us_is_no_difference(house, token):
    for action, parameters in (
        (Action.MINT, {}),
        (Action.BURN, {"amount": "10"}),
        (Action.PAUSE, {}),
    ):
        house.operate(token.id, action, **parameters)
        house.work_until_done()
        look(house)
    assert told(house, token.id) == []
    assert watched(house, token.id).checked_at == house.clock.now()


def test_a_mint_that_comes_and_lands_during_the_look_is_no_difference(house, token):
    """Neither the records from before it nor the chain after it are wrong."""

    def somebody_mints():
        mint = house.operate(token.id)
        house.work_until_done()
        assert house.get(mint.id).state is State.COMPLETED
        house.chain.mine(3)

    house.world.meanwhile = [somebody_mints]
    assert look(house) == 1
    assert told(house, token.id) == []
    assert house.alarms.sounded == []
    house.pass_time(AGAIN)
    assert watch(house) == 1
    assert watched(house, token.id).checked_at == house.clock.now()
    assert told(house, token.id) == []


# When.


@given(st.uuids(), st.datetimes(timezones=st.just(UTC)), st.integers(1, 10_080))
def test_each_token_has_its_own_place_in_every_interval(id, now, minutes):
    now = now.replace(year=min(max(now.year, 2), 9_000))
    every = timedelta(minutes=minutes)
    due = next_look(OperationId(id), now, every)
    assert now < due <= now + every
    assert next_look(OperationId(id), due, every) == due + every


def test_tokens_that_are_issued_together_are_not_looked_at_together():
    clock = MemoryClock()
    identifiers, ids = MemoryIdentifiers(clock), []
    for _ in range(600):
        clock.advance(timedelta(milliseconds=1))
        ids.append(OperationId(identifiers.next()))
    now = clock.now()
    minutes = Counter((next_look(id, now, EVERY) - now) // timedelta(minutes=1) for id in ids)
    assert len(minutes) >= 55
    assert max(minutes.values()) < 30


def test_nothing_is_looked_at_before_it_is_due(house, token):
    look(house)
    assert watch(house) == 0
    due_at = watched(house, token.id).due_at
    assert due_at == next_look(token.id, house.clock.now(), EVERY)
    house.pass_time(due_at - house.clock.now() - timedelta(microseconds=1))
    assert watch(house) == 0
    house.pass_time(timedelta(microseconds=1))
    assert watch(house) == 1


def test_only_what_was_issued_is_watched(house):
    cancelled = house.deploy()
    house.cancel(cancelled.id)
    waiting = house.deploy()
    assert look(house) == 0
    assert watched(house, cancelled.id) is watched(house, waiting.id) is None
    mint = house.operate(house.issue().id)
    house.work_until_done()
    assert watched(house, mint.id) is None


def test_tokens_from_before_there_was_a_watch_are_put_into_the_queue(house, token):
    house.deploy()
    forget(house)
    assert look(house) == 0
    remember = WatchForgotten(store=house.store, clock=house.clock)
    assert (remember(), remember()) == (1, 0)
    house.world.changes = {"supply": 1007}
    assert look(house) == 1
    assert told(house, token.id) == [("token.drifted", [GROWN])]


def forget(house):
    """As a release did that knew of no watch."""
    for table, _ in house.backup():
        if table.name == "token_watches":
            table.rows = {}


def test_one_that_goes_wrong_does_not_hold_up_the_others(house, token):
    other = house.issue()

    def boom():
        raise ZeroDivisionError

    house.world.meanwhile = [boom]
    house.pass_time(EVERY)
    with pytest.raises(ZeroDivisionError):
        watch(house)
    assert watch(house) == 1
    house.pass_time(LEASE)
    assert watch(house) >= 1
    assert watched(house, token.id).checked_at is not None
    assert watched(house, other.id).checked_at is not None


# An operator who asks.


def test_one_may_be_looked_at_before_it_is_due(house, token):
    look(house)
    house.world.changes = {"supply": 1007}
    found = a_watcher(house).check(token.organisation, token.id)
    assert (found.verdict, found.differences) == (Verdict.DIFFERS, (GROWN,))
    assert told(house, token.id) == [("token.drifted", [GROWN])]
    house.world.changes = {}
    found = a_watcher(house).check(token.organisation, token.id)
    assert (found.verdict, found.differences, found.problem) == (Verdict.AGREES, (), None)
    house.chain.is_down = True
    found = a_watcher(house).check(token.organisation, token.id)
    assert found.verdict is Verdict.UNKNOWN
    assert found.problem


def test_who_asks_while_somebody_is_looking_is_told_so(house, token):
    answers = []

    def ask():
        answers.append(a_watcher(house).check(token.organisation, token.id))

    house.world.meanwhile = [ask]
    look(house)
    (answer,) = answers
    assert answer.verdict is Verdict.UNKNOWN
    assert house.world.looks.total() == 1


def test_of_a_strangers_token_nothing_is_told(house, token):
    stranger = house.neighbour().registered.organisation.id
    assert a_watcher(house).check(stranger, token.id).verdict is Verdict.UNKNOWN
    assert house.world.looks.total() == 0


# Deaths, and several at once.


def test_whoever_comes_too_late_tells_nothing(house, token):
    """Its lease ran out during the look; another one has looked since."""

    def overtaken():
        house.pass_time(LEASE)
        house.world.changes = {"supply": 1007}
        assert watch(house) == 1
        house.world.changes = {"supply": 999}

    house.world.meanwhile = [overtaken]
    house.pass_time(EVERY)
    assert a_watcher(house)() is True
    assert told(house, token.id) == [("token.drifted", [GROWN])]
    assert alarms(house) == [GROWN]
    assert watched(house, token.id).differences == (GROWN,)


def lives(house, fate):
    """One watcher after the other, each until it dies, until one has looked at all that is due."""
    for _ in range(20):
        watcher = a_watcher(
            house,
            store=MortalStore(house.store, fate),
            chain=Mortal(house.world, fate),
        )
        try:
            while watcher():
                pass
        except Death:
            house.pass_time(LEASE)
            continue
        return
    raise AssertionError


def is_told_once(house, tokens):
    for token in tokens:
        assert told(house, token.id) == [("token.drifted", [GROWN])]
        assert watched(house, token.id).differences == (GROWN,)
    subjects = {subject for _, subject, _ in house.alarms.sounded}
    look(house)
    assert len({subject for _, subject, _ in house.alarms.sounded} | subjects) == len(tokens)
    for token in tokens:
        assert told(house, token.id) == [("token.drifted", [GROWN])]
    house.is_intact()


def a_drifted_house(house_type, number):
    house = house_type(instant=True)
    house.world = Interfered(house.chain)
    tokens = [house.issue() for _ in range(number)]
    house.world.changes = {"supply": 1007}
    house.pass_time(EVERY)
    return house, tokens


@pytest.mark.parametrize("house_type", [House, WindowedHouse], ids=["counting", "windows"])
def test_no_death_of_the_watcher_loses_a_token_or_tells_twice(house_type):
    house, tokens = a_drifted_house(house_type, 1)
    healthy = Fate({})
    lives(house, healthy)
    is_told_once(house, tokens)
    assert {"begin", "commit", "state"} <= set(healthy.calls)
    for call in range(len(healthy.calls)):
        for death in DEATHS:
            house, tokens = a_drifted_house(house_type, 1)
            lives(house, Fate({call: death}))
            is_told_once(house, tokens)
            # Whenever it died, the alarm was not lost with it.
            assert alarms(house), (call, death)


@given(
    st.dictionaries(st.integers(0, 40), st.sampled_from(DEATHS), max_size=4),
    st.integers(1, 3),
)
def test_whatever_deaths_there_are_each_difference_is_told_once(schedule, number):
    house, tokens = a_drifted_house(House, number)
    lives(house, Fate(schedule))
    is_told_once(house, tokens)


def test_a_death_after_the_last_commit_repeats_the_alarm_and_not_the_event():
    house, (token,) = a_drifted_house(House, 1)
    healthy = Fate({})
    a_watcher(house, store=MortalStore(house.store, healthy))()
    house, (token,) = a_drifted_house(House, 1)
    fate = Fate({len(healthy.calls) - 1: AFTER})
    with pytest.raises(Death):
        a_watcher(house, store=MortalStore(house.store, fate))()
    assert told(house, token.id) == [("token.drifted", [GROWN])]
    assert alarms(house) == []
    look(house)
    assert told(house, token.id) == [("token.drifted", [GROWN])]
    assert alarms(house) == [GROWN]


def test_of_several_watchers_one_looks_at_each_token(house):
    tokens = [house.issue() for _ in range(5)]
    house.world.changes = {"supply": 1007}
    house.pass_time(EVERY)
    barrier = threading.Barrier(4)

    def work():
        barrier.wait()
        return watch(house)

    assert sum(at_once([work] * 4)) == 5
    assert house.world.looks == {token.result: 1 for token in tokens}
    for token in tokens:
        assert told(house, token.id) == [("token.drifted", [GROWN])]
