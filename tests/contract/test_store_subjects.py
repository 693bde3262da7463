"""Keys of persons, in every store: there, or destroyed for good."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from application.ports.custody import Wrapped
from application.ports.storage.access import EmailTakenError
from application.ports.storage.subjects import SubjectKey
from application.ports.storage.work import Scope, Store
from domain.errors import MisuseError
from domain.identifiers import SessionId
from domain.organisation import ERASED, Session, User
from tests.contract.tenants import NOW, Tenant, a_tenant


def a_key(tenant: Tenant, text: bytes = b"wrapped") -> SubjectKey:
    wrapped = Wrapped(wrapping="test:1", ciphertext=text)
    return SubjectKey(user=tenant.user, wrapped=wrapped, made_at=NOW)


def with_key(store: Store) -> Tenant:
    tenant = a_tenant(store)
    with store.begin(tenant.person) as work:
        assert work.subject_keys.add(a_key(tenant))
    return tenant


def test_a_person_has_one_key(store: Store):
    tenant = with_key(store)
    with store.begin(tenant.person) as work:
        assert not work.subject_keys.add(a_key(tenant, b"another"))
        assert work.subject_keys.get(tenant.user) == a_key(tenant)
        assert work.subject_keys.lock() == a_key(tenant)


def test_it_is_read_by_its_owner_and_by_organisations_they_are_in(store: Store):
    tenant, other = with_key(store), a_tenant(store)
    for scope in (Scope(user=tenant.user), tenant.scope):
        with store.begin(scope) as work:
            assert work.subject_keys.get(tenant.user) == a_key(tenant)
    for scope in (Scope(), other.scope, other.person, Scope(user=other.user)):
        with store.begin(scope) as work:
            assert work.subject_keys.get(tenant.user) is None


def test_it_is_added_by_its_owner_alone(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    with pytest.raises(MisuseError), store.begin(other.person) as work:
        work.subject_keys.add(a_key(tenant))


def test_what_was_destroyed_leaves_its_place_taken(store: Store):
    tenant = with_key(store)
    with store.begin(Scope(user=tenant.user)) as work:
        work.subject_keys.lock()
        work.subject_keys.destroy(NOW + timedelta(days=1))
    gone = SubjectKey(
        user=tenant.user, wrapped=None, made_at=NOW, destroyed_at=NOW + timedelta(days=1)
    )
    with store.begin(tenant.person) as work:
        assert work.subject_keys.get(tenant.user) == gone
        assert not work.subject_keys.add(a_key(tenant))
        assert work.subject_keys.lock() == gone
    with pytest.raises(MisuseError), store.begin(tenant.person) as work:
        work.subject_keys.destroy(NOW)


def test_a_key_that_never_was_cannot_be_destroyed_but_its_place_can_be_taken(store: Store):
    tenant = a_tenant(store)
    with pytest.raises(MisuseError), store.begin(tenant.person) as work:
        work.subject_keys.destroy(NOW)
    gone = SubjectKey(user=tenant.user, wrapped=None, made_at=NOW, destroyed_at=NOW)
    with store.begin(tenant.person) as work:
        assert work.subject_keys.add(gone)
        assert work.subject_keys.get(tenant.user) == gone


def test_a_key_is_there_or_destroyed():
    with pytest.raises(ValueError, match="there or destroyed"):
        SubjectKey(user=uuid4(), wrapped=None, made_at=NOW)


def test_of_many_that_make_one_at_once_one_is_kept(store: Store):
    tenant = a_tenant(store)

    def make(number: int) -> bool:
        with store.begin(tenant.person) as work:
            return work.subject_keys.add(a_key(tenant, bytes([number])))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(make, range(8))) == 1


def test_of_whoever_is_erased_the_id_stays_and_the_address_is_free(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.person) as work:
        work.users.erase(f"{tenant.user}@erased.invalid")
    with store.begin(Scope(user=tenant.user)) as work:
        kept = work.users.get()
        assert kept is not None
        assert kept.is_erased
        assert (kept.id, kept.email) == (tenant.user, f"{tenant.user}@erased.invalid")
        assert work.users.find_login(tenant.email) is None
    namesake = User(id=uuid4(), email=tenant.email, password_hash="hash", created_at=NOW)
    with store.begin(Scope(user=namesake.id)) as work:
        work.users.add(namesake)
        assert work.users.find_login(tenant.email) == namesake.id
    again = User(id=uuid4(), email=tenant.email, password_hash=ERASED, created_at=NOW)
    with pytest.raises(EmailTakenError), store.begin(Scope(user=again.id)) as work:
        work.users.add(again)


def test_all_sessions_of_a_person_end_at_once_and_nobody_elses(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    sessions = [a_session(tenant), a_session(tenant), a_session(other)]
    for owner, session in zip((tenant, tenant, other), sessions, strict=True):
        with store.begin(owner.person) as work:
            work.sessions.add(session)
    with store.begin(Scope(user=tenant.user)) as work:
        assert work.sessions.revoke_all(NOW) == 2
        assert work.sessions.revoke_all(NOW) == 0
        ended = [work.sessions.get(session.id) for session in sessions[:2]]
    assert [each and (each.revoked_at, each.successor) for each in ended] == [(NOW, None)] * 2
    with store.begin(Scope(user=other.user)) as work:
        assert work.sessions.get(sessions[2].id) == sessions[2]


def a_session(tenant: Tenant) -> Session:
    return Session(
        id=SessionId(uuid4()),
        user=tenant.user,
        organisation=tenant.organisation,
        created_at=NOW,
        expires_at=NOW + timedelta(days=30),
        refresh_hash=bytes(64),
        rotated_at=NOW,
        successor=b"wrapped",
    )
