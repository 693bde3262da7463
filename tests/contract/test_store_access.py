"""Organisations, users, sessions, API keys and failed log-ins, in every store."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from attrs import evolve

from application.ports.storage.access import EmailTakenError, FoundKey, KeyStanding
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Scope, Store
from domain.abuse import LoginFailures
from domain.catalogue import TariffName
from domain.errors import MisuseError
from domain.identifiers import (
    INSTALLATION,
    ApiKeyId,
    MemberId,
    OrganisationId,
    SessionId,
    UserId,
)
from domain.organisation import ApiKey, Member, Organisation, Permission, Role, Session, User
from tests.catalogue import ENTERPRISE, FREE
from tests.contract.tenants import NOW, Tenant, a_tenant, at_once


def a_session(tenant: Tenant) -> Session:
    return Session(
        id=SessionId(uuid4()),
        user=tenant.user,
        organisation=tenant.organisation,
        created_at=NOW,
        expires_at=NOW + timedelta(days=30),
        refresh_hash=uuid4().bytes * 2,
        rotated_at=NOW,
    )


def a_key(tenant: Tenant) -> ApiKey:
    return ApiKey(
        organisation=tenant.organisation,
        id=ApiKeyId(uuid4()),
        name="CI",
        live=False,
        scopes=frozenset({Permission.READ_CREDITS, Permission.WRITE_DEPLOYMENTS}),
        secret_hash=uuid4().bytes * 2,
        hint="wxyz",
        created_by=tenant.member,
        created_at=NOW,
        requests_per_minute=90,
        api_version="2026-01-31",
    )


def test_an_organisation_has_its_owner_its_wallet_and_its_audit_head(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.person) as work:
        organisation = work.organisations.get()
        assert organisation == Organisation(
            id=tenant.organisation, name="Ada & Co", tariff=FREE, created_at=NOW
        )
        member = work.organisations.member(tenant.user)
        assert member == Member(
            organisation=tenant.organisation,
            id=tenant.member,
            user=tenant.user,
            role=Role.OWNER,
            created_at=NOW,
        )
        assert work.organisations.of_user() == [(organisation, member)]
        wallet = work.ledger.lock()
        assert (wallet.available, wallet.held, wallet.version, wallet.lots) == (0, 0, 0, ())
        assert work.audit.all(limit=1) == []


def test_a_membership_that_ended_is_told_by_its_ids_only(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    with store.begin(tenant.person) as work:
        (member,) = work.members.lock()
        ended = evolve(member, removed_at=NOW)
        work.members.put(ended)
    with store.begin(Scope(user=tenant.user)) as work:
        assert work.organisations.of_user() == []
        assert work.organisations.memberships_of_user() == [(tenant.organisation, tenant.member)]
    with store.begin(tenant.scope) as work:
        assert (work.members.all(), work.members.ever()) == ([], [ended])
        # Of nobody but the scope's own user.
        assert work.organisations.memberships_of_user() == []
    with store.begin(other.person) as work:
        assert work.organisations.memberships_of_user() == [(other.organisation, other.member)]


def test_the_installation_has_an_organisation_of_its_own(store: Store):
    with store.begin(Scope.installation()) as work:
        organisation = work.organisations.get()
        assert organisation is not None
        assert organisation.id == INSTALLATION
        work.ledger.lock()


def test_a_tariff_is_changed(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        work.organisations.set_tariff(ENTERPRISE)
    with store.begin(tenant.scope) as work:
        organisation = work.organisations.get()
        assert organisation is not None
        assert organisation.tariff == ENTERPRISE


def test_every_organisation_is_found_page_by_page_but_the_installations(store: Store):
    made = {a_tenant(store).organisation for _ in range(3)}
    found: list[OrganisationId] = []
    with store.begin(Scope()) as work:
        while page := work.organisations.after(found[-1] if found else INSTALLATION, 2):
            assert len(page) <= 2
            found += page
    assert found == sorted(set(found))
    assert made <= set(found)
    assert INSTALLATION not in found


def test_tariffs_are_counted_over_all_organisations_but_the_installations(store: Store):
    tenants = [a_tenant(store) for _ in range(3)]
    gone = TariffName(f"gone_{tenants[0].organisation.hex[:8]}")
    for tenant in tenants[1:]:
        with store.begin(tenant.scope) as work:
            work.organisations.set_tariff(gone)
    with store.begin(Scope.installation()) as work:
        in_use = work.organisations.tariffs_in_use()
        everybody = work.organisations.after(INSTALLATION, 100_000)
    assert in_use[gone] == 2
    assert in_use[FREE] >= 1
    assert sum(in_use.values()) == len(everybody)


def test_a_user_is_in_several_organisations_oldest_membership_first(store: Store):
    tenant = a_tenant(store)
    for day in (-1, 1):
        id = OrganisationId(uuid4())
        with store.begin(Scope(organisation=id, user=tenant.user)) as work:
            work.organisations.add(
                Organisation(id=id, name=str(day), tariff=FREE, created_at=NOW),
                Member(
                    organisation=id,
                    id=MemberId(uuid4()),
                    user=tenant.user,
                    role=Role.OWNER,
                    created_at=NOW + timedelta(days=day),
                ),
            )
    with store.begin(Scope(user=tenant.user)) as work:
        names = [organisation.name for organisation, _ in work.organisations.of_user()]
    assert names == ["-1", "Ada & Co", "1"]


def test_an_address_registers_once(store: Store):
    tenant = a_tenant(store)
    other = UserId(uuid4())
    with pytest.raises(EmailTakenError), store.begin(Scope(user=other)) as work:
        work.users.add(User(id=other, email=tenant.email, password_hash="other", created_at=NOW))
    with store.begin(Scope(user=other)) as work:
        assert work.users.get() is None
        assert work.users.find_login(tenant.email) == tenant.user


def test_of_many_who_register_an_address_at_once_one_does(store: Store):
    email = f"{uuid4()}@example.com"

    def register() -> bool:
        id = UserId(uuid4())
        try:
            with store.begin(Scope(user=id)) as work:
                work.users.add(User(id=id, email=email, password_hash="h", created_at=NOW))
        except EmailTakenError:
            return False
        return True

    assert at_once([register] * 6).count(True) == 1


def test_a_user_is_read_in_their_own_scope(store: Store):
    tenant = a_tenant(store)
    with store.begin(Scope(user=tenant.user)) as work:
        user = work.users.get()
    assert user == User(id=tenant.user, email=tenant.email, password_hash="hash", created_at=NOW)
    assert "hash" not in repr(user)


def test_a_user_is_added_in_their_own_scope_only(store: Store):
    user = User(id=UserId(uuid4()), email=f"{uuid4()}@x", password_hash="h", created_at=NOW)
    with pytest.raises(MisuseError), store.begin(Scope(user=UserId(uuid4()))) as work:
        work.users.add(user)


def test_a_session_is_added_rotated_and_revoked(store: Store):
    tenant = a_tenant(store)
    session = a_session(tenant)
    with store.begin(Scope(user=tenant.user)) as work:
        work.sessions.add(session)
    rotated = evolve(
        session,
        refresh_hash=b"new" * 8,
        previous_hash=session.refresh_hash,
        rotated_at=NOW + timedelta(minutes=1),
        successor=b"wrapped",
        revoked_at=NOW + timedelta(minutes=2),
    )
    with store.begin(Scope(user=tenant.user)) as work:
        assert work.sessions.lock(session.id) == session
        work.sessions.put(rotated)
    with store.begin(tenant.person) as work:
        assert work.sessions.get(session.id) == rotated
        standing = work.sessions.standing(session.id)
        assert standing is not None
        assert standing == (
            rotated,
            work.organisations.get(),
            work.organisations.member(tenant.user),
        )


def test_a_session_acts_for_an_organisation_its_user_is_a_member_of(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    with pytest.raises(MisuseError), store.begin(tenant.person) as work:
        work.sessions.add(evolve(a_session(tenant), organisation=other.organisation))


def test_an_api_key_is_added_found_changed_and_listed(store: Store):
    tenant = a_tenant(store)
    keys = [a_key(tenant) for _ in range(3)]
    with store.begin(tenant.scope) as work:
        for key in keys:
            work.api_keys.add(key)
    revoked = evolve(keys[0], revoked_at=NOW, expires_at=NOW + timedelta(days=1))
    with store.begin(tenant.scope) as work:
        work.api_keys.put(revoked)
    with store.begin(Scope()) as work:
        assert work.api_keys.find(revoked.id) == FoundKey(
            organisation=tenant.organisation, id=revoked.id, epoch=work.access_epoch.current()
        )
    with store.begin(tenant.scope) as work:
        assert work.api_keys.get(revoked.id) == revoked
        organisation, maker = work.organisations.get(), work.organisations.member(tenant.user)
        assert organisation is not None
        assert maker is not None
        first = work.api_keys.list(PageRequest(limit=2))
        rest = work.api_keys.list(PageRequest(limit=2, after=first.items[-1].id))
    with store.begin(Scope()) as work:
        standing = KeyStanding(
            key=revoked, organisation=organisation, maker=maker, epoch=work.access_epoch.current()
        )
        assert work.api_keys.recognise(revoked.id) == standing
        assert work.api_keys.recognise(ApiKeyId(uuid4())) is None
        assert work.api_keys.get(revoked.id) is None
        assert work.organisations.get() is None
    with store.begin(tenant.scope) as work:
        assert work.api_keys.recognise(revoked.id) == standing
        assert work.api_keys.get(revoked.id) == revoked
    assert first.has_more
    assert not rest.has_more
    expected = sorted([revoked, *keys[1:]], key=by_id, reverse=True)
    assert [*first.items, *rest.items] == expected


def by_id(key: ApiKey) -> UUID:
    return key.id


def test_a_key_is_made_by_a_member(store: Store):
    tenant = a_tenant(store)
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.api_keys.add(evolve(a_key(tenant), created_by=MemberId(uuid4())))


def test_failed_log_ins_are_counted_one_at_a_time(store: Store):
    key = uuid4().bytes

    def fail() -> None:
        with store.begin(Scope()) as work:
            failures = work.login_attempts.lock(key)
            work.login_attempts.put(key, failures.failed(NOW))

    at_once([fail] * 4)
    with store.begin(Scope()) as work:
        assert work.login_attempts.lock(key) == LoginFailures(count=4, last_at=NOW)
        assert work.login_attempts.lock(key + b"!") == LoginFailures()
    fail()
    with store.begin(Scope()) as work:
        assert work.login_attempts.lock(key).locked_until == NOW + timedelta(minutes=15)
        work.login_attempts.forget(key)
        assert work.login_attempts.lock(key) == LoginFailures()


def test_old_failures_are_purged_and_recent_ones_are_not(store: Store):
    old, recent = b"a" + uuid4().bytes, b"b" + uuid4().bytes
    long_ago = NOW - timedelta(days=4_000)
    with store.begin(Scope()) as work:
        for key, at in ((old, long_ago), (recent, NOW)):
            work.login_attempts.lock(key)
            work.login_attempts.put(key, LoginFailures(count=1, last_at=at))
    with store.begin(Scope()) as work:
        assert work.login_attempts.purge(long_ago) == 0
        assert work.login_attempts.purge(long_ago + timedelta(seconds=1)) == 1
    with store.begin(Scope()) as work:
        assert work.login_attempts.lock(old).count == 0
        assert work.login_attempts.lock(recent).count == 1


def test_whoever_was_removed_is_nobody_here_and_their_row_stays(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    guest = Member(
        organisation=ada.organisation,
        id=MemberId(uuid4()),
        user=eve.user,
        role=Role.ISSUER,
        created_at=NOW + timedelta(minutes=1),
    )
    both = Scope(organisation=ada.organisation, user=eve.user)
    session = evolve(a_session(eve), organisation=ada.organisation)
    key = evolve(a_key(ada), created_by=guest.id)
    with store.begin(both) as work:
        work.users.verify(NOW)
        work.members.add(guest)
        work.sessions.add(session)
        work.api_keys.add(key)
        assert [each.id for each in work.members.all()] == [ada.member, guest.id]
        assert work.organisations.member(eve.user) == guest
        assert work.users.is_verified(guest.id)
    gone = evolve(guest, removed_at=NOW + timedelta(days=1))
    with store.begin(both) as work:
        assert work.members.lock()[-1] == guest
        work.members.put(gone)
    for scope in (both, Scope(user=eve.user)):
        with store.begin(scope) as work:
            assert work.sessions.standing(session.id) is None
            assert [each.organisation for _, each in work.organisations.of_user()] == [
                eve.organisation
            ]
    with store.begin(ada.scope) as work:
        assert [each.id for each in work.members.all()] == [ada.member]
        assert work.members.lock()[-1] == gone
        assert work.organisations.member(eve.user) is None
        assert not work.teams.are_members([guest.id])
        assert not work.users.is_verified(guest.id)
        standing = work.api_keys.recognise(key.id)
        assert standing is not None
        assert standing.maker == gone
        work.members.put(evolve(gone, role=Role.OWNER, removed_at=None))
    with store.begin(both) as work:
        assert work.sessions.standing(session.id) is not None
    with pytest.raises(MisuseError), store.begin(eve.scope) as work:
        work.members.put(guest)
