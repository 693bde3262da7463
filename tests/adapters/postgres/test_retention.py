"""Months leave a real database, with the real roles, and the ledger is still verified."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from attrs import evolve
from psycopg.errors import InsufficientPrivilege

from adapters.local_keys import Verification
from adapters.memory.clock import MemoryClock
from adapters.memory.identifiers import MemoryIdentifiers
from adapters.postgres import connect, open_books, open_partitions, seal_store
from adapters.postgres.migrate import files
from application.audit.trail import Trail
from application.evidence.prove import missing
from application.evidence.verify import VerifyAudit
from application.operator.verify_ledger import VerifyLedger
from application.ports.storage.retention import (
    PartitionChangedError,
    PartitionHeldError,
    PartitionsUnavailableError,
    Rows,
)
from application.ports.storage.work import Scope
from application.retention.archived import ProveArchived
from application.retention.holds import refusal_for_subjects
from domain.audit import OPERATOR, WORKER, timestamp
from domain.errors import Refusal
from domain.identifiers import INSTALLATION
from domain.retention import Archive, Month
from tests.application.house import PROVING
from tests.contract.subjects.postgres import application_url, database, sealer_url
from tests.contract.tenants import a_tenant, an_event
from tests.retention_story import BEGIN, Story

FIRST = Month.of(BEGIN)
#: Seven years and a month where it is to be proven.
MONTHS = 88 if PROVING else 17


@pytest.fixture
def place(server_url):
    """A database of its own: partitions are dropped in it."""
    with database() as url:
        store = connect(application_url(url), min_size=1, max_size=8)
        store.open()
        yield url, store
        store.close()


@pytest.fixture
def story(place):
    url, store = place
    story = Story(
        store=store,
        sealing=seal_store(sealer_url(url)),
        partitions=open_partitions(url),
        organisations=sorted(a_tenant(store).organisation for _ in range(2)),
    )
    story.prepare()
    return story


def tables(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE 'audit_events_2%%'"
            " AND relkind = 'r' ORDER BY 1"
        )
        return [name for (name,) in rows]


def name_of(month):
    return f"audit_events_{str(month).replace('-', '_')}"


def live(story, months):
    for _ in range(months):
        story.prepare()
        story.live()
        story.seal()
        story.next_month()


def test_months_come_and_go(story, place):
    url, _ = place
    story.hot_months, kept = 13, 84 if PROVING else 15
    story.kept_months = kept
    for _ in range(MONTHS):
        story.prepare()
        story.live()
        story.seal()
        story.keep_house()
        story.next_month()
    now = FIRST.index + MONTHS - 1
    states = story.states()
    gone = [Month(n) for n in range(FIRST.index, now - kept)]
    dropped = [Month(n) for n in range(now - kept, now - 13)]
    assert states == {str(m): "deleted" for m in gone} | {str(m): "dropped" for m in dropped}
    assert len(gone) >= 1
    assert len(dropped) >= 2
    assert not set(map(name_of, [*gone, *dropped])) & set(tables(url))
    for month in dropped:
        assert story.prove_archived(str(month)) == story.written_in(str(month)) > 0
    assert story.in_database() == {str(Month(n)) for n in range(now - 13, now + 1)}
    # The ledger is whole, and it is said from when on the trail was held against it.
    verify = VerifyLedger(books=open_books(application_url(url)))
    for organisation in story.organisations:
        verdict = verify(organisation)
        assert not verdict.findings, list(verdict.findings)
        assert verdict.lines == MONTHS
        assert timestamp(verdict.trail_begins) == timestamp(Month(now - 13).first)


def test_without_the_horizon_the_ledger_would_miss_what_was_dropped(story, place):
    url, _ = place
    live(story, 15)
    story.archive(FIRST)
    story.seal()
    story.drop(FIRST)
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute("UPDATE archives SET state = 'archived', dropped_at = NULL")
    verify = VerifyLedger(books=open_books(application_url(url)))
    (first, *_) = verify(story.organisations[0]).findings
    assert (first.invariant, first.expected) == ("I13", "an event credits.granted")


@pytest.fixture
def archived(story):
    live(story, 15)
    story.archive(FIRST)
    story.seal()
    return story


def test_a_month_with_other_rows_is_put_back(archived, place):
    url, store = place
    with pytest.raises(PartitionChangedError):
        archived.partitions.drop(FIRST, Rows.of([]))
    assert name_of(FIRST) in tables(url)
    assert "2019-01" in archived.in_database()
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT relispartition, relrowsecurity, relforcerowsecurity FROM pg_class"
            " WHERE relname = %s",
            [name_of(FIRST)],
        ).fetchone()
    assert row == (True, True, True)
    with store.begin(Scope(organisation=archived.organisations[0])) as work:
        assert work.audit.all(limit=1)[0].sequence == 1


def test_one_that_was_set_aside_by_somebody_who_died_is_dropped_by_the_next(archived, place):
    url, _ = place
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("SET ROLE tallystick_migrator")
        owner.execute(f"ALTER TABLE audit_events DETACH PARTITION {name_of(FIRST)}")
    assert archived.drop(FIRST).state.value == "dropped"
    assert name_of(FIRST) not in tables(url)


def set_aside(url, month):
    """What a process that dies between leaves behind."""
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("SET ROLE tallystick_migrator")
        owner.execute(f"ALTER TABLE audit_events DETACH PARTITION {name_of(month)}")


def asides(store):
    with store.begin(Scope.installation()) as work:
        return work.archives.set_aside()


@pytest.mark.parametrize("who", ["the next who drops", "whoever places it"])
def test_one_that_was_set_aside_is_put_back_for_a_hold(archived, place, who):
    url, store = place
    set_aside(url, FIRST)
    assert asides(store) == [FIRST]
    assert "2019-01" not in archived.in_database()
    archived.place(archived.organisations[0], "a court asked for it")
    if who == "whoever places it":
        assert archived.put_back() == [FIRST]
    assert archived.drop(FIRST).code == "legal_hold"
    assert asides(store) == []
    assert "2019-01" in archived.in_database()
    assert archived.written_in("2019-01") == sum(
        count_of(store, organisation) for organisation in [INSTALLATION, *archived.organisations]
    )


def count_of(store, organisation):
    with store.begin(Scope(organisation=organisation)) as work:
        return sum(Month.of(event.at) == FIRST for event in work.audit.all(limit=10_000))


def test_what_comes_late_for_a_month_that_is_set_aside_is_put_back_with_it(archived, place):
    url, store = place
    before = count_of(store, archived.organisations[0])
    set_aside(url, FIRST)
    come_late(archived, FIRST)
    assert archived.put_back() == [FIRST]
    assert count_of(store, archived.organisations[0]) == before + 1
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM audit_events_default").fetchone() == (0,)
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE 'audit_events%%'"
            " AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)"
        ).fetchall()
    assert rows == []
    with store.begin(Scope.installation()) as work:
        assert work.archives.volume(FIRST).strays == 0


def come_late(story, month):
    """An event whose clock is so many months behind."""
    trail = Trail(identifiers=story.identifiers, organisation=story.organisations[0], actor=WORKER)
    trail.add("deployment.queued", "dep_late", month.first + timedelta(days=20))
    with story.store.begin(Scope(organisation=story.organisations[0])) as work:
        trail.write(work)
    story.note()


def test_a_late_event_has_its_month_archived_anew(archived, place):
    come_late(archived, FIRST)
    archived.seal()
    before = archived.written_in("2019-01")
    assert archived.drop(FIRST).code == "month_changed"
    assert archived.archive(FIRST).events == before
    archived.seal()
    assert archived.drop(FIRST).state.value == "dropped"


def test_what_comes_after_its_month_was_dropped_is_there_and_counted(archived, place):
    _, store = place
    assert archived.drop(FIRST).state.value == "dropped"
    come_late(archived, FIRST)
    archived.seal()
    assert count_of(store, archived.organisations[0]) == 1
    with store.begin(Scope.installation()) as work:
        assert work.archives.volume(FIRST).strays == 1
    # It keeps no other month.
    assert archived.archive(FIRST).state.value == "dropped"


def test_one_that_was_dropped_by_somebody_who_died_is_noted_by_the_next(archived, place):
    archived.partitions.drop(FIRST, archived.rows_of("2019-01"))
    assert archived.states()["2019-01"] == "archived"
    assert archived.drop(FIRST).state.value == "dropped"


@pytest.mark.parametrize("is_held", [True, False])
def test_two_who_drop_a_month_at_once_say_what_became_of_it(archived, place, is_held):
    url, _ = place
    if is_held:
        archived.place(archived.organisations[0], "a court asked for it")

    def drop(_):
        """As one whose look at the holds was before they were placed."""
        try:
            archived.partitions.drop(FIRST, archived.rows_of("2019-01"))
        except PartitionHeldError:
            return "held"
        return "dropped"

    with ThreadPoolExecutor(3) as both:
        said = set(both.map(drop, range(18)))
    assert said == {"held" if is_held else "dropped"}
    assert (name_of(FIRST) in tables(url)) is is_held


def test_two_who_put_a_month_back_at_once_leave_it_as_it_was(archived, place):
    url, _ = place
    set_aside(url, FIRST)
    with ThreadPoolExecutor(3) as both:
        list(both.map(archived.partitions.put_back, [FIRST] * 6))
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT relispartition, relrowsecurity, relforcerowsecurity FROM pg_class"
            " WHERE relname = %s",
            [name_of(FIRST)],
        ).fetchone()
    assert row == (True, True, True)


def test_a_table_that_somebody_reads_is_left_alone(archived, place):
    _, store = place
    scope = Scope(organisation=archived.organisations[0])
    with store.begin(scope) as work:
        work.audit.all(limit=1)
        with pytest.raises(PartitionsUnavailableError, match="lock timeout"):
            archived.drop(FIRST)
    assert "2019-01" in archived.in_database()
    assert archived.drop(FIRST).state.value == "dropped"


def test_the_application_drops_nothing(archived, place):
    url, _ = place
    with pytest.raises(PartitionsUnavailableError, match="permission denied"):
        open_partitions(application_url(url)).drop(FIRST, Rows.of([]))
    with pytest.raises(PartitionsUnavailableError, match="MIGRATOR_URL"):
        open_partitions(None).drop(FIRST, Rows.of([]))
    assert name_of(FIRST) in tables(url)


def test_events_that_came_too_late_for_their_month_keep_it(story, place):
    _, store = place
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        # Nobody prepared 2018.
        work.audit.append(evolve(an_event(tenant), at=BEGIN - timedelta(days=60)))
    live(story, 15)
    outcome = story.archive(Month(FIRST.index - 2))
    assert isinstance(outcome, Refusal)
    assert outcome.code == "month_not_prepared"


def test_one_that_was_dropped_by_somebody_who_died_is_noted_though_it_is_held_by_then(archived):
    archived.partitions.drop(FIRST, archived.rows_of("2019-01"))
    archived.place(archived.organisations[0], "a court asked for it")
    name = next(name for name in archived.files.kept if name.startswith("2019-01/"))
    archived.files.kept[name] = b"x"
    assert archived.drop(FIRST).state.value == "dropped"
    # What is there is held.
    archived.archive(Month(FIRST.index + 1))
    archived.seal()
    assert archived.drop(Month(FIRST.index + 1)).code == "legal_hold"


def looked_at(story):
    archived = ProveArchived(store=story.store, files=story.archive.files)
    verify = VerifyAudit(store=story.store, verifies=Verification(), archived=archived)
    return verify([INSTALLATION, *story.organisations]).differences


FORGED = """
    INSERT INTO archives
           (month, state, manifest, events, lines, event_id, archived_at, dropped_at)
    VALUES ('2199-01-01', 'dropped', '{}', 1, 0, gen_random_uuid(), now(), now())
    """


@pytest.mark.parametrize("row", [FORGED, "UPDATE archives SET events = events + 1"])
def test_no_row_of_the_applications_role_hides_what_an_administrator_deleted(archived, place, row):
    url, _ = place
    assert archived.drop(FIRST).state.value == "dropped"
    archived.seal()
    assert looked_at(archived).told == []
    with psycopg.connect(url, autocommit=True) as administrator:
        ((number,),) = administrator.execute(
            "DELETE FROM audit_events WHERE organisation_id = %s AND sequence = 9"
            " RETURNING sequence",
            [archived.organisations[0]],
        ).fetchall()
    before = looked_at(archived)
    assert before.counts["leaf_without_event"] == before.counts["event_missing"] == 1
    with psycopg.connect(application_url(url), autocommit=True) as application:
        application.execute(row)
    after = looked_at(archived)
    assert after.counts["archive_unproved"] == 1
    assert after.counts["leaf_without_event"] >= 1
    lost = [each.subject for each in after.told if each.code == "leaf_without_event"]
    assert any(subject.endswith(f" {number}") for subject in lost)


#: As the one above, with what a thief finds in the table; and the row of a month that is there,
#: archived truly, and said to be dropped.
HIDING = [
    FORGED,
    """
    INSERT INTO archives
           (month, state, manifest, events, lines, event_id, archived_at, dropped_at)
    SELECT '2199-01-01', state, manifest, events, lines, event_id, archived_at, dropped_at
      FROM archives WHERE state = 'dropped'
    """,
    "UPDATE archives SET state = 'dropped', dropped_at = now()",
]


@pytest.mark.parametrize("row", HIDING)
def test_no_row_of_the_applications_role_moves_where_the_trail_begins(archived, place, row):
    url, store = place
    ada = archived.organisations[0]
    assert archived.drop(FIRST).state.value == "dropped"
    archived.archive(Month(FIRST.index + 1))
    archived.seal()
    with psycopg.connect(url, autocommit=True) as administrator:
        # What somebody would like to hide.
        gone = administrator.execute(
            "DELETE FROM audit_events WHERE organisation_id = %s AND action = 'credits.granted'"
            " AND at >= '2019-03-01' AND at < '2019-04-01' RETURNING id",
            [ada],
        ).fetchall()
    ((id,),) = gone
    with psycopg.connect(application_url(url), autocommit=True) as application:
        application.execute(row)
    with store.begin(Scope(organisation=ada)) as work:
        assert work.archives.begins() == Month(FIRST.index + 1).first
        assert missing(work, id).code == "not_found"
    verdict = VerifyLedger(books=open_books(application_url(url)))(ada)
    assert verdict.trail_begins == Month(FIRST.index + 1).first
    named = [each for each in verdict.findings if each.expected == "an event credits.granted"]
    assert [each.invariant for each in named] == ["I13"]


def test_what_came_late_does_not_bring_back_where_the_trail_began(archived, place):
    url, store = place
    second = Month(FIRST.index + 1)
    archived.archive(second)
    archived.seal()
    assert archived.drop(FIRST).state.value == "dropped"
    with store.begin(Scope.installation()) as work:
        # On a machine whose clock is behind.
        work.audit.prepare_months(FIRST.first, 1)
    come_late(archived, FIRST)
    assert name_of(FIRST) not in tables(url)
    with store.begin(Scope.installation()) as work:
        assert work.archives.begins() == FIRST.end
    # It would keep all that come after it.
    assert archived.drop(second).state.value == "dropped"
    with store.begin(Scope.installation()) as work:
        assert work.archives.begins() == second.end


def say_dropped(store, archive, at):
    """As whoever stole the application's role, and its code, can."""
    told = {"digest": archive.digest.hex(), "month": str(archive.month), "events": archive.events}
    with store.begin(Scope.installation()) as work:
        trail = Trail(
            identifiers=MemoryIdentifiers(MemoryClock(at)),
            organisation=INSTALLATION,
            actor=OPERATOR,
        )
        event = trail.add("partition.archived", "ins_1", at, details=told)
        trail.add("partition.dropped", "ins_1", at, details=told)
        trail.write(work)
        archive = evolve(archive, event=event)
        work.archives.add(archive)
        work.archives.put(archive.dropped(at))


