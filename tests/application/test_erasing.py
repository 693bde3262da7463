"""A person is erased: nothing of them is left in clear or to be opened, and every proof holds."""

import os
from base64 import b64encode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import psycopg
import pytest
from attrs import evolve
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.aes import AesGcm
from adapters.local_keys import LocalKeyWrapping
from adapters.memory.cipher import MemoryCipher
from adapters.memory.passwords import MemoryPasswords
from adapters.memory.storage import MemoryStore
from adapters.memory.wrapping import MemoryKeyWrapping
from application.access.api_keys import CreateApiKey, KeyRequest
from application.access.authenticate import Authenticate
from application.access.caller import Caller
from application.access.enrol import Registered
from application.access.log_in import Credentials, LogIn
from application.access.log_out import LogOut
from application.access.refresh import Refresh
from application.access.register import Registration
from application.access.sessions import OpenSession
from application.accounts.ask import AccountPlace
from application.audit.personal import KnowPeople, Personal, ReadPersonal
from application.evidence.give import GiveEvidence, Pack
from application.evidence.prove import Proof, ProveEvent
from application.operator.erase import Erased, EraseSubject
from application.ports.custody import CustodyUnavailableError
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Scope
from application.retention.holds import LiftHold, PlaceHold
from domain.audit import canonical, timestamp
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, InstallationId, Prefix, UserId, public_id
from domain.merkle import inclusion_proof, leaf_hash, node_hash, root, verify_inclusion
from tallystick_verifier import Given, NamedKey, verify
from tests.application.house import House
from tests.application.sealing import Sealing
from tests.catalogue import TOKENS
from tests.contract.subjects import memory, postgres

EMAIL = "ada.lovelace@example.org"
PASSWORD = "correct horse battery"
SOURCE = "203.0.113.0/24"
LOG_OF = InstallationId(UUID("01900000-0000-7000-8000-00000000000e"))
REASON = "asked for on paper, ticket 7"


class Door:
    """Where people come in, and whoever erases them."""

    def __init__(self, store):
        house = House(ready=False)
        self.store, self.clock = store, house.clock
        in_memory = isinstance(store, MemoryStore)
        self.wrapping = MemoryKeyWrapping() if in_memory else LocalKeyWrapping({1: bytes(32)})
        self.cipher = MemoryCipher() if in_memory else AesGcm()
        parts = {"store": store, "clock": self.clock, "identifiers": house.identifiers}
        self.people = KnowPeople(**parts, wrapping=self.wrapping, cipher=self.cipher)
        known = parts | {"people": self.people}
        self.register_ = house.registering(
            **parts,
            enrol=house.enrol(
                **known,
                catalogue=TOKENS,
                custodian="memory",
                places=frozenset({AccountPlace("evm", False)}),
            ),
        )
        self.log_in_ = LogIn(**known, passwords=MemoryPasswords())
        self.refresh = Refresh(**known, wrapping=self.wrapping)
        self.log_out = LogOut(**known)
        self.create_key = CreateApiKey(**known)
        self.authenticate = Authenticate(store=store, clock=self.clock)
        self.read = ReadPersonal(store=store, wrapping=self.wrapping, cipher=self.cipher)
        self.erase = EraseSubject(**parts)
        self.place_hold, self.lift_hold = PlaceHold(**parts), LiftHold(**parts)

    def register(self, email=EMAIL) -> Registered:
        answer = self.register_(
            Registration(
                email=email,
                password=PASSWORD,
                organisation="Engines",
                request_id="req_r",
                source=SOURCE,
            )
        )
        assert isinstance(answer, Registered), answer
        return answer

    def log_in(self, email=EMAIL, password=PASSWORD) -> OpenSession | Refusal:
        return self.log_in_(
            Credentials(
                email=email,
                password=password,
                organisation=None,
                source=SOURCE,
                request_id="req_l",
            )
        )

    def caller(self, opened: OpenSession) -> Caller:
        found = self.authenticate.session(opened.session.id, opened.session.user, "req_c")
        assert isinstance(found, Caller), found
        return found

    def make_key(self, opened: OpenSession):
        request = KeyRequest(name="ci", live=False, scopes=None, expires_at=None)
        return self.create_key(self.caller(opened), request)

    def events(self, registered):
        with self.store.begin(Scope(organisation=registered.organisation.id)) as work:
            return work.audit.all(limit=1_000)

    def told(self, registered) -> dict[str, Personal]:
        events = self.events(registered)
        personal = self.read(registered.organisation.id, events)
        return {event.action: personal[event.id] for event in events if event.id in personal}

    def erased(self, registered) -> Erased:
        done = self.erase(registered.user.id, REASON)
        assert isinstance(done, Erased), done
        return done


