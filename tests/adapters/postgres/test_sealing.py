"""Sealing on the real thing: several at once, deaths between any two steps, long transactions,
restores into other clusters, and whoever has written past the application.

What is in the tree is computed here, from the events' own bytes, by the definition in RFC 6962.
"""

import json
import shutil
import subprocess
import threading
import time
from base64 import b64encode
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from attrs import define, evolve, frozen
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.local_keys import Verification
from adapters.memory.alarms import MemoryAlarms
from adapters.memory.custody import MemoryCustodian
from adapters.postgres import connect, seal_store
from adapters.system import SealStateFile, SystemClock, SystemIdentifiers
from application.audit.logs import OpenLog, ResumeLog, fingerprint
from application.audit.seal import REMEDIES, Round, Seal
from application.audit.voids import VoidNumber
from application.audit.watch import WatchSeals
from application.evidence.verify import VerifyAudit
from application.ports.custody import CustodyUnavailableError
from application.ports.seal_state import SealStateError
from application.ports.storage.seals import SealerBusyError
from application.ports.storage.work import Scope, StoreUnavailableError
from domain.checkpoint import Checkpoint, Note
from domain.errors import MisuseError, Refusal
from domain.identifiers import INSTALLATION, Prefix, public_id
from entrypoints.devnet import embedded_postgres
from tests.contract.subjects.postgres import (
    APPLICATION,
    SEALER,
    application_url,
    database,
    sealer_url,
)
from tests.contract.subjects.postgres import INSTALLATION as INSTALLATION_ID
from tests.contract.tenants import a_tenant, an_event, at_once

pytestmark = pytest.mark.filterwarnings("ignore:keys are held in memory")


class DiesError(Exception):
    """The process ends here."""


@define
class Site:
    """An installation whose events are sealed, and a world that may go wrong."""

    url: str
    store: object
    folder: object
    custodian: MemoryCustodian
    alarms: MemoryAlarms
    batch: int = 5_000

    @property
    def state(self):
        return SealStateFile(self.folder / "sealer.json")

    @property
    def parts(self):
        return {"seals": seal_store(sealer_url(self.url)), "state": self.state}

    def seal(self, **changes):
        parts = {
            **self.parts,
            "custodians": {"memory": self.custodian},
            "verifies": Verification(),
            "alarms": self.alarms,
            "clock": SystemClock(),
            "batch": self.batch,
            **changes,
        }
        return Seal(**parts)

    def open(self, reason="a ceremony", **choices):
        clock = SystemClock()
        return OpenLog(
            **self.parts,
            store=self.store,
            custodians={"memory": self.custodian},
            custodian="memory",
            key=None,
            installation=INSTALLATION_ID,
            host="example.com",
            clock=clock,
            identifiers=SystemIdentifiers(clock),
        )(reason, **choices)

    def resume(self, reason="moved"):
        clock = SystemClock()
        return ResumeLog(
            **self.parts,
            store=self.store,
            verifies=Verification(),
            clock=clock,
            identifiers=SystemIdentifiers(clock),
        )(reason)

    def once(self, **changes):
        with self.seal(**changes).session() as sealer:
            return sealer()

    def settled(self, seconds=60):
        """Rounds until nothing waits: transactions of other tests hold the horizon back."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            done = self.once()
            assert isinstance(done, Round), done
            if not self.waiting():
                return done
            time.sleep(0.02)
        pytest.fail("it does not settle")

    def sealed(self, tenant):
        """The last number of the tenant's that has a leaf, and all before it have one."""
        log = self.logs()[-1].number
        with self.store.begin(tenant.scope) as work:
            numbers = [leaf.sequence for leaf in work.seals.leaves(log, limit=10_000)]
        assert numbers == list(range(1, len(numbers) + 1))
        return len(numbers)

    def waiting(self):
        with self.store.begin(Scope()) as work:
            log = next(log for log in work.seals.logs() if log.is_open)
            return work.seals.backlog(log.number).events

    def happen(self, tenant, count=1):
        with self.store.begin(tenant.scope) as work:
            return work.audit.append(*(an_event(tenant) for _ in range(count)))

    def admin(self, statement, *parameters):
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def logs(self):
        with self.store.begin(Scope()) as work:
            return work.seals.logs()

    def checkpoints(self, log=1):
        with self.store.begin(Scope()) as work:
            return work.seals.checkpoints(log, limit=10_000)

    def told(self, subject, action):
        with self.store.begin(Scope.installation()) as work:
            return [
                event.content()["details"]
                for event in work.audit.of_subject(subject)
                if event.action == action
            ]

    def holds_together(self, log=1):
        """No gap, no fork, no double leaf: against the events' own bytes; gives the hashes."""
        leaves = self.admin(
            "SELECT leaf.position, leaf.organisation_id, leaf.sequence, leaf.hash, event.id,"
            "       leaf.event_id, event.salt || event.body"
            "  FROM audit_leaves AS leaf"
            "  LEFT JOIN audit_events AS event USING (organisation_id, sequence)"
            " WHERE leaf.log = %s ORDER BY leaf.position",
            log,
        )
        assert [leaf[0] for leaf in leaves] == list(range(len(leaves)))
        through = {}
        for _, organisation, sequence, hash_, id, event, text in leaves:
            assert sequence == through.get(organisation, 0) + 1
            through[organisation] = sequence
            assert id == event
            assert hash_ == sha256(b"\0tallystick.audit.v1\0" + text).digest()
        hashes = [leaf[3] for leaf in leaves]
        tiles = self.admin(
            "SELECT hashes FROM audit_tiles WHERE log = %s AND level = 0 ORDER BY index", log
        )
        assert b"".join(tile for (tile,) in tiles) == b"".join(hashes)
        (known,) = [each for each in self.logs() if each.number == log]
        for signed in self.checkpoints(log):
            checkpoint = signed.checkpoint
            assert checkpoint.root == root_of(hashes[: checkpoint.size])
            assert signed.note.startswith(
                f"{known.origin}\n{checkpoint.size}\n{b64encode(checkpoint.root).decode()}\n\n"
            )
            assert is_signed(known, signed.note)
        return hashes


