"""Seven years of a trail, and everything that may keep a month from going."""

import hashlib
import json
from datetime import timedelta
from uuid import UUID

import pytest
from attrs import evolve

from application.audit.trail import Trail
from application.evidence.event_proof import EventProof
from application.evidence.prove import missing
from application.exports.make import MakeExport
from application.exports.request import ExportRequest, RequestExport
from application.ports.files import FilesUnavailableError
from application.ports.storage.work import Scope
from application.retention.archived import ProveArchived
from application.retention.holds import refusal_for_subjects
from domain.audit import WORKER
from domain.errors import Refusal
from domain.export import EventFilter, ExportFormat
from domain.identifiers import INSTALLATION, Prefix, public_id
from domain.merkle import leaf_hash
from domain.retention import ArchiveState, Month
from entrypoints.assembly import table_formats
from tests.application.house import House
from tests.retention_story import BEGIN, Story, leads, root_of

FIRST = Month.of(BEGIN)


def a_story(**changes):
    house = House(ready=False)
    organisations = [
        house.register(f"{name}@example.com").organisation.id for name in ("ada", "bob")
    ]
    store = house.store
    # Registered in another time: the story begins with an empty trail of its own.
    story = Story(
        store=store,
        sealing=store.seal_store(),
        partitions=store.partitions(),
        organisations=organisations,
        **changes,
    )
    for place in [*store._audit.events.rows]:
        del store._audit.events.rows[place]
    store._audit.ids.rows.clear()
    for head in store._audit.heads.rows:
        store._audit.heads.rows[head] = 0
    store._ledger.journal.rows.clear()
    return story


def lived(months, **changes):
    """A story so many months on, with everything sealed."""
    story = a_story(**changes)
    for _ in range(months):
        story.live()
        story.seal()
        story.next_month()
    return story


def code_of(outcome):
    return outcome.code if isinstance(outcome, Refusal) else outcome.state.value


def events_of(story, organisation=INSTALLATION):
    with story.store.begin(Scope(organisation=organisation)) as work:
        return work.audit.all(limit=10_000)


def test_seven_years():
    story = a_story()
    held = None
    for number in range(90):
        story.live()
        story.seal()
        refused = story.keep_house()
        if number == 30:
            held = story.place(story.organisations[0], "a court asked for it").hold
        if 30 < number < 50:
            assert story.states()[str(Month(FIRST.index + 16))] == "dropped"
            assert refused.get("legal_hold", []) == [str(Month(FIRST.index + 17))]
        if number == 50:
            story.lift(story.organisations[0], held.id, "it is over")
            assert "legal_hold" not in story.keep_house()
        story.next_month()
    gone = [str(Month(FIRST.index + n)) for n in range(5)]
    kept = [str(Month(FIRST.index + n)) for n in range(5, 76)]
    states = story.states()
    assert [month for month, state in states.items() if state == "deleted"] == gone
    assert [month for month, state in states.items() if state == "dropped"] == kept
    assert set(states) == {*gone, *kept}
    hot = {str(Month(FIRST.index + n)) for n in range(76, 90)}
    assert story.in_database() == hot
    for month in kept:
        assert story.prove_archived(month) == story.written_in(month) > 0
    # Of what was deleted there is a certificate, and its digest is in the trail.
    for month in gone:
        assert not [name for name in story.files.kept if name.startswith(f"{month}/")]
        (text,) = [
            content
            for name, content in story.files.kept.items()
            if name.startswith(f"certificates/{month}-")
        ]
        digest = hashlib.sha256(text).hexdigest()
        told = [e.content() for e in events_of(story) if e.action == "archive.deleted"]
        assert digest in [each["details"]["digest"] for each in told]
        lines = dict(line.split(": ", 1) for line in text.decode().splitlines())
        assert lines["month"] == month
        assert int(lines["audit events"]) == story.written_in(month)
    # Leaf hashes are there for ever, also of what nobody has any more.
    with story.store.begin(Scope(organisation=story.organisations[0])) as work:
        leaves = work.seals.leaves(1, limit=10_000)
    assert {(story.organisations[0], leaf.sequence): leaf.hash for leaf in leaves} == {
        place: leaf for place, leaf in story.written.items() if place[0] == story.organisations[0]
    }