@contextmanager
def opened(kind):
    with {"memory": memory.store, "postgres": postgres.store}[kind]() as store:
        yield Door(store)


@pytest.fixture(params=["memory", "postgres"])
def door(request):
    with opened(request.param) as door:
        yield door


@pytest.fixture
def stored_door():
    with opened("postgres") as door:
        yield door


def is_refused(answer, code):
    assert isinstance(answer, Refusal), answer
    assert answer.code == code


def test_an_auditor_reads_who_came_and_from_where(door):
    registered = door.register()
    session = door.log_in()
    door.make_key(session)
    door.log_out(door.caller(session))
    of = public_id(Prefix.USER, registered.user.id)
    told = door.told(registered)
    both = Personal(of=of, fields={"email": EMAIL, "source": SOURCE})
    address = Personal(of=of, fields={"email": EMAIL})
    assert told == {
        "member.added": both,
        "session.opened": both,
        "api_key.created": address,
        "session.closed": address,
    }
    assert all(EMAIL.encode() not in event.body for event in door.events(registered))


def test_what_was_reused_and_what_was_locked_says_whose_it_was(door):
    registered = door.register()
    token = registered.open.refresh_token
    second = door.refresh(token, "req_f", SOURCE)
    door.refresh(second.refresh_token, "req_f", SOURCE)
    is_refused(door.refresh(token, "req_f", SOURCE), "refresh_token_reused")
    for _ in range(5):
        door.log_in(password="wrong password")
    told = door.told(registered)
    for action in ("session.revoked", "user.locked"):
        assert told[action].fields == {"email": EMAIL, "source": SOURCE}


def test_after_erasing_events_say_that_somebody_was_there_and_nothing_else(door):
    registered = door.register()
    door.log_in()
    before = door.events(registered)
    done = door.erased(registered)
    assert (done.sessions, done.is_repeated) == (2, False)
    events = door.events(registered)
    assert events[: len(before)] == before
    assert events[-1].action == "subject.erased"
    said = {"erased_at": timestamp(done.at), "reason": REASON}
    assert events[-1].content()["details"] == said
    told = door.told(registered)
    assert {action: each.fields for action, each in told.items()} == {
        "member.added": None,
        "session.opened": None,
    }


def test_every_proof_that_was_taken_before_holds_after(door):
    registered = door.register()
    for _ in range(3):
        door.log_out(door.caller(door.log_in()))
    leaves = [leaf_hash(event.leaf) for event in door.events(registered)]
    size, top = len(leaves), root(len(leaves), tree(leaves))
    proofs = [inclusion_proof(index, size, tree(leaves)) for index in range(size)]
    door.erased(registered)
    after = [leaf_hash(event.leaf) for event in door.events(registered)]
    assert len(after) > size
    for index, proof in enumerate(proofs):
        assert verify_inclusion(after[index], index, size, proof, top)
    assert not verify_inclusion(after[-1], 0, size, proofs[0], top)


def test_what_was_sealed_and_handed_out_before_convinces_a_stranger_after():
    house = House()
    seal = Sealing(house=house, seals=house.store.seal_store(), installation=LOG_OF)
    parts = {"store": house.store, "clock": house.clock, "identifiers": house.identifiers}
    give = GiveEvidence(**parts, chains=house.chains, installation=LOG_OF)
    issued = house.issue().id
    give(house.caller, issued)
    seal()
    pack = give(house.caller, issued)
    assert isinstance(pack, Pack)
    prove = ProveEvent(store=house.store)
    before = [prove(house.caller, event.id) for event in house.all_events()]
    assert all(isinstance(proof, Proof) for proof in before)
    done = EraseSubject(**parts)(house.registered.user.id, REASON)
    assert isinstance(done, Erased)
    seal()
    for proof in before:
        again = prove(house.caller, proof.event.id)
        assert again.text == proof.text
        checkpoint = proof.checkpoint.checkpoint
        leaf = leaf_hash(again.event.leaf)
        assert verify_inclusion(leaf, proof.index, checkpoint.size, proof.path, checkpoint.root)
    again = give(house.caller, issued)
    assert again.content == pack.content
    report = verify(again.content, Given(keys=[NamedKey(sha256(seal.key.raw).hexdigest())]))
    assert report.refused is None, report