def root_of(hashes):
    """RFC 6962, 2.1, as it is written there."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else sha256(b"").digest()
    middle = 1
    while middle * 2 < len(hashes):
        middle *= 2
    return sha256(b"\1" + root_of(hashes[:middle]) + root_of(hashes[middle:])).digest()


def is_signed(log, note):
    (mark,) = Note.parse(note).signatures
    text, _, _ = note.rpartition("\n— ")
    try:
        Ed25519PublicKey.from_public_bytes(log.public_key.raw).verify(
            mark.signature, text.encode()
        )
    except InvalidSignature:
        return False
    return True


@contextmanager
def a_site(folder):
    with database() as url:
        store = connect(application_url(url), min_size=1, max_size=16)
        store.open()
        try:
            yield Site(url, store, folder, MemoryCustodian(), MemoryAlarms())
        finally:
            store.close()


@pytest.fixture
def site(tmp_path):
    with a_site(tmp_path) as site:
        yield site


@pytest.fixture
def opened(site):
    assert not isinstance(site.open(), Refusal)
    return site


def refused(site, code):
    """A round is refused, says what to do, and leaves everything as it is."""
    deadline = time.monotonic() + 30
    while not isinstance(done := a_round(site), Refusal):
        # What is wrong may be above the horizon yet, which other tests hold back.
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert done.code == code, done
    assert REMEDIES[code] in done.detail
    assert any(word == "seal_refused" and code in line for word, _, line in site.alarms.sounded)
    return done


def left_out(site, code, tenant, at):
    """The organisation waits at that number, with an alarm that says what to do; nobody else."""
    deadline = time.monotonic() + 30
    while not (done := site.once()).left_out:
        # What is wrong may be above the horizon yet, which other tests hold back.
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (why,) = done.left_out
    named = public_id(Prefix.ORGANISATION, tenant.organisation)
    assert why.code == code, why
    assert why.detail.startswith(f"event {at} of {named} ")
    assert REMEDIES[code] in why.detail
    assert ("seal_gap", named) in {(word, subject) for word, subject, _ in site.alarms.sounded}
    neighbour = a_tenant(site.store)
    written = len(site.happen(neighbour, 3))
    deadline = time.monotonic() + 30
    while site.sealed(neighbour) < written:
        assert time.monotonic() < deadline
        assert isinstance(site.once(), Round)
    assert site.sealed(tenant) == at - 1
    newest = site.checkpoints(site.logs()[-1].number)[-1].checkpoint
    (size,) = site.admin(
        "SELECT count(*) FROM audit_leaves WHERE log = %s", site.logs()[-1].number
    )
    assert newest.size == size[0]
    return why


def a_round(site):
    """A round; one that is refused has signed nothing."""
    before = site.checkpoints(), written_in(site)
    done = site.once()
    if isinstance(done, Refusal):
        assert (site.checkpoints(), written_in(site)) == before
    return done


def written_in(site):
    return site.state.path.read_bytes() if site.state.path.exists() else b""


# The ordinary way.


def test_what_happened_is_sealed_and_signed_for(opened):
    tenants = [a_tenant(opened.store) for _ in range(3)]
    for number in range(30):
        opened.happen(tenants[number % 3], 1 + number % 4)
    done = opened.settled()
    hashes = opened.holds_together()
    events = opened.admin("SELECT count(*) FROM audit_events")[0][0]
    assert len(hashes) == done.size == events
    newest = opened.checkpoints()[-1].checkpoint
    assert (newest.size, newest.root) == (events, root_of(hashes))
    opened.happen(tenants[0], 3)
    opened.settled()
    assert len(opened.holds_together()) == events + 3
    assert [each.checkpoint.size for each in opened.checkpoints()][-2:] == [events, events + 3]


def test_a_round_without_news_signs_nothing(opened):
    opened.settled()
    known = opened.checkpoints()
    with opened.seal().session() as sealer:
        for _ in range(3):
            done = sealer()
            assert (done.sealed, done.signed) == (0, None)
    assert opened.checkpoints() == known


def read_in_sequence(site):
    """Rows of events and leaves that were come across while all were gone through, so far."""
    ((rows,),) = site.admin(
        "SELECT sum(seq_tup_read)::bigint FROM pg_stat_all_tables"
        " WHERE relname ~ '^audit_(events|leaves)'"
    )
    return rows


def test_a_round_reads_what_is_new_however_much_is_sealed(opened):
    tenants = [a_tenant(opened.store) for _ in range(5)]
    for tenant in tenants:
        opened.happen(tenant, 400)
    opened.settled()
    opened.admin("ANALYZE audit_events, audit_leaves, audit_heads")
    opened.happen(tenants[2], 1)
    before = read_in_sequence(opened)
    # Its connections tell what they have read when they end.
    opened.settled()
    time.sleep(0.5)
    assert read_in_sequence(opened) - before < 400


def test_the_ceremony_is_an_event_with_the_keys_fingerprint(site):
    log = site.open("because we begin")
    assert (log.number, log.is_open) == (1, True)
    assert log.origin.startswith("example.com/audit/ins_")
    assert log.origin.endswith("/1")
    assert site.told(log.origin, "log.opened") == [
        {
            "key": log.key,
            "key_fingerprint": sha256(log.public_key.raw).hexdigest(),
            "number": 1,
            "origin": log.origin,
            "reason": "because we begin",
        }
    ]
    assert fingerprint(log.public_key) == sha256(log.public_key.raw).hexdigest()
    site.settled()
    assert (site.state.path.stat().st_mode & 0o777) == 0o600
    with site.store.begin(Scope.installation()) as work:
        (event,) = work.audit.of_subject(log.origin)
        assert work.seals.leaf(1, event.sequence) is not None


def test_a_reason_is_asked_for(site):
    assert site.open(" ").code == "reason_missing"
    assert site.resume("").code == "reason_missing"
    assert site.logs() == []


def test_order_is_by_what_settles_and_never_back(opened):
    """A transaction that has its id early, and numbers its event late."""
    tenant, other = a_tenant(opened.store), a_tenant(opened.store)
    with opened.store.begin(tenant.scope) as early:
        early.outbox.add("nothing", "takes a transaction id")
        opened.happen(tenant)
        opened.happen(other)
        early.audit.append(an_event(tenant))
    opened.happen(other)
    opened.settled()
    opened.holds_together()


# Long transactions.


def test_nothing_is_sealed_above_an_open_transaction(opened):
    tenant, other = a_tenant(opened.store), a_tenant(opened.store)
    opened.settled()
    before = len(opened.holds_together())
    with opened.store.begin(other.scope) as slow:
        slow.audit.append(an_event(other))
        opened.happen(tenant, 5)
        for _ in range(3):
            assert opened.once().sealed == 0
        assert len(opened.holds_together()) == before
        assert opened.waiting() == 5
    opened.settled()
    assert len(opened.holds_together()) == before + 6


def test_an_organisation_is_not_sealed_past_an_event_that_has_not_settled(opened):
    """The second event's transaction is older than the one that is still open."""
    tenant, other = a_tenant(opened.store), a_tenant(opened.store)
    opened.settled()
    second = psycopg.connect(application_url(opened.url))
    second.execute(
        "SELECT set_config('app.organisation_id', %s, true)", [str(tenant.organisation)]
    )
    second.execute(
        "INSERT INTO outbox (organisation_id, topic, key) VALUES (%s, 'x', 'x')",
        [tenant.organisation],
    )
    with opened.store.begin(other.scope) as slow:
        slow.audit.append(an_event(other))
        (first,) = opened.happen(tenant)
        head = second.execute(
            "UPDATE audit_heads SET sequence = sequence + 1 RETURNING sequence"
        ).fetchone()[0]
        assert head == first.sequence + 1
        draft = an_event(tenant).numbered(head)
        second.execute(
            "INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live,"
            " salt, body) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [draft.organisation, draft.sequence, draft.id, draft.at, draft.action, draft.subject,
             draft.live, draft.salt, draft.body],
        )  # fmt: skip
        second.commit()
        # Below the horizon, which the open transaction holds, is the second event only.
        assert opened.once().sealed == 0
    second.close()
    opened.settled()
    opened.holds_together()


