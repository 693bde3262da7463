"""The licence: the table of states, exact instants, and facts that arrive in any order."""

from datetime import datetime, timedelta
from itertools import permutations

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue import KindClass
from domain.licence import (
    DisputeFacts,
    Licence,
    LicenceFacts,
    LicenceState,
    SubscriptionFacts,
    licence,
    next_change,
)
from tests.contract.tenants import NOW
from tests.strategies import examples

DAY, TICK = timedelta(days=1), timedelta(microseconds=1)
GRACE = timedelta(days=15)

PAID = SubscriptionFacts(id="sub_1", period_start=NOW - 30 * DAY, period_end=NOW)
FAILED = evolve(PAID, first_failure_at=NOW)
FREE = LicenceFacts(is_free=True)


def paid(*subscriptions: SubscriptionFacts, **facts: object) -> LicenceFacts:
    return evolve(LicenceFacts(is_free=False, subscriptions=subscriptions), **facts)


def state(facts: LicenceFacts, now: datetime) -> LicenceState:
    return licence(facts, now).state


#: The table of spec/credits.md.
TABLE = {
    LicenceState.ACTIVE: (True, True, True),
    LicenceState.TRIAL: (True, True, True),
    LicenceState.PAYMENT_FAILED: (False, True, True),
    LicenceState.SUSPENDED: (False, False, True),
    LicenceState.CANCELLED: (False, False, True),
}


@pytest.mark.parametrize("state", list(LicenceState))
def test_the_table_says_what_is_on(state: LicenceState):
    assert (state.premium, state.core, state.reports) == TABLE[state]
    assert state.allows(KindClass.CORE) is state.core
    assert state.allows(KindClass.PREMIUM) is state.premium
    assert state.allows(KindClass.COMPLIANCE) is state.premium


def test_a_free_tariff_is_active_and_nothing_changes_it():
    assert licence(FREE, NOW) == Licence(state=LicenceState.ACTIVE, premium=True, core=True)


def test_a_tariff_that_the_operator_gave_is_active():
    assert state(paid(), NOW) is LicenceState.ACTIVE


def test_premium_is_off_from_the_first_failure_on_and_core_to_the_microsecond_15_days_later():
    facts = paid(FAILED)
    assert licence(facts, NOW) == Licence(
        state=LicenceState.PAYMENT_FAILED,
        premium=False,
        core=True,
        since=NOW,
        until=NOW + GRACE,
    )
    assert state(facts, NOW + GRACE - TICK) is LicenceState.PAYMENT_FAILED
    assert licence(facts, NOW + GRACE) == Licence(
        state=LicenceState.SUSPENDED, premium=False, core=False, since=NOW + GRACE
    )


def test_fifteen_days_are_360_hours_across_a_change_of_clocks():
    assert next_change(paid(FAILED), NOW) == NOW + timedelta(hours=360)


def test_a_failure_ahead_of_our_clock_counts_at_once():
    assert state(paid(FAILED), NOW - timedelta(seconds=3)) is LicenceState.PAYMENT_FAILED


def test_a_period_that_ended_without_news_is_no_failure():
    assert state(paid(PAID), NOW + 90 * DAY) is LicenceState.ACTIVE


def test_paying_what_failed_clears_the_state_on_any_day():
    late = evolve(FAILED, first_failure_at=None, period_start=NOW, period_end=NOW + 30 * DAY)
    for day in (0, 14, 15, 40):
        assert state(paid(FAILED), NOW + day * DAY) is not LicenceState.ACTIVE
        assert state(paid(late), NOW + day * DAY) is LicenceState.ACTIVE


def test_another_subscription_paid_since_clears_the_state_and_one_paid_before_does_not():
    before = SubscriptionFacts(
        id="sub_2", period_start=NOW - TICK, period_end=NOW + 29 * DAY, first_failure_at=None
    )
    since = evolve(before, period_start=NOW)
    assert state(paid(FAILED, before), NOW) is LicenceState.PAYMENT_FAILED
    assert state(paid(FAILED, since), NOW) is LicenceState.ACTIVE
    # What failed itself settles nothing.
    assert state(paid(FAILED, evolve(since, first_failure_at=NOW)), NOW) is (
        LicenceState.PAYMENT_FAILED
    )


