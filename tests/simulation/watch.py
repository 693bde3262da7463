"""What is looked at while it happens: each commit, held against what is really on the chains.

None of it asks the application.  The table of states, the arithmetic and the meaning of proof are
written down here once more (spec/deployments.md, spec/credits.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from tests.simulation.chains import World
from tests.simulation.database import Written

#: Thirteen edges, by hand.
MOVES = {
    "Queued": {"Submitted", "Failed", "Cancelled"},
    "Submitted": {"Pending", "Failed"},
    "Pending": {"Confirmed", "Failed"},
    "Confirmed": {"Indexed", "Completed", "Failed"},
    "Indexed": {"Completed", "Failed"},
    "Failed": {"Queued"},
    "Completed": set(),
    "Cancelled": set(),
}
#: What somebody asked for; to fund an issuer is no more than the way there.
EFFECTS = frozenset({"Creation", "Call"})


@define(eq=False)
class Watcher:
    worlds: Mapping[str, World]
    #: How many creations an organisation may have under way on a network, of one day; None: any.
    most: int | None = None
    #: Under way: by organisation, network and day, the operations.
    _under_way: dict[tuple[Any, ...], set[Any]] = field(factory=lambda: defaultdict(set))
    #: What must not have happened.
    wrongs: list[str] = field(factory=list)

    def look(self, written: Written) -> None:
        for before, after in written.get("operations", {}).values():
            self._moved(before, after)
            self._counted(after)
        for key, (before, after) in written.get("audit_events", {}).items():
            if before is not None:
                self.wrongs.append(f"an event was rewritten: {key}")
            if after is None:
                self.wrongs.append(f"an event is gone: {key}")
        for key, (before, after) in written.get("journal", {}).items():
            if before is not None or after is None:
                self.wrongs.append(f"a line of the journal was rewritten: {key}")
            else:
                self._posted(str(key[0]), after)

    def _moved(self, before: Any, after: Any) -> None:
        if before is None:
            return
        if after is None:
            self.wrongs.append(f"{before.deployment.named} is gone")
            return
        was, is_ = before.deployment.state.value, after.deployment.state.value
        # One transaction may go through several: what matters is that there is a way.
        if was != is_ and is_ not in _reachable(was):
            self.wrongs.append(f"{after.deployment.named} went from {was} to {is_}")
        if was != is_ == "Completed":
            self._completed(after.deployment)

    def _counted(self, after: Any) -> None:
        """What is under way is paid for by the day on which it was accepted."""
        if self.most is None or after is None or after.deployment.order is not None:
            return
        deployment = after.deployment
        day = deployment.accepted_at.date()
        place = (deployment.organisation, deployment.network, day)
        if deployment.state.value in {"Completed", "Failed", "Cancelled"}:
            self._under_way[place].discard(deployment.id)
        else:
            self._under_way[place].add(deployment.id)
        if len(self._under_way[place]) > self.most:
            self.wrongs.append(f"{deployment.named} is beyond the budget of {day}")

    def forget(self) -> None:
        """A backup was put back: what is under way is what it has."""
        self._under_way.clear()

    def _completed(self, deployment: Any) -> None:
        place = (str(deployment.organisation), str(deployment.id))
        done = [
            each
            for world in self.worlds.values()
            for each in world.effects()
            if each.step[:2] == place and each.sort in EFFECTS and each.is_final
        ]
        if len(done) != 1:
            self.wrongs.append(f"{deployment.named} is Completed by {len(done)} final effects")

    def _posted(self, organisation: str, entry: Any) -> None:
        if entry.subject is None:
            return
        subject, action = str(entry.subject), entry.posting.action
        for world in self.worlds.values():
            done = [each for each in world.effects() if each.step[:2] == (organisation, subject)]
            if action == "credits.captured" and any(each.is_final for each in done):
                return
            if action == "credits.released" and done:
                self.wrongs.append(f"{subject} was released, and is on {world.network.id}")
            if action == "credits.released" and world.could_land(organisation, subject):
                self.wrongs.append(f"{subject} was released, and may land on {world.network.id}")
        if action == "credits.captured":
            self.wrongs.append(f"{subject} was captured, and nothing of it is final anywhere")


def _reachable(state: str) -> set[str]:
    found, new = set[str](), {state}
    while new:
        found |= new
        new = {after for each in new for after in MOVES[each]} - found
    return found
