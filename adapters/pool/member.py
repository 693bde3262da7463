"""One node of a pool: how to ask it, and what is known of its health.

What is known is kept under the pool's lock; the lock is never held while the node is asked.
"""

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from attrs import define, field

from adapters.pool.breaker import Breaker, Turn
from application.ports.chain import (
    Chain,
    ChainUnavailableError,
    Head,
    HistoryUnavailableError,
    WrongChainError,
)
from application.ports.nodes import Endpoint, NodeCondition, NodeReport
from domain.network import Block

T = TypeVar("T")


@define(eq=False)
class Member:
    endpoint: Endpoint
    chain: Chain
    _seconds: Callable[[], float]
    _lock: Lock
    breaker: Breaker = field(factory=Breaker)
    #: What it said when it turned out to be of another chain.
    wrong: str | None = None
    is_behind: bool = False
    #: Its newest blocks, and when it said so.
    head: Head | None = None
    heard_at: float = float("-inf")
    #: When its newest block was last asked for, with or without success.
    looked_at: float = float("-inf")
    _has_answered: bool = False

    @property
    def condition(self) -> NodeCondition:
        if self.wrong is not None:
            return NodeCondition.WRONG_CHAIN
        if self.breaker.failures:
            return NodeCondition.UNAVAILABLE
        if not self._has_answered:
            return NodeCondition.UNKNOWN
        return NodeCondition.BEHIND if self.is_behind else NodeCondition.HEALTHY

    @property
    def latest(self) -> Block | None:
        return self.head.latest if self.head is not None else None

    @property
    def report(self) -> NodeReport:
        return NodeReport(
            name=self.endpoint.name,
            archival=self.endpoint.archival,
            condition=self.condition,
            latest=self.latest,
        )

    @property
    def rank(self) -> int:
        """The lower, the sooner it is asked."""
        if self.wrong is not None:
            return 3
        if not self.breaker.is_closed:
            return 2
        return 1 if self.is_behind else 0

    def put(
        self,
        question: Callable[[Chain], T],
        turn: Turn,
        is_answer: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """What it says to *question*; what that tells of its health is kept.

        Lacking history tells nothing of its health, and an answer that is none by *is_answer*
        neither.

        Raises:
            ChainUnavailableError, WrongChainError: as its chain.
        """
        try:
            answer = question(self.chain)
        except HistoryUnavailableError:
            self._keep(turn)
            raise
        except ChainUnavailableError:
            with self._lock:
                self.breaker.failed(turn, self._seconds())
            raise
        except WrongChainError as error:
            self._keep(turn, wrong=str(error))
            raise
        except BaseException:
            self._keep(turn)
            raise
        if not is_answer(answer):
            self._keep(turn)
            return answer
        with self._lock:
            self.breaker.answered(turn)
            self.wrong, self._has_answered = None, True
        return answer

    def ask_head(self, turn: Turn) -> Head:
        with self._lock:
            self.looked_at = self._seconds()
        head = self.put(lambda chain: chain.head(), turn)
        with self._lock:
            self.head, self.heard_at = head, self._seconds()
        return head

    def _keep(self, turn: Turn, wrong: str | None = None) -> None:
        with self._lock:
            self.breaker.let_go(turn)
            self.wrong = wrong or self.wrong
