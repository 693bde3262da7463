"""Ending all access at once, in every store: what is of an epoch before is dead."""

from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Scope, Store
from domain.errors import MisuseError
from domain.identifiers import ApiKeyId
from domain.letter import LetterKind
from domain.organisation import ApiKey
from tests.contract.tenants import NOW, BoomError, Tenant, a_tenant, at_once, die_after
from tests.contract.test_store_access import a_key, a_session
from tests.contract.test_store_letters import a_letter, written
from tests.contract.test_store_sign_in import a_flow

LATER = NOW + timedelta(minutes=1)


def current(store: Store) -> int:
    with store.begin(Scope()) as work:
        return work.access_epoch.current()


def end_all(store: Store) -> int:
    with store.begin(Scope.installation()) as work:
        return work.access_epoch.advance()


def key_of(store: Store, tenant: Tenant) -> ApiKey:
    key = evolve(a_key(tenant), auth_epoch=current(store))
    with store.begin(tenant.scope) as work:
        work.api_keys.add(key)
    return key


def read(store: Store, key: ApiKey) -> ApiKey:
    with store.begin(Scope(organisation=key.organisation)) as work:
        found = work.api_keys.get(key.id)
    assert found is not None
    return found


def test_the_epoch_goes_up_by_one_and_everybody_reads_it(store: Store):
    tenant, before = a_tenant(store), current(store)
    assert end_all(store) == before + 1
    for scope in (Scope(), tenant.person, Scope.installation()):
        with store.begin(scope) as work:
            assert work.access_epoch.current() == before + 1


def test_nobody_but_the_installation_ends_access(store: Store):
    tenant, before = a_tenant(store), current(store)
    for scope in (Scope(), tenant.scope, tenant.person, Scope(user=tenant.user)):
        with pytest.raises(MisuseError), store.begin(scope) as work:
            work.access_epoch.advance()
    assert current(store) == before


def test_who_ends_it_at_once_ends_it_one_after_the_other(store: Store):
    before = current(store)
    epochs = at_once([lambda: end_all(store)] * 4)
    assert sorted(epochs) == [before + 1, before + 2, before + 3, before + 4]


def test_what_is_undone_ends_nothing(store: Store):
    before = current(store)
    with pytest.raises(BoomError):
        die_after(store, Scope.installation(), lambda work: work.access_epoch.advance())
    assert current(store) == before


def test_a_session_of_before_is_no_session(store: Store):
    tenant = a_tenant(store)
    old, new = a_session(tenant), a_session(tenant)
    with store.begin(tenant.person) as work:
        work.sessions.add(old)
    end_all(store)
    with store.begin(tenant.person) as work:
        work.sessions.add(new)
    with store.begin(tenant.person) as work:
        assert work.sessions.standing(old.id) is None
        assert work.sessions.lock(old.id) is None
        assert work.sessions.standing(new.id) is not None
        assert work.sessions.all(NOW) == [new]
        assert work.sessions.get(old.id) == old
    with store.begin(tenant.person) as work:
        work.sessions.revoke_all(LATER)
    with store.begin(tenant.person) as work:
        assert [work.sessions.get(each.id).revoked_at for each in (old, new)] == [LATER, LATER]


def test_a_letter_of_before_carries_nothing_that_is_good(store: Store):
    tenant = a_tenant(store)
    changes = {"organisation": tenant.organisation, "kind": LetterKind.INVITATION, "user": None}
    old = written(store, a_letter(tenant, **changes))
    end_all(store)
    new = written(store, a_letter(tenant, **changes))
    with store.begin(tenant.scope) as work:
        for found in (work.letters.get(old.id), work.letters.lock(old.id)):
            assert found == evolve(old, is_ended=True)
            assert not found.is_good(NOW)
        assert work.letters.get(new.id) == new
        assert new.is_good(NOW)
        assert work.letters.usable(LetterKind.INVITATION, NOW) == [new]


def test_a_sign_in_of_before_comes_to_nothing(store: Store):
    old, new = a_flow(), a_flow()
    with store.begin(Scope.installation()) as work:
        work.sign_in_flows.add(old)
    end_all(store)
    with store.begin(Scope.installation()) as work:
        work.sign_in_flows.add(new)
    with store.begin(Scope.installation()) as work:
        assert work.sign_in_flows.get(old.id) is None
        assert not work.sign_in_flows.take(old.id, NOW)
        assert work.sign_in_flows.get(new.id) == new
        assert work.sign_in_flows.take(new.id, NOW)


def test_an_api_key_of_before_waits_until_it_is_enabled(store: Store):
    tenant = a_tenant(store)
    key = key_of(store, tenant)
    assert key.is_good(NOW, current(store))
    epoch = end_all(store)
    with store.begin(Scope()) as work:
        found = work.api_keys.find(key.id)
    assert found is not None
    assert found.epoch == epoch
    assert read(store, key) == key
    assert not key.is_good(NOW, epoch)
    assert key.needs_enabling(epoch)
    with store.begin(tenant.scope) as work:
        assert work.api_keys.enable(key.id, epoch)
        assert not work.api_keys.enable(key.id, epoch)
    assert read(store, key).is_good(NOW, epoch)
    with store.begin(tenant.scope) as work:
        (listed,) = work.api_keys.list(PageRequest(limit=9)).items
    assert listed == evolve(key, auth_epoch=epoch)
    assert not read(store, key).is_good(NOW, end_all(store))


def test_nobody_enables_a_strangers_key_nor_one_that_is_revoked(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    theirs, revoked = key_of(store, ada), key_of(store, ada)
    with store.begin(ada.scope) as work:
        work.api_keys.put(evolve(revoked, revoked_at=NOW))
    epoch = end_all(store)
    with store.begin(eve.scope) as work:
        assert not work.api_keys.enable(theirs.id, epoch)
    with store.begin(ada.scope) as work:
        assert not work.api_keys.enable(revoked.id, epoch)
        assert not work.api_keys.enable(ApiKeyId(uuid4()), epoch)
    assert [read(store, each).needs_enabling(epoch) for each in (theirs, revoked)] == [True, True]


def test_what_was_revoked_does_not_come_back_with_what_somebody_read_before(store: Store):
    tenant = a_tenant(store)
    key = key_of(store, tenant)
    with store.begin(tenant.scope) as work:
        work.api_keys.put(evolve(key, revoked_at=NOW))
    with store.begin(tenant.scope) as work:
        work.api_keys.put(evolve(key, requests_per_minute=7, auth_epoch=99))
        work.api_keys.put(evolve(key, requests_per_minute=7, revoked_at=LATER))
    assert read(store, key) == evolve(key, revoked_at=NOW, requests_per_minute=7)
