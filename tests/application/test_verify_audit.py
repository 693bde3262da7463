"""Whatever is done to the trail is found and named, by a walk over all of it."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from adapters.memory.signatures import MemoryVerification
from application.audit.trail import Trail
from application.evidence.differences import REMEDIES
from application.evidence.rebuild import Kept
from application.evidence.verify import VerifyAudit
from application.ports.storage.seals import Log
from application.ports.storage.work import Scope
from application.retention.archived import ProveArchived
from domain.audit import WORKER
from domain.checkpoint import Checkpoint, Note
from domain.identifiers import INSTALLATION, EventId, InstallationId, LegalHoldId
from domain.merkle import leaf_hash
from domain.retention import Archive as ArchivedMonth
from domain.retention import ArchiveState, Month
from domain.signing import Purpose
from tests.application.house import House
from tests.application.sealing import Sealing
from tests.application.test_evidence import asked
from tests.application.test_retention import a_story, lived

INSTALLATION_ID = InstallationId(UUID("01900000-0000-7000-8000-00000000000a"))


class Archive:
    """A house with a sealed trail, and hands that reach into its store."""

    def __init__(self) -> None:
        self.house = House()
        self.seal = Sealing(
            house=self.house, seals=self.house.store.seal_store(), installation=INSTALLATION_ID
        )
        self.issued = self.house.issue()
        self.first = self.seal()
        asked(self.house, self.issued.id)
        self.house.issue()
        self.second = self.seal()
        self.organisation = self.house.registered.organisation.id

    @property
    def events(self) -> dict[Any, Any]:
        return self.house.store._audit.events.rows

    @property
    def leaves(self) -> dict[Any, Any]:
        return self.house.store._seals.leaves.rows

    @property
    def nodes(self) -> dict[Any, Any]:
        return self.house.store._seals.nodes.rows

    @property
    def checkpoints(self) -> dict[Any, Any]:
        return self.house.store._seals.checkpoints.rows

    def verdict(self, **kept: Any) -> Any:
        verify = VerifyAudit(store=self.house.store, verifies=MemoryVerification())
        heard = []
        verdict = verify([INSTALLATION, self.organisation], Kept(**kept), heard.append)
        assert sum(heard) == verdict.events
        return verdict

    def codes(self, **kept: Any) -> Counter[str]:
        verdict = self.verdict(**kept)
        assert {each.code for each in verdict.differences.told} <= REMEDIES.keys()
        return verdict.differences.counts

    def change(self, sequence: int, **changes: Any) -> None:
        key = (self.organisation, sequence)
        self.events[key] = evolve(self.events[key], **changes)


@pytest.fixture
def archive():
    return Archive()


def test_an_intact_trail_has_no_differences(archive):
    key = archive.seal.key.raw
    notes = [archive.first.note, archive.second.note]
    verdict = archive.verdict(key=sha256(key).hexdigest(), notes=notes)
    assert verdict.differences.told == []
    assert verdict.leaves == verdict.events
    assert verdict.checkpoints == 2
    assert verdict.unsealed == 0
    archive.house.issue()
    verdict = archive.verdict(notes=notes)
    assert verdict.differences.told == []
    assert verdict.unsealed > 5


def begin_another_log(archive):
    log = archive.seal.open_log("to begin afresh", closing=1)
    assert isinstance(log, Log), log
    archive.seal.log = log
    archive.seal()


def test_an_intact_trail_in_two_logs_has_no_differences(archive):
    begin_another_log(archive)
    assert archive.codes() == {}


def test_another_log_does_not_hide_what_was_changed_before_it(archive):
    archive.change(2, salt=bytes(16))
    begin_another_log(archive)
    assert archive.codes() == {"event_changed": 1}


def test_another_log_does_not_hide_what_was_deleted_before_it(archive):
    last = max(sequence for owner, sequence in archive.events if owner == archive.organisation)
    del archive.events[archive.organisation, last]
    archive.house.store._audit.heads.rows[archive.organisation] = last - 1
    begin_another_log(archive)
    assert archive.codes()["leaf_without_event"] == 1


def test_a_trail_that_nobody_seals_has_none_either():
    house = House()
    house.issue()
    verify = VerifyAudit(store=house.store, verifies=MemoryVerification())
    verdict = verify([house.registered.organisation.id])
    assert verdict.differences.told == []
    assert verdict.unsealed == verdict.events > 10


def test_an_edited_body_is_named(archive):
    event = archive.events[archive.organisation, 4]
    archive.change(4, body=event.body.replace(b'"live":false', b'"live":true'), live=True)
    assert set(archive.codes()) == {"event_changed"}


@pytest.mark.parametrize(
    "change",
    [
        {"action": "deployment.failed"},
        {"subject": "dep_1"},
        {"live": True},
        {"id": EventId(UUID(int=1))},
    ],
)
def test_an_edited_column_is_named(archive, change):
    archive.change(4, **change)
    assert archive.codes()["row_differs"] == 1


def test_an_edited_instant_is_named(archive):
    event = archive.events[archive.organisation, 4]
    archive.change(4, at=event.at + timedelta(microseconds=1))
    assert set(archive.codes()) == {"row_differs"}


def test_a_deleted_event_is_named_with_its_leaf(archive):
    del archive.events[archive.organisation, 4]
    assert {"event_missing", "leaf_without_event"} <= set(archive.codes())


def test_a_truncated_tail_is_named(archive):
    last = max(sequence for of, sequence in archive.events if of == archive.organisation)
    for sequence in range(last - 3, last + 1):
        del archive.events[archive.organisation, sequence]
    archive.house.store._audit.heads.rows[archive.organisation] = last - 4
    assert archive.codes()["leaf_without_event"] == 4


def test_two_events_that_have_changed_places_are_named(archive):
    one, other = (archive.events[archive.organisation, n] for n in (4, 5))
    archive.events[archive.organisation, 4] = evolve(other, sequence=4)
    archive.events[archive.organisation, 5] = evolve(one, sequence=5)
    assert archive.codes()["event_changed"] == 2


def test_an_event_beyond_the_head_is_named(archive):
    head = archive.house.store._audit.heads.rows
    head[archive.organisation] -= 1
    assert archive.codes()["event_beyond_head"] == 1


def test_an_event_that_was_slipped_in_has_no_leaf(archive):
    del archive.leaves[1, archive.organisation, 4]
    assert {"leaf_missing", "position_empty"} <= set(archive.codes())


def test_all_that_an_organisation_had_cannot_vanish(archive):
    for rows in (archive.events, archive.leaves):
        for key in [key for key in rows if archive.organisation in key]:
            del rows[key]
    archive.house.store._audit.heads.rows[archive.organisation] = 0
    assert "position_empty" in archive.codes()


def test_an_event_and_its_leaf_changed_together_are_not_in_the_tree(archive):
    event = archive.events[archive.organisation, 4]
    edited = evolve(event, body=event.body.replace(b"worker", b"walker"))
    archive.events[archive.organisation, 4] = edited
    leaf = archive.leaves[1, archive.organisation, 4]
    archive.leaves[1, archive.organisation, 4] = evolve(leaf, hash=leaf_hash(edited.leaf))
    assert set(archive.codes()) == {"leaf_differs"}


def test_a_tree_that_was_rebuilt_is_not_the_one_that_was_signed_for(archive):
    leaf = archive.leaves[1, archive.organisation, 4]
    archive.nodes[1, 0, leaf.position] = bytes(32)
    assert {"leaf_differs", "checkpoint_root"} <= set(archive.codes())


def test_a_leaf_in_another_ones_place_is_named(archive):
    one, other = (archive.leaves[1, archive.organisation, n] for n in (4, 5))
    archive.leaves[1, archive.organisation, 4] = evolve(one, position=other.position)
    codes = archive.codes()
    assert {"position_repeated", "position_empty", "leaf_differs"} <= set(codes)
    archive.leaves[1, archive.organisation, 5] = evolve(other, position=one.position)
    assert archive.codes()["leaf_out_of_order"] == 1


def test_a_tree_that_was_cut_off_is_shorter_than_what_was_signed(archive):
    last = max(leaf.position for leaf in archive.leaves.values())
    for key in [key for key, leaf in archive.leaves.items() if leaf.position > last - 3]:
        del archive.leaves[key]
    assert "tree_too_short" in archive.codes()


def test_a_missing_node_is_named(archive):
    del archive.nodes[1, 0, 7]
    assert "tile_differs" in archive.codes()


def swapped(archive, **changes):
    size = archive.second.checkpoint.size
    archive.checkpoints[1, size] = evolve(archive.second, **changes)


def test_a_checkpoint_that_nobody_signed_is_named(archive):
    forged = Checkpoint(
        origin=archive.second.checkpoint.origin,
        size=archive.second.checkpoint.size,
        root=bytes(32),
    )
    note = archive.second.note.replace(archive.second.checkpoint.text, forged.text)
    swapped(archive, checkpoint=forged, note=note)
    assert set(archive.codes()) == {"checkpoint_unsigned", "checkpoint_root"}


def test_a_checkpoint_in_another_ones_row_is_named(archive):
    swapped(archive, note=archive.first.note)
    assert set(archive.codes()) == {"checkpoint_malformed"}
    swapped(archive, note="a note\n")
    assert set(archive.codes()) == {"checkpoint_malformed"}


def test_a_history_that_was_rolled_back_is_named_by_whoever_kept_a_checkpoint(archive):
    del archive.checkpoints[1, archive.second.checkpoint.size]
    assert archive.codes() == {}
    assert set(archive.codes(notes=[archive.second.note])) == {"checkpoint_missing"}


def test_two_histories_are_named_by_whoever_kept_the_other_one(archive):
    """The key signs for another tree: nothing in the database shows it."""
    text = Checkpoint(
        origin=archive.first.checkpoint.origin, size=archive.first.checkpoint.size, root=bytes(32)
    ).text
    log = archive.seal.opened
    signing = archive.house.custodian.sign(log.key, text.encode(), Purpose.CHECKPOINT)
    other = str(Note.signed(text, log.origin, log.public_key, signing.signature))
    assert archive.codes() == {}
    assert set(archive.codes(notes=[other])) == {"two_histories"}


def test_what_is_no_checkpoint_or_of_no_log_is_named(archive):
    assert set(archive.codes(notes=["nothing"])) == {"checkpoint_malformed"}
    elsewhere = archive.first.note.replace("issue.", "other.")
    assert set(archive.codes(notes=[elsewhere])) == {"log_missing"}
    forged = archive.first.note.replace(f"\n{archive.first.checkpoint.size}\n", "\n3\n")
    assert set(archive.codes(notes=[forged])) == {"checkpoint_unsigned"}


def test_another_key_is_named(archive):
    assert set(archive.codes(key="0" * 64)) == {"other_key"}


def test_lines_of_the_journal_without_their_events_are_named(archive):
    journal = archive.house.store._ledger.journal.rows
    del journal[min(journal)]
    assert archive.codes() == {"counts_differ": 1}


def test_evidence_that_was_changed_or_taken_away_is_named(archive):
    rows = archive.house.store._evidence.issued.rows
    ((key, issued),) = rows.items()
    rows[key] = evolve(issued, core=issued.core.replace(b"Completed", b"Cancelled"))
    assert archive.codes() == {"evidence_differs": 1}
    del rows[key]
    assert archive.codes() == {"evidence_differs": 1}


def test_of_many_differences_the_first_are_told_and_all_are_counted(archive):
    for key, event in list(archive.events.items()):
        archive.events[key] = evolve(event, body=event.body + b" ")
    verdict = archive.verdict()
    counted = verdict.differences.counts["event_changed"]
    assert counted == len(archive.events)
    told = [each for each in verdict.differences.told if each.code == "event_changed"]
    assert len(told) == 20
    assert verdict.differences.untold["event_changed"] == counted - 20


def a_story_of_months_that_went():
    story = lived(17)
    live_on(story, 3)
    assert "dropped" in story.states().values()
    return story


def live_on(story, months=6):
    for _ in range(months):
        story.live()
        story.seal()
        story.keep_house()
        story.next_month()


def looked_at(story):
    archived = ProveArchived(store=story.store, files=story.archive.files)
    verify = VerifyAudit(store=story.store, verifies=MemoryVerification(), archived=archived)
    return verify([INSTALLATION, *story.organisations])


def test_months_that_were_archived_and_dropped_are_no_difference():
    verdict = looked_at(a_story_of_months_that_went())
    assert verdict.differences.told == []
    assert verdict.archived > 20
    assert verdict.leaves == verdict.events + verdict.archived


def test_what_is_gone_beside_the_archived_months_is_named():
    story = a_story_of_months_that_went()
    events = story.store._audit.events.rows
    mine = sorted(sequence for of, sequence in events if of == story.organisations[0])
    del events[story.organisations[0], mine[3]]
    verdict = looked_at(story)
    # It stood in the journal, too.
    named = {"leaf_without_event": 1, "event_missing": 1, "counts_differ": 1}
    assert verdict.differences.counts == named
    subjects = [each.subject for each in verdict.differences.told]
    assert sum(subject.endswith(f" {mine[3]}") for subject in subjects) == 2


def test_what_is_gone_from_between_the_leaves_of_a_dropped_month_is_named():
    story = a_story(hot_months=1)
    story.live()
    # Of a machine whose clock is ahead: its leaf is among those of the first month.
    trail = Trail(identifiers=story.identifiers, organisation=story.organisations[0], actor=WORKER)
    trail.add("deployment.queued", "dep_early", story.clock.now() + timedelta(days=900))
    with story.store.begin(Scope(organisation=story.organisations[0])) as work:
        (early,) = trail.write(work)
    live_on(story)
    assert looked_at(story).differences.told == []
    del story.store._audit.events.rows[story.organisations[0], early.sequence]
    assert looked_at(story).differences.counts["archive_differs"] == 1


def test_an_event_at_the_edge_of_dropped_months_is_missing_by_its_number():
    story = a_story_of_months_that_went()
    events = story.store._audit.events.rows
    first = min(sequence for of, sequence in events if of == story.organisations[0])
    del events[story.organisations[0], first]
    found = looked_at(story).differences
    named = [each.subject for each in found.told if each.code == "event_missing"]
    assert [name.rpartition(" ")[2] for name in named] == [str(first)]


def forge(story, month, **changes):
    """What whoever has the application's role may do to rows of archives."""
    rows = story.store._retention.archives.rows
    made = ArchivedMonth(
        month=month,
        manifest=b"{}",
        events=1,
        lines=0,
        event=EventId(story.identifiers.next()),
        archived_at=story.clock.now(),
    ).dropped(story.clock.now())
    rows[month] = evolve(rows.get(month, made), **changes)


