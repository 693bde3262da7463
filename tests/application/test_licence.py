"""When a payment fails: what is off does not begin, and what was signed is finished."""

from datetime import timedelta

import pytest
from attrs import evolve

from application.billing.follow import FollowLicences
from application.deployments.request import Accepted
from domain.catalogue import KindClass
from domain.deployment import Reason, State
from domain.errors import Refusal
from domain.ledger import HoldState
from domain.licence import LicenceState
from domain.operation import SlotState
from domain.payment import Dispute, DisputeId, PaymentId, Purchase
from tests.application.house import FINGERPRINT, House
from tests.application.mortal import BEFORE, DEATHS, Death, Fate, MortalStore
from tests.application.paying import (
    DAY,
    changes_told,
    hold_of,
    licence_now,
    payment_fails,
    record,
    slots_of,
    subscribe,
)
from tests.application.test_windows import WindowedHouse
from tests.catalogue import ENTERPRISE

GRACE = 15 * DAY


class Kinds:
    """A chain that offers its kinds in another class."""

    def __init__(self, chain, kind_class):
        self._chain = chain
        self._kinds = tuple(evolve(d, kind_class=kind_class) for d in chain.kinds())

    def kinds(self):
        return self._kinds

    def __getattr__(self, name):
        return getattr(self._chain, name)


def a_house(kind_class=KindClass.COMPLIANCE, made=House, **options):
    """An organisation that pays for everything, and whose tokens are of that class."""
    house = made(**options)
    house.set_tariff(house.registered.organisation.id, ENTERPRISE, "for the test")
    house.chain = Kinds(house.chain, kind_class)
    # What the operator arranges settles what was owed until then.
    house.pass_time(timedelta(seconds=1))
    subscribe(house)
    return house


def is_refused(answer, code):
    assert isinstance(answer, Refusal)
    assert answer.code == code


def until(house, condition, rounds=20):
    """Step by step, so that a test can stop between two records of a worker."""
    for _ in range(rounds):
        if condition():
            return
        for claim in house.claims():
            house.advance().step(claim)
            house.give_back([claim])
        house.pass_time(timedelta(seconds=6))
    raise AssertionError("it did not come to that")


def has_a_slot(house, id):
    return lambda: bool(slots_of(house, id))


def is_signed(house, id):
    return lambda: any(count for _, count in slots_of(house, id))


# What begins.


def test_while_everything_is_paid_every_class_begins():
    house = a_house()
    house.work_until_done()
    assert isinstance(house.request(), Accepted)
    assert licence_now(house).state is LicenceState.ACTIVE


def test_after_a_failed_payment_premium_does_not_begin_and_core_does():
    house = a_house()
    payment_fails(house)
    is_refused(house.request(), "licence_premium_off")
    house.chain = Kinds(house.chain, KindClass.CORE)
    assert isinstance(house.request(), Accepted)


def test_on_the_fifteenth_day_nothing_begins_to_the_microsecond():
    house = a_house(KindClass.CORE)
    payment_fails(house)
    house.pass_time(GRACE - timedelta(microseconds=1))
    house.deploy()
    house.pass_time(timedelta(microseconds=1))
    is_refused(house.request(), "licence_core_off")


def test_operations_on_tokens_and_retries_ask_too():
    house = a_house()
    token = house.issue().id
    order = house.order(token)
    failing = house.deploy().id
    payment_fails(house)
    is_refused(house.ask(token, order), "licence_premium_off")
    house.work_until_done()
    assert house.get(failing).state is State.FAILED
    is_refused(house.retry(failing), "licence_premium_off")


def test_a_refusal_by_the_licence_is_repeated_to_its_key_also_when_it_is_paid():
    house = a_house()
    payment_fails(house)
    key = "paid later"
    is_refused(house.request(key=key), "licence_premium_off")
    subscribe(house)
    is_refused(house.request(key=key, fingerprint=FINGERPRINT), "licence_premium_off")
    assert isinstance(house.request(), Accepted)


# What was held.


def test_a_failed_payment_gives_back_what_is_held_for_premium_and_it_never_begins():
    house = a_house()
    id = house.deploy().id
    before = house.credits
    payment_fails(house)
    assert hold_of(house, id).state is HoldState.RELEASED
    assert house.credits == (before[0] + 5, 0, before[2])
    house.work_until_done()
    ended = house.get(id)
    assert ended.state is State.FAILED
    assert ended.failure is not None
    assert (ended.failure.reason, ended.failure.without_effect) == (
        Reason.DEPLOYMENT_VALIDATION_FAILED,
        True,
    )
    assert "given back" in ended.failure.detail
    assert not house.chain.node.mined
    house.is_intact()


