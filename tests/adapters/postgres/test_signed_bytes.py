"""What was signed is loaded once, and is what was signed."""

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from attrs import evolve

from adapters.postgres import connect
from adapters.postgres.signed import KeptBytes, SignedBytes
from application.ports.storage.paging import PageRequest
from domain.deployment import Broadcast, Signed, SlotReserved
from domain.operation import Attempt, Slot
from tests.contract.subjects.postgres import application_url
from tests.contract.tenants import NOW, a_tenant, added
from tests.strategies import fresh_transaction_id


def reserved(store, tenant):
    """A deployment whose slot nothing is signed for yet."""
    deployment = added(store, tenant)
    slot = Slot(
        number=1, network=tenant.network, signer=deployment.sender, sequence=uuid4().int >> 66
    )
    return put(store, tenant, deployment.apply(SlotReserved(step=1, slot=slot)))


def put(store, tenant, deployment):
    with store.begin(tenant.scope) as work:
        assert work.deployments.lock(deployment.id) is not None
        work.deployments.put(deployment, NOW, None)
    return deployment


def attempt(raw, body, *, id=None, at=NOW):
    return Attempt(
        number=1,
        transaction_id=id or fresh_transaction_id(),
        raw=raw,
        body=body,
        fee_cap=1,
        signed_at=at,
    )


def signed(deployment, what):
    return deployment.apply(Signed(step=1, attempt=what))


def got(store, tenant, deployment):
    with store.begin(tenant.scope) as work:
        read = work.deployments.get(deployment.id)
        assert read == work.deployments.lock(deployment.id)
        return read


def test_another_process_reads_what_was_signed(store, another):
    tenant = a_tenant(store)
    deployment = reserved(store, tenant)
    assert got(another, tenant, deployment) == deployment
    deployment = put(store, tenant, signed(deployment, attempt(b"signed", b"draft")))
    for each in (another, store, another):
        assert got(each, tenant, deployment) == deployment


def test_what_was_shown_first_is_what_was_signed_all_the_same(store, another):
    """Nothing is kept of an outline: somebody may send what is."""
    tenant = a_tenant(store)
    deployment = put(store, tenant, signed(reserved(store, tenant), attempt(b"signed", b"draft")))
    with another.begin(tenant.scope) as work:
        assert work.deployments.outline(deployment.id) == deployment.outline()
        assert work.deployments.list(PageRequest()).items == (deployment.outline(),)
        assert work.deployments.get(deployment.id) == deployment
    for each in (another, store):
        assert got(each, tenant, deployment) == deployment


def test_nobody_is_given_what_was_signed_for_another_operation(store, another):
    """Not even where all else is the same, as no chain would have it."""
    id, tenant = fresh_transaction_id(), a_tenant(store)
    made = [
        (
            owner,
            put(store, owner, signed(reserved(store, owner), attempt(raw, b"draft", id=id))),
        )
        for owner, raw in ((tenant, b"one"), (tenant, b"two"), (a_tenant(store), b"three"))
    ]
    for owner, deployment in made * 2:
        for each in (store, another):
            assert got(each, owner, deployment) == deployment


def test_what_was_rolled_back_is_not_what_was_signed(store):
    """Nor where it was signed anew in its place, to the same transaction."""
    tenant = a_tenant(store)
    before, id = reserved(store, tenant), fresh_transaction_id()

    class LostError(Exception):
        pass

    def lost():
        with store.begin(tenant.scope) as work:
            work.deployments.lock(before.id)
            work.deployments.put(signed(before, attempt(b"one", b"first", id=id)), NOW, None)
            raise LostError

    with pytest.raises(LostError):
        lost()
    assert got(store, tenant, before) == before
    second = attempt(b"two", b"second", id=id, at=NOW + timedelta(microseconds=1))
    after = put(store, tenant, signed(before, second))
    assert got(store, tenant, after) == after


def test_what_becomes_of_an_attempt_leaves_what_was_signed(store, another):
    tenant = a_tenant(store)
    deployment = put(store, tenant, signed(reserved(store, tenant), attempt(b"signed", b"draft")))
    id = deployment.steps[0].attempts[0].transaction_id
    sent = put(store, tenant, deployment.apply(Broadcast(step=1, transaction_id=id, at=NOW)))
    assert got(another, tenant, deployment) == sent
    assert sent.steps[0].attempts[0].raw == b"signed"


def test_what_was_read_is_not_asked_for_again(store, another, url):
    tenant = a_tenant(store)
    deployment = put(store, tenant, signed(reserved(store, tenant), attempt(b"signed", b"draft")))
    assert got(another, tenant, deployment) == deployment
    with psycopg.connect(url, autocommit=True) as administrator:
        change = "UPDATE attempts SET raw = 'other' WHERE operation_id = %s"
        assert administrator.execute(change, [deployment.id]).rowcount == 1
    assert got(another, tenant, deployment) == deployment


def test_so_many_bytes_are_kept_and_the_least_used_go_first():
    kept = KeptBytes(most=10)
    keys = [(uuid4(), uuid4(), 1, 1, "0x", NOW) for _ in range(4)]
    for key in keys[:2]:
        kept.put(key, SignedBytes(raw=b"abc", body=b"de"))
    assert kept.get(keys[0]) is not None
    kept.put(keys[2], SignedBytes(raw=None, body=b"x"))
    assert [kept.get(key) is not None for key in keys] == [True, False, True, False]
    for _ in range(9):
        kept.put(keys[2], SignedBytes(raw=None, body=b"x"))
    assert kept.get(keys[0]) is not None
    kept.put(keys[3], SignedBytes(raw=b"more than all of it", body=b""))
    assert [kept.get(key) for key in keys] == [None] * 4
    kept.put(keys[1], SignedBytes(raw=b"0123456789", body=b""))
    assert kept.get(keys[1]) is not None


def test_what_is_too_large_to_be_kept_is_read_all_the_same(store, url):
    tenant = a_tenant(store)
    large = attempt(bytes(1_000), bytes(1_000))
    deployment = put(store, tenant, signed(reserved(store, tenant), large))
    forgetful = evolve(
        connect(application_url(url), min_size=1, max_size=1), signed=KeptBytes(most=9)
    )
    forgetful.open()
    try:
        for _ in range(2):
            assert got(forgetful, tenant, deployment) == deployment
    finally:
        forgetful.close()