@pytest.mark.parametrize("what", ["of a month to come", "of no month", "another's event"])
def test_no_row_of_an_archive_excuses_what_is_gone(what):
    story = a_story_of_months_that_went()
    events = story.store._audit.events.rows
    last = max(sequence for of, sequence in events if of == story.organisations[0])
    del events[story.organisations[0], last - 1]
    before = looked_at(story).differences.counts
    assert before["leaf_without_event"] == 1
    known = [*story.store._retention.archives.rows.values()]
    row = next(each for each in known if each.state is ArchiveState.DROPPED)
    match what:
        case "of a month to come":
            forge(story, Month.parse("2199-01"))
        case "of no month":
            forge(story, Month(row.month.index - 1))
        case "another's event":
            forge(story, Month(row.month.index - 1), event=row.event, manifest=row.manifest)
    after = looked_at(story).differences
    assert after.counts == before + Counter(archive_unproved=1)
    (told,) = [each for each in after.told if each.code == "archive_unproved"]
    assert told.subject in {"2199-01", str(Month(row.month.index - 1))}


@pytest.mark.parametrize(
    "changes", [{"events": 99}, {"manifest": b"{}"}, {"event": EventId(UUID(int=1))}]
)
def test_a_row_that_says_something_else_than_the_trail_is_not_believed(changes):
    story = a_story_of_months_that_went()
    rows = story.store._retention.archives.rows
    month = next(each.month for each in rows.values() if each.state is ArchiveState.DROPPED)
    forge(story, month, **changes)
    found = looked_at(story).differences.counts
    assert found["archive_unproved"] == 1
    assert found["leaf_without_event"] > 1