def test_what_was_given_back_does_not_begin_when_it_is_paid_and_is_asked_for_again():
    house = a_house()
    id = house.deploy().id
    payment_fails(house)
    subscribe(house)
    assert licence_now(house).premium
    house.work_until_done()
    assert house.get(id).state is State.FAILED
    assert isinstance(house.retry(id), Accepted)
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    assert house.tokens(id) == 1
    house.is_intact()


def test_what_waits_for_an_account_is_over_too():
    house = a_house(is_account_ready=False)
    id = house.deploy().id
    payment_fails(house)
    house.work_until_done()
    assert house.get(id).state is State.FAILED
    house.is_intact()


def test_what_is_given_back_may_still_be_cancelled():
    house = a_house()
    id = house.deploy().id
    payment_fails(house)
    cancelled = house.cancel(id)
    assert not isinstance(cancelled, Refusal)
    assert cancelled.state is State.CANCELLED
    house.is_intact()


def test_a_nonce_that_nothing_was_signed_for_is_filled_and_then_it_is_over():
    house = a_house(instant=False)
    id, behind = house.deploy().id, None
    until(house, has_a_slot(house, id))
    assert slots_of(house, id) == [(SlotState.OPEN, 0)]
    payment_fails(house)
    assert hold_of(house, id).state is HoldState.RELEASED
    house.chain = Kinds(house.chain, KindClass.CORE)
    behind = house.deploy().id
    for _ in range(12):
        house.work()
        house.chain.mine()
    assert house.get(id).state is State.FAILED
    assert slots_of(house, id) == [(SlotState.SPENT, 1)]
    assert house.tokens(id) == 0
    assert house.get(behind).state is State.COMPLETED, "and nobody waits behind it"
    house.is_intact()


def test_what_is_signed_is_finished_and_paid():
    house = a_house(instant=False)
    id = house.deploy().id
    until(house, is_signed(house, id))
    payment_fails(house)
    assert hold_of(house, id).state is HoldState.HELD
    house.pass_time(GRACE)
    for _ in range(8):
        house.work()
        house.chain.mine()
    assert house.get(id).state is State.COMPLETED
    assert hold_of(house, id).state is HoldState.CAPTURED
    house.is_intact()


def test_core_that_waits_goes_on_for_fifteen_days_and_is_over_after_them_without_a_timer():
    house = a_house(KindClass.CORE)
    first = house.deploy().id
    payment_fails(house)
    house.work_until_done()
    assert house.get(first).state is State.COMPLETED
    second = house.deploy().id
    house.pass_time(GRACE)
    house.work_until_done()
    assert house.get(second).state is State.FAILED
    assert hold_of(house, second).state is HoldState.RELEASED
    assert "suspended" in house.get(second).failure.detail
    house.is_intact()


def test_a_window_that_nothing_was_signed_for_passes_and_then_it_is_over():
    house = a_house(made=WindowedHouse)
    id = house.deploy().id
    until(house, has_a_slot(house, id))
    assert slots_of(house, id) == [(SlotState.OPEN, 0)]
    payment_fails(house)
    house.work()
    assert house.get(id).state is State.QUEUED
    assert house.get(id).waiting == "window_open"
    for _ in range(10):
        house.window_passes()
        house.work()
    assert house.get(id).state is State.FAILED
    assert slots_of(house, id) == [(SlotState.EXPIRED, 0)]
    house.is_intact()


def test_what_a_restored_backup_has_forgotten_is_found_before_it_is_called_over():
    house = a_house()
    id = house.deploy().id
    backup = house.backup()
    house.work_until_done()
    assert house.get(id).state is State.COMPLETED
    house.restore(backup)
    assert house.get(id).state is State.QUEUED
    payment_fails(house)
    house.work(rounds=3)
    # It is on chain: nobody says that it failed without effect.
    assert house.get(id).state is not State.FAILED
    assert house.get(id).waiting == "operator"
    assert house.tokens(id) == 1


def test_a_process_that_has_just_begun_calls_nothing_over_that_could_still_land():
    house = a_house(made=WindowedHouse)
    id = house.deploy().id
    house.restart()
    payment_fails(house)
    house.work()
    assert (house.get(id).state, house.get(id).waiting) == (State.QUEUED, "window_open")
    for _ in range(4):
        house.window_passes()
        house.work()
    assert house.get(id).state is State.FAILED


def test_whose_payment_fails_gets_no_days_of_grace_for_what_expired_meanwhile():
    house = a_house(KindClass.CORE)
    id = house.deploy().id
    payment_fails(house)
    # The month's credits are over by then.
    house.pass_time(45 * DAY)
    house.work_until_done()
    assert house.get(id).state is State.FAILED
    with house.store.begin(house.scope) as work:
        lots = work.ledger.balance().lots
    assert [lot.fact for lot in lots if lot.fact.startswith("grace:")] == []