def tree(leaves):
    def hashes(level, index):
        if level == 0:
            return leaves[index]
        return node_hash(hashes(level - 1, 2 * index), hashes(level - 1, 2 * index + 1))

    return hashes


def test_whoever_was_erased_neither_comes_in_nor_goes_on(door):
    registered = door.register()
    session = door.log_in()
    key = door.make_key(session)
    assert door.erased(registered).api_keys == 1
    is_refused(door.log_in(), "invalid_credentials")
    pseudonym = f"{public_id(Prefix.USER, registered.user.id)}@erased.invalid"
    for password in (PASSWORD, "erased", ""):
        is_refused(door.log_in(pseudonym, password), "invalid_credentials")
    is_refused(door.refresh(session.refresh_token, "req_f"), "invalid_refresh_token")
    found = door.authenticate.session(session.session.id, session.session.user, "req_c")
    is_refused(found, "invalid_token")
    is_refused(door.authenticate.api_key(key.text, "req_k"), "invalid_api_key")


def test_an_address_may_register_again_as_somebody_else(door):
    first = door.register()
    door.erased(first)
    second = door.register()
    assert second.user.id != first.user.id
    assert door.told(second)["member.added"].fields == {"email": EMAIL, "source": SOURCE}
    assert door.told(first)["member.added"].fields is None


def test_erasing_twice_is_no_error_and_says_nothing_twice(door):
    registered = door.register()
    first = door.erased(registered)
    again = door.erased(registered)
    assert (again.at, again.is_repeated, again.sessions) == (first.at, True, 0)
    actions = [event.action for event in door.events(registered)]
    assert actions.count("subject.erased") == 1


@pytest.mark.parametrize("what", ["user", "member", "organisation", "everybody"])
def test_nobody_is_erased_whom_a_legal_hold_covers(door, what):
    registered = door.register()
    organisation = INSTALLATION if what == "everybody" else registered.organisation.id
    subject = {
        "user": public_id(Prefix.USER, registered.user.id),
        "member": public_id(Prefix.MEMBER, registered.member.id),
    }.get(what)
    hold = door.place_hold(organisation, "a court asked", subject=subject).hold
    is_refused(door.erase(registered.user.id, REASON), "legal_hold")
    assert door.told(registered)["member.added"].fields is not None
    assert isinstance(door.log_in(), OpenSession)
    door.lift_hold(organisation, hold.id, "it is over")
    door.erased(registered)


class DyingError(Exception):
    """The machine stops here."""


def die_half_way(door, registered):
    """Erasing ends with its first transaction."""

    class Mortal:
        def __init__(self, store):
            self.store, self.begun = store, 0

        def begin(self, scope):
            self.begun += 1
            if self.begun > 2:
                raise DyingError
            return self.store.begin(scope)

    with pytest.raises(DyingError):
        evolve(door.erase, store=Mortal(door.store))(registered.user.id, REASON)


def test_a_hold_does_not_stop_what_was_begun_and_nothing_of_them_is_alive_meanwhile(door):
    registered = door.register()
    session = door.log_in()
    key = door.make_key(session)
    assert isinstance(door.authenticate.api_key(key.text, "req_k"), Caller)
    die_half_way(door, registered)
    is_refused(door.authenticate.api_key(key.text, "req_k"), "invalid_api_key")
    found = door.authenticate.session(session.session.id, session.session.user, "req_c")
    is_refused(found, "invalid_token")
    is_refused(door.log_in(), "invalid_credentials")
    door.place_hold(registered.organisation.id, "a court asked")
    done = door.erased(registered)
    assert (done.is_repeated, done.api_keys) == (True, 1)
    actions = [event.action for event in door.events(registered)]
    assert (actions.count("subject.erased"), actions.count("api_key.revoked")) == (1, 1)
    assert door.erased(registered).api_keys == 0
    assert [event.action for event in door.events(registered)] == actions