@pytest.mark.parametrize("month", ["2019-03", "2019-12", "2199-01"])
def test_no_month_is_gone_that_is_there_or_has_one_before_it(archived, place, month):
    url, store = place
    assert archived.drop(FIRST).state.value == "dropped"
    forged = Archive(
        month=Month.parse(month),
        manifest=b"{}",
        events=0,
        lines=0,
        event=uuid4(),
        archived_at=archived.clock.now(),
    )
    say_dropped(store, forged, max(forged.month.end, archived.clock.now()))
    with store.begin(Scope.installation()) as work:
        assert work.archives.begins() == FIRST.end
        work.audit.prepare_months(forged.month.first, 0)
    assert name_of(forged.month) in tables(url)
    verdict = VerifyLedger(books=open_books(application_url(url)))(archived.organisations[0])
    assert verdict.trail_begins == FIRST.end
    assert not verdict.findings


def test_the_applications_role_does_not_say_when_an_event_was_written(place):
    url, _ = place
    with (
        psycopg.connect(application_url(url)) as application,
        pytest.raises(InsufficientPrivilege),
    ):
        application.execute(
            "INSERT INTO audit_events (organisation_id, sequence, id, at, action, subject, live,"
            " salt, body, xid) SELECT organisation_id, sequence, id, at, action, subject, live,"
            " salt, body, xid8 '1' FROM audit_events"
        )


