"""Registering, logging in, going on, logging out, and API keys; and what never leaves a trace."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.passwords import MemoryPasswords
from adapters.memory.wrapping import MemoryKeyWrapping
from application.access.api_keys import CreateApiKey, KeyRequest, NewKey, RevokeApiKey
from application.access.authenticate import Authenticate
from application.access.caller import Caller
from application.access.enrol import Registered
from application.access.log_in import Credentials, LogIn
from application.access.log_out import LogOut
from application.access.refresh import Refresh
from application.access.register import Registration
from application.access.sessions import OpenSession
from application.accounts.ask import AccountPlace
from application.ports.storage.work import Scope
from domain.errors import Refusal
from domain.identifiers import Prefix, public_id
from domain.network import Family
from domain.organisation import PERMISSIONS, Permission, Role
from tests.application.house import House, examples
from tests.catalogue import TOKENS

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery"
SOURCE = "192.0.2.0/24"
NAME = "Ada & Co"


class Door:
    """The house as somebody meets it who is not in yet."""

    def __init__(self):
        self.house = House()
        self.store, self.clock = self.house.store, self.house.clock
        self.wrapping = MemoryKeyWrapping()
        self.passwords = MemoryPasswords()
        parts = {
            "store": self.store,
            "clock": self.clock,
            "identifiers": self.house.identifiers,
        }
        self.authenticate = Authenticate(store=self.store, clock=self.clock)
        parts["people"] = self.house.people
        self.log_in_use_case = LogIn(**parts, passwords=self.passwords)
        self.refresh_use_case = Refresh(**parts, wrapping=self.wrapping)
        self.log_out = LogOut(**parts)
        self.create_key = CreateApiKey(**parts)
        self.revoke_key = RevokeApiKey(**parts)
        self.register_use_case = self.house.registering(
            passwords=self.passwords,
            enrol=self.house.enrol(
                catalogue=TOKENS,
                custodian="memory",
                places=frozenset({AccountPlace("evm", False)}),
            ),
        )

    def register(self, email, password=PASSWORD, organisation=NAME):
        return self.register_use_case(
            Registration(
                email=email, password=password, organisation=organisation, request_id="req_r"
            )
        )

    def log_in(self, email=EMAIL, password=PASSWORD, source=SOURCE, organisation=None):
        return self.log_in_use_case(
            Credentials(
                email=email,
                password=password,
                organisation=organisation,
                source=source,
                request_id="req_l",
            )
        )

    def logged_in(self, **credentials) -> OpenSession:
        opened = self.log_in(**credentials)
        assert isinstance(opened, OpenSession), opened
        return opened

    def refresh(self, token):
        return self.refresh_use_case(token, "req_f")

    def who(self, opened: OpenSession):
        return self.authenticate.session(opened.session.id, opened.session.user, "req_w")

    def actions(self):
        return [event.action for event in self.house.all_events()]


@pytest.fixture
def door():
    return Door()


def is_refused(answer, code):
    assert isinstance(answer, Refusal), answer
    assert answer.code == code


# Registering.


def test_a_new_organisation_has_an_owner_its_first_credits_and_an_account_on_the_way(door):
    registered = door.register("grace@example.com")
    assert isinstance(registered, Registered)
    scope = Scope(organisation=registered.organisation.id)
    with door.store.begin(scope) as work:
        assert work.ledger.balance().available == 25
        account = work.accounts.find(Family.EVM, live=False)
        actions = [event.action for event in work.audit.all(limit=100)]
    assert account is not None
    assert account.key is None
    assert registered.member.role is Role.OWNER
    assert actions == [
        "organisation.created",
        "member.added",
        "account.requested",
        "credits.granted",
    ]
    assert isinstance(door.who(registered.open), Caller)


def test_an_address_registers_once_however_it_is_written(door):
    is_refused(door.register("  ADA@Example.com "), "email_taken")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: door.register("new@example.com"), range(8)))
    assert sum(isinstance(a, Registered) for a in answers) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"),
        ("email", "a@b"),
        ("email", "a@b..c"),
        ("email", "a\x00@example.com"),
        ("email", "a" * 250 + "@example.com"),
        ("password", "short"),
        ("password", "x" * 201),
        ("password", "aaaaaaaaab"),
        ("password", "grace@example.com"),
        ("password", "\ud800" + PASSWORD),
        ("organisation", " "),
        ("organisation", "x" * 101),
        ("organisation", "new\nline"),
    ],
)
def test_a_faulty_registration_names_the_field_and_stores_nothing(door, field, value):
    good = {"email": "grace@example.com", "password": PASSWORD, "organisation": NAME}
    answer = door.register(**(good | {field: value}))
    is_refused(answer, "validation_failed")
    assert [fault.pointer for fault in answer.faults] == [f"/{field}"]
    assert isinstance(door.register(**good), Registered)


def test_every_faulty_field_is_named_at_once(door):
    answer = door.register("nobody", "short", "")
    assert [f.pointer for f in answer.faults] == ["/email", "/password", "/organisation"]


# Logging in.


def test_the_right_password_opens_a_session_of_the_only_organisation(door):
    opened = door.logged_in(email=" Ada@EXAMPLE.com")
    caller = door.who(opened)
    assert isinstance(caller, Caller)
    assert caller.organisation == door.house.registered.organisation.id
    assert caller.permissions == PERMISSIONS[Role.OWNER]
    assert "session.opened" in door.actions()


def test_an_unknown_address_is_answered_and_locked_exactly_like_a_known_one(door):
    known = [door.log_in(password="wrong" * 3) for _ in range(6)]
    unknown = [door.log_in("nobody@example.com", "wrong" * 3) for _ in range(6)]
    assert known == unknown
    assert [a.code for a in known] == ["invalid_credentials"] * 5 + ["account_locked"]
    assert known[-1].retry_after == timedelta(minutes=15)


def test_a_locked_log_in_does_not_even_take_the_right_password(door):
    for _ in range(5):
        door.log_in(password="wrong" * 3)
    is_refused(door.log_in(), "account_locked")
    assert door.actions().count("user.locked") == 1
    door.clock.advance(timedelta(minutes=14, seconds=59))
    is_refused(door.log_in(), "account_locked")
    door.clock.advance(timedelta(seconds=1))
    door.logged_in()


def test_each_lock_is_twice_as_long_as_the_one_before_up_to_a_day(door):
    locks = []
    for _ in range(9):
        for _ in range(5):
            door.log_in(password="wrong" * 3)
        refused = door.log_in()
        is_refused(refused, "account_locked")
        locks.append(refused.retry_after)
        door.clock.advance(refused.retry_after)
    minutes = [lock / timedelta(minutes=1) for lock in locks]
    assert minutes[:7] == [15, 30, 60, 120, 240, 480, 960]
    assert max(minutes) <= 24 * 60


def test_a_lock_is_for_one_address_from_one_network_only(door):
    for _ in range(5):
        door.log_in(password="wrong" * 3)
    is_refused(door.log_in(), "account_locked")
    door.logged_in(source="198.51.100.0/24")
    assert isinstance(door.register("grace@example.com"), Registered)
    door.logged_in(email="grace@example.com")


def test_the_right_password_makes_failures_forgotten(door):
    for _ in range(3):
        for _ in range(4):
            door.log_in(password="wrong" * 3)
        door.logged_in()
    assert "user.locked" not in door.actions()


# Going on.


def test_a_refresh_token_is_good_once_and_leads_to_the_next(door):
    first = door.logged_in()
    second = door.refresh(first.refresh_token)
    assert isinstance(second, OpenSession)
    assert second.refresh_token != first.refresh_token
    third = door.refresh(second.refresh_token)
    assert isinstance(third, OpenSession)
    assert third.session.id == first.session.id


def test_for_ten_seconds_a_lost_answer_is_given_again(door):
    first = door.logged_in()
    second = door.refresh(first.refresh_token)
    door.clock.advance(timedelta(seconds=10))
    again = door.refresh(first.refresh_token)
    assert isinstance(again, OpenSession)
    assert again.refresh_token == second.refresh_token
    assert isinstance(door.refresh(second.refresh_token), OpenSession)


def test_later_its_use_means_that_two_have_it_and_the_session_is_revoked(door):
    first = door.logged_in()
    second = door.refresh(first.refresh_token)
    door.clock.advance(timedelta(seconds=10, microseconds=1))
    is_refused(door.refresh(first.refresh_token), "refresh_token_reused")
    is_refused(door.refresh(second.refresh_token), "invalid_refresh_token")
    is_refused(door.who(second), "invalid_token")
    assert door.actions().count("session.revoked") == 1
    is_refused(door.refresh(first.refresh_token), "invalid_refresh_token")
    assert door.actions().count("session.revoked") == 1


def test_the_use_of_any_older_token_revokes_the_session(door):
    first = door.logged_in()
    second = door.refresh(first.refresh_token)
    third = door.refresh(second.refresh_token)
    door.clock.advance(timedelta(seconds=11))
    door.refresh(first.refresh_token)
    is_refused(door.who(third), "invalid_token")


def test_the_grace_of_one_session_is_not_anothers(door):
    one, other = door.logged_in(), door.logged_in()
    door.refresh(one.refresh_token)
    door.clock.advance(timedelta(seconds=11))
    is_refused(door.refresh(one.refresh_token), "refresh_token_reused")
    assert isinstance(door.refresh(other.refresh_token), OpenSession)


def test_two_that_refresh_at_once_get_the_same_successor(door):
    first = door.logged_in()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: door.refresh(first.refresh_token), range(8)))
    assert len({a.refresh_token for a in answers}) == 1


def test_a_session_ends_after_thirty_days(door):
    opened = door.logged_in()
    door.clock.advance(timedelta(days=30))
    is_refused(door.who(opened), "invalid_token")
    is_refused(door.refresh(opened.refresh_token), "invalid_refresh_token")


@examples(50)
@given(st.text(max_size=120) | st.binary(max_size=80).map(lambda raw: raw.hex()))
def test_whatever_is_no_refresh_token_is_refused(text):
    is_refused(Door().refresh(text), "invalid_refresh_token")


def test_a_changed_refresh_token_is_refused_and_revokes_nothing(door):
    opened = door.logged_in()
    forged = opened.refresh_token[:-2] + ("AA" if opened.refresh_token[-2:] != "AA" else "BB")
    is_refused(door.refresh(forged), "invalid_refresh_token")
    assert isinstance(door.refresh(opened.refresh_token), OpenSession)


def test_logging_out_ends_every_token_of_the_session(door):
    opened = door.logged_in()
    caller = door.who(opened)
    door.log_out(caller)
    door.log_out(caller)
    is_refused(door.who(opened), "invalid_token")
    is_refused(door.refresh(opened.refresh_token), "invalid_refresh_token")
    assert door.actions().count("session.closed") == 1


def test_a_session_is_nobody_elses(door):
    opened = door.logged_in()
    stranger = door.register("grace@example.com")
    answer = door.authenticate.session(opened.session.id, stranger.user.id, "req")
    is_refused(answer, "invalid_token")


# API keys.


def new_key(door, caller=None, **changes) -> NewKey:
    request = KeyRequest(name="CI", live=False, scopes=None, expires_at=None)
    made = door.create_key(caller or door.house.caller, evolve(request, **changes))
    assert isinstance(made, NewKey), made
    return made


def test_a_key_does_what_its_scopes_say_until_it_is_revoked(door):
    made = new_key(door, scopes=frozenset({Permission.READ_DEPLOYMENTS}))
    caller = door.authenticate.api_key(made.text, "req")
    assert isinstance(caller, Caller)
    assert caller.permissions == {Permission.READ_DEPLOYMENTS}
    assert caller.live is False
    is_refused(door.house.request(caller=caller), "forbidden")
    revoked = door.revoke_key(door.house.caller, made.key.id)
    assert revoked == door.revoke_key(door.house.caller, made.key.id)
    is_refused(door.authenticate.api_key(made.text, "req"), "invalid_api_key")
    assert door.actions().count("api_key.revoked") == 1


def test_a_key_deploys_in_its_own_name(door):
    made = new_key(door)
    caller = door.authenticate.api_key(made.text, "req")
    id = door.house.deploy(caller=caller).id
    assert door.house.get(id).requested_by == public_id(Prefix.API_KEY, made.key.id)
    queued = door.house.events(id)[0].content()
    assert queued["actor"]["kind"] == "api_key"


def test_nobody_gives_a_key_what_they_lack(door):
    caller = evolve(door.house.caller, permissions=PERMISSIONS[Role.DEVELOPER])
    request = KeyRequest(
        name="CI", live=False, scopes=frozenset({Permission.READ_AUDIT}), expires_at=None
    )
    is_refused(door.create_key(caller, request), "forbidden")
    issuer = evolve(door.house.caller, permissions=PERMISSIONS[Role.ISSUER])
    is_refused(door.create_key(issuer, evolve(request, scopes=None)), "forbidden")
    assert new_key(door, caller).key.scopes == PERMISSIONS[Role.DEVELOPER]


def test_a_test_key_makes_no_live_key(door):
    caller = door.authenticate.api_key(new_key(door).text, "req")
    request = KeyRequest(name="CI", live=True, scopes=None, expires_at=None)
    is_refused(door.create_key(caller, request), "mode_mismatch")


def test_a_key_is_dead_at_its_expiry(door):
    ends = door.clock.now() + timedelta(hours=1)
    made = new_key(door, expires_at=ends)
    assert isinstance(door.authenticate.api_key(made.text, "req"), Caller)
    door.clock.advance(timedelta(hours=1))
    is_refused(door.authenticate.api_key(made.text, "req"), "invalid_api_key")
    request = KeyRequest(name="CI", live=False, scopes=None, expires_at=ends)
    is_refused(door.create_key(door.house.caller, request), "expiry_in_the_past")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text.replace("tsk_", "sk_"),
        lambda text: text.upper(),
        lambda text: text + "_",
        lambda text: "",
        lambda text: text.rsplit("_", 1)[0] + "_" + "0" * 48 + "6904564a",
    ],
)
def test_a_changed_key_is_refused(door, change):
    text = new_key(door).text
    changed = change(text)
    assert changed != text
    is_refused(door.authenticate.api_key(changed, "req"), "invalid_api_key")


def test_the_mode_written_in_a_key_gives_no_other_mode(door):
    text = new_key(door).text.replace("_test_", "_live_")
    caller = door.authenticate.api_key(text, "req")
    assert isinstance(caller, Refusal) or caller.live is False


def test_a_strangers_key_is_as_unknown_as_none(door):
    made = new_key(door)
    stranger = door.house.neighbour()
    is_refused(door.revoke_key(stranger.caller, made.key.id), "not_found")
    assert isinstance(door.authenticate.api_key(made.text, "req"), Caller)


# What is kept about people.


def test_no_audit_body_and_no_journal_line_names_a_person_an_address_or_a_secret(door):
    house = door.house
    opened = door.logged_in()
    door.refresh(opened.refresh_token)
    for _ in range(5):
        door.log_in(password="wrong" * 3)
    made = new_key(door)
    caller = door.authenticate.api_key(made.text, "req")
    house.deploy(caller=caller, metadata={"note": "for " + EMAIL}, client_reference="c-1")
    id = house.deploy().id
    house.work_until_done()
    house.retry(id)
    door.clock.advance(timedelta(seconds=11))
    door.refresh(opened.refresh_token)
    door.log_out(caller)
    door.revoke_key(house.caller, made.key.id)
    bodies = [event.body.decode().lower() for event in house.all_events()]
    with house.store.begin(Scope.installation()) as work:
        bodies += [event.body.decode().lower() for event in work.audit.all(limit=1_000)]
    lines = [repr(entry).lower() for entry in house.journal()]
    for secret in (
        "ada",
        "example.com",
        NAME.lower(),
        SOURCE,
        "192.0.2",
        PASSWORD,
        opened.refresh_token.lower(),
        made.text.lower(),
        made.text.split("_")[3][:12].lower(),
        "gold",
    ):
        assert not [text for text in (*bodies, *lines) if _has(text, secret)], secret
    assert len(bodies) > 20
    assert lines


def _has(text: str, secret: str) -> bool:
    """Ids are hexadecimal or base32: a short name inside of one is chance."""
    if secret == "ada":
        return '"ada' in text or " ada" in text or "ada@" in text
    return secret in text


def test_what_is_kept_for_a_session_opens_nothing(door):
    opened = door.logged_in()
    door.refresh(opened.refresh_token)
    with door.store.begin(Scope(user=opened.session.user)) as work:
        kept = repr(work.sessions.get(opened.session.id))
    assert opened.refresh_token not in kept
    assert "refresh_hash" not in kept