def test_what_an_earlier_release_left_alive_dies_when_it_is_repeated(stored_door):
    door = stored_door
    registered = door.register()
    key = door.make_key(door.log_in())
    die_half_way(door, registered)
    superuser(door, "UPDATE api_keys SET revoked_at = NULL")
    assert door.erased(registered).api_keys == 1
    is_refused(door.authenticate.api_key(key.text, "req_k"), "invalid_api_key")


def test_nobody_elses_keys_are_revoked(door):
    registered, other = door.register(), door.register("grace@example.org")
    key = door.make_key(door.log_in("grace@example.org"))
    with door.store.begin(Scope(user=other.user.id)) as work:
        assert work.api_keys.revoke_of_erased(door.clock.now()) == 0
    door.erased(registered)
    assert isinstance(door.authenticate.api_key(key.text, "req_k"), Caller)


def test_a_hold_on_somebody_else_does_not_keep_them(door):
    registered, other = door.register(), door.register("grace@example.org")
    somebody = public_id(Prefix.USER, UUID(int=1))
    door.place_hold(registered.organisation.id, "a court", subject=somebody)
    door.place_hold(other.organisation.id, "another court")
    door.erased(registered)


def test_nobody_is_erased_without_a_reason_nor_who_is_not_there(door):
    registered = door.register()
    is_refused(door.erase(registered.user.id, " "), "reason_missing")
    is_refused(door.erase(registered.organisation.id, REASON), "not_found")
    assert door.erase.find(EMAIL) == registered.user.id


def test_who_has_no_key_gets_one_when_they_come_next(stored_door):
    door = stored_door
    registered = door.register()
    superuser(door, "DELETE FROM subject_keys")
    door.log_in()
    told = door.told(registered)
    assert told["session.opened"].fields == {"email": EMAIL, "source": SOURCE}
    # As after a backup that was restored without the keys: what was kept before stays closed.
    assert told["member.added"].fields is None


def test_who_never_had_a_key_is_erased_and_gets_none(stored_door):
    door = stored_door
    registered = door.register()
    superuser(door, "DELETE FROM subject_keys")
    door.erased(registered)
    assert superuser(door, "SELECT wrapping, ciphertext FROM subject_keys") == [(None, None)]
    is_refused(door.log_in(), "invalid_credentials")


def test_without_the_key_wrapping_nobody_is_let_in_unrecorded():
    door = Door(MemoryStore())
    door.register()
    door.wrapping.is_down = True
    with pytest.raises(CustodyUnavailableError):
        door.log_in()


def test_nothing_of_the_person_is_left_anywhere_in_the_database(stored_door):
    door = stored_door
    registered = door.register()
    session = door.log_in()
    door.make_key(session)
    door.refresh(session.refresh_token, "req_f", SOURCE)
    with door.store.begin(Scope(user=registered.user.id)) as work:
        row = work.subject_keys.get(registered.user.id)
    key = door.wrapping.unwrap(row.wrapped, b"subject.key\0" + registered.user.id.bytes)
    password_hash = registered.user.password_hash.encode()
    wanted = {
        "address": EMAIL.encode(),
        "password's hash": password_hash,
        "wrapped key": row.wrapped.ciphertext,
        "key": key,
        "source": SOURCE.encode(),
    }
    before = places(door, wanted)
    # The search finds what is there.
    assert before["address"] == {"users.email"}
    assert before["wrapped key"] == {"subject_keys.ciphertext"}
    assert before["password's hash"] == {"users.password_hash"}
    door.erased(registered)
    assert places(door, wanted) == {name: set() for name in wanted}


