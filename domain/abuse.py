"""What is refused for now because there was too much of it: pure rules over counters.

Log-ins are counted per (address, source prefix), whether or not anybody has that address, so that
the answer tells nothing about who is registered.  Requests and metered calls are counted per
member with the keys they made (`Throttle`), credits per member and per organisation (`Spending`).
Deadlines are instants: nothing has to run for a block or a freeze to end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import assert_never

from attrs import evolve, field, frozen, validators

from domain.errors import Refusal

_positive = validators.gt(0)
_not_negative = validators.ge(timedelta(0))

FAILURES_BEFORE_LOCK = 5
FIRST_LOCK = timedelta(minutes=15)
LONGEST_LOCK = timedelta(hours=24)
#: From one network in an hour, whatever the addresses: so are stolen passwords tried.
MOST_FAILURES_FROM_A_NETWORK = 100
HOUR = timedelta(hours=1)
#: Failures older than this are forgotten.
MEMORY = timedelta(hours=24)


@frozen(kw_only=True)
class LoginFailures:
    """What is remembered of one (address, source prefix), or of one member's metered spends."""

    count: int = 0
    last_at: datetime | None = None
    locked_until: datetime | None = None

    def verdict(self, now: datetime) -> Refusal | None:
        """Why a log-in is refused unseen, or None."""
        if self.locked_until is None or self.locked_until <= now:
            return None
        return Refusal(
            code="account_locked",
            detail="too many failed log-ins for this address from this network",
            retry_after=self.locked_until - now,
        )

    def failed(self, now: datetime) -> LoginFailures:
        """After one more failure.  Every fifth locks, each time for twice as long."""
        is_fresh = self.last_at is not None and now - self.last_at < MEMORY
        count = self.count + 1 if is_fresh else 1
        locks, rest = divmod(count, FAILURES_BEFORE_LOCK)
        if rest:
            return evolve(self, count=count, last_at=now)
        lock = min(FIRST_LOCK * 2 ** (locks - 1), LONGEST_LOCK)
        return LoginFailures(count=count, last_at=now, locked_until=now + lock)


def counted(before: LoginFailures, most: int, now: datetime) -> LoginFailures | timedelta:
    """What is remembered after one more; how long to wait where there were *most* in the hour.

    The hour begins with its first one.
    """
    begun = before.last_at
    if begun is None or now - begun >= HOUR:
        return LoginFailures(count=1, last_at=now)
    if before.count >= most:
        return begun + HOUR - now
    return evolve(before, count=before.count + 1)


class Rule(StrEnum):
    """The rules that may bite; each is an audit event ``abuse.<rule>``."""

    RATE = "rate"
    GAP = "gap"
    CREDITS_PER_REQUEST = "credits_per_request"
    OUTPUT = "output"
    BLOCK = "block"
    HOURLY_SPEND = "hourly_spend"
    FREEZE = "freeze"

    @property
    def action(self) -> str:
        """The name of its event in the trail."""
        return f"abuse.{self.value}"


@frozen(kw_only=True)
class AbuseRules:
    """The limits; the defaults are those of spec/credits.md, "Abuse rules"."""

    #: Changing requests in any 60 s of one member; a tariff may raise it, and a key's own number.
    requests_per_minute: int = field(default=30, validator=_positive)
    #: At least so long between two metered premium calls of one member.
    premium_gap: timedelta = field(default=timedelta(seconds=3), validator=_not_negative)
    #: Credits of one metered request, at most.
    credits_per_request: int = field(default=10, validator=_positive)
    #: Units that one metered call may put out, at most.
    output_units: int = field(default=2_000, validator=_positive)
    #: Credits that a member, or an organisation, takes in an hour before somebody is told.
    credits_per_hour: int = field(default=500, validator=_positive)
    #: Whether who takes more is also stopped, until the hour is over or a person lifts it.
    freezes: bool = False


DEFAULT_RULES = AbuseRules()


