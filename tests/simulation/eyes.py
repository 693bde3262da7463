"""A second pair of eyes: who approves the deployments of an organisation that wants it so.

What somebody else has not said yes to is never on chain: whoever asks may not approve, nor anybody
another plan than the one that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field

from domain.approval import Approval, Verdict
from domain.errors import Refusal
from domain.identifiers import OperationId
from tests.simulation.scheduler import Scheduler

#: What becomes of a plan: somebody else approves or rejects it; its own author tries to; somebody
#: approves another one; or nobody looks at it.
YES, NO, SELF, OTHER, NEVER = "yes", "no", "self", "other", "never"
#: What keeps whoever may not approve from it.
_REFUSED_WITH = {SELF: "approval_by_requester", OTHER: "plan_changed"}
#: Said by what was decided meanwhile, or is not there any more.
_TOO_LATE = frozenset({"approval_decided", "approval_expired", "approval_rejected", "not_found"})
_OTHER_PLAN = b"o" * 32


@define(eq=False)
class Looked:
    """At one deployment that needs approval."""

    number: int
    id: OperationId
    plan_hash: bytes
    eyes: str
    #: Somebody else has sent a yes, whether or not it was answered.
    has_a_yes: bool = False
    is_over: bool = False


@define(eq=False)
class Eyes:
    scheduler: Scheduler
    #: What the API says to one verdict, of the author (False) or of somebody else; None: nothing.
    ask: Callable[[bool, OperationId, Verdict, bytes], Any]
    #: How often a deployment of the organisation's has its effect on chain.
    effects: Callable[[OperationId], int]
    surprises: list[str]
    looked: dict[int, Looked] = field(factory=dict)

    def look(
        self, number: int, id: OperationId, plan_hash: bytes, eyes: str, after: float
    ) -> None:
        """Some seconds after it was accepted; also once more, when a backup has forgotten it.

        And when it was asked for anew, since a retry needs a yes of its own.
        """
        # One record for all looks: an earlier one may still be on its way.
        looked = self.looked.setdefault(number, Looked(number, id, plan_hash, eyes))
        looked.is_over = False
        self.scheduler.sleep(after)
        if not looked.has_a_yes and self.effects(id):
            self.surprises.append(f"{id} is on chain before anybody has approved it")
        if eyes == YES:
            looked.has_a_yes = True
            self._say(looked, Verdict.APPROVED, plan_hash)
        elif eyes == NO:
            self._say(looked, Verdict.REJECTED, plan_hash)
        elif eyes in _REFUSED_WITH:
            hash_ = _OTHER_PLAN if eyes == OTHER else plan_hash
            answer = self.ask(eyes != SELF, id, Verdict.APPROVED, hash_)
            wanted = {_REFUSED_WITH[eyes]} | _TOO_LATE
            if isinstance(answer, Approval) or (
                isinstance(answer, Refusal) and answer.code not in wanted
            ):
                self.surprises.append(f"{id} was approved by {eyes}: {answer}")

    def close(self) -> None:
        """At the end: whatever nobody has looked at is rejected."""
        for looked in self.open:
            self._say(looked, Verdict.REJECTED, looked.plan_hash)

    @property
    def open(self) -> list[Looked]:
        """What nobody has had the last word about."""
        return [
            each
            for each in self.looked.values()
            if not each.is_over and each.eyes not in {YES, NO}
        ]

    def judge(self) -> Iterator[str]:
        for looked in self.looked.values():
            if self.effects(looked.id) and not looked.has_a_yes:
                yield f"{looked.id} is on chain, and nobody has approved it"

    def _say(self, looked: Looked, verdict: Verdict, plan_hash: bytes) -> None:
        for attempt in range(8):
            if self.ask(True, looked.id, verdict, plan_hash) is not None:
                looked.is_over = True
                return
            self.scheduler.sleep(1.0 + 5.0 * attempt)
