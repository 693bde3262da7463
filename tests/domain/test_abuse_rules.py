"""Rates, gaps, blocks and hourly spends: each bound is tried by brute force."""

from datetime import datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.abuse import (
    AbuseRules,
    Change,
    MeteredCall,
    Rule,
    Spending,
    Throttle,
    failed,
    judge,
    spend,
)
from tests.contract.tenants import NOW
from tests.strategies import examples

RULES = AbuseRules()
TICK, SECOND, MINUTE = timedelta(microseconds=1), timedelta(seconds=1), timedelta(minutes=1)
HOUR = timedelta(hours=1)
PREMIUM = MeteredCall(credits=3, is_premium=True)


def changes(*instants: datetime, limit: int = 30) -> tuple[list[bool], Throttle]:
    """Which of the requests were let through, and what is counted then."""
    counters, answers = Throttle(), []
    for now in instants:
        verdict = judge(RULES, counters, Change(limit=limit), now)
        counters = verdict.counters
        answers.append(verdict.refusal is None)
    return answers, counters


def test_as_many_as_the_limit_may_come_at_once_and_not_one_more():
    answers, _ = changes(*[NOW] * 40)
    assert answers == [True] * 30 + [False] * 10


def test_who_comes_later_is_told_when_there_is_room_and_there_is():
    _, counters = changes(NOW, NOW + 10 * SECOND, limit=2)
    verdict = judge(RULES, counters, Change(limit=2), NOW + 20 * SECOND)
    assert verdict.refusal is not None
    assert verdict.refusal.code == "rate_limited"
    wait = verdict.refusal.retry_after
    assert wait is not None
    assert verdict.allowance is not None
    assert (verdict.allowance.remaining, verdict.allowance.wait) == (0, wait)
    then = NOW + 20 * SECOND + wait
    assert judge(RULES, counters, Change(limit=2), then - TICK).refusal is not None
    assert judge(RULES, counters, Change(limit=2), then).refusal is None


def test_the_allowance_says_what_is_left_and_when_all_is():
    verdict = judge(RULES, Throttle(), Change(limit=30), NOW)
    assert verdict.allowance is not None
    assert (verdict.allowance.limit, verdict.allowance.remaining) == (30, 29)
    later = NOW + verdict.allowance.wait
    again = judge(RULES, verdict.counters, Change(limit=30), later).allowance
    assert again is not None
    assert again.remaining == 29


gaps = st.lists(
    st.sampled_from((0, 0, 1, 999_999, 1_000_000, 2_500_000, 7_000_001, 30_000_000, 59_999_999)),
    max_size=120,
)


@settings(max_examples=examples(200))
@given(gaps=gaps, limit=st.integers(1, 12), offset=st.integers(0, 999_999))
def test_no_window_of_a_minute_has_more_than_the_limit_and_nobody_waits_for_nothing(
    gaps: list[int], limit: int, offset: int
):
    now, instants = NOW + offset * TICK, []
    for gap in gaps:
        now += gap * TICK
        instants.append(now)
    answers, counters = changes(*instants, limit=limit)
    passed = [at for at, ok in zip(instants, answers, strict=True) if ok]
    for start in passed:
        assert sum(start <= at < start + MINUTE for at in passed) <= limit
    for at, ok in zip(instants, answers, strict=True):
        before = sum(at - MINUTE - SECOND < other <= at for other in passed)
        assert ok or before >= limit
    assert len(counters.recent) <= 61
    assert list(counters.recent) == sorted(counters.recent)


@settings(max_examples=examples(200))
@given(steps=st.lists(st.integers(-5_000_000, 20_000_000), max_size=80), limit=st.integers(1, 6))
def test_clocks_that_differ_between_processes_let_no_more_through(steps: list[int], limit: int):
    """Of any minute as the slowest clock counts it, less the difference of five seconds."""
    now, instants = NOW, []
    newest = NOW
    for step in steps:
        now = max(now + step * TICK, newest - 5 * SECOND)
        newest = max(newest, now)
        instants.append(now)
    answers, counters = changes(*instants, limit=limit)
    seconds = [second for second, _ in counters.recent]
    assert seconds == sorted(set(seconds)), "one count for each second, the newest last"
    passed = [at for at, ok in zip(instants, answers, strict=True) if ok]
    for start in passed:
        assert sum(start <= at < start + MINUTE - 5 * SECOND for at in passed) <= limit