def places(door, wanted):
    """In which columns of any table of any schema of ours each of *wanted* is, in whatever form
    a column may have it: as it is, in hexadecimal, or in base64.
    """
    found = {name: set() for name in wanted}
    columns = superuser(
        door,
        """
        SELECT nspname, relname, attname
          FROM pg_attribute
          JOIN pg_class ON pg_class.oid = attrelid
          JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE relkind IN ('r', 'p', 'm') AND attnum > 0 AND NOT attisdropped
           AND nspname NOT IN ('pg_catalog', 'information_schema')
           AND nspname NOT LIKE 'pg_toast%'
        """,
    )
    assert len(columns) > 300
    for schema, table, column in columns:
        for (value,) in superuser(
            door,
            sql.SQL("SELECT DISTINCT {}::text FROM {}.{} WHERE {} IS NOT NULL").format(
                *map(sql.Identifier, (column, schema, table, column))
            ),
        ):
            for name, secret in wanted.items():
                if any(form in value for form in forms(secret)):
                    found[name].add(f"{table}.{column}")
    return found


def forms(secret):
    texts = [secret.hex(), b64encode(secret).decode(), urlsafe_b64encode(secret).decode()]
    with suppress(UnicodeDecodeError):
        texts.append(secret.decode())
    # Within a column of bytes, which is shown in hexadecimal, they stand as bytes do.
    return [*texts, *(text.encode().hex() for text in texts)]


def superuser(door, query):
    database = conninfo_to_dict(door.store._pool.conninfo)["dbname"]
    url = make_conninfo(os.environ["TEST_DATABASE_URL"], dbname=database)
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


class ErasedMeanwhile:
    """Stands for `KnowPeople`: whoever is asked about is erased before the answer is used."""

    def __init__(self, door, registered):
        self.door, self.registered = door, registered

    def __call__(self, user, source):
        person = self.door.people(user, source)
        self.door.erased(self.registered)
        return person


def test_who_is_erased_while_their_password_is_compared_does_not_come_in(door):
    registered = door.register()
    door.log_in_ = evolve(door.log_in_, people=ErasedMeanwhile(door, registered))
    is_refused(door.log_in(), "invalid_credentials")
    assert "session.opened" not in [event.action for event in door.events(registered)]


def test_who_is_erased_while_they_ask_for_a_key_gets_none(door):
    registered = door.register()
    session = door.log_in()
    caller = door.caller(session)
    create = evolve(door.create_key, people=ErasedMeanwhile(door, registered))
    request = KeyRequest(name="ci", live=False, scopes=None, expires_at=None)
    is_refused(create(caller, request), "invalid_token")
    with door.store.begin(Scope(organisation=registered.organisation.id)) as work:
        assert work.api_keys.list(PageRequest()).items == ()


def test_what_is_said_of_whoever_is_erased_meanwhile_opens_for_nobody(door):
    registered = door.register()
    for _ in range(4):
        door.log_in(password="wrong password")
    door.log_in_ = evolve(door.log_in_, people=ErasedMeanwhile(door, registered))
    door.log_in(password="wrong password")
    told = door.told(registered)
    assert told.keys() == {"member.added", "user.locked"}
    assert {each.fields for each in told.values()} == {None}


def test_what_is_kept_opens_in_its_own_place_only(stored_door):
    """Ciphertext that was moved to another field, or under another event, is nobody's."""
    door = stored_door
    registered = door.register()
    door.log_in()
    door.log_in()
    events = [event for event in door.events(registered) if event.action == "session.opened"]
    one, other = (event.content()["details"]["personal"] for event in events)
    for kept in (
        one | {"email": one["source"]},
        one | {"email": other["email"]},
        one | {"email": one["email"][:-4] + "AAA="},
    ):
        body = {**events[0].content(), "details": {"personal": kept}}
        moved = evolve(events[0], body=canonical(body))
        found = door.read(registered.organisation.id, [moved])
        assert found[moved.id].fields is None


