"""Idempotency keys, in every store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.storage.idempotency import (
    IdempotencyKey,
    Remembered,
    RequestInFlightError,
)
from application.ports.storage.work import Scope, Store, Work
from domain.errors import FieldFault, MisuseError, Refusal
from domain.identifiers import OperationId
from tests.contract.tenants import NOW, BoomError, a_tenant, at_once, die_after

KEY = IdempotencyKey(live=False, route="POST /v1/deployments", key="order 1")
ACCEPTED = Remembered(
    fingerprint=bytes(32),
    operation=OperationId(uuid4()),
    refusal=None,
    expires_at=NOW + timedelta(hours=24),
)
REFUSED = evolve(
    ACCEPTED,
    operation=None,
    refusal=Refusal(
        code="insufficient_credits",
        detail="5 credits are needed and 0 are available",
        faults=(FieldFault("/a~1b", "wrong_type", "is text"),),
        retry_after=timedelta(seconds=90, microseconds=5),
    ),
)


@pytest.mark.parametrize("remembered", [ACCEPTED, REFUSED], ids=["accepted", "refused"])
def test_what_was_remembered_is_told_again(store: Store, remembered: Remembered):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        assert work.idempotency.take(KEY, NOW) is None
        work.idempotency.remember(KEY, remembered)
    with store.begin(tenant.scope) as work:
        assert work.idempotency.take(KEY, NOW) == remembered


def test_a_key_is_one_organisations_modes_and_routes_own(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    with store.begin(tenant.scope) as work:
        work.idempotency.take(KEY, NOW)
        work.idempotency.remember(KEY, ACCEPTED)
    for key in (evolve(KEY, live=True), evolve(KEY, route="POST /v2"), evolve(KEY, key="2")):
        with store.begin(tenant.scope) as work:
            assert work.idempotency.take(key, NOW) is None
    with store.begin(other.scope) as work:
        assert work.idempotency.take(KEY, NOW) is None


def test_what_expired_is_not_remembered_and_may_be_replaced(store: Store):
    tenant = a_tenant(store)
    later = ACCEPTED.expires_at + timedelta(microseconds=1)
    with store.begin(tenant.scope) as work:
        work.idempotency.take(KEY, NOW)
        work.idempotency.remember(KEY, ACCEPTED)
    with store.begin(tenant.scope) as work:
        assert work.idempotency.take(KEY, later - timedelta(seconds=1)) == ACCEPTED
    with store.begin(tenant.scope) as work:
        assert work.idempotency.take(KEY, later) is None
        renewed = evolve(REFUSED, expires_at=later + timedelta(hours=24))
        work.idempotency.remember(KEY, renewed)
    with store.begin(tenant.scope) as work:
        assert work.idempotency.take(KEY, later) == renewed


def test_a_request_that_died_leaves_its_key_free(store: Store):
    tenant = a_tenant(store)

    def write(work: Work) -> None:
        work.idempotency.take(KEY, NOW)
        work.idempotency.remember(KEY, ACCEPTED)

    with pytest.raises(BoomError):
        die_after(store, tenant.scope, write)
    with store.begin(tenant.scope) as work:
        assert work.idempotency.take(KEY, NOW) is None


def test_a_key_that_was_taken_and_not_used_is_free_again(store: Store):
    tenant = a_tenant(store)
    for _ in range(2):
        with store.begin(tenant.scope) as work:
            assert work.idempotency.take(KEY, NOW) is None


def test_a_key_in_another_transaction_is_in_flight(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    is_taken, may_end = Event(), Event()

    def first() -> None:
        with store.begin(tenant.scope) as work:
            work.idempotency.take(KEY, NOW)
            is_taken.set()
            assert may_end.wait(10)
            work.idempotency.remember(KEY, ACCEPTED)

    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(first)
        assert is_taken.wait(10)
        with pytest.raises(RequestInFlightError), store.begin(tenant.scope) as work:
            work.idempotency.take(KEY, NOW)
        with store.begin(tenant.scope) as work:
            assert work.idempotency.take(evolve(KEY, key="another"), NOW) is None
        with store.begin(other.scope) as work:
            assert work.idempotency.take(KEY, NOW) is None
        may_end.set()
        future.result(timeout=10)
    with store.begin(tenant.scope) as work:
        assert work.idempotency.take(KEY, NOW) == ACCEPTED


def test_fifty_requests_with_one_key_have_one_effect(store: Store):
    tenant = a_tenant(store)
    effects = []

    def request() -> str:
        try:
            with store.begin(tenant.scope) as work:
                if work.idempotency.take(KEY, NOW) is not None:
                    return "replayed"
                effects.append(1)
                work.idempotency.remember(KEY, ACCEPTED)
                return "done"
        except RequestInFlightError:
            return "in flight"

    answers = [answer for _ in range(7) for answer in at_once([request] * 7)]
    assert answers.count("done") == len(effects) == 1
    assert set(answers) <= {"done", "in flight", "replayed"}
    assert request() == "replayed"


def test_only_a_key_that_is_held_can_be_remembered(store: Store):
    tenant = a_tenant(store)
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.idempotency.remember(KEY, ACCEPTED)


def test_what_expired_is_purged_for_all_organisations(store: Store):
    long_ago = NOW - timedelta(days=4_000)
    tenants = [a_tenant(store), a_tenant(store)]
    for tenant in tenants:
        with store.begin(tenant.scope) as work:
            for key, expires_at in ((KEY, NOW), (evolve(KEY, key="order 2"), long_ago)):
                work.idempotency.take(key, NOW)
                work.idempotency.remember(key, evolve(ACCEPTED, expires_at=expires_at))
    with store.begin(Scope()) as work:
        assert work.idempotency.purge(long_ago) == 0
        assert work.idempotency.purge(long_ago + timedelta(seconds=1)) == 2
        assert work.idempotency.purge(long_ago + timedelta(seconds=1)) == 0