def test_a_long_transaction_is_told_of(opened):
    tenant = a_tenant(opened.store)
    watch = WatchSeals(store=opened.store, alarms=opened.alarms, clock=SystemClock())
    opened.settled()
    watch()
    assert opened.alarms.sounded == []
    # By its own clock, of months ago.
    opened.happen(tenant)
    assert watch.look().waiting == 1
    watch()
    assert [code for code, _, _ in opened.alarms.sounded] == ["seal_lag"]


def test_our_own_transactions_do_not_stay_open_for_ever(opened):
    with opened.store.transaction(Scope()) as transaction:
        row = transaction.row("SHOW idle_in_transaction_session_timeout")
    assert row == {"idle_in_transaction_session_timeout": "5min"}


# Several at once.


def test_two_sealers_in_threads_seal_each_event_once(opened):
    tenants = [a_tenant(opened.store) for _ in range(4)]
    stop = threading.Event()
    busy = []

    def write(tenant):
        def happen():
            for _ in range(25):
                opened.happen(tenant, 2)
            return 0

        return happen

    def work():
        sealed = 0
        while not stop.is_set():
            try:
                sealed += opened.once(batch=7).sealed
            except SealerBusyError:
                busy.append(1)
        return sealed

    opened.settled()
    before = len(opened.holds_together())
    finish = threading.Timer(3, stop.set)
    finish.start()
    done = at_once([work, work, *(write(tenant) for tenant in tenants)])
    rest = opened.once().sealed
    opened.settled()
    assert len(opened.holds_together()) == before + 200
    assert sum(done) + rest <= 200
    assert busy, "they never met"


def test_two_sealers_with_state_files_of_their_own_make_no_fork(opened, tmp_path):
    other = evolve(opened, folder=tmp_path / "other")
    other.folder.mkdir()
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 3)
    opened.settled()
    assert refused(other, "state_missing")
    # One that somebody has copied, and that has fallen behind.
    other.state.path.write_bytes(opened.state.path.read_bytes())
    opened.happen(tenant, 3)
    opened.settled()
    assert refused(other, "state_behind")
    opened.holds_together()


def test_whoever_gets_past_the_lock_is_stopped_by_the_rows(opened):
    """Two sessions, as if the lock were not there: of two leaves at a position one is kept."""
    tenant = a_tenant(opened.store)
    opened.settled()
    opened.happen(tenant, 2)
    with seal_store(sealer_url(opened.url)).session() as first:
        size = first.size(1)
        deadline = time.monotonic() + 30
        while not (batches := list(first.unsealed(1, batch=9, takes_restored=False))):
            assert time.monotonic() < deadline
        leaves = [event.at(size + n) for n, event in enumerate(batches[0])]
        with psycopg.connect(sealer_url(opened.url)) as past:
            past.execute(
                "INSERT INTO audit_leaves (organisation_id, log, sequence, position, event_id,"
                " hash) VALUES (%s, 1, %s, %s, %s, %s)",
                [leaves[0].organisation, 99, size, leaves[0].event, leaves[0].hash],
            )
            writer = threading.Thread(target=lambda: time.sleep(0.3) or past.commit())
            writer.start()
            with pytest.raises(MisuseError, match=r"a_position_has_one_leaf|do not follow"):
                first.append(1, leaves, ())
            writer.join()
        assert first.size(1) == size + 1


# Deaths.


@frozen
class Mortal:
    """A part that dies when one of its methods is called, before or after it has done it."""

    part: object
    method: str
    after: bool

    def __getattr__(self, name):
        found = getattr(self.part, name)
        if name != self.method:
            return found

        def dying(*arguments, **named):
            if self.after:
                found(*arguments, **named)
            raise DiesError(name)

        return dying


@frozen
class MortalStore:
    store: object
    method: str
    after: bool

    @contextmanager
    def session(self):
        with self.store.session() as session:
            yield Mortal(session, self.method, self.after)