#: What a window of requests looks back over.
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
_BUCKET = timedelta(minutes=5)
#: Of five minutes each: the present one and the eleven before it.
BUCKETS = 12
_BEFORE = (BUCKETS - 1) * _BUCKET
#: A rule that goes on biting is told again after this long.
TOLD_AGAIN_AFTER = MINUTE
_SECOND = timedelta(seconds=1)
#: What clocks of processes may differ by (I14).  What is later than that was said by one that was
#: set back since, as where a database takes over whose clock is behind.
_APART = timedelta(seconds=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@frozen(kw_only=True)
class Throttle:
    """What is counted of one member, over all processes; of a key, if it has its own number."""

    #: Changing requests that were let through: (second since 1970, how many), ascending.
    recent: tuple[tuple[int, int], ...] = ()
    #: The last metered premium call that was let through.
    premium_at: datetime | None = None
    #: Metered spends that were malformed or overdrawn.
    failures: LoginFailures = LoginFailures()
    #: When each rule's biting was last told in the trail.
    told: Mapping[Rule, datetime] = field(factory=dict)


@frozen(kw_only=True)
class Change:
    """A request that changes something."""

    #: How many a minute its sender may make: the rule's number, or more.
    limit: int = field(validator=_positive)


@frozen(kw_only=True)
class MeteredCall:
    """A request to hold credits for a metered operation."""

    credits: int
    is_premium: bool
    #: How many units the call may put out, where it says so.
    output_units: int | None = None


@frozen(kw_only=True)
class Allowance:
    """How many changing requests are left."""

    limit: int
    remaining: int
    #: Until one more is allowed; where some are left, until all are.
    wait: timedelta


@frozen(kw_only=True)
class Verdict:
    #: To be stored, whatever the answer is.
    counters: Throttle
    refusal: Refusal | None = None
    #: The rule that bit and is due to be told.
    tell: Rule | None = None
    #: Of a `Change`.
    allowance: Allowance | None = None


def judge(
    rules: AbuseRules, counters: Throttle, request: Change | MeteredCall, now: datetime
) -> Verdict:
    """Whether *request* goes through at *now*, and the counters after it.

    No 60 s hold more than the limit of changing requests, and as many may come at once: requests
    are counted by the second, and a second counts until all of it is a minute old.
    """
    match request:
        case Change(limit=limit):
            return _change(counters, limit, now)
        case MeteredCall():
            return _metered(rules, counters, request, now)
        case _:
            assert_never(request)


def failed(counters: Throttle, now: datetime) -> Verdict:
    """After a metered spend that was malformed or overdrawn: every fifth blocks."""
    after = counters.failures.failed(now)
    blocks = (
        after.locked_until is not None and after.locked_until != counters.failures.locked_until
    )
    changed = evolve(counters, failures=after)
    return telling(changed, Rule.BLOCK, None, now) if blocks else Verdict(counters=changed)


def _change(counters: Throttle, limit: int, now: datetime) -> Verdict:
    # A clock behind another process's adds to the newest second rather than to one before it.
    recent = tuple(each for each in counters.recent if _is_recent(each[0], now))
    second = max((now - _EPOCH) // _SECOND, recent[-1][0] if recent else 0)
    taken = sum(count for _, count in recent)
    if taken >= limit:
        refusal = Refusal(
            code="rate_limited",
            detail=f"more than {limit} requests in a minute",
            retry_after=_until_room(recent, taken - limit, now),
        )
        allowance = Allowance(
            limit=limit, remaining=0, wait=_until_room(recent, taken - limit, now)
        )
        told = telling(evolve(counters, recent=recent), Rule.RATE, refusal, now)
        return evolve(told, allowance=allowance)
    if recent and recent[-1][0] == second:
        recent = (*recent[:-1], (second, recent[-1][1] + 1))
    else:
        recent = (*recent, (second, 1))
    wait = _gone_at(recent[-1][0]) - now
    return Verdict(
        counters=evolve(counters, recent=recent),
        allowance=Allowance(limit=limit, remaining=limit - taken - 1, wait=wait),
    )


def _metered(rules: AbuseRules, counters: Throttle, call: MeteredCall, now: datetime) -> Verdict:
    until = counters.failures.locked_until
    if until is not None and now < until:
        blocked = Refusal(
            code="spending_blocked",
            detail="too many spends were malformed or overdrawn",
            retry_after=until - now,
        )
        return telling(counters, Rule.BLOCK, blocked, now)
    if call.credits > rules.credits_per_request:
        detail = (
            f"{call.credits} credits are more than the {rules.credits_per_request} of a request"
        )
        return _malformed(
            counters,
            Rule.CREDITS_PER_REQUEST,
            Refusal(code="too_many_credits", detail=detail),
            now,
        )
    if call.output_units is not None and call.output_units > rules.output_units:
        detail = f"{call.output_units} units are more than the {rules.output_units} of a call"
        return _malformed(
            counters, Rule.OUTPUT, Refusal(code="too_much_output", detail=detail), now
        )
    if not call.is_premium:
        return Verdict(counters=counters)
    at = counters.premium_at
    if at is not None and now < at + rules.premium_gap and not _was_set_back(at, now):
        # A clock behind another process's waits the whole gap, and not longer.
        wait = min(at + rules.premium_gap - now, rules.premium_gap)
        seconds = rules.premium_gap.total_seconds()
        refusal = Refusal(
            code="too_soon",
            detail=f"two premium calls of one member are at least {seconds:g} s apart",
            retry_after=wait,
        )
        return telling(counters, Rule.GAP, refusal, now)
    taken = Throttle(
        recent=counters.recent, premium_at=now, failures=counters.failures, told=counters.told
    )
    return Verdict(counters=taken)


def _malformed(counters: Throttle, rule: Rule, refusal: Refusal, now: datetime) -> Verdict:
    return telling(failed(counters, now).counters, rule, refusal, now)


def telling(counters: Throttle, rule: Rule, refusal: Refusal | None, now: datetime) -> Verdict:
    """*rule* bites: told at most once a minute."""
    last = counters.told.get(rule)
    if last is not None and last <= now < last + TOLD_AGAIN_AFTER:
        return Verdict(counters=counters, refusal=refusal)
    told = {**counters.told, rule: now}
    return Verdict(counters=evolve(counters, told=told), refusal=refusal, tell=rule)


def _is_recent(second: int, now: datetime) -> bool:
    return now < _gone_at(second) and not _was_set_back(_EPOCH + second * _SECOND, now)


def _was_set_back(at: datetime, now: datetime) -> bool:
    """Whether the clock that said *at* is not the one of now: else it would count until then."""
    return at > now + _APART


def _gone_at(second: int) -> datetime:
    """When the last instant of *second* is a minute old."""
    return _EPOCH + (second + 1) * _SECOND + MINUTE


def _until_room(recent: tuple[tuple[int, int], ...], excess: int, now: datetime) -> timedelta:
    """How long until more than *excess* of the counted ones are a minute old."""
    gone = 0
    for second, count in recent:
        gone += count
        if gone > excess:
            return _gone_at(second) - now
    return MINUTE


@frozen(kw_only=True)
class Spending:
    """Credits that a member, an API key or a whole organisation took lately."""

    #: (start of its five minutes, credits), ascending; those older than an hour are left out.
    buckets: tuple[tuple[datetime, int], ...] = ()
    alerted_at: datetime | None = None
    #: Nothing more is taken before then; None: not frozen.
    frozen_until: datetime | None = None

    def refusal(self, now: datetime) -> Refusal | None:
        """Why nothing more may be taken now."""
        if self.frozen_until is None or self.frozen_until <= now:
            return None
        return Refusal(
            code="spending_frozen",
            detail="much was spent within an hour; the operator can lift this",
            retry_after=self.frozen_until - now,
        )

    def total(self, now: datetime) -> int:
        """Credits of the present five minutes and the eleven before them."""
        first = _bucket(now) - _BEFORE
        return sum(taken for start, taken in self.buckets if start >= first)

    def lifted(self) -> Spending:
        """Unfrozen by a person.  The alert stays told: the same hour raises no second one."""
        return evolve(self, frozen_until=None)


def spend(rules: AbuseRules, before: Spending, taken: int, now: datetime) -> tuple[Spending, bool]:
    """*before* after *taken* credits more, and whether somebody is to be told.

    Above the limit there is one alert per hour.  What goes over it goes through; where the rule
    freezes, nothing does after it, for an hour.
    """
    start = _bucket(now)
    oldest = start - _BEFORE
    buckets = {each: credits_ for each, credits_ in before.buckets if each >= oldest}
    buckets[start] = buckets.get(start, 0) + taken
    after = Spending(
        buckets=tuple(sorted(buckets.items())),
        alerted_at=before.alerted_at,
        frozen_until=before.frozen_until,
    )
    alerted = before.alerted_at is not None and now < before.alerted_at + HOUR
    if alerted or sum(buckets.values()) <= rules.credits_per_hour:
        return after, False
    until = now + HOUR if rules.freezes else after.frozen_until
    return evolve(after, alerted_at=now, frozen_until=until), True


@lru_cache(maxsize=64)
def _bucket(now: datetime) -> datetime:
    # A turn has one instant, and asks for each of its spenders.
    return now - (now - _EPOCH) % _BUCKET