def test_two_premium_calls_are_three_seconds_apart():
    first = judge(RULES, Throttle(), PREMIUM, NOW)
    assert first.refusal is None
    early = judge(RULES, first.counters, PREMIUM, NOW + 3 * SECOND - TICK)
    assert early.refusal is not None
    assert (early.refusal.code, early.refusal.retry_after) == ("too_soon", TICK)
    assert early.tell is Rule.GAP
    assert judge(RULES, early.counters, PREMIUM, NOW + 3 * SECOND).refusal is None


HOUR = timedelta(hours=1)


@pytest.mark.parametrize("behind", [HOUR, 5 * SECOND + TICK])
def test_after_the_clock_was_set_back_nobody_waits_until_it_was(behind: timedelta):
    """As where a database takes over whose clock is behind: the gap counts, and is no hour."""
    called = judge(RULES, Throttle(), PREMIUM, NOW).counters
    again = judge(RULES, called, PREMIUM, NOW - behind)
    assert (again.refusal, again.counters.premium_at) == (None, NOW - behind)
    early = judge(RULES, again.counters, PREMIUM, NOW - behind + SECOND)
    assert early.refusal is not None
    assert early.refusal.retry_after == 2 * SECOND

    answers, full = changes(*(NOW for _ in range(3)), limit=3)
    assert answers == [True] * 3
    verdict = judge(RULES, full, Change(limit=3), NOW - behind)
    assert verdict.refusal is None
    assert len(verdict.counters.recent) == 1


def test_clocks_of_processes_may_be_five_seconds_apart():
    called = judge(RULES, Throttle(), PREMIUM, NOW).counters
    assert judge(RULES, called, PREMIUM, NOW - 5 * SECOND).refusal is not None
    _, full = changes(*(NOW for _ in range(3)), limit=3)
    assert judge(RULES, full, Change(limit=3), NOW - 5 * SECOND).refusal is not None


def test_other_metered_calls_have_no_gap():
    report = MeteredCall(credits=2, is_premium=False)
    first = judge(RULES, Throttle(), PREMIUM, NOW)
    assert judge(RULES, first.counters, report, NOW).refusal is None
    assert judge(RULES, first.counters, report, NOW).counters.premium_at == NOW


def test_a_refused_call_does_not_move_the_gap():
    counters = judge(RULES, Throttle(), PREMIUM, NOW).counters
    for seconds in (1, 2):
        counters = judge(RULES, counters, PREMIUM, NOW + seconds * SECOND).counters
    assert judge(RULES, counters, PREMIUM, NOW + 3 * SECOND).refusal is None


@pytest.mark.parametrize(
    ("call", "code", "rule"),
    [
        (evolve(PREMIUM, credits=11), "too_many_credits", Rule.CREDITS_PER_REQUEST),
        (evolve(PREMIUM, output_units=2_001), "too_much_output", Rule.OUTPUT),
    ],
    ids=["credits", "output"],
)
def test_what_is_too_much_for_one_request_is_refused_and_counts_as_a_failure(
    call: MeteredCall, code: str, rule: Rule
):
    verdict = judge(RULES, Throttle(), call, NOW)
    assert verdict.refusal is not None
    assert (verdict.refusal.code, verdict.tell) == (code, rule)
    assert verdict.counters.failures.count == 1
    assert verdict.counters.premium_at is None


def test_what_is_just_within_the_limits_goes_through():
    call = evolve(PREMIUM, credits=10, output_units=2_000)
    assert judge(RULES, Throttle(), call, NOW).refusal is None


