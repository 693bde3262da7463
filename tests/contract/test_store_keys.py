"""The keys of accounts, and what is done to them, in every store."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from attrs import evolve

from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Scope, Store
from domain.account import AccountKey
from domain.errors import MisuseError
from domain.identifiers import KeyChangeId, KeyRef
from domain.key_change import KeyAction, KeyChange
from domain.operation import NonceLine, Signer
from domain.signing import Curve, PublicKey
from tests.contract.tenants import (
    KEY,
    NOW,
    Tenant,
    a_tenant,
    added,
    an_account,
    at_once,
    ready,
)

FIRST, SECOND = KeyRef("memory:1"), KeyRef("elsewhere:2")


def a_change(tenant: Tenant, **changes) -> KeyChange:
    described = {
        "organisation": tenant.organisation,
        "id": KeyChangeId(uuid4()),
        "account": tenant.account,
        "action": KeyAction.ROTATE,
        "custodian": "memory",
        "requested_by": "mem_1",
        "requested_at": NOW,
    }
    return KeyChange(**described | changes)


def stored(store: Store, tenant: Tenant, **changes) -> KeyChange:
    change = a_change(tenant, **changes)
    with store.begin(tenant.scope) as work:
        assert work.key_changes.add(change)
    return change


def test_an_account_keeps_all_of_its_keys(store: Store):
    tenant = a_tenant(store)
    further = AccountKey(
        key=SECOND,
        public_key=PublicKey(Curve.SECP256K1, bytes(range(64))),
        address="0xsecond",
    )
    with store.begin(tenant.scope) as work:
        account = ready(work.accounts.lock(tenant.account)).with_further(further)
        work.accounts.put(account)
    with store.begin(tenant.scope) as work:
        found = work.accounts.lock(tenant.account)
        assert found == account
        assert found.find(SECOND) == further
        moved = found.moved_to(SECOND)
        work.accounts.put(moved)
    with store.begin(tenant.scope) as work:
        found = work.accounts.get(tenant.account)
    assert found == moved
    assert (found.key, found.address, found.custodian) == (SECOND, "0xsecond", "elsewhere")
    assert [(each.key, each.public_key) for each in found.further_keys] == [(FIRST, KEY)]
    with store.begin(tenant.scope) as work:
        work.accounts.lock(tenant.account)
        work.accounts.put(found.without(FIRST))
    with store.begin(tenant.scope) as work:
        assert not work.accounts.get(tenant.account).find(FIRST).is_enabled


def test_what_becomes_of_a_change_is_kept(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    change = stored(store, ada)
    for scope, seen in ((ada.scope, change), (eve.scope, None)):
        with store.begin(scope) as work:
            assert work.key_changes.get(change.id) == seen
    with pytest.raises(MisuseError), store.begin(eve.scope) as work:
        work.key_changes.put(change)
    begun = change.begun(SECOND)
    for now in (begun, begun.failed("rekey_failed", NOW + timedelta(minutes=1))):
        with store.begin(ada.scope) as work:
            work.key_changes.put(now)
        with store.begin(ada.scope) as work:
            assert work.key_changes.get(change.id) == now


def test_a_withdrawn_change_is_over(store: Store):
    tenant = a_tenant(store)
    cancelled = stored(store, tenant).cancelled(NOW + timedelta(minutes=1))
    with store.begin(tenant.scope) as work:
        work.key_changes.put(cancelled)
    with store.begin(tenant.scope) as work:
        assert work.key_changes.get(cancelled.id) == cancelled
        assert work.key_changes.open_of(tenant.account) is None


def test_an_account_has_one_change_at_a_time(store: Store):
    tenant = a_tenant(store)
    first, second = stored(store, tenant), a_change(tenant)
    with store.begin(tenant.scope) as work:
        assert not work.key_changes.add(second)
        assert work.key_changes.open_of(tenant.account) == first
        assert work.key_changes.get(second.id) is None
    with store.begin(tenant.scope) as work:
        work.key_changes.put(first.completed(NOW))
    with store.begin(tenant.scope) as work:
        assert work.key_changes.open_of(tenant.account) is None
        assert work.key_changes.add(second)


def test_of_many_who_ask_at_once_one_does(store: Store):
    tenant = a_tenant(store)

    def ask() -> bool:
        with store.begin(tenant.scope) as work:
            return work.key_changes.add(a_change(tenant))

    assert at_once([ask] * 6).count(True) == 1


def test_whoever_looks_sees_what_is_open_of_everybody(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    late = stored(store, ada, requested_at=NOW - timedelta(days=400))
    early = stored(store, eve, requested_at=NOW - timedelta(days=500))
    over = a_tenant(store)
    done = stored(store, over, requested_at=NOW - timedelta(days=600))
    with store.begin(over.scope) as work:
        work.key_changes.put(done.completed(NOW))
    mine = {ada.organisation, eve.organisation, over.organisation}
    for scope in (Scope(), Scope.installation(), ada.scope):
        with store.begin(scope) as work:
            found = [each for each in work.key_changes.open(1_000) if each[0] in mine]
        assert found == [(eve.organisation, early.id), (ada.organisation, late.id)]
    with store.begin(Scope()) as work:
        assert len(work.key_changes.open(1)) == 1


def test_changes_are_listed_newest_first_page_by_page(store: Store):
    tenant = a_tenant(store)
    changes = []
    for number in (1, 2, 3):
        change = stored(store, tenant, id=KeyChangeId(UUID(int=tenant.account.int + number)))
        changes.append(change.completed(NOW))
        with store.begin(tenant.scope) as work:
            work.key_changes.put(changes[-1])
    other = an_account(tenant, uuid4(), live=True)
    with store.begin(tenant.scope) as work:
        assert work.accounts.add(other)
        assert work.key_changes.add(a_change(tenant, account=other.id))
        first = work.key_changes.page(tenant.account, PageRequest(limit=2))
        rest = work.key_changes.page(
            tenant.account, PageRequest(limit=2, after=first.items[-1].id)
        )
    assert first.items == (changes[2], changes[1])
    assert (first.has_more, rest.items, rest.has_more) == (True, (changes[0],), False)


def test_an_organisation_has_one_choice_of_a_custodian(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    for custodian in ("vault", "aws-kms", None, "vault"):
        with store.begin(ada.scope) as work:
            work.accounts.choose(custodian)
            assert work.accounts.chosen() == custodian
    with store.begin(eve.scope) as work:
        assert work.accounts.chosen() is None


def test_what_is_in_flight_of_an_account_has_an_open_slot(store: Store):
    tenant = a_tenant(store)
    one, other = added(store, tenant), added(store, tenant)
    signer = Signer(
        network=tenant.network,
        address="0xaa",
        key=FIRST,
        public_key=KEY,
        next_sequence=0,
    )

    def in_flight(besides) -> int:
        with store.begin(tenant.scope) as work:
            return work.deployments.in_flight(tenant.account, tenant.network, besides)

    assert in_flight(other.id) == 0
    slot, _ = signer.reserve(0, 1, NonceLine(0))
    with store.begin(tenant.scope) as work:
        work.signers.add(signer)
        locked = work.deployments.lock(one.id)
        step = locked.step.with_slot(slot)
        work.deployments.put(evolve(locked, steps=(step,)), due_at=NOW, claim=None)
    assert in_flight(other.id) == 1
    assert in_flight(one.id) == 0
    with store.begin(tenant.scope) as work:
        elsewhere = work.deployments.in_flight(uuid4(), tenant.network, other.id)
    assert elsewhere == 0