def test_a_hold_that_the_applications_role_lifted_without_an_event_is_named(story, place):
    url, _ = place
    live(story, 1)
    ada = story.organisations[0]
    hold = story.place(ada, "a court asked for it").hold
    assert looked_at(story).told == []
    with psycopg.connect(application_url(url), autocommit=True) as application:
        application.execute("SELECT set_config('app.organisation_id', %s, false)", [str(ada)])
        application.execute("UPDATE legal_holds SET lifted_at = now(), lifted_because = 'x'")
    (told,) = looked_at(story).told
    assert (told.code, told.subject) == ("hold_differs", hold.name)


def as_nobody_may(url, organisation, statement):
    """With the application's role for what that may do, else as the administrator."""
    login = application_url(url) if statement.startswith("UPDATE legal_holds SET lifted") else url
    with psycopg.connect(login, autocommit=True) as connection:
        connection.execute("SELECT set_config('app.organisation_id', %s, false)", [organisation])
        connection.execute(statement)


LIFTED = "UPDATE legal_holds SET lifted_at = now(), lifted_because = 'x'"
PAST = LIFTED.replace("now()", "'2019-01-02'")
NARROWED = "UPDATE legal_holds SET until = '2000-01-01', subject = 'dep_9'"
DELETED = "DELETE FROM legal_holds"


