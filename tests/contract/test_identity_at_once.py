"""Two at once, on every store: a token is used once, and an organisation keeps an owner."""

from collections.abc import Callable, Sequence
from uuid import uuid4

import pytest

from adapters.memory.passwords import MemoryPasswords
from adapters.memory.storage import MemoryStore
from adapters.system import SystemIdentifiers
from application.access.caller import Caller
from application.access.enrol import Registered
from application.access.log_in import Credentials, LogIn
from application.access.passwords import AskForPassword, NewPassword, ResetPassword
from application.access.register import Registration
from application.access.sessions import OpenSession
from application.access.verify import FindLetter, Verification, VerifyAddress
from application.mail.write import ReadLetter
from application.people.members import AcceptInvitation, ChangeMember, Invite
from application.ports.storage.work import Scope
from domain.audit import Actor
from domain.errors import Refusal
from domain.identifiers import Prefix, public_id
from domain.organisation import PERMISSIONS, Role
from tests.application.house import House
from tests.contract.tenants import at_once
from tests.http.test_identity import token_of

PASSWORD = "correct horse battery"
ANOTHER = "a better battery staple"
SOURCE = "192.0.2.0/24"
TIMES = 6


class Door:
    """Everything by which people come in, over one store."""

    def __init__(self, store):
        house = self.house = House(ready=False)
        house.store = store
        house.identifiers = SystemIdentifiers(house.clock)
        common = {"store": store, "clock": house.clock, "identifiers": house.identifiers}
        known = {**common, "people": house.people}
        secret = {**known, "passwords": MemoryPasswords()}
        read = ReadLetter(wrapping=house.people.wrapping)
        find = FindLetter(store=store, clock=house.clock)
        self.log_in_ = LogIn(**secret)
        self.registering = house.registering(verifies=True)
        self.verifying = VerifyAddress(
            **secret, find=find, read=read, enrol=house.enrol(), log_in=self.log_in_
        )
        written = {"write": house.write_letter, "has_mail": True}
        self.asking = AskForPassword(**common, **written)
        self.resetting = ResetPassword(**secret, find=find, write=house.write_letter)
        self.inviting = Invite(**common, **written, read=read)
        self.accepting = AcceptInvitation(**known, find=find, read=read)
        self.changing = ChangeMember(**common)

    def ask_to_register(self, email):
        answer = self.registering(
            Registration(
                email=email,
                password=PASSWORD,
                organisation="Engines",
                request_id="req",
                source=SOURCE,
            )
        )
        assert not isinstance(answer, Refusal), answer
        return self.token()

    def token(self):
        """Of the newest letter."""
        self.house.post()
        return token_of(self.house.mail.sent[-1])

    def verify(self, token):
        asked = Verification(token=token, password=PASSWORD, source=SOURCE, request_id="req")
        return self.verifying(asked)

    def registered(self) -> Registered:
        answer = self.verify(self.ask_to_register(f"{uuid4()}@example.org"))
        assert isinstance(answer, Registered), answer
        return answer

    def caller(self, registered, member=None) -> Caller:
        member = member or registered.member
        return Caller(
            organisation=member.organisation,
            actor=Actor("member", public_id(Prefix.MEMBER, member.id)),
            permissions=PERMISSIONS[member.role],
            live=None,
            request_id="req",
            member=member.id,
            user=member.user,
            session=registered.open.session.id,
            source=SOURCE,
        )

    def log_in(self, email, password):
        return self.log_in_(
            Credentials(
                email=email, password=password, organisation=None, source=SOURCE, request_id="req"
            )
        )


@pytest.fixture
def door(store) -> Door:
    return Door(store)


def one_succeeds(actions: Sequence[Callable[[], object]]) -> list[object]:
    """What they were answered; all but one with a refusal."""
    answers = at_once(actions)
    assert sum(not isinstance(answer, Refusal) for answer in answers) == 1, answers
    return answers