def test_a_month_is_archived_once_it_is_cold():
    story = lived(14)
    assert code_of(story.archive(FIRST)) == "archived"
    assert code_of(story.archive(Month(FIRST.index + 1))) == "month_is_hot"
    assert story.archive(FIRST) == story.archive(FIRST)
    archived = [event for event in events_of(story) if event.action == "partition.archived"]
    assert len(archived) == 1
    digest = archived[0].content()["details"]["digest"]
    (name,) = [name for name in story.files.kept if name.endswith("manifest.json")]
    assert hashlib.sha256(story.files.kept[name]).hexdigest() == digest


def test_the_manifest_says_what_there_is():
    story = lived(14)
    archive = story.archive(FIRST)
    told = json.loads(archive.manifest)
    events, lines = told["tables"]
    assert (events["table"], events["rows"]) == ("audit_events", story.written_in("2019-01"))
    assert (lines["table"], lines["rows"]) == ("journal", 2)
    assert {part["name"].split(".")[1] for part in events["parts"]} == {"jsonl", "parquet"}
    rows = story.archived_rows("2019-01")
    positions = [row["position"] for row in rows]
    assert (told["first_position"], told["last_position"]) == (min(positions), max(positions))
    assert told["tree"]["size"] == len(story.leaves)


def test_nothing_unsealed_is_archived():
    story = a_story()
    story.live()
    for _ in range(14):
        story.next_month()
    assert code_of(story.archive(FIRST)) == "not_sealed"
    story.seal()
    assert code_of(story.archive(FIRST)) == "archived"


def test_what_is_sealed_and_not_signed_is_not_archived():
    story = lived(1)
    with story.store.begin(Scope.installation()) as work:
        old = work.seals.latest(1)
    story.clock.advance(timedelta(seconds=1))
    story.live()
    story.seal()
    newest = story.store._seals.checkpoints.rows
    for place in [place for place in newest if newest[place] != old]:
        del newest[place]
    for _ in range(14):
        story.next_month()
    assert code_of(story.archive(Month(FIRST.index + 1))) == "not_sealed"
    assert code_of(story.archive(FIRST)) == "archived"


@pytest.mark.parametrize("what", ["body", "salt", "gone"])
def test_an_event_that_is_not_the_one_that_was_sealed_stops_it(what):
    story = lived(14)
    rows = story.store._audit.events.rows
    place = (story.organisations[0], 2)
    if what == "gone":
        story.store._ledger.journal.rows.clear()
    elif what == "salt":
        rows[place] = evolve(rows[place], salt=b"x" * 16)
    else:
        rows[place] = evolve(rows[place], body=rows[place].body.replace(b"dep_1", b"dep_9"))
    outcome = story.archive(FIRST)
    if what == "gone":
        # The month has no lines then, and the archive says so.
        assert outcome.lines == 0
    else:
        assert outcome.code == "differs_from_the_log"
        assert "event 2 of org_" in outcome.detail
        assert story.states() == {}


def test_files_are_read_again_before_anything_is_said():
    story = lived(14)

    class Forgetful(type(story.files)):
        """Keeps something else than what was written."""

        def open(self, name):
            file = super().open(name)
            if file is not None and name.endswith(".jsonl"):
                import io

                return io.BytesIO(file.read().replace(b'"dep_1"', b'"dep_2"', 1))
            return file

    story.files = Forgetful()
    assert code_of(story.archive(FIRST)) == "differs_from_the_log"
    assert story.states() == {}


def test_a_month_is_dropped_once_its_archive_is_sealed():
    story = lived(14)
    assert code_of(story.drop(FIRST)) == "not_archived"
    story.archive(FIRST)
    assert code_of(story.drop(FIRST)) == "not_sealed"
    assert "2019-01" in story.in_database()
    story.seal()
    assert code_of(story.drop(FIRST)) == "dropped"
    assert "2019-01" not in story.in_database()
    assert code_of(story.drop(FIRST)) == "dropped"
    dropped = [event for event in events_of(story) if event.action == "partition.dropped"]
    assert len(dropped) == 1


def ready_to_drop():
    story = lived(16)
    for number in range(3):
        story.archive(Month(FIRST.index + number))
    story.seal()
    return story


def test_months_go_in_order():
    story = ready_to_drop()
    assert code_of(story.drop(Month(FIRST.index + 1))) == "earlier_month_is_hot"
    assert code_of(story.drop(FIRST)) == "dropped"
    assert code_of(story.drop(Month(FIRST.index + 1))) == "dropped"