def test_a_subscription_that_was_replaced_keeps_nothing_alive():
    other = SubscriptionFacts(
        id="sub_2", period_start=NOW, period_end=NOW + 30 * DAY, cancelled_at=NOW + DAY
    )
    facts = paid(FAILED, other)
    assert state(facts, NOW + 30 * DAY - TICK) is LicenceState.ACTIVE
    assert state(facts, NOW + 30 * DAY) is LicenceState.CANCELLED


def test_a_failure_that_was_replaced_does_not_come_back_when_the_other_one_fails():
    other = SubscriptionFacts(
        id="sub_2", period_start=NOW + DAY, period_end=NOW + 31 * DAY, first_failure_at=None
    )
    at = NOW + 31 * DAY
    assert state(paid(FAILED, other), at) is LicenceState.ACTIVE
    found = licence(paid(FAILED, evolve(other, first_failure_at=at)), at)
    assert (found.state, found.since) == (LicenceState.PAYMENT_FAILED, at)


def test_two_that_replaced_each_other_are_over_when_both_have_ended():
    one = evolve(FAILED, first_failure_at=NOW - 10 * DAY, cancelled_at=NOW, period_start=NOW)
    other = evolve(one, id="sub_2", period_start=NOW - 5 * DAY)
    assert state(paid(one, other), NOW - TICK) is LicenceState.ACTIVE
    assert state(paid(one, other), NOW) is LicenceState.CANCELLED


def test_a_pack_bought_after_the_end_clears_it_and_one_bought_before_does_not():
    gone = paid(evolve(PAID, cancelled_at=NOW - DAY))
    assert state(evolve(gone, purchased_at=NOW - TICK), NOW) is LicenceState.CANCELLED
    assert state(evolve(gone, purchased_at=NOW), NOW) is LicenceState.ACTIVE


def test_what_is_tried_or_was_given_back_clears_nothing():
    tried = SubscriptionFacts(
        id="sub_2", period_start=NOW + DAY, period_end=NOW + 31 * DAY, is_paid=False
    )
    lost = DisputeFacts(opened_at=NOW, closed_at=NOW, is_won=False)
    assert state(paid(FAILED, tried), NOW + 2 * DAY) is LicenceState.PAYMENT_FAILED
    assert state(paid(tried, disputes=(lost,)), NOW + 2 * DAY) is LicenceState.PAYMENT_FAILED


def test_a_pack_pays_no_invoice():
    facts = paid(FAILED, purchased_at=NOW + DAY)
    assert state(facts, NOW + 2 * DAY) is LicenceState.PAYMENT_FAILED


def test_what_the_operator_arranged_by_hand_settles_what_was_owed_before():
    assert state(paid(FAILED, arranged_at=NOW), NOW + 20 * DAY) is LicenceState.ACTIVE
    assert state(paid(FAILED, arranged_at=NOW - TICK), NOW) is LicenceState.PAYMENT_FAILED
    gone = evolve(PAID, cancelled_at=NOW - DAY)
    assert state(paid(gone, arranged_at=NOW), NOW) is LicenceState.ACTIVE


def test_a_cancelled_subscription_is_given_to_the_end_of_what_was_paid():
    facts = paid(evolve(PAID, cancelled_at=NOW - 20 * DAY))
    assert licence(facts, NOW - TICK) == Licence(
        state=LicenceState.ACTIVE, premium=True, core=True, until=NOW
    )
    assert licence(facts, NOW) == Licence(
        state=LicenceState.CANCELLED, premium=False, core=False, since=NOW
    )


def test_one_that_the_provider_ended_early_is_given_to_the_end_too():
    ended = evolve(PAID, cancelled_at=NOW - 20 * DAY, ends_at=NOW - 20 * DAY)
    assert state(paid(ended), NOW - TICK) is LicenceState.ACTIVE


def test_one_that_is_ended_while_it_owes_is_cancelled_from_its_end_on():
    ended = evolve(FAILED, cancelled_at=NOW + DAY, ends_at=NOW + 3 * DAY)
    assert next_change(paid(ended), NOW) == NOW + 3 * DAY
    assert state(paid(ended), NOW + 3 * DAY - TICK) is LicenceState.PAYMENT_FAILED
    assert state(paid(ended), NOW + 3 * DAY) is LicenceState.CANCELLED


