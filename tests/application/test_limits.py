"""Limits that hold for all processes: requests, metered calls, and what is taken in an hour."""

from datetime import timedelta
from uuid import UUID

import pytest
from attrs import evolve

from application.access.caller import Caller
from application.access.throttle import CountRequests
from application.operator.limits import LiftLimits, RaiseLimit
from domain.abuse import AbuseRules, MeteredCall
from domain.audit import Actor
from domain.catalogue import Price, TariffName
from domain.errors import Refusal
from domain.identifiers import ApiKeyId, MemberId, Prefix, public_id
from domain.organisation import ApiKey, Permission
from tests.application.house import House
from tests.catalogue import ENTERPRISE, PROFESSIONAL

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PREMIUM = MeteredCall(credits=3, is_premium=True)


def counting(house: House, **rules: object) -> CountRequests:
    return CountRequests(
        store=house.store,
        catalogue=house.catalogue,
        rules=AbuseRules(**rules),
        clock=house.clock,
        identifiers=house.identifiers,
    )


def told(house: House, prefix: str = "abuse.") -> list[tuple[str, str]]:
    with house.store.begin(house.scope) as work:
        events = work.audit.all(limit=10_000)
    return [
        (each.action, each.subject)
        for each in sorted(events, key=lambda each: each.sequence)
        if each.action.startswith(prefix)
    ]


def code(answer: Refusal | None) -> str | None:
    return answer.code if answer is not None else None


# Changing requests.


def test_all_processes_share_one_limit():
    house = House()
    processes = [counting(house, requests_per_minute=4) for _ in range(3)]
    refusals = [code(process.change(house.caller).refusal) for process in processes * 2]
    assert refusals == [None] * 4 + ["rate_limited"] * 2
    assert told(house) == [("abuse.rate", house.caller.name)], "once a minute"


def test_a_tariff_and_a_key_raise_the_limit_and_do_not_lower_it():
    house = House()
    tariffs = {
        **house.catalogue.tariffs,
        PROFESSIONAL: evolve(house.catalogue.tariffs[PROFESSIONAL], requests_per_minute=7),
    }
    house.catalogue = evolve(house.catalogue, tariffs=tariffs)

    def limit(rule: int, tariff: TariffName | None, key: int | None) -> int:
        caller = evolve(house.caller, tariff=tariff, requests_per_minute=key)
        allowance = counting(house, requests_per_minute=rule).change(caller).allowance
        assert allowance is not None
        return allowance.limit

    assert limit(5, None, None) == 5
    assert limit(5, ENTERPRISE, None) == 5
    assert limit(5, PROFESSIONAL, None) == 7
    assert limit(5, PROFESSIONAL, 9) == 9
    assert limit(30, PROFESSIONAL, 9) == 30
    assert limit(5, TariffName("gone"), None) == 5


def by_key(house: House, number: int = 1, **changes: object) -> Caller:
    """A key that the house's member made."""
    name = public_id(Prefix.API_KEY, ApiKeyId(UUID(int=number)))
    return evolve(house.caller, actor=Actor("api_key", name), **changes)


def test_keys_do_not_multiply_a_members_requests():
    house = House()
    count = counting(house, requests_per_minute=4)
    callers = [house.caller, *(by_key(house, number) for number in range(5))]
    assert [code(count.change(caller).refusal) for caller in callers] == (
        [None] * 4 + ["rate_limited"] * 2
    )
    assert told(house) == [("abuse.rate", house.caller.name)]


def test_a_key_that_the_operator_has_raised_counts_for_itself():
    house = House()
    count = counting(house, requests_per_minute=4)
    raised = by_key(house, requests_per_minute=6)
    assert [code(count.change(raised).refusal) for _ in range(7)] == [None] * 6 + ["rate_limited"]
    assert told(house) == [("abuse.rate", raised.name)]
    assert [code(count.change(house.caller).refusal) for _ in range(5)] == (
        [None] * 4 + ["rate_limited"]
    )


# Metered calls.


def test_keys_share_their_makers_gap_and_block_also_where_they_are_raised():
    house = House()
    count = counting(house)
    one, other = by_key(house, 1), by_key(house, 2, requests_per_minute=600)
    assert count.metered(one, PREMIUM) is None
    assert code(count.metered(other, PREMIUM)) == "too_soon"
    for caller in (one, other, house.caller, one, other):
        count.failed(caller)
    house.pass_time(timedelta(seconds=3))
    assert code(count.metered(one, PREMIUM)) == "spending_blocked"
    assert told(house) == [("abuse.gap", house.caller.name), ("abuse.block", house.caller.name)]


def test_metered_calls_are_gapped_and_blocked_after_five_failures_and_told():
    house = House()
    count = counting(house)
    assert count.metered(house.caller, PREMIUM) is None
    assert code(count.metered(house.caller, PREMIUM)) == "too_soon"
    house.pass_time(timedelta(seconds=3))
    assert count.metered(house.caller, PREMIUM) is None
    for _ in range(5):
        count.failed(house.caller)
    house.pass_time(timedelta(seconds=3))
    assert code(count.metered(house.caller, PREMIUM)) == "spending_blocked"
    house.pass_time(15 * MINUTE)
    assert count.metered(house.caller, PREMIUM) is None
    assert told(house) == [
        ("abuse.gap", house.caller.name),
        ("abuse.block", house.caller.name),
    ]