@pytest.mark.parametrize("statement", [LIFTED, PAST, NARROWED, DELETED])
def test_what_is_held_stays_whatever_somebody_makes_of_the_row(archived, place, statement):
    url, store = place
    ada = archived.organisations[0]
    hold = archived.place(ada, "a court asked for it").hold
    as_nobody_may(url, str(ada), statement)
    for outcome in (archived.drop(FIRST), held_by(store, ada)):
        assert outcome.code == "legal_hold"
        assert hold.name in outcome.detail
    with pytest.raises(PartitionHeldError):
        archived.partitions.drop(FIRST, archived.rows_of("2019-01"))
    assert "2019-01" in archived.in_database()
    assert "hold_differs" in looked_at(archived).counts
    # The way out, which the trail tells of.
    lifted = archived.lift(ada, hold.id, "it is over")
    assert lifted.lifted_because == "it is over"
    with store.begin(Scope(organisation=ada)) as work:
        told = [event.action for event in work.audit.of_subject(hold.name)]
        assert work.legal_holds.get(hold.id).lifted_at == lifted.lifted_at
    assert told == ["legal_hold.placed", "legal_hold.lifted"]
    assert archived.lift(ada, hold.id, "again").code == "hold_lifted"
    assert held_by(store, ada) is None
    assert archived.drop(FIRST).state.value == "dropped"