def rounds(site, seconds=30, **changes):
    """One after the other, until one does not end well."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        site.once(**changes)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("part", "method"),
    [
        ("seals", "append"),
        ("custodian", "sign"),
        ("state", "write"),
        ("seals", "publish"),
    ],
)
def test_a_death_between_any_two_steps_is_made_up_for(opened, part, method, after):
    tenants = [a_tenant(opened.store) for _ in range(2)]
    opened.settled()
    for tenant in tenants:
        opened.happen(tenant, 5)
    changes = {"batch": 3}
    if part == "custodian":
        changes["custodians"] = {"memory": Mortal(opened.custodian, method, after)}
    else:
        changes[part] = MortalStore(opened.parts[part], method, after)
    with pytest.raises(DiesError):
        rounds(opened, **changes)
    opened.happen(tenants[0], 2)
    opened.settled()
    hashes = opened.holds_together()
    assert len(hashes) == opened.admin("SELECT count(*) FROM audit_events")[0][0]
    assert opened.checkpoints()[-1].checkpoint.size == len(hashes)


def test_what_was_signed_and_never_published_is_published(opened):
    """Signed, in the state file, and gone: the next sealer publishes it as it was signed."""
    tenant = a_tenant(opened.store)
    opened.settled()
    opened.happen(tenant, 3)
    with pytest.raises(DiesError):
        rounds(opened, seals=MortalStore(opened.parts["seals"], "publish", after=False))
    with opened.state.session() as state:
        signed = state.read()
    assert signed.note not in [each.note for each in opened.checkpoints()]
    opened.once()
    assert signed.note in [each.note for each in opened.checkpoints()]
    opened.holds_together()


def test_a_ceremony_that_died_is_finished_by_repeating_it(site):
    store = site.parts["state"]

    class NoWriting:
        @contextmanager
        def session(self):
            with store.session() as session:
                yield Mortal(session, "write", after=False)

    clock = SystemClock()
    ceremony = OpenLog(
        seals=site.parts["seals"],
        state=NoWriting(),
        store=site.store,
        custodians={"memory": site.custodian},
        custodian="memory",
        key=None,
        installation=INSTALLATION_ID,
        host="example.com",
        clock=clock,
        identifiers=SystemIdentifiers(clock),
    )
    with pytest.raises(DiesError):
        ceremony("first try")
    (log,) = site.logs()
    assert site.open("second try") == log
    assert len(site.told(log.origin, "log.opened")) == 1
    site.settled()
    assert len(site.holds_together()) == 1


def test_a_connection_that_breaks_takes_the_right_to_seal_with_it(opened):
    tenant = a_tenant(opened.store)
    opened.settled()
    opened.happen(tenant, 4)
    with opened.seal().session() as sealer:
        opened.admin(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = %s AND datname = current_database()",
            SEALER.name,
        )
        with pytest.raises(StoreUnavailableError):
            sealer()
    opened.settled()
    opened.holds_together()


def test_a_custodian_that_is_away_is_waited_for(opened):
    tenant = a_tenant(opened.store)
    opened.settled()
    opened.happen(tenant, 2)
    opened.custodian.is_down = True
    with pytest.raises(CustodyUnavailableError):
        rounds(opened)
    opened.custodian.is_down = False
    opened.settled()
    assert opened.checkpoints()[-1].checkpoint.size == len(opened.holds_together())


def test_a_key_that_is_not_the_logs_signs_nothing_that_is_kept(opened):
    opened.happen(a_tenant(opened.store))
    opened.custodian.lies = True
    deadline = time.monotonic() + 30
    while not isinstance(done := opened.once(), Refusal):
        assert time.monotonic() < deadline
    assert done.code == "key_differs"
    opened.custodian.lies = False
    opened.settled()
    opened.holds_together()


# Restores.


def test_an_older_backup_is_noticed_and_a_new_log_has_all_that_is_left(opened):
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 3)
    opened.settled()
    backup = conninfo_to_dict(opened.url)["dbname"] + "_old"
    copied(opened, backup)
    opened.happen(tenant, 4)
    opened.settled()
    signed = opened.checkpoints()[-1].checkpoint
    restored(opened, backup)

    refused(opened, "state_ahead")
    assert opened.resume().code == "state_ahead"
    assert opened.open("again").code == "log_is_open"
    log = opened.open("the disk is gone", closing=1)
    assert (log.number, log.origin[-2:]) == (2, "/2")
    closed, _ = opened.logs()
    assert closed.closed_because == "the disk is gone"
    assert opened.told(closed.origin, "log.closed") == [
        {
            "number": 1,
            "reason": "the disk is gone",
            "root": signed.root.hex(),
            "size": signed.size,
        }
    ]
    assert opened.told(log.origin, "log.opened")[0]["reason"] == "the disk is gone"
    assert log.public_key != closed.public_key
    opened.settled()
    hashes = opened.holds_together(2)
    assert len(hashes) == opened.admin("SELECT count(*) FROM audit_events")[0][0]


def test_a_new_log_takes_the_leaves_of_what_has_gone_to_an_archive(opened):
    """Events that were sealed and whose months have left the database, all of some organisation's
    and the first of another's; what was never sealed is missed as ever.
    """
    gone, partly = a_tenant(opened.store), a_tenant(opened.store)
    opened.happen(gone, 4)
    opened.happen(partly, 6)
    opened.settled()
    opened.admin("DELETE FROM audit_events WHERE organisation_id = %s", gone.organisation)
    opened.admin(
        "DELETE FROM audit_events WHERE organisation_id = %s AND sequence < 4", partly.organisation
    )
    opened.happen(partly, 2)
    opened.open("another key", closing=1)
    opened.settled()
    with opened.store.begin(gone.scope) as work:
        old, new = (work.seals.leaves(log, limit=10) for log in (1, 2))
    assert [leaf.hash for leaf in new] == [leaf.hash for leaf in old]
    assert [leaf.sequence for leaf in new] == [1, 2, 3, 4]
    with opened.store.begin(partly.scope) as work:
        assert [leaf.sequence for leaf in work.seals.leaves(2, limit=10)] == list(range(1, 9))
    newest = opened.checkpoints(2)[-1].checkpoint
    hashes = opened.admin("SELECT hash FROM audit_leaves WHERE log = 2 ORDER BY position")
    assert newest.size == len(hashes)
    assert newest.root == root_of([hash_ for (hash_,) in hashes])
    opened.happen(partly, 3)
    opened.admin(
        "DELETE FROM audit_events WHERE organisation_id = %s AND sequence = 10",
        partly.organisation,
    )
    left_out(opened, "event_missing", partly, 10)


def test_a_new_log_takes_the_leaves_of_the_newest_log_that_has_them(opened):
    """The backup that was restored knows nothing of the log before this one."""
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 6)
    opened.settled()
    opened.admin(
        "DELETE FROM audit_events WHERE organisation_id = %s AND sequence < 4", tenant.organisation
    )
    opened.open("the first is closed", closing=1)
    opened.settled()
    backup = conninfo_to_dict(opened.url)["dbname"] + "_old"
    copied(opened, backup)
    for number in (2, 3):
        opened.happen(tenant, 1)
        opened.settled()
        opened.open("another is closed", closing=number)
    opened.settled()
    restored(opened, backup)
    assert [log.number for log in opened.logs()] == [1, 2]
    refused(opened, "state_of_another_log")
    log = opened.open("log 4 is forgotten, and log 3 too", closing=2)
    assert log.number == 5
    opened.happen(tenant, 2)
    opened.settled()
    assert opened.sealed(tenant) == 8
    assert opened.once().left_out == []
    with opened.store.begin(tenant.scope) as work:
        first, newest = (work.seals.leaves(number, limit=3) for number in (1, 5))
    assert [leaf.hash for leaf in newest] == [leaf.hash for leaf in first]
    verdict = VerifyAudit(store=opened.store, verifies=Verification())(
        [INSTALLATION, tenant.organisation]
    )
    # Three are gone, as if archived: nothing else differs.
    assert verdict.differences.counts == {"event_missing": 3, "leaf_without_event": 3}


def test_an_edit_before_a_log_is_closed_is_not_hidden_by_the_next(opened):
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 3)
    opened.settled()
    verify = VerifyAudit(store=opened.store, verifies=Verification())
    assert verify([INSTALLATION, tenant.organisation]).differences.counts == {}
    opened.admin(
        "UPDATE audit_events SET salt = substr(sha256(salt), 1, 16)"
        " WHERE organisation_id = %s AND sequence = 2",
        tenant.organisation,
    )
    opened.open("to hide it", closing=1)
    opened.settled()
    verdict = verify([INSTALLATION, tenant.organisation])
    assert verdict.differences.counts == {"event_changed": 1}
    (told,) = verdict.differences.told
    assert public_id(Prefix.ORGANISATION, tenant.organisation) in told.subject


def copied(site, name):
    """A physical copy of the database as it is now."""
    site.store.close()
    own = conninfo_to_dict(site.url)["dbname"]
    with psycopg.connect(make_conninfo(site.url, dbname="postgres"), autocommit=True) as admin:
        for statement in ("DROP DATABASE IF EXISTS {to}", "CREATE DATABASE {to} TEMPLATE {own}"):
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [own]
            )
            admin.execute(
                sql.SQL(statement).format(to=sql.Identifier(name), own=sql.Identifier(own))
            )
    reopened(site)


def restored(site, name):
    own = conninfo_to_dict(site.url)["dbname"]
    site.store.close()
    with psycopg.connect(make_conninfo(site.url, dbname="postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(own)))
        admin.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                sql.Identifier(name), sql.Identifier(own)
            )
        )
    reopened(site)


def reopened(site):
    site.store = connect(application_url(site.url), min_size=1, max_size=16)
    site.store.open()


FAST = ["fsync=off", "full_page_writes=off"]


@pytest.fixture
def elsewhere():
    """Another cluster, whose transaction ids have only begun."""
    folder = embedded_postgres.temporary_folder() / "elsewhere"
    with embedded_postgres.running(folder, options=FAST) as url:
        yield url


def moved(site, to):
    """A logical restore: ``pg_dump`` here, ``psql`` there, and the roles."""
    from adapters.postgres.migrate import migrate

    url = make_conninfo(to, dbname="moved")
    with psycopg.connect(to, autocommit=True) as admin:
        admin.execute("CREATE DATABASE moved")
        admin.execute("CREATE DATABASE roles")
    migrate(
        make_conninfo(to, dbname="roles"),
        installation=INSTALLATION_ID,
        environment="test",
        logins=[APPLICATION, SEALER],
    )
    copy_by_hand(site.url, url)
    site.store.close()
    site.url = url
    reopened(site)


def copy_by_hand(source, target):
    """Every row of every table into a database that was migrated: what a dump restores."""
    from adapters.postgres.migrate import migrate

    migrate(target, installation=INSTALLATION_ID, environment="test", logins=[APPLICATION, SEALER])
    with psycopg.connect(source) as old, psycopg.connect(target) as new:
        new.execute("SET session_replication_role = replica")
        names = [
            name
            for (name,) in old.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'migrations'"
            )
        ]
        for name in names:
            new.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(name)))
        for name in names:
            table = sql.Identifier(name)
            columns = sql.SQL(", ").join(
                sql.Identifier(column)
                for (column,) in old.execute(
                    "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass"
                    " AND attnum > 0 AND NOT attisdropped AND attidentity = ''"
                    " AND attgenerated = ''",
                    [name],
                )
            )
            reading = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, table)
            writing = sql.SQL("COPY {} ({}) FROM STDIN").format(table, columns)
            with old.cursor().copy(reading) as rows, new.cursor().copy(writing) as into:
                for row in rows:
                    into.write(row)


def aged(site):
    """The cluster has given more transaction ids than another one that has only begun."""
    site.admin(
        "DO $$ BEGIN FOR n IN 1..3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    )


def dumped(site, to, folder):
    """A logical restore by PostgreSQL's own programs into a cluster that has the roles."""
    from adapters.postgres.migrate import migrate

    server = make_conninfo(to, dbname="postgres")
    url, programs = make_conninfo(to, dbname="restored"), embedded_postgres.programs()
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("CREATE DATABASE restored TEMPLATE template0")
        has_roles = admin.execute(
            "SELECT FROM pg_roles WHERE rolname = %s", [SEALER.name]
        ).fetchone()
        if has_roles is None:
            admin.execute("CREATE DATABASE roles")
    if has_roles is None:
        migrate(
            make_conninfo(to, dbname="roles"),
            installation=INSTALLATION_ID,
            environment="test",
            logins=[APPLICATION, SEALER],
        )
    file = folder / "dump"
    dump = ["--format=custom", f"--file={file}", f"--dbname={site.url}"]
    subprocess.run([programs / "pg_dump", *dump], check=True)
    restore = ["--exit-on-error", f"--dbname={url}", str(file)]
    subprocess.run([programs / "pg_restore", *restore], check=True)
    site.store.close()
    site.url = url
    reopened(site)