def test_a_dispute_that_was_lost_is_cleared_by_buying_a_pack():
    house = a_house(KindClass.CORE)
    # After the period that is paid has begun.
    house.pass_time(DAY)
    opened = house.clock.now()
    lost = Dispute(
        id=DisputeId("dp_1"), payment=PaymentId("pi_1"), opened_at=opened, closed_at=opened,
        is_won=False,
    )  # fmt: skip
    house.pass_time(DAY)
    with house.store.begin(house.scope) as work:
        work.billing.lock()
        work.billing.put_dispute(lost)
    assert licence_now(house).state is LicenceState.PAYMENT_FAILED
    with house.store.begin(house.scope) as work:
        work.billing.lock()
        work.billing.put_purchase(
            Purchase(
                payment=PaymentId("pi_2"),
                pack="small",
                credits=500,
                amount_minor=2_900,
                currency="USD",
                paid_at=house.clock.now(),
                version=1,
            )
        )
    assert licence_now(house).state is LicenceState.ACTIVE


# What is told.


def test_every_change_of_the_state_is_told_once_with_the_one_before():
    house = a_house()
    payment_fails(house)
    payment_fails(house, house.clock.now())
    house.pass_time(GRACE)
    record(house)
    record(house, cancelled_at=house.clock.now())
    house.pass_time(GRACE)
    record(house)
    subscribe(house)
    assert changes_told(house) == [
        ("active", "payment_failed"),
        ("payment_failed", "suspended"),
        ("suspended", "cancelled"),
        ("cancelled", "active"),
    ]


def test_a_tariff_given_by_hand_settles_what_is_owed():
    house = a_house()
    payment_fails(house)
    house.pass_time(GRACE)
    house.set_tariff(house.registered.organisation.id, ENTERPRISE, "paid by bank transfer")
    assert changes_told(house)[-1] == ("payment_failed", "active")
    assert isinstance(house.request(), Accepted)


def test_the_timer_tells_what_time_has_changed_and_gives_back_what_is_off_from_then_on():
    house = a_house(KindClass.CORE)
    payment_fails(house)
    id = house.deploy().id
    follow = FollowLicences(store=house.store, clock=house.clock, identifiers=house.identifiers)
    house.pass_time(GRACE - timedelta(microseconds=1))
    assert follow() == 0
    house.pass_time(timedelta(microseconds=1))
    assert follow() == 1
    assert hold_of(house, id).state is HoldState.RELEASED
    assert changes_told(house)[-1] == ("payment_failed", "suspended")
    assert follow() == 0
    house.work_until_done()
    assert house.get(id).state is State.FAILED
    house.is_intact()


# Deaths at the moment of failure.


def test_whenever_the_process_dies_a_failed_payment_is_recorded_with_its_effect_or_not_at_all():
    healthy = Fate({})
    house = a_house()
    house.deploy()
    payment_fails(house, store=MortalStore(house.store, healthy))
    assert healthy.calls == ["begin", "commit"]
    for call in range(len(healthy.calls)):
        for death in DEATHS:
            house = a_house()
            id = house.deploy().id
            with pytest.raises(Death):
                payment_fails(house, store=MortalStore(house.store, Fate({call: death})))
            is_kept = (call, death) == (1, "death after")
            assert licence_now(house).premium is not is_kept
            assert (hold_of(house, id).state is HoldState.RELEASED) is is_kept
            assert changes_told(house) == ([("active", "payment_failed")] if is_kept else [])
            # The news is delivered again.
            payment_fails(house)
            assert hold_of(house, id).state is HoldState.RELEASED
            assert changes_told(house) == [("active", "payment_failed")]
            house.work_until_done()
            house.is_intact()


@pytest.mark.parametrize("steps", range(8))
def test_whenever_the_worker_dies_around_a_failed_payment_nothing_is_signed_after_it(steps):
    """The payment fails after so many steps of a worker; then every later call may be the last."""

    def at_that_point():
        house = a_house()
        id = house.deploy().id
        for _ in range(steps):
            for claim in house.claims():
                house.advance().step(claim)
                house.give_back([claim])
        unsigned = not is_signed(house, id)()
        payment_fails(house)
        return house, id, unsigned

    house, id, unsigned = at_that_point()
    healthy = Fate({})
    house.lives(healthy)
    for call in range(len(healthy.calls)):
        house, id, unsigned = at_that_point()
        house.lives(Fate({call: BEFORE}))
        assert house.get(id).state is (State.FAILED if unsigned else State.COMPLETED), call
        assert house.tokens(id) == (0 if unsigned else 1), call
        house.is_intact()