def held_by(store, organisation):
    with store.begin(Scope(organisation=organisation)) as work:
        return refusal_for_subjects(work, [organisation], ["usr_1"])


@pytest.mark.parametrize("statement", [PAST, DELETED])
def test_an_archive_that_is_held_stays_though_events_about_the_hold_have_left(
    story, place, statement
):
    url, store = place
    ada = story.organisations[0]
    story.prepare()
    # Of a time that is not the trail's: it keeps no month but its own.
    span = {"since": Month(FIRST.index - 9).first, "until": Month(FIRST.index - 8).first}
    lifted, held = (story.place(ada, "a court", **span).hold for _ in range(2))
    story.lift(ada, lifted.id, "it is over")
    live(story, 15)
    story.archive(FIRST)
    story.seal()
    assert story.drop(FIRST).state.value == "dropped"
    story.seal()
    assert looked_at(story).told == []
    with store.begin(Scope(organisation=ada)) as work:
        assert work.audit.of_subject(held.name) == work.audit.of_subject(lifted.name) == []
        assert work.legal_holds.over(Month(FIRST.index - 9)) == [(ada, held.id)]
    as_nobody_may(url, str(ada), f"{statement} WHERE lifted_at IS NULL")
    with store.begin(Scope(organisation=ada)) as work:
        assert work.legal_holds.over(Month(FIRST.index - 9)) == [(ada, held.id)]
        assert work.legal_holds.in_force(lifted.id) is None
        assert work.legal_holds.in_force(held.id) == held
    assert (statement == DELETED) or looked_at(story).counts["hold_differs"] == 1


