"""Exports are whole, whatever happens on the way: each event once, in order."""

import csv
import hashlib
import json
from datetime import timedelta
from io import BytesIO, StringIO

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from application.audit.trail import Trail
from application.exports.columns import columns_of
from application.exports.expire import ExpireExports
from application.exports.make import LEASE
from application.exports.request import MOST_UNDER_WAY, ExportRequest, RequestExport
from application.operator.sweep import Sweep
from application.ports.files import FilesUnavailableError
from domain.audit import Actor, EventFilter
from domain.errors import Refusal
from domain.export import ExportFormat, ExportState
from domain.identifiers import Prefix, public_id
from entrypoints.assembly import table_formats
from tests.application.house import FINGERPRINT, House, examples
from tests.application.mortal import AFTER, BEFORE, Death, Fate, MortalStore

FORMATS = list(ExportFormat)


def fill(house, count, **changes):
    """So many events, of somebody's doing."""
    trail = Trail(
        identifiers=house.identifiers,
        organisation=house.registered.member.organisation,
        actor=Actor("member", "mem_1"),
    )
    for number in range(count):
        trail.add("deployment.queued", f"dep_{number % 3}", house.clock.now(), **changes)
    with house.store.begin(house.scope) as work:
        return trail.write(work)


def ask(house, **changes):
    request = RequestExport(
        store=house.store, clock=house.clock, identifiers=house.identifiers, has_place=True
    )
    wish = ExportRequest(**{"format": ExportFormat.JSON_LINES, **changes})
    return request.as_operator(house.registered.member.organisation, wish)


def make(house, export, **changes):
    return house.make_export(**changes)(export.organisation, export.id)


def events_of(house):
    with house.store.begin(house.scope) as work:
        return work.audit.all(limit=10**6)


def content(house, export, part):
    return house.files.kept[export.place_of(part)]


def bodies(house, export):
    """What the files have, read by nobody of ours."""
    found = []
    for part in export.parts:
        file = content(house, export, part)
        match export.format:
            case ExportFormat.JSON_LINES:
                lines = [json.loads(line) for line in file.decode().split("\n")[:-1]]
                found += [(line["body"], line["salt"], line["leaf_hash"]) for line in lines]
            case ExportFormat.CSV:
                rows = csv.DictReader(StringIO(file.decode(), newline=""))
                found += [(json.loads(r["body"]), r["salt"], r["leaf_hash"]) for r in rows]
            case ExportFormat.PARQUET:
                import pyarrow.parquet as pq

                rows = pq.read_table(BytesIO(file)).to_pylist()
                found += [
                    (json.loads(r["body"]), r["salt"].hex(), r["leaf_hash"].hex()) for r in rows
                ]
    return found


def expected(events):
    """As the specification of the tree has it, not as our code does."""
    leaves = [b"tallystick.audit.v1\0" + event.salt + event.body for event in events]
    return [
        (json.loads(event.body), event.salt.hex(), hashlib.sha256(b"\0" + leaf).hexdigest())
        for event, leaf in zip(events, leaves, strict=True)
    ]


@pytest.mark.parametrize("encoding", FORMATS)
@pytest.mark.parametrize("part_limit", [2**30, 20_000])
def test_every_event_is_in_it_once_and_its_leaf_is_recomputed(encoding, part_limit):
    house = House()
    fill(house, 100)
    events = events_of(house)
    made = make(house, ask(house, format=encoding), part_limit=part_limit)
    assert made.state is ExportState.FINISHED
    assert made.total == made.written == len(events)
    assert bodies(house, made) == expected(events)
    assert (len(made.parts) > 1) is (part_limit == 20_000)


@pytest.mark.parametrize("encoding", FORMATS)
def test_parts_say_what_they_are(encoding):
    house = House()
    fill(house, 100)
    made = make(house, ask(house, format=encoding), part_limit=20_000)
    last = 0
    for number, part in enumerate(made.parts, start=1):
        file = content(house, made, part)
        assert (part.number, part.size) == (number, len(file))
        assert part.sha256 == hashlib.sha256(file).digest()
        assert part.first_sequence == last + 1
        assert part.events == part.last_sequence - last
        last = part.last_sequence
    assert last == made.last_sequence
    names = [part.name for part in made.parts[:2]]
    assert names == [f"part-00001.{encoding.value}", f"part-00002.{encoding.value}"]


def test_the_manifest_is_signed_by_an_event_of_the_trail():
    house = House()
    fill(house, 10)
    made = make(house, ask(house, wanted=EventFilter(subject="dep_1")))
    manifest = house.files.kept[made.place_of_manifest]
    told = json.loads(manifest)
    assert told["format"] == "tallystick.export/1"
    assert told["filters"] == {"subject": "dep_1"}
    assert told["export"] == made.name
    assert told["events"] == 3
    (part,) = told["parts"]
    assert part["sha256"] == hashlib.sha256(content(house, made, made.parts[0])).hexdigest()
    (event,) = [e for e in events_of(house) if e.action == "export.finished"]
    assert event.id == made.event
    assert event.subject == made.name
    assert event.content()["details"]["digest"] == hashlib.sha256(manifest).hexdigest()
    assert made.digest == hashlib.sha256(manifest).digest()


def test_what_comes_after_it_was_asked_for_does_not_belong_to_it():
    house = House()
    before = events_of(house)
    export = ask(house)
    fill(house, 5)
    made = make(house, export)
    assert bodies(house, made) == expected(before)


def test_filters_are_kept_to():
    house = House()
    fill(house, 9)
    made = make(house, ask(house, wanted=EventFilter(subject="dep_2", actor="mem_1")))
    assert [body["subject"] for body, _, _ in bodies(house, made)] == ["dep_2"] * 3


