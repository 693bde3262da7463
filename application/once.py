"""A request that changes something, done once however often it is sent.

The frame around every use case with an idempotency key: what was answered to the key is repeated,
what was refused by a rule of business is refused alike for a day, and the effect and the memory of
it are one transaction.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from attrs import frozen

from application.ports.clock import Clock
from application.ports.storage.idempotency import (
    IdempotencyKey,
    Remembered,
    RequestInFlightError,
)
from application.ports.storage.work import Scope, Store, Work
from domain.errors import Refusal
from domain.identifiers import OperationId

T = TypeVar("T")

#: How long an answer is repeated to the same idempotency key.
REMEMBERED_FOR = timedelta(days=30)
REFUSAL_REMEMBERED_FOR = timedelta(hours=24)

IN_FLIGHT = Refusal(
    code="request_in_flight",
    detail="a request with this idempotency key is being worked on",
    retry_after=timedelta(seconds=1),
)

#: Answers that may be another one in a moment, without anybody having done anything wrong; and
#: those that are about who asks, or what there is, and not about what is asked.
NOT_REMEMBERED = frozenset(
    {
        "network_not_ready",
        "account_not_ready",
        "key_change_under_way",
        "key_in_use",
        "tariff_not_in_catalogue",
        "exports_not_configured",
        "too_many_exports",
        "too_many_webhook_endpoints",
        "too_many_webhook_secrets",
        "webhook_endpoint_disabled",
        "forbidden",
        "mode_mismatch",
        "not_found",
    }
)


@frozen(kw_only=True)
class Answered(Generic[T]):
    value: T
    #: Repeats an answer given before.
    replayed: bool


@frozen(kw_only=True)
class Once(Generic[T]):
    """What a use case does with a key: how it acts, and how it finds what it did before."""

    store: Store
    clock: Clock
    #: Does it, inside the transaction that holds the key.
    act: Callable[[Work], T | Refusal]
    #: What is remembered with the key: the id of what came of it.
    id_of: Callable[[T], UUID]
    #: What came of it before, as it is now; None: there is no such thing any more.
    again: Callable[[Work, UUID], T | None]

    def __call__(
        self, scope: Scope, key: IdempotencyKey, fingerprint: bytes
    ) -> Answered[T] | Refusal:
        """Act once per *key*; *fingerprint* tells a repeat from another request."""
        try:
            with self.store.begin(scope) as work:
                remembered = work.idempotency.take(key, self.clock.now())
                if remembered is not None:
                    return self._repeat(work, remembered, fingerprint)
                answer = self.act(work)
                self._remember(work, key, fingerprint, answer)
        except RequestInFlightError:
            return IN_FLIGHT
        if isinstance(answer, Refusal):
            return answer
        return Answered(value=answer, replayed=False)

    def _remember(
        self, work: Work, key: IdempotencyKey, fingerprint: bytes, answer: T | Refusal
    ) -> None:
        now = self.clock.now()
        if not isinstance(answer, Refusal):
            remembered = Remembered(
                fingerprint=fingerprint,
                operation=OperationId(self.id_of(answer)),
                refusal=None,
                expires_at=now + REMEMBERED_FOR,
            )
        elif is_remembered(answer):
            remembered = remembered_refusal(fingerprint, answer, now)
        else:
            return
        work.idempotency.remember(key, remembered)

    def _repeat(
        self, work: Work, remembered: Remembered, fingerprint: bytes
    ) -> Answered[T] | Refusal:
        """The state, as it is now, of what this key brought about."""
        if remembered.fingerprint != fingerprint or remembered.refusal is not None:
            return refusal_of(remembered, fingerprint)
        found = self.again(work, remembered.operation) if remembered.operation else None
        if found is None:
            return Refusal(code="not_found", detail="what this key brought about is not there")
        return Answered(value=found, replayed=True)


def is_remembered(refusal: Refusal) -> bool:
    """Whether *refusal* is repeated to its key: it is one by a rule of business."""
    return refusal.retry_after is None and refusal.code not in NOT_REMEMBERED


def remembered_refusal(fingerprint: bytes, refusal: Refusal, now: datetime) -> Remembered:
    return Remembered(
        fingerprint=fingerprint,
        operation=None,
        refusal=refusal,
        expires_at=now + REFUSAL_REMEMBERED_FOR,
    )


def refusal_of(remembered: Remembered, fingerprint: bytes) -> Refusal:
    """The refusal that *remembered* repeats, to the request that it was given to."""
    if remembered.fingerprint != fingerprint or remembered.refusal is None:
        return Refusal(
            code="idempotency_key_reused",
            detail="this idempotency key was used before, for a different request",
        )
    return remembered.refusal
