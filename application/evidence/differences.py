"""What is found to differ when the trail is held against the log: codes, remedies, a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from attrs import define, field, frozen

#: Differences of one kind that are told one by one; the rest is counted.
MOST_TOLD = 20

#: What each difference is, and what to do about it.
REMEDIES: Mapping[str, str] = {
    "event_missing": "an event that was numbered is not there: restore it from a backup or an "
    "export, and find out who deleted it",
    "event_repeated": "a number was given twice: one of the events was inserted past the "
    "application; the one that has a leaf is the one that was written",
    "event_beyond_head": "an event has a number that was never given: it was inserted past the "
    "application, or the head was set back",
    "event_changed": "the event is not what was sealed: restore it from a backup or an export",
    "row_differs": "a column of the event says something else than its body, which is what was "
    "sealed: correct the column",
    "leaf_missing": "the event is older than others that are sealed, and is not: it was inserted, "
    "or its leaf was deleted",
    "leaf_without_event": "an event that was sealed is not there: restore it",
    "archive_differs": "other events are gone than the archives of dropped months account for: "
    "find out who deleted them, and restore them from a backup or an archive",
    "archive_unproved": "a row says that a month was archived and dropped, and the trail not: "
    "it was written past the application, unless the files of archives are missing here",
    "hold_differs": "a legal hold is not what its events say: it was placed, changed, lifted or "
    "deleted past the application; place it again, and find out who did that",
    "leaf_differs": "the leaf's row is not what is in the tree: restore it",
    "leaf_out_of_order": "events are in the log in another order than they were numbered in",
    "position_empty": "leaves of the tree are of no organisation that there is: rows of leaves, "
    "or an organisation with all that it had, were deleted",
    "position_repeated": "two events claim one leaf of the tree",
    "tile_differs": "a node of the tree is not the hash of what is below it: restore the tiles",
    "tree_too_short": "a checkpoint is of more leaves than there are: the end of the log was cut "
    "off; restore the database",
    "checkpoint_malformed": "a checkpoint is not in its form, or not that of its row",
    "checkpoint_unsigned": "the log's key has not signed the checkpoint: whoever wrote it did not "
    "have the key",
    "checkpoint_root": "the tree is not the one that was signed for: it was rebuilt, or the "
    "checkpoint was exchanged; keep both, and restore the database",
    "checkpoint_missing": "a checkpoint that was published is not there any more: an older state "
    "is shown; restore it",
    "log_missing": "the checkpoint that you have from elsewhere is of a log that is not here",
    "two_histories": "the checkpoint that you have from elsewhere is of another tree under the "
    "same name: keep it, it is proof",
    "other_key": "the log is under another key than the one you named",
    "counts_differ": "journal and trail have different numbers of lines of that day: one of them "
    "was written or deleted past the application; `tallystick verify ledger` names the lines",
    "evidence_differs": "evidence that was issued is not what the trail committed to, or is gone: "
    "whoever has the file has the true one",
}


@frozen(kw_only=True)
class Difference:
    code: str
    #: An event, a leaf, a checkpoint, a day.
    subject: str
    expected: str
    found: str

    @property
    def remedy(self) -> str:
        return REMEDIES[self.code]


@define
class Differences:
    told: list[Difference] = field(factory=list)
    counts: Counter[str] = field(factory=Counter)

    @property
    def untold(self) -> Mapping[str, int]:
        """How many of each kind are counted only."""
        told = Counter(each.code for each in self.told)
        return {code: n - told[code] for code, n in self.counts.items() if n > told[code]}

    def add(self, code: str, subject: str, expected: object, found: object) -> None:
        self.counts[code] += 1
        if self.counts[code] <= MOST_TOLD:
            self.told.append(
                Difference(code=code, subject=subject, expected=str(expected), found=str(found))
            )