def test_an_archive_is_not_deleted_though_its_holds_row_says_that_it_was_lifted(archived, place):
    url, _ = place
    assert archived.drop(FIRST).state.value == "dropped"
    ada = archived.organisations[0]
    hold = archived.place(ada, "a court asked for it").hold
    as_nobody_may(url, str(ada), LIFTED)
    archived.kept_months = 14
    assert archived.delete(FIRST).code == "legal_hold"
    assert any(name.startswith("2019-01/") for name in archived.files.kept)
    archived.lift(ada, hold.id, "it is over")
    assert archived.delete(FIRST).state.value == "deleted"


def test_what_the_trail_said_of_holds_before_is_remembered_with_the_migration(archived, place):
    url, store = place
    ada, eve = archived.organisations
    gone = archived.place(eve, "of a month that is dropped").hold
    archived.lift(eve, gone.id, "it is over")
    assert archived.drop(FIRST).state.value == "dropped"
    lifted, held = (archived.place(ada, "a court").hold for _ in range(2))
    archived.lift(ada, lifted.id, "it is over")
    migration = next(each for each in files() if each.name.endswith("_the_trail_knows.sql"))
    tail = migration.text.decode().partition("SET LOCAL ROLE tallystick_narrow;")[2]
    with psycopg.connect(url) as administrator:
        administrator.execute("DELETE FROM legal_hold_events")
        administrator.execute("DELETE FROM audit_events WHERE subject = %s", [gone.name])
        administrator.execute(
            "UPDATE legal_holds SET lifted_at = '2019-01-20' WHERE id = %s", [gone.id]
        )
        administrator.execute("SET LOCAL ROLE tallystick_narrow")
        administrator.execute(tail)
    as_nobody_may(url, str(ada), LIFTED + " WHERE lifted_at IS NULL")
    with store.begin(Scope(organisation=ada)) as work:
        assert work.legal_holds.over(FIRST) == [(ada, held.id)]
        assert work.legal_holds.in_force(held.id) == held
        assert work.legal_holds.in_force(lifted.id) is None
    with store.begin(Scope(organisation=eve)) as work:
        assert work.legal_holds.in_force(gone.id) is None


def test_another_event_in_the_place_of_one_keeps_the_month(archived, place):
    url, _ = place
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute(
            "DELETE FROM audit_events WHERE organisation_id = %s AND sequence = 2",
            [archived.organisations[0]],
        )
    come_late(archived, FIRST)
    archived.seal()
    assert archived.drop(FIRST).code == "month_changed"
    assert name_of(FIRST) in tables(url)
    assert "2019-01" in archived.in_database()