def test_a_trial_ends_by_time_and_without_a_subscription_nothing_begins_after_it():
    facts = paid(trial_until=NOW + DAY)
    assert licence(facts, NOW) == Licence(
        state=LicenceState.TRIAL, premium=True, core=True, until=NOW + DAY
    )
    assert state(facts, NOW + DAY) is LicenceState.CANCELLED
    assert state(evolve(facts, is_free=True), NOW + DAY) is LicenceState.ACTIVE
    assert state(evolve(facts, subscriptions=(PAID,)), NOW + DAY) is LicenceState.ACTIVE


OPEN = DisputeFacts(opened_at=NOW)


def test_an_open_dispute_counts_like_a_failure_from_its_opening():
    facts = evolve(FREE, disputes=(OPEN,))
    assert state(facts, NOW) is LicenceState.PAYMENT_FAILED
    assert state(facts, NOW + GRACE) is LicenceState.SUSPENDED


@pytest.mark.parametrize("is_won", [True, None])
def test_a_dispute_that_is_won_or_closed_by_paying_is_cleared(is_won: bool | None):
    closed = evolve(OPEN, closed_at=NOW + DAY, is_won=is_won)
    assert state(evolve(FREE, disputes=(closed,)), NOW + 2 * DAY) is LicenceState.ACTIVE


def test_a_lost_dispute_counts_until_something_is_paid():
    lost = evolve(OPEN, closed_at=NOW + DAY, is_won=False)
    facts = evolve(FREE, disputes=(lost,))
    assert state(facts, NOW + 2 * DAY) is LicenceState.PAYMENT_FAILED
    before = evolve(facts, purchased_at=NOW + DAY - TICK)
    assert state(before, NOW + 2 * DAY) is LicenceState.PAYMENT_FAILED
    assert state(evolve(facts, purchased_at=NOW + DAY), NOW + 2 * DAY) is LicenceState.ACTIVE
    renewed = evolve(PAID, period_start=NOW + DAY, period_end=NOW + 31 * DAY)
    assert state(evolve(facts, subscriptions=(renewed,)), NOW + 2 * DAY) is LicenceState.ACTIVE


def test_an_open_dispute_is_not_cleared_by_other_payments():
    renewed = evolve(PAID, period_start=NOW + DAY, period_end=NOW + 31 * DAY)
    facts = paid(renewed, disputes=(OPEN,), purchased_at=NOW + DAY)
    assert state(facts, NOW + 2 * DAY) is LicenceState.PAYMENT_FAILED


def test_of_several_troubles_the_earliest_counts():
    facts = paid(FAILED, disputes=(DisputeFacts(opened_at=NOW - 10 * DAY),))
    assert licence(facts, NOW).until == NOW + 5 * DAY


def test_refusals_name_the_state_and_what_is_off():
    failed, suspended = licence(paid(FAILED), NOW), licence(paid(FAILED), NOW + GRACE)
    assert failed.refusal(KindClass.CORE) is None
    codes = [
        refusal.code
        for refusal in (
            failed.refusal(KindClass.PREMIUM),
            failed.refusal(KindClass.COMPLIANCE),
            suspended.refusal(KindClass.CORE),
            suspended.refusal(KindClass.PREMIUM),
        )
        if refusal is not None
    ]
    assert codes == [
        "licence_premium_off",
        "licence_premium_off",
        "licence_core_off",
        "licence_premium_off",
    ]


# Days around the present, so that boundaries meet often.
instants = st.integers(-40, 40).map(lambda day: NOW + day * DAY)
maybe = st.none() | instants


@st.composite
def subscriptions(draw: st.DrawFn, id: str) -> SubscriptionFacts:
    start = draw(instants)
    return SubscriptionFacts(
        id=id,
        period_start=start,
        period_end=start + draw(st.sampled_from((DAY, 10 * DAY, 30 * DAY))),
        is_paid=draw(st.booleans()),
        first_failure_at=draw(maybe),
        cancelled_at=draw(maybe),
        ends_at=draw(maybe),
    )


@st.composite
def disputes(draw: st.DrawFn) -> DisputeFacts:
    closed_at = draw(maybe)
    won = draw(st.sampled_from((True, False, None))) if closed_at is not None else None
    return DisputeFacts(opened_at=draw(instants), closed_at=closed_at, is_won=won)


