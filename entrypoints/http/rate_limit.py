"""How many reads a caller may make, and strangers anything: a token bucket each, in this process.

Every process counts for itself, so an installation with three of them lets three times as many
through.  What changes something is counted in the store (`application.access.throttle`).
"""

import math
import threading
from datetime import datetime, timedelta
from enum import StrEnum

from attrs import define, evolve, field, frozen

from domain import abuse


class Policy(StrEnum):
    """What is counted together.  A client that keeps to one knows nothing of the others: each has
    its name, which stays, as the draft wants it.
    """

    #: Of a session or an API key.
    READS = "reads"
    #: Of a member with the API keys they made, or of a key with a number of its own.
    CHANGES = "changes"
    #: Of a network, where nobody is logged in.
    NETWORK = "network"


#: Buckets beyond this many are forgotten, the longest unused first.
MOST_BUCKETS = 10_000


@frozen(kw_only=True)
class Bucket:
    """Fills at *limit* per minute, up to *limit*."""

    limit: int
    level: float
    at: datetime

    @classmethod
    def full(cls, limit: int, now: datetime) -> "Bucket":
        return cls(limit=limit, level=float(limit), at=now)

    def filled(self, now: datetime) -> "Bucket":
        gained = max(0.0, (now - self.at).total_seconds()) * self.limit / 60
        return evolve(self, level=min(float(self.limit), self.level + gained), at=now)


@frozen(kw_only=True)
class Allowance:
    is_allowed: bool
    limit: int
    remaining: int
    #: Until one more request is allowed, or until the bucket is full.
    seconds: int

    @classmethod
    def of(cls, counted: abuse.Allowance) -> "Allowance":
        """What the store's counters allow, in whole seconds."""
        return cls(
            is_allowed=counted.remaining > 0,
            limit=counted.limit,
            remaining=counted.remaining,
            seconds=max(1, math.ceil(counted.wait / timedelta(seconds=1))),
        )

    @property
    def wait(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    def headers(self, policy: Policy) -> dict[str, str]:
        """RateLimit fields of draft-ietf-httpapi-ratelimit-headers-11: lists of RFC 9651."""
        return {
            "RateLimit-Policy": f'"{policy}";q={self.limit};w=60',
            "RateLimit": f'"{policy}";r={self.remaining};t={self.seconds}',
        }


def take(bucket: Bucket, now: datetime) -> tuple[Bucket, Allowance]:
    """One request out of *bucket*, if there is one in it."""
    filled = bucket.filled(now)
    is_allowed = filled.level >= 1
    after = evolve(filled, level=filled.level - 1) if is_allowed else filled
    missing = after.limit - after.level if is_allowed else 1 - after.level
    allowance = Allowance(
        is_allowed=is_allowed,
        limit=after.limit,
        remaining=int(after.level),
        seconds=max(1, math.ceil(missing * 60 / after.limit)),
    )
    return after, allowance


@define
class RateLimits:
    _buckets: dict[str, Bucket] = field(factory=dict)
    _lock: threading.Lock = field(factory=threading.Lock)

    def take(self, key: str, limit: int, now: datetime) -> Allowance:
        with self._lock:
            # Taken out and put back at the end: the dictionary stays in order of use.
            bucket = self._buckets.pop(key, None) or Bucket.full(limit, now)
            self._buckets[key], allowance = take(bucket, now)
            if len(self._buckets) > MOST_BUCKETS:
                del self._buckets[next(iter(self._buckets))]
        return allowance