@pytest.mark.parametrize("ending", ["manifest.json", ".jsonl", ".parquet"])
@pytest.mark.parametrize("is_gone", [True, False])
def test_files_that_are_not_as_they_were_keep_a_month_where_it_is(ending, is_gone):
    story = ready_to_drop()
    name = next(n for n in story.files.kept if n.endswith(ending) and n.startswith("2019-01/"))
    content = story.files.kept.pop(name)
    if not is_gone:
        story.files.kept[name] = content[:-1] + bytes([content[-1] ^ 1])
    outcome = story.drop(FIRST)
    assert outcome.code == "archive_unreadable"
    assert name in outcome.detail
    assert "2019-01" in story.in_database()


def test_a_month_that_has_changed_since_stays():
    story = ready_to_drop()
    rows = story.store._audit.events.rows
    (place, *_) = [place for place, event in rows.items() if Month.of(event.at) == FIRST]
    del rows[place]
    assert code_of(story.drop(FIRST)) == "month_changed"
    assert "2019-01" in story.in_database()


def come_late(story, month):
    """An event of a machine whose clock is so far behind."""
    trail = Trail(identifiers=story.identifiers, organisation=story.organisations[0], actor=WORKER)
    trail.add("deployment.queued", "dep_late", month.first + timedelta(days=20))
    with story.store.begin(Scope(organisation=story.organisations[0])) as work:
        trail.write(work)
    story.note()
    story.seal()


def test_a_late_event_has_its_month_archived_anew_and_nothing_is_lost():
    story = ready_to_drop()
    before = story.written_in("2019-01")
    with story.store.begin(Scope.installation()) as work:
        first = work.archives.get(FIRST)
    come_late(story, FIRST)
    again = story.archive(FIRST)
    assert (first.events, again.events) == (before, before + 1)
    assert again.digest != first.digest
    assert story.archive(FIRST) == again
    told = [e.content()["details"] for e in events_of(story) if e.action == "partition.archived"]
    replaced = {each["digest"]: each["replaces"] for each in told}
    assert replaced[again.digest.hex()] == first.digest.hex()
    assert replaced[first.digest.hex()] is None
    # The archive that it stands for is not the one that was sealed.
    assert code_of(story.drop(FIRST)) == "not_sealed"
    story.seal()
    assert code_of(story.drop(FIRST)) == "dropped"
    assert code_of(story.drop(Month(FIRST.index + 1))) == "dropped"
    archived = json.loads(story.files.kept[f"2019-01/{again.digest.hex()}-manifest.json"])
    bodies = [
        json.loads(line)["body"]["subject"]
        for part in archived["tables"][0]["parts"]
        if part["name"].endswith(".jsonl")
        for line in story.files.kept[f"2019-01/{part['sha256']}-{part['name']}"].splitlines()
    ]
    assert len(bodies) == before + 1
    assert "dep_late" in bodies


def test_a_month_is_not_archived_anew_without_what_it_had():
    story = ready_to_drop()
    rows = story.store._audit.events.rows
    (place, *_) = [place for place, event in rows.items() if Month.of(event.at) == FIRST]
    del rows[place]
    outcome = story.archive(FIRST)
    assert outcome.code == "month_changed"
    assert f"event {place[1]} of " in outcome.detail
    come_late(story, FIRST)
    come_late(story, FIRST)
    assert story.archive(FIRST).code == "month_changed"


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("hold", "is_held"),
    [
        ({}, True),
        ({"subject": public_id(Prefix.DEPLOYMENT, UUID(int=1))}, True),
        ({"since": FIRST.end - DAY}, True),
        ({"since": FIRST.end}, False),
        ({"until": FIRST.first + DAY}, True),
        ({"until": FIRST.first}, False),
        ({"since": FIRST.first - DAY, "until": FIRST.end + DAY}, True),
    ],
)
@pytest.mark.parametrize("whose", ["one's", "everybody's"])
def test_a_hold_keeps_what_it_touches_until_it_is_lifted(hold, is_held, whose):
    story = ready_to_drop()
    organisation = story.organisations[1] if whose == "one's" else INSTALLATION
    placed = story.place(organisation, "a court asked for it", **hold).hold
    outcome = story.drop(FIRST)
    assert code_of(outcome) == ("legal_hold" if is_held else "dropped")
    if is_held:
        assert placed.name in outcome.detail
        lifted = story.lift(organisation, placed.id, "it is over")
        assert lifted.lifted_because == "it is over"
        assert code_of(story.drop(FIRST)) == "dropped"
    actions = [event.action for event in events_of(story, organisation)]
    assert actions.count("legal_hold.placed") == 1
    assert actions.count("legal_hold.lifted") == is_held