@contextmanager
def removed_afterwards(site):
    """A database beside the others of the tests' server."""
    try:
        yield
    finally:
        site.store.close()
        with psycopg.connect(make_conninfo(site.url, dbname="postgres"), autocommit=True) as admin:
            admin.execute("DROP DATABASE IF EXISTS restored WITH (FORCE)")


def is_whole(site, log=1):
    assert site.once().left_out == []
    assert len(site.holds_together(log)) == site.admin("SELECT count(*) FROM audit_events")[0][0]


def test_a_dump_from_before_any_log_is_sealed_in_another_cluster(site, elsewhere, tmp_path):
    tenant = a_tenant(site.store)
    aged(site)
    site.happen(tenant, 6)
    dumped(site, elsewhere, tmp_path)
    newest = site.admin("SELECT max(xid::text::bigint) FROM audit_events")[0][0]
    horizon = site.admin("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")[0][0]
    assert newest >= horizon, "the test needs transaction ids that this cluster has not given"
    site.happen(tenant, 2)
    assert not isinstance(site.open(), Refusal)
    site.settled()
    is_whole(site)
    (log,) = site.logs()
    cluster = site.admin("SELECT system_identifier::text FROM pg_control_system()")[0][0]
    assert log.cluster == cluster
    site.happen(tenant, 1)
    site.admin("UPDATE audit_events SET xid = '9000000000' WHERE sequence = 9")
    left_out(site, "event_foreign", tenant, 9)


def test_a_dump_with_a_log_is_gone_on_with_in_another_cluster(opened, elsewhere, tmp_path):
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 6)
    opened.settled()
    opened.happen(tenant, 3)
    before = opened.checkpoints()
    dumped(opened, elsewhere, tmp_path)
    refused(opened, "another_cluster")
    assert opened.resume().cluster is None
    opened.happen(tenant, 2)
    opened.settled()
    is_whole(opened)
    assert opened.checkpoints()[: len(before)] == before


@pytest.mark.parametrize("has_log", [False, True], ids=["before any log", "with a log"])
def test_a_dump_that_is_restored_beside_the_database_is_gone_on_with(site, has_log, tmp_path):
    tenant = a_tenant(site.store)
    site.happen(tenant, 4)
    if has_log:
        assert not isinstance(site.open(), Refusal)
        site.settled()
        site.happen(tenant, 2)
    with removed_afterwards(site):
        dumped(site, site.url, tmp_path)
        site.happen(tenant, 2)
        if not has_log:
            assert not isinstance(site.open(), Refusal)
        site.settled()
        is_whole(site)


def test_events_of_elsewhere_that_wait_in_an_open_log_are_taken_when_told(opened):
    """As where a log was opened over a dump, and its cluster written down too early."""
    tenant = a_tenant(opened.store)
    opened.settled()
    opened.once()
    opened.happen(tenant, 5)
    opened.admin(
        "UPDATE audit_events SET xid = '9000000000' WHERE organisation_id = %s AND sequence < 4",
        tenant.organisation,
    )
    left_out(opened, "event_foreign", tenant, 1)
    log = opened.resume("the dump had them")
    assert opened.told(log.origin, "log.resumed")[-1]["restored"] is True
    opened.settled()
    is_whole(opened)
    opened.resume("for nothing")
    assert opened.told(log.origin, "log.resumed")[-1]["restored"] is False


def test_a_copy_that_became_a_server_of_its_own_is_not_sealed_unasked(
    elsewhere, tmp_path, monkeypatch
):
    """The same system identifier, the state file and the key: its timeline is another one."""
    monkeypatch.setenv("TEST_DATABASE_URL", elsewhere)
    with a_site(tmp_path) as site:
        assert not isinstance(site.open(), Refusal)
        tenant = a_tenant(site.store)
        site.happen(tenant, 3)
        site.settled()
        (place,) = site.admin("SHOW data_directory")
        original, copy = Path(place[0]), Path(place[0]).with_name("copy")
        with started_as_its_own(original, copy) as there:
            own, here = conninfo_to_dict(site.url)["dbname"], site.url
            site.store.close()
            site.url = make_conninfo(there, dbname=own)
            reopened(site)
            site.happen(tenant, 2)
            refused(site, "another_timeline")
            # The other one is gone for good: somebody says so.
            state = site.state.path.read_bytes()
            log = site.resume("promoted")
            assert site.told(log.origin, "log.resumed")[-1]["timeline"] == 2
            site.settled()
            is_whole(site)
            # And it comes back.
            site.store.close()
            site.url = here
        embedded_postgres.start(original, options=FAST)
        reopened(site)
        refused(site, "another_timeline")
        site.state.path.write_bytes(state)
        site.settled()
        is_whole(site)


