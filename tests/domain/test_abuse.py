"""The login lock: five failures lock, every further five for twice as long."""

from datetime import timedelta

from domain.abuse import LoginFailures
from tests.contract.tenants import NOW

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def failures(count: int, failures: LoginFailures | None = None) -> LoginFailures:
    failures = failures or LoginFailures()
    for _ in range(count):
        failures = failures.failed(NOW)
    return failures


def test_four_failures_lock_nobody_out_and_the_fifth_does_for_a_quarter_of_an_hour():
    assert failures(4).verdict(NOW) is None
    refusal = failures(5).verdict(NOW)
    assert refusal is not None
    assert refusal.code == "account_locked"
    assert refusal.retry_after == 15 * MINUTE


def test_the_lock_ends_to_the_microsecond():
    locked = failures(5)
    end = NOW + 15 * MINUTE
    assert locked.verdict(end - timedelta(microseconds=1)) is not None
    assert locked.verdict(end) is None


def test_every_fifth_failure_locks_for_twice_as_long_and_at_most_a_day():
    durations = []
    for fives in range(1, 10):
        locked_until = failures(5 * fives).locked_until
        assert locked_until is not None
        durations.append(locked_until - NOW)
    quarter = 15 * MINUTE
    assert durations == [
        quarter,
        2 * quarter,
        HOUR,
        2 * HOUR,
        4 * HOUR,
        8 * HOUR,
        16 * HOUR,
        DAY,
        DAY,
    ]


def test_failures_between_locks_do_not_end_the_one_that_runs():
    locked = failures(5)
    assert failures(3, locked).locked_until == locked.locked_until


def test_a_day_without_failures_forgets_them():
    four = failures(4)
    assert four.failed(NOW + DAY - timedelta(microseconds=1)).count == 5
    fresh = four.failed(NOW + DAY)
    assert fresh.count == 1
    assert fresh.verdict(NOW + DAY) is None


def test_who_never_failed_is_welcome():
    assert LoginFailures().verdict(NOW) is None