def test_an_export_of_nothing_has_no_parts_and_a_manifest():
    house = House()
    made = make(house, ask(house, wanted=EventFilter(actor="nobody")))
    assert (made.state, made.total, made.parts) == (ExportState.FINISHED, 0, ())
    assert json.loads(house.files.kept[made.place_of_manifest])["parts"] == []


def test_progress_is_told_and_stored():
    house = House()
    fill(house, 2_500)
    export = ask(house)
    told = []

    def tell(written, total):
        with house.store.begin(house.scope) as work:
            stored = work.exports.get(export.id)
        told.append((written, total, stored.written, stored.total))

    house.make_export(part_limit=2**30)(export.organisation, export.id, tell)
    total = export.last_sequence
    assert [each[0] for each in told] == [1_000, 2_000, total]
    assert {each[1] for each in told} == {each[3] for each in told} == {total}
    assert [each[2] for each in told] == [0, 1_000, 2_000]


def test_whoever_comes_second_does_nothing():
    house = House()
    export = ask(house)
    with house.store.begin(house.scope) as work:
        work.exports.lease(export.id, LEASE)
    assert make(house, export) == export
    house.pass_time(LEASE)
    made = make(house, export)
    assert made.state is ExportState.FINISHED
    assert make(house, made) == made


def test_a_full_disk_is_waited_for():
    house = House()
    export = ask(house)
    house.files.failure = FilesUnavailableError("no space left")
    with pytest.raises(FilesUnavailableError):
        make(house, export)
    house.files.failure = None
    assert make(house, export).state is ExportState.FINISHED


@pytest.mark.parametrize("encoding", FORMATS)
@examples(25)
@given(deaths=st.dictionaries(st.integers(0, 40), st.sampled_from([BEFORE, AFTER]), max_size=5))
def test_whoever_takes_over_makes_it_whole(encoding, deaths):
    house = House()
    fill(house, 60)
    events = events_of(house)
    export = ask(house, format=encoding)
    fate = Fate(deaths)
    kept = ()
    for _ in range(len(deaths) + 1):
        try:
            make(house, export, store=MortalStore(house.store, fate), part_limit=12_000)
        except Death:
            house.pass_time(LEASE + timedelta(seconds=1))
        with house.store.begin(house.scope) as work:
            found = work.exports.get(export.id)
        # What is ready is never made again.
        assert found.parts[: len(kept)] == kept
        kept = found.parts
    assert found.state is ExportState.FINISHED
    assert len(found.parts) >= 3
    assert bodies(house, found) == expected(events)
    finished = [event for event in events_of(house) if event.action == "export.finished"]
    assert [event.id for event in finished] == [found.event]


def test_the_sweep_asks_for_it_again():
    house = House()
    export = ask(house)
    deferred = []

    class Tasks:
        def defer(self, *task):
            deferred.append(task)

    sweep = Sweep(store=house.store, tasks=Tasks(), clock=house.clock)
    assert sweep() == 1
    assert deferred == [("export.requested", export.organisation, export.name)]
    make(house, export)
    assert sweep() == 0


def test_too_many_at_once_are_refused():
    house = House()
    made = [ask(house) for _ in range(MOST_UNDER_WAY)]
    refused = ask(house)
    assert isinstance(refused, Refusal)
    assert refused.code == "too_many_exports"
    make(house, made[0])
    assert not isinstance(ask(house), Refusal)


def test_without_a_place_nothing_is_begun():
    house = House()
    request = RequestExport(
        store=house.store, clock=house.clock, identifiers=house.identifiers, has_place=False
    )
    wish = ExportRequest(format=ExportFormat.CSV)
    refused = request(house.caller, wish, house.key("one"), FINGERPRINT)
    assert refused.code == "exports_not_configured"


def test_it_expires_and_what_it_was_is_still_known():
    house = House()
    made = make(house, ask(house))
    other = make(house, ask(house))
    expire = ExpireExports(
        store=house.store, files=house.files, clock=house.clock, identifiers=house.identifiers
    )
    house.pass_time(timedelta(days=6))
    assert expire() == 0
    newest = make(house, ask(house))
    house.pass_time(timedelta(days=1))
    assert expire() == 2
    assert expire() == 0
    with house.store.begin(house.scope) as work:
        found = work.exports.get(made.id)
    assert found == evolve(made, state=ExportState.EXPIRED)
    folders = {name.rpartition("/")[0] for name in house.files.kept}
    assert folders == {newest.folder}
    gone = [event.subject for event in events_of(house) if event.action == "export.expired"]
    assert sorted(gone) == sorted([made.name, other.name])


def test_files_that_cannot_be_removed_are_not_said_to_be_gone():
    house = House()
    made = make(house, ask(house))
    house.pass_time(timedelta(days=8))
    expire = ExpireExports(
        store=house.store, files=house.files, clock=house.clock, identifiers=house.identifiers
    )
    house.files.failure = FilesUnavailableError("no answer")
    with pytest.raises(FilesUnavailableError):
        expire()
    house.files.failure = None
    with house.store.begin(house.scope) as work:
        assert work.exports.get(made.id) == made
    assert expire() == 1


@pytest.mark.parametrize("encoding", FORMATS)
def test_what_was_written_is_read_back(encoding):
    house = House()
    fill(house, 10)
    made = make(house, ask(house, format=encoding))
    file = content(house, made, made.parts[0])
    rows = list(table_formats()(encoding).read(BytesIO(file), columns_of(encoding)))
    assert [row[-3] for row in rows] == [event.body for event in events_of(house)[: len(rows)]]
    assert public_id(Prefix.EXPORT, made.id) == made.name