def test_a_hold_is_lifted_once_by_whoever_it_is_of():
    story = lived(1)
    ada, bob = story.organisations
    hold = story.place(ada, "why").hold
    assert code_of(story.lift(bob, hold.id, "no")) == "not_found"
    story.lift(ada, hold.id, "yes")
    assert code_of(story.lift(ada, hold.id, "again")) == "hold_lifted"
    assert code_of(story.place(ada, "why", since=BEGIN, until=BEGIN)) == "nothing_to_hold"


def test_a_hold_forbids_erasing_a_subject_of_its_organisation():
    story = lived(1)
    ada, bob = story.organisations
    one, other = (public_id(Prefix.MEMBER, UUID(int=n)) for n in (1, 2))
    story.place(ada, "why", subject=one)

    def held(organisation, subject):
        with story.store.begin(Scope()) as work:
            return refusal_for_subjects(work, [organisation], [subject]) is not None

    assert held(ada, one)
    assert not held(ada, other)
    assert not held(bob, one)
    story.place(bob, "why")
    assert held(bob, one)


@pytest.mark.parametrize(
    "subject",
    ["ada@example.com", "usr_typo", "", "usr_", f"nobody_{'0' * 26}", f"usr_{'0' * 25}u"],
)
def test_what_is_no_id_is_not_held_and_does_not_go_into_the_trail(subject):
    story = lived(1)
    ada, _ = story.organisations
    assert code_of(story.place(ada, "why", subject=subject)) == "malformed_subject"
    with story.store.begin(Scope(organisation=ada)) as work:
        assert work.legal_holds.all() == []
    assert "legal_hold.placed" not in [event.action for event in events_of(story, ada)]


def ready_to_delete():
    story = ready_to_drop()
    story.drop(FIRST)
    while not FIRST.is_over_for(84, story.clock.now()):
        story.next_month()
    return story


def test_an_archived_event_is_proved_from_its_file_and_the_log():
    story = ready_to_drop()
    ada, bob = story.organisations
    with story.store.begin(Scope(organisation=ada)) as work:
        event = work.audit.all(limit=1)[0]
    assert Month.of(event.at) == FIRST
    prove = ProveArchived(store=story.store, files=story.archive.files)
    assert story.drop(FIRST).state is ArchiveState.DROPPED
    story.seal()
    with story.store.begin(Scope(organisation=ada)) as work:
        assert work.audit.get(event.id) is None
        assert missing(work, event.id).code == "event_archived"
        assert missing(work, story.identifiers.next()).code == "not_found"
    proof = prove(ada, event.id)
    assert proof.event == event
    leaf = leaf_hash(event.leaf)
    size = proof.checkpoint.checkpoint.size
    assert leaf == story.written[ada, event.sequence]
    root = root_of(story.leaves[:size])
    assert leads(leaf, proof.index, size, list(proof.path), root)
    again = EventProof.parse(proof.text)
    assert again.is_included
    assert again.leaf == event.leaf
    assert code_of(prove(bob, event.id)) == "not_found"
    assert code_of(prove(ada, story.identifiers.next())) == "not_found"
    # A row that is not what was sealed proves nothing.
    rows = list(prove._rows(event.id))
    forged = [(*row[:-1], row[-1].replace(b"dep_", b"dxp_")) for row in rows]
    assert code_of(prove(ada, event.id, forged)) == "evidence_damaged"
    assert prove(ada, event.id, rows) == proof


def test_an_archive_is_deleted_when_it_was_kept_long_enough():
    story = ready_to_drop()
    assert code_of(story.delete(FIRST)) == "not_dropped"
    story.drop(FIRST)
    assert code_of(story.delete(FIRST)) == "month_is_kept"
    while not FIRST.is_over_for(84, story.clock.now()):
        story.next_month()
    assert story.clock.now().strftime("%Y-%m") == "2026-02"
    deleted = story.delete(FIRST)
    assert deleted.state is ArchiveState.DELETED
    assert story.delete(FIRST) == deleted
    assert [event.action for event in events_of(story)].count("archive.deleted") == 1