@contextmanager
def started_as_its_own(original, copy):
    """A physical copy, recovered as far as it goes and then promoted."""
    embedded_postgres.stop(original)
    subprocess.run(["cp", "-a", original, copy], check=True)
    (copy / "devnet_port").unlink()
    signal = copy / "recovery.signal"
    signal.touch()
    shutil.chown(signal, copy.owner(), copy.group())
    try:
        url = embedded_postgres.start(copy, options=[*FAST, "restore_command=false"])
        with psycopg.connect(url, autocommit=True) as server:
            deadline = time.monotonic() + 60
            while server.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield url
    finally:
        embedded_postgres.stop(copy)


def test_a_state_file_of_before_timelines_is_taken_as_it_is(opened):
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 2)
    opened.settled()
    content = json.loads(opened.state.path.read_text())
    assert content.pop("timeline") == 1
    opened.state.path.write_text(json.dumps(content))
    opened.happen(tenant, 1)
    opened.settled()
    assert json.loads(opened.state.path.read_text())["timeline"] == 1


def test_another_cluster_is_noticed_and_gone_on_with_when_told(opened, elsewhere):
    tenant = a_tenant(opened.store)
    aged(opened)
    opened.happen(tenant, 6)
    opened.settled()
    opened.happen(tenant, 3)  # Restored, and not sealed yet.
    before = opened.checkpoints()
    moved(opened, elsewhere)
    horizon = opened.admin("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")[0][0]
    newest = opened.admin("SELECT max(xid::text::bigint) FROM audit_events")[0][0]
    assert newest >= horizon, "the test needs transaction ids that this cluster has not given"

    refused(opened, "another_cluster")
    log = opened.resume("a new machine")
    assert log.cluster is None
    (told,) = opened.told(log.origin, "log.resumed")
    assert (told["reason"], told["size"]) == ("a new machine", before[-1].checkpoint.size)
    opened.happen(tenant, 2)
    opened.settled()
    opened.once()
    hashes = opened.holds_together()
    assert len(hashes) == opened.admin("SELECT count(*) FROM audit_events")[0][0]
    assert opened.checkpoints()[: len(before)] == before
    (log,) = opened.logs()
    assert (
        log.cluster
        == opened.admin("SELECT system_identifier::text FROM pg_control_system()")[0][0]
    )
    # And from now on ids of elsewhere are foreign again.
    opened.happen(tenant, 1)
    opened.admin(
        "UPDATE audit_events SET xid = '9000000000' WHERE organisation_id = %s AND sequence ="
        " (SELECT max(sequence) FROM audit_events WHERE organisation_id = %s)",
        tenant.organisation,
        tenant.organisation,
    )
    left_out(opened, "event_foreign", tenant, 12)


def test_a_move_that_lost_sealed_events_is_not_gone_on_with(opened, elsewhere):
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 3)
    opened.settled()
    old = opened.url
    state = opened.state.path.read_bytes()
    moved(opened, elsewhere)
    here, opened.url = opened.url, old
    opened.store.close()
    reopened(opened)
    opened.state.path.write_bytes(state)
    opened.happen(tenant, 3)
    opened.settled()
    opened.url = here
    opened.store.close()
    reopened(opened)
    refused(opened, "another_cluster")
    assert opened.resume().code == "state_ahead"
    opened.open("the events of an hour are lost", closing=1)
    opened.settled()
    assert len(opened.holds_together(2)) == opened.admin("SELECT count(*) FROM audit_events")[0][0]


def test_a_lost_state_file_is_made_again_from_what_was_published(opened):
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 3)
    opened.settled()
    state = opened.state.path.read_bytes()
    opened.state.path.unlink()
    refused(opened, "state_missing")
    opened.resume("its disk died")
    assert opened.state.path.read_bytes() == state
    opened.happen(tenant, 1)
    opened.settled()
    opened.holds_together()


def test_a_checkpoint_that_the_key_has_not_signed_makes_no_state(opened):
    opened.happen(a_tenant(opened.store), 3)
    opened.settled()
    opened.state.path.unlink()
    newest = opened.checkpoints()[-1]
    lines = newest.note.split("\n")
    other = bytearray(Note.parse(newest.note).signatures[0].signature)
    other[5] ^= 1
    mark = Note.parse(newest.note).signatures[0]
    lines[4] = f"— {mark.name} {b64encode(mark.key_id + bytes(other)).decode()}"
    opened.admin(
        "UPDATE audit_checkpoints SET note = %s WHERE size = %s",
        "\n".join(lines),
        newest.checkpoint.size,
    )
    assert opened.resume("lost").code == "another_root"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "tallystick.seal-state/2"}', "\0"])
def test_a_state_file_that_is_none_is_not_used(opened, text):
    opened.settled()
    opened.state.path.write_text(text)
    refused(opened, "state_unusable")


# Whoever writes past the application.


TAMPERING = {
    "a tile was changed": """another_root
        ALTER TABLE audit_tiles DISABLE TRIGGER ALL;
        UPDATE audit_tiles SET hashes = sha256('') || substr(hashes, 33) WHERE level = 0""",
    "the tree was rebuilt over other events": """another_root
        ALTER TABLE audit_tiles DISABLE TRIGGER ALL;
        UPDATE audit_leaves SET hash = sha256(hash);
        UPDATE audit_tiles
           SET hashes = (SELECT string_agg(hash, '' ORDER BY position) FROM audit_leaves)
         WHERE level = 0""",
    "a tile was taken away": """another_root
        DELETE FROM audit_tiles""",
    "the last leaves were taken away": """state_ahead
        DELETE FROM audit_leaves WHERE position > 2""",
    "a checkpoint was forged": """another_root
        UPDATE audit_checkpoints SET root = sha256('')""",
    "a checkpoint was put before its time": """state_behind
        INSERT INTO audit_checkpoints SELECT log, 900, root, note, now()
          FROM audit_checkpoints LIMIT 1""",
    "the log got another key": """key_differs
        UPDATE audit_logs SET public_key = sha256('')""",
    "the log got another name": """state_of_another_log
        UPDATE audit_logs SET origin = 'example.com/audit/other/1'""",
    "the log was forgotten": """log_not_open
        TRUNCATE audit_logs, audit_leaves, audit_tiles, audit_checkpoints""",
}


@pytest.mark.parametrize("what", TAMPERING)
def test_whatever_was_done_to_the_database_is_noticed(opened, what):
    code, statements = TAMPERING[what].split("\n", 1)
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 5)
    opened.settled()
    opened.happen(tenant, 5)
    for statement in statements.split(";"):
        with psycopg.connect(opened.url, autocommit=True) as connection:
            connection.execute(statement, {"organisation": tenant.organisation})
    refused(opened, code)