def test_a_row_is_not_dropped_because_it_says_so():
    story = a_story_of_months_that_went()
    row = story.archive(Month.of(story.clock.now() - timedelta(days=31 * 14)))
    assert row.state is ArchiveState.ARCHIVED
    story.seal()
    forge(story, row.month, state=ArchiveState.DROPPED, dropped_at=story.clock.now())
    events = story.store._audit.events.rows
    for place in [place for place, event in events.items() if Month.of(event.at) == row.month]:
        del events[place]
    found = looked_at(story).differences.counts
    assert (found["archive_unproved"], found["archive_differs"]) == (1, 0)
    assert found["leaf_without_event"] > 1


def test_a_trail_of_many_years_is_no_difference():
    """Events about archives leave the database, and their archives are deleted."""
    story = a_story(hot_months=1, kept_months=4)
    live_on(story, 12)
    states = [*story.states().values()]
    assert states.count("deleted") > 4
    assert states.count("dropped") > 1
    assert looked_at(story).differences.told == []
    forge(story, Month(min(story.store._retention.archives.rows).index - 1))
    assert looked_at(story).differences.counts == {"archive_unproved": 1}


def test_what_was_not_archived_is_missing_although_months_were_dropped():
    story = a_story_of_months_that_went()
    story.live()
    events = story.store._audit.events.rows
    last = max(sequence for of, sequence in events if of == story.organisations[0])
    del events[story.organisations[0], last - 1]
    assert looked_at(story).differences.counts["event_missing"] == 1


