"""Anchors of a log, found by what they cover, in every store."""

from uuid import uuid4

import pytest

from application.ports.storage.deployments import ANCHORS
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Store
from domain.anchor import Anchor
from domain.checkpoint import Checkpoint
from domain.deployment import Completed, Deployment, EffectFound, ReadBack, StepFinal
from domain.network import Block
from domain.operation import (
    Attempt,
    AttemptOrigin,
    Inclusion,
    OperationKind,
    Slot,
    Step,
    TransactionId,
)
from tests.contract.tenants import NOW, Tenant, a_tenant, added


@pytest.fixture
def tenant(store: Store) -> Tenant:
    return a_tenant(store)


@pytest.fixture
def origin() -> str:
    return f"example.com/audit/{uuid4().hex}/1"


def an_anchor(
    store: Store, tenant: Tenant, origin: str, size: int, **changes: object
) -> Deployment:
    checkpoint = Checkpoint(origin=origin, size=size, root=bytes(32))
    return added(
        store,
        tenant,
        kind=OperationKind.ANCHOR,
        token=Anchor(checkpoint).as_token(),
        owner="0xtreasury",
        predicted="0xtreasury",
        account=None,
        hold=None,
        credits=0,
        steps=(Step(number=1, name="anchor"),),
        **changes,
    )


def completed(store: Store, tenant: Tenant, anchor: Deployment) -> Deployment:
    """It was found on chain, and read back."""
    id, block = TransactionId(f"0x{uuid4().hex}"), Block(number=7, hash="0xseven")
    attempt = Attempt(
        number=1,
        origin=AttemptOrigin.FOUND,
        transaction_id=id,
        raw=None,
        body=b"",
        fee_cap=0,
        signed_at=NOW,
        broadcast_at=NOW,
    )
    slot = Slot(number=1, network=anchor.network, signer=anchor.sender)
    inclusion = Inclusion(transaction_id=id, block=block, succeeded=True, cost=1)
    place = anchor.predicted or ""
    for event in (
        EffectFound(step=1, attempt=attempt, slot=slot),
        StepFinal(step=1, inclusion=inclusion, token=place),
        ReadBack(token=place),
        Completed(credits=0),
    ):
        anchor = anchor.apply(event)
    with store.begin(tenant.scope) as work:
        work.deployments.lock(anchor.id)
        work.deployments.put(anchor, NOW, None)
    return anchor


def found(store: Store, tenant: Tenant, origin: str, size: int) -> list[Deployment]:
    with store.begin(tenant.scope) as work:
        return list(work.deployments.anchors_from(origin, size))


def test_the_smallest_that_covers_is_found(store: Store, tenant: Tenant, origin: str):
    # 9 and 1,000: sizes are numbers, whatever their texts say.
    nine, hundred, thousand = (
        completed(store, tenant, an_anchor(store, tenant, origin, size))
        for size in (9, 100, 1_000)
    )
    assert found(store, tenant, origin, 0) == [nine]
    assert found(store, tenant, origin, 9) == [nine]
    assert found(store, tenant, origin, 10) == [hundred]
    assert found(store, tenant, origin, 101) == [thousand]
    assert found(store, tenant, origin, 1_001) == []
    assert found(store, tenant, origin + "1", 0) == []


def test_only_what_is_final_covers_anything(store: Store, tenant: Tenant, origin: str):
    waiting = an_anchor(store, tenant, origin, 5)
    assert found(store, tenant, origin, 1) == []
    later = completed(store, tenant, an_anchor(store, tenant, origin, 6))
    assert found(store, tenant, origin, 1) == [later]
    sooner = completed(store, tenant, waiting)
    assert found(store, tenant, origin, 1) == [sooner]


def test_each_network_has_its_own(store: Store, tenant: Tenant, origin: str):
    other = a_tenant(store)
    here = completed(store, tenant, an_anchor(store, tenant, origin, 10))
    there = completed(store, tenant, an_anchor(store, tenant, origin, 20, network=other.network))
    both = sorted([here, there], key=lambda anchor: anchor.network)
    assert found(store, tenant, origin, 5) == both
    assert found(store, tenant, origin, 15) == [there]


def test_anchors_are_listed_apart_and_shown_to_nobody_else(
    store: Store, tenant: Tenant, origin: str
):
    anchor = completed(store, tenant, an_anchor(store, tenant, origin, 10))
    assert found(store, a_tenant(store), origin, 1) == []
    with store.begin(tenant.scope) as work:
        assert work.deployments.list(PageRequest()).items == ()
        assert work.deployments.list(PageRequest(), kinds=ANCHORS).items == (anchor,)
        assert work.deployments.get(anchor.id) == anchor
