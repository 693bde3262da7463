"""Whether a node is asked: not while it rests after failures.

::

            3 failures in a row                    its pause is over
    closed ────────────────────▶ open, for a pause ─────────────────▶ half open: one call at a time
       ▲                              ▲     │                               │       │
       │                              └─────┼───── failure: twice as long ──┘       │
       └────────── an answer ───────────────┴───────────────────────────────────────┘

Instants are seconds of a clock that only goes forward, and come from the caller; so does the
longest pause, because it depends on whether the other nodes can do without this one.
"""

from enum import Enum

from attrs import define

FAILURES = 3
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


class Turn(Enum):
    """By which right a node is asked."""

    ORDINARY = "ordinary"
    #: Its pause is over: the one call that finds out.
    PROBE = "probe"
    #: Its pause is not over, but all nodes rest: once in each pause.
    EARLY = "early"


@define
class Breaker:
    #: In a row, up to now.
    failures: int = 0
    _opened_at: float | None = None
    _pause: float = FIRST_PAUSE_SECONDS
    _is_being_tried: bool = False
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
            return Turn.ORDINARY
        if self._is_being_tried or self.rests(now, longest):
            return None
        self._is_being_tried = True
        return Turn.PROBE

    def admit_early(self) -> Turn | None:
        if self.is_closed or self._is_being_tried or self._was_tried_early:
            return None
        self._is_being_tried = self._was_tried_early = True
        return Turn.EARLY

    def answered(self, turn: Turn) -> None:
        """However late the answer: the node is there."""
        self.let_go(turn)
        self.failures, self._opened_at, self._pause = 0, None, FIRST_PAUSE_SECONDS
        self._was_tried_early = False

    def failed(self, turn: Turn, now: float) -> None:
        self.let_go(turn)
        self.failures += 1
        if turn is Turn.PROBE:
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            self._open(now)
        elif self.is_closed and self.failures >= FAILURES:
            self._open(now)

    def let_go(self, turn: Turn) -> None:
        """The call told nothing of the node's health."""
        if turn is not Turn.ORDINARY:
            self._is_being_tried = False

    def _open(self, now: float) -> None:
        self._opened_at, self._was_tried_early = now, False
