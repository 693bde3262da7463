"""Whether a node is asked: not while it rests after failures.

::

            3 failures in a row                    its pause is over
    closed ────────────────────▶ open, for a pause ─────────────────▶ half open: one call at a time
       ▲                              ▲     │                               │       │
       │                              └─────┼───── failure: twice as long ──┘       │
       └────────── an answer ───────────────┴───────────────────────────────────────┘

A call that tries a node and hangs loses its turn after a while: the next one may try.  Its answer
counts however late it comes, its failure as one of any other call's.

Instants are seconds of a clock that only goes forward, and come from the caller; so does the
longest pause, because it depends on whether the other nodes can do without this one.
"""

from enum import Enum

from attrs import define, frozen

FAILURES = 3
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
#: More than adapters allow a node for one answer.
LONGEST_TRIAL_SECONDS = 30.0


class Right(Enum):
    """By which right a node is asked."""

    ORDINARY = "ordinary"
    #: Its pause is over: the one call that finds out.
    PROBE = "probe"
    #: Its pause is not over, but all nodes rest: once in each pause.
    EARLY = "early"


@frozen
class Turn:
    right: Right
    #: Which of the trials it is, where it is one.
    trial: int = 0


@define
class Breaker:
    #: In a row, up to now.
    failures: int = 0
    _opened_at: float | None = None
    _pause: float = FIRST_PAUSE_SECONDS
    #: How many calls have tried it while it rested.
    _trials: int = 0
    #: When the last of them began, for as long as it has its turn.
    _tried_since: float | None = None
    _was_tried_early: bool = False

    @property
    def is_closed(self) -> bool:
        return self._opened_at is None

    def rests(self, now: float, longest: float) -> float:
        """Seconds until it is half open; 0 where it is, or is closed."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + min(self._pause, longest) - now)

    def admit(self, now: float, longest: float) -> Turn | None:
        """Leave to ask it now, to be given back by `answered`, `failed` or `let_go`."""
        if self.is_closed:
            return Turn(Right.ORDINARY)
        if self._is_being_tried(now) or self.rests(now, longest):
            return None
        return self._trial(Right.PROBE, now)

    def admit_early(self, now: float) -> Turn | None:
        if self.is_closed or self._is_being_tried(now) or self._was_tried_early:
            return None
        self._was_tried_early = True
        return self._trial(Right.EARLY, now)

    def answered(self, turn: Turn) -> None:
        """However late the answer: the node is there."""
        self.let_go(turn)
        self.failures, self._opened_at, self._pause = 0, None, FIRST_PAUSE_SECONDS
        self._was_tried_early = False

    def failed(self, turn: Turn, now: float) -> None:
        is_verdict = turn.right is Right.PROBE and self._has_its_turn(turn)
        self.let_go(turn)
        self.failures += 1
        if is_verdict and not self.is_closed:
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            self._open(now)
        elif self.is_closed and self.failures >= FAILURES:
            self._open(now)

    def let_go(self, turn: Turn) -> None:
        """The call told nothing of the node's health."""
        if self._has_its_turn(turn):
            self._tried_since = None

    def _trial(self, right: Right, now: float) -> Turn:
        self._trials, self._tried_since = self._trials + 1, now
        return Turn(right, self._trials)

    def _is_being_tried(self, now: float) -> bool:
        return self._tried_since is not None and now - self._tried_since < LONGEST_TRIAL_SECONDS

    def _has_its_turn(self, turn: Turn) -> bool:
        """No later call has taken it over."""
        return turn.right is not Right.ORDINARY and turn.trial == self._trials

    def _open(self, now: float) -> None:
        self._opened_at, self._was_tried_early = now, False