LEFT_OUT = {
    "an event was deleted before it was sealed": """event_missing 9
        DELETE FROM audit_events WHERE organisation_id = %(organisation)s AND sequence = 9""",
    "the last events were deleted before they were sealed": """event_missing 8
        DELETE FROM audit_events WHERE organisation_id = %(organisation)s AND sequence > 7""",
    "all that was not sealed was deleted": """event_missing 6
        DELETE FROM audit_events WHERE organisation_id = %(organisation)s AND sequence > 5""",
    "a number was given to nothing": """event_missing 11
        UPDATE audit_heads SET sequence = sequence + 1
         WHERE organisation_id = %(organisation)s""",
    "a number was given twice": """event_repeated 8
        INSERT INTO audit_events SELECT organisation_id, sequence, gen_random_uuid(),
               at + interval '1 second', action, subject, live, salt, body
          FROM audit_events WHERE organisation_id = %(organisation)s AND sequence = 8""",
    "a number was given twice, and another to nothing": """event_repeated 8
        INSERT INTO audit_events SELECT organisation_id, sequence, gen_random_uuid(),
               at + interval '1 second', action, subject, live, salt, body
          FROM audit_events WHERE organisation_id = %(organisation)s AND sequence = 8;
        DELETE FROM audit_events WHERE organisation_id = %(organisation)s AND sequence = 9""",
    "an event was given an id that nobody has": """event_foreign 8
        UPDATE audit_events SET xid = '9000000000000'
         WHERE organisation_id = %(organisation)s AND sequence = 8""",
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_one_organisations_trouble_stops_that_organisation_only(opened, what):
    told, statements = LEFT_OUT[what].split("\n", 1)
    code, at = told.split()
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 5)
    opened.settled()
    opened.once()
    opened.happen(tenant, 5)
    for statement in statements.split(";"):
        with psycopg.connect(opened.url, autocommit=True) as connection:
            connection.execute(statement, {"organisation": tenant.organisation})
    left_out(opened, code, tenant, int(at))


def test_whoever_has_the_applications_role_stops_nobody_elses_sealing(opened):
    """They can number events that are not there.  Ids of the future take more than that role:
    here whoever owns the database gives one to somebody else's event.
    """
    tenant, other = a_tenant(opened.store), a_tenant(opened.store)
    opened.happen(tenant, 2)
    opened.happen(other, 2)
    opened.settled()
    opened.once()
    with psycopg.connect(application_url(opened.url)) as stolen:
        for victim in (tenant, other):
            stolen.execute(
                "SELECT set_config('app.organisation_id', %s, false)", [str(victim.organisation)]
            )
            stolen.execute("UPDATE audit_heads SET sequence = sequence + 1")
    opened.admin(
        "INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live, salt,"
        " body, xid) SELECT organisation_id, 3, gen_random_uuid(), at, action, subject, live,"
        " salt, body, '9000000000000' FROM audit_events"
        " WHERE organisation_id = %s AND sequence = 2",
        other.organisation,
    )
    neighbour = a_tenant(opened.store)
    opened.happen(neighbour, 4)
    deadline = time.monotonic() + 30
    while len((done := opened.once()).left_out) < 2 or opened.sealed(neighbour) < 4:
        assert time.monotonic() < deadline
    assert {why.code for why in done.left_out} == {"event_missing", "event_foreign"}
    assert (opened.sealed(tenant), opened.sealed(other)) == (2, 2)


def as_the_application(site, tenant, *statements):
    """Whoever has stolen the role of API and workers."""
    with psycopg.connect(application_url(site.url), autocommit=True) as stolen:
        stolen.execute(
            "SELECT set_config('app.organisation_id', %s, false)", [str(tenant.organisation)]
        )
        for statement in statements:
            stolen.execute(statement)


NUMBERED_AGAIN = """
    WITH head AS (UPDATE audit_heads SET sequence = sequence + 1 RETURNING sequence)
    INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live, salt, body)
    SELECT organisation_id, head.sequence, gen_random_uuid(), clock_timestamp(), action, subject,
           live, salt, body
      FROM audit_events, head WHERE audit_events.sequence = 1"""


def test_a_head_that_was_set_back_is_told_of_until_it_is_mended(opened):
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 8)
    opened.settled()
    opened.once()
    as_the_application(opened, tenant, "UPDATE audit_heads SET sequence = 1")
    assert opened.waiting() == 1
    told_at(opened, "event_beyond_head", tenant, 2)
    as_the_application(opened, tenant, *[NUMBERED_AGAIN] * 5)
    assert opened.waiting() == 5
    told_at(opened, "event_beyond_head", tenant, 7)
    # Numbers that are given again pass the last one that was sealed, and new ones come.
    as_the_application(opened, tenant, *[NUMBERED_AGAIN] * 3)
    told_at(opened, "event_repeated", tenant, 8)
    assert opened.sealed(tenant) == 8


def told_at(site, code, tenant, at):
    """A round names it, sounds the alarm, and seals everybody else's."""
    named = public_id(Prefix.ORGANISATION, tenant.organisation)
    neighbour = a_tenant(site.store)
    site.happen(neighbour, 2)
    site.alarms.sounded.clear()
    deadline = time.monotonic() + 30
    while True:
        done = site.once()
        if done.left_out and site.sealed(neighbour) == 2:
            break
        assert time.monotonic() < deadline, (done, site.sealed(neighbour))
        time.sleep(0.02)
    (why,) = done.left_out
    assert (why.code, why.detail.split(" ", 3)[:3]) == (code, ["event", str(at), "of"])
    assert named in why.detail
    assert REMEDIES[code] in why.detail
    assert {(word, subject) for word, subject, _ in site.alarms.sounded} == {("seal_gap", named)}


def bring_from_elsewhere(site, tenant):
    """An event with another cluster's transaction id, as a dump's rows have: the owner's doing,
    because the application's role writes no such ids.
    """
    site.admin(
        """
        WITH head AS (
            UPDATE audit_heads SET sequence = sequence + 1
             WHERE organisation_id = %s RETURNING organisation_id, sequence)
        INSERT INTO audit_events
               (organisation_id, sequence, id, at, action, subject, live, salt, body, xid)
        SELECT organisation_id, head.sequence, gen_random_uuid(), at, action, subject, live, salt,
               body, '9000000000000'
          FROM audit_events JOIN head USING (organisation_id) WHERE audit_events.sequence = 1""",
        tenant.organisation,
    )


A_GAP = "UPDATE audit_heads SET sequence = sequence + 1"


def test_events_of_elsewhere_are_taken_beside_the_gap_of_somebody_else(opened):
    broken, restored_ = sorted(
        (a_tenant(opened.store) for _ in range(2)), key=lambda each: each.organisation
    )
    opened.happen(broken, 2)
    opened.happen(restored_, 2)
    opened.settled()
    opened.once()
    for _ in range(3):
        bring_from_elsewhere(opened, restored_)
    as_the_application(opened, broken, A_GAP)
    codes = codes_told(opened, 2)
    assert codes == ["event_missing", "event_foreign"]
    log = opened.resume("the dump had them")
    assert opened.told(log.origin, "log.resumed")[-1]["restored"] is True
    assert codes_told(opened, 1) == ["event_missing"]
    assert (opened.sealed(restored_), opened.sealed(broken)) == (5, 2)