def test_five_failed_spends_block_spends_for_a_quarter_of_an_hour_and_nothing_else():
    counters = Throttle()
    for _ in range(4):
        verdict = failed(counters, NOW)
        assert verdict.tell is None
        counters = verdict.counters
    assert judge(RULES, counters, PREMIUM, NOW).refusal is None
    fifth = failed(counters, NOW)
    assert fifth.tell is Rule.BLOCK
    blocked = judge(RULES, fifth.counters, PREMIUM, NOW)
    assert blocked.refusal is not None
    assert (blocked.refusal.code, blocked.refusal.retry_after) == ("spending_blocked", 15 * MINUTE)
    assert judge(RULES, fifth.counters, Change(limit=30), NOW).refusal is None
    end = NOW + 15 * MINUTE
    assert judge(RULES, fifth.counters, PREMIUM, end - TICK).refusal is not None
    assert judge(RULES, fifth.counters, PREMIUM, end).refusal is None


def test_further_failures_block_for_twice_as_long():
    counters = Throttle()
    for _ in range(10):
        counters = failed(counters, NOW).counters
    assert counters.failures.locked_until == NOW + 30 * MINUTE


def test_a_rule_that_goes_on_biting_is_told_once_a_minute():
    counters = judge(RULES, Throttle(), PREMIUM, NOW).counters
    told = []
    for tenth in range(1_300):
        now = NOW + tenth * timedelta(milliseconds=100)
        # Always a moment after one that went through.
        counters = evolve(counters, premium_at=now - TICK)
        verdict = judge(RULES, counters, PREMIUM, now)
        counters = verdict.counters
        if verdict.tell is not None:
            told.append(now)
    assert told == [NOW, NOW + MINUTE, NOW + 2 * MINUTE]


def test_more_than_the_hours_credits_alert_once_and_do_not_stop_unless_told_so():
    spending, tell = spend(RULES, Spending(), 500, NOW)
    assert not tell
    spending, tell = spend(RULES, spending, 1, NOW)
    assert tell
    assert spending.refusal(NOW) is None
    spending, tell = spend(RULES, spending, 1_000, NOW + HOUR - TICK)
    assert not tell
    _, tell = spend(RULES, spending, 1, NOW + HOUR)
    assert tell, "it is another hour, and there were more than its credits"


def test_a_freeze_ends_after_an_hour_or_when_it_is_lifted_and_not_twice_in_the_hour():
    rules = evolve(RULES, freezes=True)
    frozen, _ = spend(rules, Spending(), 501, NOW)
    for now in (NOW, NOW + HOUR - TICK):
        refusal = frozen.refusal(now)
        assert refusal is not None
        assert (refusal.code, refusal.retry_after) == ("spending_frozen", NOW + HOUR - now)
    assert frozen.refusal(NOW + HOUR) is None
    lifted, tell = spend(rules, frozen.lifted(), 500, NOW + MINUTE)
    assert not tell
    assert lifted.refusal(NOW + MINUTE) is None


@settings(max_examples=examples(200))
@given(
    spends=st.lists(
        st.tuples(st.integers(0, 40 * 60), st.integers(1, 300)), min_size=1, max_size=40
    )
)
def test_an_alert_is_raised_exactly_where_the_last_twelve_buckets_hold_more(
    spends: list[tuple[int, int]],
):
    now, spending = NOW, Spending()
    taken: list[tuple[datetime, int]] = []
    alerts: list[datetime] = []
    for seconds, amount in spends:
        now += seconds * SECOND
        taken.append((now, amount))
        spending, tell = spend(RULES, spending, amount, now)
        slot = int(now.timestamp()) // 300
        recent = sum(a for at, a in taken if slot - 12 < int(at.timestamp()) // 300 <= slot)
        due = recent > 500 and not any(now - at < HOUR for at in alerts)
        assert tell is due
        if tell:
            alerts.append(now)
        assert len(spending.buckets) <= 12


@pytest.mark.parametrize("credits_per_request", [0, -1])
def test_limits_that_let_nothing_through_are_no_limits(credits_per_request: int):
    with pytest.raises(ValueError, match="credits_per_request"):
        AbuseRules(credits_per_request=credits_per_request)