histories = st.builds(
    LicenceFacts,
    is_free=st.booleans(),
    trial_until=maybe,
    arranged_at=maybe,
    purchased_at=maybe,
    subscriptions=st.integers(0, 3).flatmap(
        lambda count: st.tuples(*(subscriptions(f"sub_{n}") for n in range(count)))
    ),
    disputes=st.lists(disputes(), max_size=3).map(tuple),
)
moments = st.builds(lambda day, ticks: day + ticks * TICK, instants, st.sampled_from((-1, 0, 1)))


def model(facts: LicenceFacts, now: datetime) -> str:
    """The spec's sentences one by one, over plain lists; shares nothing with the code."""
    far = NOW - 10_000 * DAY
    arranged = facts.arranged_at or far
    running, ended, owing, kept = [], [], [], []
    for one in facts.subscriptions:
        rescued = False
        for other in facts.subscriptions:
            if one.first_failure_at is None or other.id == one.id or not other.is_paid:
                continue
            if not other.period_start < one.first_failure_at:
                rescued = True
        if one.first_failure_at is not None and not rescued and arranged < one.first_failure_at:
            owing.append(one.first_failure_at)
        if not rescued:
            kept.append(one)
    for one in kept or facts.subscriptions:
        goes_on = one.cancelled_at is None and one.ends_at is None
        if goes_on or one.period_end > now or (one.ends_at is not None and one.ends_at > now):
            running.append(one)
        else:
            ended.append(one.period_end)
            if one.ends_at is not None:
                ended.append(one.ends_at)
    for dispute in facts.disputes:
        if dispute.closed_at is not None and dispute.is_won is not False:
            continue
        payments = [arranged - dispute.opened_at]
        if dispute.closed_at is not None:
            payments += [
                s.period_start - dispute.closed_at for s in facts.subscriptions if s.is_paid
            ]
            if facts.purchased_at is not None:
                payments.append(facts.purchased_at - dispute.closed_at)
        if max(payments) < timedelta(0):
            owing.append(dispute.opened_at)
    never_subscribed = not running and not ended
    trial = facts.trial_until
    if never_subscribed and not facts.is_free and trial is not None and trial <= now:
        ended.append(trial)
    bought = facts.purchased_at or far
    if ended and not running and max(arranged, bought) < max(ended):
        return "cancelled"
    if owing:
        return (
            "suspended" if (now - min(owing)).total_seconds() >= 360 * 3600 else "payment_failed"
        )
    if facts.trial_until is not None and facts.trial_until > now:
        return "trial"
    return "active"


@settings(max_examples=examples(500))
@given(facts=histories, now=moments)
def test_any_facts_at_any_instant_make_the_state_that_the_sentences_say(
    facts: LicenceFacts, now: datetime
):
    found = licence(facts, now)
    assert found.state.value == model(facts, now)
    assert (found.premium, found.core, found.state.reports) == TABLE[found.state]


@settings(max_examples=examples(200))
@given(facts=histories, now=moments)
def test_the_order_in_which_facts_arrived_makes_no_difference(facts: LicenceFacts, now: datetime):
    expected = licence(facts, now)
    for some in permutations(facts.subscriptions):
        for others in permutations(facts.disputes):
            assert licence(evolve(facts, subscriptions=some, disputes=others), now) == expected


@settings(max_examples=examples(200))
@given(facts=histories, now=moments)
def test_time_alone_takes_premium_before_core_and_gives_nothing_back(
    facts: LicenceFacts, now: datetime
):
    last = licence(facts, now)
    for day in range(120):
        found = licence(facts, now + day * DAY)
        assert found.core >= found.premium
        assert (found.premium, found.core) <= (last.premium, last.core)
        assert found.core <= last.core
        last = found


@settings(max_examples=examples(200))
@given(facts=histories, now=moments)
def test_the_next_change_is_the_first_instant_with_another_state(
    facts: LicenceFacts, now: datetime
):
    found = licence(facts, now)
    assert found.until == next_change(facts, now)
    end = found.until or now + 400 * DAY
    assert end > now
    if found.until is not None:
        assert state(facts, end) is not found.state
        assert state(facts, end - TICK) is found.state
    for day in range(1, 120):
        if now + day * DAY < end:
            assert state(facts, now + day * DAY) is found.state