def test_every_difference_is_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text("utf-8")
    table = page.partition("## The whole trail")[2].partition("## Threats")[0]
    told = [code for code in re.findall(r"`([a-z_]+)`", table) if "_" in code]
    assert set(told) == REMEDIES.keys()


def test_every_difference_is_made_here_or_on_the_database():
    """A number that was given twice ("event_repeated") is in tests/postgres_and_anvil."""
    text = Path(__file__).read_text("utf-8")
    assert {code for code in REMEDIES if f'"{code}"' in text} == REMEDIES.keys()


@pytest.mark.parametrize("what", ["lifted", "changed", "deleted", "placed", "in force again"])
def test_a_hold_is_what_its_events_say(what):
    story = a_story()
    ada, _ = story.organisations
    hold = story.place(ada, "a court asked for it").hold
    other = story.place(ada, "another court").hold
    story.lift(ada, other.id, "it is over")
    story.seal()
    assert looked_at(story).differences.told == []
    rows = story.store._retention.holds.rows
    match what:
        case "lifted":
            rows[ada, hold.id] = hold.lifted(story.clock.now(), "x")
        case "changed":
            rows[ada, hold.id] = evolve(hold, until=story.clock.now())
        case "deleted":
            del rows[ada, hold.id]
        case "placed":
            hold = evolve(hold, id=LegalHoldId(story.identifiers.next()))
            rows[ada, hold.id] = hold
        case "in force again":
            hold = other
            rows[ada, hold.id] = hold
    (told,) = looked_at(story).differences.told
    assert (told.code, told.subject) == ("hold_differs", hold.name)