def codes_told(site, count):
    """Once so many organisations are told of."""
    deadline = time.monotonic() + 30
    while len(left := site.once().left_out) != count:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)
    return [why.code for why in left]


@pytest.mark.parametrize("resumed", [False, True], ids=["a new log", "resumed"])
def test_what_waits_behind_a_gap_keeps_no_log_open_to_ids_of_elsewhere(opened, resumed):
    """Else one number of nothing, with an event of elsewhere behind it, would let anybody's be
    sealed, for as long as the gap stays.
    """
    broken, other = a_tenant(opened.store), a_tenant(opened.store)
    opened.happen(broken, 2)
    opened.happen(other, 2)
    if resumed:
        opened.settled()
        opened.once()
        bring_from_elsewhere(opened, other)
        codes_told(opened, 1)
        opened.resume("the dump had it")
    as_the_application(opened, broken, A_GAP)
    bring_from_elsewhere(opened, broken)
    deadline = time.monotonic() + 30
    while opened.sealed(other) < 2 + resumed or opened.logs()[-1].cluster is None:
        assert time.monotonic() < deadline
        opened.once()
    cluster = opened.admin("SELECT system_identifier::text FROM pg_control_system()")[0][0]
    assert opened.logs()[-1].cluster == cluster
    bring_from_elsewhere(opened, other)
    codes = codes_told(opened, 3)
    assert sorted(codes) == ["event_foreign", "event_foreign", "event_missing"]
    assert opened.sealed(other) == 2 + resumed
    # Told to take what is there, it takes what can be sealed, and closes again.
    opened.resume("they were the dump's")
    assert sorted(codes_told(opened, 2)) == ["event_foreign", "event_missing"]
    assert opened.sealed(other) == 3 + resumed
    assert opened.logs()[-1].cluster == cluster


def test_an_organisation_whose_event_is_put_back_is_gone_on_with(opened):
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 5)
    opened.settled()
    opened.happen(tenant, 5)
    opened.admin(
        "CREATE TABLE backup AS SELECT * FROM audit_events"
        " WHERE organisation_id = %s AND sequence = 7",
        tenant.organisation,
    )
    opened.admin(
        "DELETE FROM audit_events WHERE organisation_id = %s AND sequence = 7",
        tenant.organisation,
    )
    left_out(opened, "event_missing", tenant, 7)
    opened.admin("INSERT INTO audit_events SELECT * FROM backup")
    opened.settled()
    assert opened.sealed(tenant) == 10
    opened.holds_together()


def test_what_is_behind_a_gap_that_was_voided_is_sealed_whoever_dies(opened):
    """The application's role makes a gap; sealers are at work while it is voided, and one dies."""
    tenant = a_tenant(opened.store)
    opened.happen(tenant, 5)
    opened.settled()
    opened.once()
    as_the_application(opened, tenant, A_GAP)
    opened.happen(tenant, 5)
    left_out(opened, "event_missing", tenant, 6)
    clock = SystemClock()
    void = VoidNumber(store=opened.store, clock=clock, identifiers=SystemIdentifiers(clock))
    stop = threading.Event()

    def work():
        while not stop.is_set():
            with suppress(SealerBusyError, SealStateError):
                assert isinstance(opened.once(batch=2), Round)

    sealers = [threading.Thread(target=work) for _ in range(2)]
    for sealer in sealers:
        sealer.start()
    try:
        opened.happen(tenant, 3)
        voided = void(tenant.organisation, 6, "counted past the application")
        assert voided.sequence == 6
        opened.happen(tenant, 3)
    finally:
        stop.set()
        for sealer in sealers:
            sealer.join()
    opened.happen(tenant, 1)
    with pytest.raises(DiesError):
        rounds(opened, seals=MortalStore(opened.parts["seals"], "append", after=True), batch=2)
    opened.settled()
    assert opened.sealed(tenant) == 18
    opened.holds_together()
    organisations = [id for (id,) in opened.admin("SELECT id FROM organisations")]
    verify = VerifyAudit(store=opened.store, verifies=Verification())
    verdict = verify(organisations)
    assert (verdict.differences.counts, verdict.voided) == ({}, 1)
    # Behind it, edits and deletions are seen again.
    opened.admin(
        "UPDATE audit_events SET salt = substr(sha256(salt), 1, 16)"
        " WHERE organisation_id = %s AND sequence = 8",
        tenant.organisation,
    )
    opened.admin(
        "DELETE FROM audit_events WHERE organisation_id = %s AND sequence = 9",
        tenant.organisation,
    )
    assert verify(organisations).differences.counts == {
        "event_changed": 1,
        "event_missing": 1,
        "leaf_without_event": 1,
    }


def test_of_many_that_wait_some_are_named_and_all_are_counted(opened):
    opened.settled()
    opened.once()
    for _ in range(23):
        tenant = a_tenant(opened.store)
        opened.admin(
            "UPDATE audit_heads SET sequence = sequence + 1 WHERE organisation_id = %s",
            tenant.organisation,
        )
    opened.alarms.sounded.clear()
    assert len(opened.once().left_out) == 23
    subjects = [subject for code, subject, _ in opened.alarms.sounded if code == "seal_gap"]
    assert len(subjects) == 21
    assert subjects[-1] == opened.logs()[-1].origin
    assert opened.alarms.sounded[-1][2] == "3 more organisations wait"


def test_an_event_that_was_rewritten_after_it_was_sealed_keeps_its_leaf(opened):
    """The sealer does not read events again: the leaf is what contradicts the row."""
    tenant = a_tenant(opened.store)
    (event,) = opened.happen(tenant)
    opened.settled()
    opened.admin("UPDATE audit_events SET body = body || ' '::bytea WHERE id = %s", event.id)
    with opened.store.begin(tenant.scope) as work:
        leaf = work.seals.leaf(1, event.sequence)
        found = work.audit.get(event.id)
    assert leaf.hash == sha256(b"\0" + event.leaf).digest()
    assert leaf.hash != sha256(b"\0" + found.leaf).digest()


def test_a_forked_history_is_not_signed(opened):
    """The database says something else about the same size than what was signed."""
    opened.happen(a_tenant(opened.store), 3)
    opened.settled()
    with opened.state.session() as state:
        known = state.read()
        other = Checkpoint(
            origin=known.checkpoint.origin, size=known.checkpoint.size, root=sha256(b"").digest()
        )
        state.write(evolve(known, checkpoint=other))
    refused(opened, "another_root")


def test_installation_events_are_sealed_too(opened):
    opened.settled()
    with opened.store.begin(Scope.installation()) as work:
        leaves = work.seals.leaves(1, limit=10)
    assert {leaf.organisation for leaf in leaves} == {INSTALLATION}