def test_of_many_confirmations_one_makes_a_user(door):
    token = door.ask_to_register(f"{uuid4()}@example.org")
    answers = one_succeeds([lambda: door.verify(token)] * TIMES)
    codes = {answer.code for answer in answers if isinstance(answer, Refusal)}
    assert codes <= {"invalid_mail_token", "email_taken"}


def test_of_many_new_passwords_one_is_set(door):
    email = door.registered().user.email
    door.asking(email, SOURCE)
    token = door.token()
    passwords = [f"{ANOTHER} {number}" for number in range(TIMES)]

    def reset(password):
        asked = NewPassword(token=token, password=password, source=SOURCE, request_id="req")
        return lambda: door.resetting(asked)

    answers = at_once([reset(password) for password in passwords])
    assert answers.count(None) == 1, answers
    chosen = passwords[answers.index(None)]
    assert isinstance(door.log_in(email, chosen), OpenSession)
    assert isinstance(door.log_in(email, PASSWORD), Refusal)


def test_no_session_of_the_old_password_outlives_the_new_one(door):
    registered = door.registered()
    email = registered.user.email
    door.asking(email, SOURCE)
    token = door.token()
    asked = NewPassword(token=token, password=ANOTHER, source=SOURCE, request_id="req")
    *opened, done = at_once(
        [*[lambda: door.log_in(email, PASSWORD)] * TIMES, lambda: door.resetting(asked)]
    )
    assert done is None
    with door.house.store.begin(Scope(user=registered.user.id)) as work:
        assert work.sessions.all(door.house.clock.now()) == []
    assert len(opened) == TIMES


def test_of_owners_who_all_leave_at_once_one_stays(door):
    first = door.registered()
    owners = [(first, first.member)]
    for _ in range(TIMES):
        other = door.registered()
        door.inviting(door.caller(first), other.user.email, Role.OWNER)
        joined = door.accepting(door.caller(other), door.token())
        assert not isinstance(joined, Refusal), joined
        owners.append((other, joined))

    def leaving(registered, member):
        caller = door.caller(registered, member)
        return lambda: door.changing.remove(caller, member.id)

    answers = at_once([leaving(*owner) for owner in owners])
    refused = [answer.code for answer in answers if isinstance(answer, Refusal)]
    assert refused == ["last_owner"]
    with door.house.store.begin(Scope(organisation=first.organisation.id)) as work:
        (last,) = work.members.all()
    assert last.is_owner


def test_an_invitation_is_accepted_once(door):
    owner, guest = door.registered(), door.registered()
    door.inviting(door.caller(owner), guest.user.email, Role.AUDITOR)
    token = door.token()
    one_succeeds([lambda: door.accepting(door.caller(guest), token)] * TIMES)


def test_what_a_known_address_costs_an_unknown_one_costs(monkeypatch):
    """Counted work, not time: transactions, hashes and wrappings."""
    door = Door(MemoryStore())
    email = door.registered().user.email
    counted: list[str] = []

    def counting(kind, name):
        before = getattr(kind, name)

        def call(self, *arguments, **named):
            counted.append(f"{kind.__name__}.{name}")
            return before(self, *arguments, **named)

        monkeypatch.setattr(kind, name, call)

    counting(MemoryStore, "begin")
    counting(type(door.house.people.wrapping), "wrap")
    counting(MemoryPasswords, "hash")
    counting(type(door.house.identifiers), "secret")

    def work_of(act):
        counted.clear()
        assert not isinstance(act(), Refusal)
        return list(counted)

    def register(address):
        return door.registering(
            Registration(
                email=address, password=PASSWORD, organisation="E", request_id="r", source=SOURCE
            )
        )

    unknown = f"{uuid4()}@example.org"
    assert work_of(lambda: register(email)) == work_of(lambda: register(unknown)) != []
    assert work_of(lambda: door.asking(email, SOURCE)) == work_of(
        lambda: door.asking(unknown, SOURCE)
    )
    # Also where an address has had its letters of this hour.
    for _ in range(3):
        door.asking(unknown, SOURCE)
    assert work_of(lambda: door.asking(unknown, SOURCE)) == work_of(
        lambda: door.asking(f"{uuid4()}@example.org", SOURCE)
    )