@pytest.mark.parametrize("round", range(6))
def test_no_request_of_theirs_brings_anything_back(stored_door, round):
    """Whatever they do at that very moment, in many threads: afterwards nobody is in, the key is
    gone, and nothing that was written meanwhile can be opened.
    """
    door = stored_door
    registered = door.register()
    session = door.log_in()

    def come():
        for _ in range(4):
            door.log_in()

    def go_on():
        token = session.refresh_token
        for _ in range(4):
            answer = door.refresh(token, "req_f", SOURCE)
            if isinstance(answer, Refusal):
                return
            token = answer.refresh_token

    def make_keys():
        # Let in before: the request is under way.
        caller = door.caller(session)
        request = KeyRequest(name="ci", live=False, scopes=None, expires_at=None)
        for _ in range(4):
            door.create_key(caller, request)

    def fail():
        for _ in range(3):
            door.log_in(password="wrong password")

    with ThreadPoolExecutor(12) as threads:
        acts = [come, come, go_on, make_keys, make_keys, fail]
        begun = [threads.submit(act) for act in acts]
        erasing = [threads.submit(door.erase, registered.user.id, REASON) for _ in range(2)]
        for each in (*begun, *erasing):
            each.result()
    rows = superuser(door, "SELECT wrapping, ciphertext, destroyed_at FROM subject_keys")
    assert [row[:2] for row in rows] == [(None, None)]
    assert superuser(door, "SELECT FROM sessions WHERE revoked_at IS NULL") == []
    assert superuser(door, "SELECT FROM api_keys WHERE revoked_at IS NULL") == []
    events = door.events(registered)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert {each.fields for each in door.told(registered).values()} == {None}
    assert all(EMAIL.encode() not in event.body for event in events)
    erasures = [event for event in events if event.action == "subject.erased"]
    assert len(erasures) == 1


def remove(door, registered):
    """Their membership ends, as removing a member ends it."""
    scope = Scope(organisation=registered.organisation.id, user=registered.user.id)
    with door.store.begin(scope) as work:
        (member,) = [each for each in work.members.lock() if each.id == registered.member.id]
        work.members.put(evolve(member, removed_at=door.clock.now()))


@pytest.mark.parametrize("what", ["user", "member", "organisation"])
def test_a_hold_of_an_organisation_that_they_left_keeps_them(door, what):
    registered = door.register()
    subject = {
        "user": public_id(Prefix.USER, registered.user.id),
        "member": public_id(Prefix.MEMBER, registered.member.id),
    }.get(what)
    organisation = registered.organisation.id
    hold = door.place_hold(organisation, "a court asked", subject=subject).hold
    remove(door, registered)
    is_refused(door.erase(registered.user.id, REASON), "legal_hold")
    assert door.told(registered)["member.added"].fields is not None
    door.lift_hold(organisation, hold.id, "it is over")
    door.erased(registered)
    actions = [event.action for event in door.events(registered)]
    assert actions.count("subject.erased") == 1


def test_keys_that_were_made_before_they_left_are_told_of(door):
    registered = door.register()
    door.make_key(door.log_in())
    remove(door, registered)
    assert door.erased(registered).api_keys == 1
    actions = [event.action for event in door.events(registered)]
    assert (actions.count("subject.erased"), actions.count("api_key.revoked")) == (1, 1)


def of_the_installation(door, user):
    with door.store.begin(Scope.installation()) as work:
        told = work.audit.of_subject(public_id(Prefix.USER, user))
    return [event.action for event in told]


def test_who_was_never_in_an_organisation_is_in_the_installations_trail(door):
    user = evolve(door.register().user, id=UserId(uuid4()), email="nobody@example.org")
    with door.store.begin(Scope(user=user.id)) as work:
        work.users.add(user)
    assert isinstance(door.erase(user.id, REASON), Erased)
    assert of_the_installation(door, user.id) == ["subject.erased"]
    assert door.erase(user.id, REASON).is_repeated
    assert of_the_installation(door, user.id) == ["subject.erased"]


def test_whoever_goes_on_later_says_when_they_do_and_when_it_was(door):
    registered = door.register()
    door.make_key(door.log_in())
    die_half_way(door, registered)
    erased_at = door.clock.now()
    door.clock.advance(timedelta(days=430))
    done = door.erased(registered)
    assert (done.at, done.api_keys) == (erased_at, 1)
    events = {event.action: event for event in door.events(registered)}
    assert events["subject.erased"].at == erased_at
    revoked = events["api_key.revoked"]
    assert revoked.at == door.clock.now()
    assert revoked.content()["details"]["erased_at"] == timestamp(erased_at)
    ats = [event.at for event in door.events(registered)]
    assert ats == sorted(ats)