def test_a_hold_keeps_an_archive_too():
    story = ready_to_delete()
    hold = story.place(story.organisations[0], "why").hold
    assert code_of(story.delete(FIRST)) == "legal_hold"
    assert [name for name in story.files.kept if name.startswith("2019-01/")]
    story.lift(story.organisations[0], hold.id, "over")
    assert code_of(story.delete(FIRST)) == "deleted"


def test_no_certificate_is_written_for_what_could_not_be_deleted():
    story = ready_to_delete()
    story.files.failure = FilesUnavailableError("it is a WORM volume")
    with pytest.raises(FilesUnavailableError):
        story.delete(FIRST)
    story.files.failure = None
    assert story.states()["2019-01"] == "dropped"
    assert not [name for name in story.files.kept if name.startswith("certificates/")]


def test_an_export_that_lost_a_month_under_way_says_what_it_has():
    story = ready_to_drop()
    request = RequestExport(**story.parts, has_place=True)
    wish = ExportRequest(format=ExportFormat.JSON_LINES, wanted=EventFilter(action="deployment"))
    export = request.as_operator(story.organisations[0], wish)
    make = MakeExport(
        **story.parts,
        files=story.files,
        formats=table_formats(),
        part_limit=2**20,
        kept_for=DAY,
    )
    story.drop(FIRST)
    made = make(export.organisation, export.id)
    told = json.loads(story.files.kept[made.place_of_manifest])
    assert told["events"] == 45
    assert told["begins"] == "2019-02-01T00:00:00.000000Z"


@pytest.mark.parametrize("then", ["a hold", "a damaged file"])
def test_what_was_dropped_by_whoever_died_is_noted_whatever_came_after(then):
    story = ready_to_drop()
    with story.store.begin(Scope.installation()) as work:
        archive = work.archives.get(FIRST)
    die_before_noting(story, archive)
    assert story.states()["2019-01"] == "archived"
    if then == "a hold":
        story.place(story.organisations[0], "a court asked for it")
    else:
        name = next(name for name in story.files.kept if name.startswith("2019-01/"))
        story.files.kept[name] = b"x"
    assert code_of(story.drop(FIRST)) == "dropped"
    assert [event.action for event in events_of(story)].count("partition.dropped") == 1


class DyingError(Exception): ...


def die_before_noting(story, archive):
    """The month is gone, and nobody has said so."""

    class Dying(type(story.drop)):
        def _note(self, archive):
            raise DyingError

    dying = Dying(**{name: getattr(story.drop, name) for name in FIELDS})
    with pytest.raises(DyingError):
        dying(archive.month)


FIELDS = ("store", "files", "partitions", "clock", "identifiers", "installation")


def certificates(story):
    return [name for name in story.files.kept if name.startswith("certificates/")]


@pytest.mark.parametrize("death", ["before the commit", "after the commit"])
def test_a_deletion_that_dies_has_one_certificate_in_the_end_which_is_in_the_trail(death):
    story = ready_to_delete()

    class Mortal:
        def __init__(self, store):
            self.store, self.begun = store, 0

        def begin(self, scope):
            self.begun += 1
            if self.begun > 1:
                raise DyingError
            return self.store.begin(scope)

    class NoRoom(type(story.files)):
        def draft(self):
            raise DyingError

    whole = story.delete
    dying = (
        evolve(whole, store=Mortal(story.store))
        if death == "before the commit"
        else evolve(whole, files=NoRoom(kept=story.files.kept))
    )
    with pytest.raises(DyingError):
        dying(FIRST)
    assert certificates(story) == []
    story.clock.advance(DAY)
    done = whole(FIRST)
    assert done.state is ArchiveState.DELETED
    assert whole(FIRST) == done
    (name,) = certificates(story)
    digest = hashlib.sha256(story.files.kept[name]).hexdigest()
    told = [e.content() for e in events_of(story) if e.action == "archive.deleted"]
    assert [each["details"]["digest"] for each in told] == [digest]
    assert story.files.kept[name].decode() == done.certificate


def test_another_event_in_the_place_of_one_keeps_the_month():
    story = ready_to_drop()
    rows = story.store._audit.events.rows
    (place, *_) = [place for place, event in rows.items() if Month.of(event.at) == FIRST]
    del rows[place]
    come_late(story, FIRST)
    assert code_of(story.drop(FIRST)) == "month_changed"
    assert "2019-01" in story.in_database()
