"""How calls of a chain in memory go wrong when a test says so."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from threading import RLock
from typing import TypeVar

from attrs import define, field, frozen

from application.ports.chain import (
    Chain,
    ChainUnavailableError,
    HistoryUnavailableError,
    WrongChainError,
)
from domain.errors import MisuseError
from domain.operation import Hint, Submission, Verdict

T = TypeVar("T")


@frozen(kw_only=True)
class Fault:
    """How one call goes wrong."""

    #: Whether what was asked for is done all the same.
    happens: bool
    #: What a submission is answered; None: an error is raised (a submission answers unknown).
    answer: Submission | None = None
    is_wrong_chain: bool = False
    #: The blocks that would have the answer are gone.
    lacks_history: bool = False


UNAVAILABLE = Fault(happens=False)
ANSWER_LOST = Fault(happens=True)
WRONG_CHAIN = Fault(happens=False, is_wrong_chain=True)
NO_HISTORY = Fault(happens=False, lacks_history=True)
REJECTED = Fault(happens=False, answer=Submission(Verdict.REJECTED, "invalid transaction"))
#: This node refuses what another one has taken.
REJECTED_THOUGH_TAKEN = Fault(
    happens=True, answer=Submission(Verdict.REJECTED, "invalid transaction")
)
ALREADY_KNOWN = Fault(happens=True, answer=Submission(Verdict.ALREADY_KNOWN, "already known"))
SLOT_TAKEN = Fault(
    happens=True, answer=Submission(Verdict.UNKNOWN, "the slot is taken", Hint.SLOT_TAKEN)
)
UNDERPRICED = Fault(
    happens=False, answer=Submission(Verdict.UNKNOWN, "underpriced", Hint.UNDERPRICED)
)


@define(eq=False, kw_only=True)
class MisbehavingChain(Chain):
    """Asks its node under a lock, and spoils single calls by `misbehave`."""

    #: Nothing answers.
    is_down: bool = False
    #: The node belongs to another chain.
    is_wrong: bool = False
    _faults: dict[str, deque[Fault]] = field(factory=lambda: defaultdict(deque))
    _lock: RLock = field(factory=RLock)

    def misbehave(self, method: str, *faults: Fault) -> None:
        """Spoil the next calls of *method*, one fault each, in this order."""
        if not callable(getattr(self, method, None)):
            raise MisuseError(f"a chain has no {method}")
        self._faults[method].extend(faults)

    def behave(self) -> None:
        """Nothing goes wrong any more."""
        self._faults.clear()
        self.is_down = self.is_wrong = False

    def _ask(
        self,
        method: str,
        answer: Callable[[], T],
        instead: Callable[[Submission], T] | None = None,
    ) -> T:
        with self._lock:
            if self.is_wrong:
                raise WrongChainError(f"the node is not of {self.network.id}")
            if self.is_down:
                raise ChainUnavailableError("the node does not answer")
            queue = self._faults[method]
            if not queue:
                return answer()
            fault = queue.popleft()
            if fault.happens:
                answer()
            if fault.is_wrong_chain:
                raise WrongChainError(f"the node is not of {self.network.id}")
            if fault.lacks_history:
                raise HistoryUnavailableError("the blocks that would say it are gone")
            if fault.answer is not None and instead is not None:
                return instead(fault.answer)
            raise ChainUnavailableError("the answer did not arrive")