def test_the_operator_lifts_a_block():
    house = House()
    count = counting(house)
    for _ in range(5):
        count.failed(house.caller)
    lift = LiftLimits(store=house.store, clock=house.clock, identifiers=house.identifiers)
    organisation = house.registered.organisation.id
    assert lift(organisation, house.caller.name, "was a mistake of ours") is True
    assert count.metered(house.caller, PREMIUM) is None
    assert lift(organisation, house.caller.name, "again") is False
    assert isinstance(lift(organisation, None, " "), Refusal)


# What is taken in an hour.


ELEVEN = AbuseRules(credits_per_hour=11)
FREEZING = evolve(ELEVEN, freezes=True)


@pytest.fixture
def house():
    return House()


def take(house: House, rules: AbuseRules, times: int = 1, **changes: object) -> list[str | None]:
    """What becomes of so many deployments, of five credits each."""
    answers = [house.request(rules=rules, **changes) for _ in range(times)]
    return [each.code if isinstance(each, Refusal) else None for each in answers]


def test_more_than_the_hours_credits_are_told_once_of_member_and_organisation(house):
    assert take(house, ELEVEN, 4) == [None] * 4
    organisation = public_id(Prefix.ORGANISATION, house.registered.organisation.id)
    assert told(house) == [
        ("abuse.hourly_spend", house.caller.name),
        ("abuse.hourly_spend", organisation),
    ]


def test_where_it_freezes_nothing_is_taken_for_an_hour_and_no_key_remembers_it(house):
    assert take(house, FREEZING, 3) == [None] * 3
    before = house.credits
    assert take(house, FREEZING, key="later") == ["spending_frozen"]
    assert house.credits == before
    house.pass_time(HOUR - timedelta(microseconds=1))
    assert take(house, FREEZING, key="later") == ["spending_frozen"]
    house.pass_time(timedelta(microseconds=1))
    assert take(house, FREEZING, key="later") == [None]
    house.is_intact()


def test_another_member_of_a_frozen_organisation_is_stopped_too(house):
    other = evolve(house.caller, actor=Actor("member", "mem_other"))
    assert take(house, FREEZING, 3) == [None] * 3
    assert take(house, FREEZING, caller=other) == ["spending_frozen"]


def test_of_two_members_the_one_who_took_much_is_frozen(house):
    rules = evolve(FREEZING, credits_per_hour=9)
    id = MemberId(UUID(int=2))
    other = evolve(house.caller, actor=Actor("member", public_id(Prefix.MEMBER, id)), member=id)
    assert take(house, rules, 2) == [None] * 2
    lift = LiftLimits(store=house.store, clock=house.clock, identifiers=house.identifiers)
    assert lift(house.registered.organisation.id, None, "a big day") is True
    assert take(house, rules) == ["spending_frozen"]
    assert take(house, rules, caller=by_key(house)) == ["spending_frozen"], "a key is its maker's"
    assert take(house, rules, caller=other) == [None]


def test_a_freeze_that_was_lifted_does_not_come_back_in_the_same_hour(house):
    lift = LiftLimits(store=house.store, clock=house.clock, identifiers=house.identifiers)
    organisation = house.registered.organisation.id
    assert take(house, FREEZING, 3) == [None] * 3
    assert lift(organisation, None, "a big day") is True
    assert lift(organisation, house.caller.name, "a big day") is True
    assert take(house, FREEZING) == [None]
    assert [action for action, _ in told(house, "operator.lifted")] == [
        "operator.lifted_limits"
    ] * 2


def test_what_is_refused_for_want_of_credits_is_not_counted_as_taken(house):
    dear = Price(operation="deployment", credits=11)
    house.catalogue = evolve(
        house.catalogue, operations={**house.catalogue.operations, "deployment": dear}
    )
    rules = evolve(FREEZING, credits_per_hour=22)
    assert take(house, rules, 3) == [None, None, "insufficient_credits"]
    assert told(house) == []


# The operator's hand.


def test_an_api_key_is_let_make_more_by_the_operator_with_a_reason(house):
    raise_limit = RaiseLimit(store=house.store, clock=house.clock, identifiers=house.identifiers)
    organisation = house.registered.organisation.id
    key = ApiKey(
        organisation=organisation,
        id=ApiKeyId(house.identifiers.next()),
        name="ci",
        live=False,
        scopes=frozenset({Permission.WRITE_DEPLOYMENTS}),
        secret_hash=bytes(32),
        hint="abcd",
        created_by=house.registered.member.id,
        created_at=house.clock.now(),
    )
    with house.store.begin(house.scope) as work:
        work.api_keys.add(key)
    assert raise_limit(organisation, key.id, 600, "a nightly batch") is None
    with house.store.begin(house.scope) as work:
        assert work.api_keys.get(key.id) == evolve(key, requests_per_minute=600)
    assert told(house, "operator.raised") == [
        ("operator.raised_limit", public_id(Prefix.API_KEY, key.id))
    ]
    assert isinstance(raise_limit(organisation, key.id, 600, " "), Refusal)
    stranger = ApiKeyId(house.identifiers.next())
    assert code(raise_limit(organisation, stranger, 600, "why")) == "not_found"
