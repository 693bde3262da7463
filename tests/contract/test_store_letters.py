"""Letters and verified addresses, in every store."""

from datetime import timedelta
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.custody import Wrapped
from application.ports.storage.letters import Letter, LetterState
from application.ports.storage.work import Scope, Store
from domain.errors import MisuseError
from domain.identifiers import INSTALLATION, LetterId
from domain.letter import LetterKind
from tests.contract.tenants import NOW, Tenant, a_tenant, at_once

DAY = timedelta(days=1)


def a_letter(tenant: Tenant, **changes: object) -> Letter:
    letter = Letter(
        organisation=INSTALLATION,
        id=LetterId(uuid4()),
        kind=LetterKind.PASSWORD_RESET,
        user=tenant.user,
        sealed=Wrapped(wrapping="test:1", ciphertext=b"sealed"),
        secret_hash=bytes(32),
        written_at=NOW,
        expires_at=NOW + DAY,
        due_at=NOW,
    )
    return evolve(letter, **changes)


def written(store: Store, letter: Letter) -> Letter:
    with store.begin(Scope(organisation=letter.organisation)) as work:
        work.letters.add(letter)
    return letter


def read(store: Store, scope: Scope, letter: Letter) -> Letter | None:
    with store.begin(scope) as work:
        return work.letters.get(letter.id)


def test_a_letter_is_read_by_its_organisation_and_by_whom_it_is_about(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    letter = written(store, a_letter(ada))
    invitation = written(
        store, a_letter(ada, organisation=ada.organisation, kind=LetterKind.INVITATION, user=None)
    )
    for scope in (Scope.installation(), Scope(user=ada.user), ada.person):
        assert read(store, scope, letter) == letter
    for scope in (Scope(), ada.scope, eve.scope, eve.person, Scope(user=eve.user)):
        assert read(store, scope, letter) is None
        with store.begin(scope) as work:
            assert work.letters.lock(letter.id) is None
    assert read(store, ada.scope, invitation) == invitation
    for scope in (Scope.installation(), eve.person, Scope(user=ada.user)):
        assert read(store, scope, invitation) is None


def test_a_letter_is_written_in_its_own_organisation_only(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    with pytest.raises(MisuseError), store.begin(eve.person) as work:
        work.letters.add(a_letter(ada, organisation=ada.organisation))


def test_what_becomes_of_a_letter_is_kept(store: Store):
    ada = a_tenant(store)
    letter = written(store, a_letter(ada))
    for after in (
        evolve(letter, attempts=1, due_at=NOW + DAY),
        evolve(letter, attempts=2, state=LetterState.SENT, due_at=None, sealed=None),
        evolve(letter, attempts=2, state=LetterState.SENT, due_at=None, sealed=None, used_at=NOW),
    ):
        with store.begin(Scope(user=ada.user)) as work:
            assert work.letters.lock(letter.id) is not None
            work.letters.put(after)
        assert read(store, Scope.installation(), letter) == after


def test_nobody_else_changes_a_letter(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    letter = written(store, a_letter(ada))
    with pytest.raises(MisuseError), store.begin(eve.person) as work:
        work.letters.put(evolve(letter, used_at=NOW))


def test_all_letters_about_a_person_end_at_once(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    queued = written(store, a_letter(ada))
    sent = written(store, a_letter(ada, state=LetterState.SENT, due_at=None))
    over = written(store, a_letter(ada, state=LetterState.SENT, due_at=None, used_at=NOW))
    others = written(store, a_letter(eve))
    later = NOW + DAY
    with store.begin(ada.person) as work:
        assert work.letters.end_of_user(later) == 2
    ended = {"sealed": None, "due_at": None, "used_at": later}
    installation = Scope.installation()
    assert read(store, installation, queued) == evolve(queued, state=LetterState.GIVEN_UP, **ended)
    assert read(store, installation, sent) == evolve(sent, **ended)
    assert read(store, installation, over) == over
    assert read(store, installation, others) == others


def test_open_invitations_are_listed_oldest_first(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)

    def invitation(tenant, minutes, **changes):
        own = {"organisation": tenant.organisation, "kind": LetterKind.INVITATION, "user": None}
        at = NOW + timedelta(minutes=minutes)
        return written(store, a_letter(tenant, **own, written_at=at, **changes))

    second, first = invitation(ada, 2), invitation(ada, 1)
    invitation(ada, 3, used_at=NOW)
    invitation(ada, 0, expires_at=NOW)
    invitation(eve, 0)
    written(store, a_letter(ada, organisation=ada.organisation))
    with store.begin(ada.scope) as work:
        assert work.letters.usable(LetterKind.INVITATION, NOW) == [first, second]


def test_what_is_due_is_told_by_ids_whoever_it_is_of(store: Store):
    ada = a_tenant(store)
    later = written(store, a_letter(ada, due_at=NOW + timedelta(minutes=2)))
    soon = written(store, a_letter(ada, due_at=NOW - timedelta(minutes=2)))
    written(store, a_letter(ada, state=LetterState.SENT, due_at=None))
    with store.begin(Scope()) as work:
        mine = {soon.id, later.id}
        due = [each for each in work.letters.due(NOW, 1_000) if each[1] in mine]
        assert due == [(INSTALLATION, soon.id)]
        due = [each for each in work.letters.due(NOW + DAY, 1_000) if each[1] in mine]
        assert due == [(INSTALLATION, soon.id), (INSTALLATION, later.id)]


def test_what_is_long_over_is_forgotten(store: Store):
    ada = a_tenant(store)
    long_ago = NOW - timedelta(days=100)
    old = written(store, a_letter(ada, expires_at=long_ago))
    new = written(store, a_letter(ada))
    with store.begin(Scope()) as work:
        assert work.letters.purge(long_ago) == 0
        assert work.letters.purge(long_ago + timedelta(seconds=1)) == 1
    assert read(store, Scope.installation(), old) is None
    assert read(store, Scope.installation(), new) == new


def test_one_of_many_uses_a_token_up(store: Store):
    ada = a_tenant(store)
    letter = written(store, a_letter(ada))

    def use() -> bool:
        with store.begin(ada.person) as work:
            found = work.letters.lock(letter.id)
            assert found is not None
            if not found.is_good(NOW):
                return False
            work.letters.put(evolve(found, used_at=NOW))
            return True

    assert sorted(at_once([use] * 8)) == [False] * 7 + [True]


def test_an_address_is_verified_once(store: Store):
    ada, eve = a_tenant(store), a_tenant(store)
    with store.begin(ada.person) as work:
        assert work.users.verified_at() is None
        assert not work.users.is_verified(ada.member)
        assert work.users.verify(NOW)
        assert not work.users.verify(NOW + DAY)
        assert work.users.verified_at() == NOW
    with store.begin(ada.scope) as work:
        assert work.users.is_verified(ada.member)
        assert not work.users.is_verified(eve.member)
    with store.begin(eve.person) as work:
        assert not work.users.is_verified(ada.member)
        assert work.users.verified_at() is None


def test_a_password_is_changed_by_its_user_only(store: Store):
    ada = a_tenant(store)
    with store.begin(Scope(user=ada.user)) as work:
        work.users.set_password("another")
        user = work.users.get()
        assert user is not None
        assert user.password_hash == "another"
    with pytest.raises(MisuseError), store.begin(ada.scope) as work:
        work.users.set_password("a third")
