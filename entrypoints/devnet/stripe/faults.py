"""What can go wrong between Stripe and a webhook endpoint, and what is to go wrong next.

wrong_secret    signed with a secret that is nobody's
corrupted       a byte of the body is another one than was signed
late            arrives with a signature older than the tolerance of 300 s
answer_lost     is taken in, but Stripe does not hear of it, and sends it again
drop            is never sent again: only the list of events has it
reorder         comes after events that happened later
old_version     has an older API version's shape
concurrent      comes twice at the same moment, on two connections
duplicate       comes again after it was taken in
"""

import random
from collections.abc import Mapping, Sequence

from entrypoints.devnet.stripe.records import Record

#: These cost an attempt each, before the event is sent as it should be.
BEFORE = ("wrong_secret", "corrupted", "late", "answer_lost")
KINDS = (*BEFORE, "drop", "reorder", "old_version", "concurrent", "duplicate")


class Plan:
    """Which faults an event meets: those that were scripted for its type, else what chance gives.

    `likelihood` is a chance out of 1 that an event meets any fault; one that does meets up to
    `most` kinds.  The same seed and the same events meet the same faults.
    """

    def __init__(
        self,
        *,
        seed: int | str = 0,
        likelihood: float = 0,
        kinds: Sequence[str] = KINDS,
        most: int = 2,
    ) -> None:
        _must_be_known(kinds)
        self.random = random.Random(f"stripe faults {seed}")
        self.likelihood = likelihood
        self.kinds = tuple(kinds)
        self.most = most
        self._scripted: dict[str, list[tuple[str, ...]]] = {}

    def script(self, type: str, *kinds: str, times: int = 1) -> None:  # noqa: A002 - Stripe's name
        """The next events of this type meet these faults; no kinds: they come as they should."""
        _must_be_known(kinds)
        self._scripted.setdefault(type, []).extend([kinds] * times)

    def script_all(self, scripts: Mapping[str, Sequence[str]]) -> None:
        for type, kinds in scripts.items():  # noqa: A001 - Stripe's name
            self.script(type, *kinds)

    def choose(self, event: Record) -> tuple[str, ...]:
        scripted = self._scripted.get(event["type"])
        if scripted:
            return scripted.pop(0)
        if not self.kinds or self.random.random() >= self.likelihood:
            return ()
        count = self.random.randint(1, min(self.most, len(self.kinds)))
        return tuple(self.random.sample(self.kinds, count))


def _must_be_known(kinds: Sequence[str]) -> None:
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ValueError(f"no such faults: {', '.join(unknown)}; there are {', '.join(KINDS)}")
