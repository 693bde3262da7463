"""What is found wrong: which invariant, what was expected, what is there, what to do."""

from collections import Counter
from collections.abc import Iterator, Mapping

from attrs import define, field, frozen

#: What each number promises, and what to do where it is broken.  docs/ledger.md says more.
REMEDIES: Mapping[str, str] = {
    "I1": "stop writers and look at the commands around the line that is named",
    "I2": "trust the journal: correct the lot or the wallet to what it sums to, under the "
    "wallet's lock",
    "I3": "trust the journal: look for a hold that was closed or changed without its line",
    "I4": "a line that no rule writes: find who wrote it; the journal has been tampered with",
    "I5": "lines are missing or repeated: compare with the sealed audit trail and the last backup",
    "I6": "settle the hold by what its operation proves, then correct it by an adjustment",
    "I7": "give back what was captured too much: tallystick credits correct",
    "I9": "take back what was granted twice: tallystick credits adjust; where a lot is not what "
    "was paid for: tallystick billing reconcile",
    "I10": "no balance is wrong by it; revenue and expiry of the lots that are named may be",
    "I12": "a row points out of its organisation: restore the reference from the audit trail",
    "I13": "the one of the two that is sealed is true: compare with checkpoints before anything "
    "is changed",
    "I14": "set the database's clock, by which all is written, and expect balances of that "
    "instant to differ",
    "I15": "see who raised or removed the quota; what was spent stays spent",
    "I16": "release what is held by hand, and look for the licence change that missed it",
}

#: How many of one number are told for one organisation; the rest is counted.
MOST = 20


@frozen(kw_only=True)
class Finding:
    #: ``I2``
    invariant: str
    #: What it is about: a lot, a hold, a line.
    subject: str
    expected: str
    found: str

    @property
    def remedy(self) -> str:
        return REMEDIES[self.invariant]


@define
class Findings:
    """Gathers them, and no more than a person can read."""

    _told: list[Finding] = field(factory=list)
    _counts: Counter[str] = field(factory=Counter)

    def add(self, invariant: str, subject: str, expected: object, found: object) -> None:
        self._counts[invariant] += 1
        if self._counts[invariant] <= MOST:
            self._told.append(
                Finding(
                    invariant=invariant,
                    subject=subject,
                    expected=str(expected),
                    found=str(found),
                )
            )

    def compare(self, invariant: str, subject: str, expected: object, found: object) -> bool:
        """Whether they are equal; a finding where they are not."""
        if expected != found:
            self.add(invariant, subject, expected, found)
        return expected == found

    @property
    def counts(self) -> Mapping[str, int]:
        """How many there are of each number, told or not."""
        return dict(self._counts)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._told)

    def __bool__(self) -> bool:
        return bool(self._told)
