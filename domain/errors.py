"""What can be refused, and what must never happen.

A *refusal* is a value: deciders and use cases return it, the edge turns its code into an answer.
Exceptions are for misuse (a bug of ours) and, in the ports, for a world that does not answer::

    MisuseError
     ├── IllegalTransitionError   an event that the state table does not allow
     └── LockOrderError           locks taken in an order that could deadlock
"""

from datetime import timedelta

from attrs import field, frozen, validators


@frozen
class FieldFault:
    """One faulty field of a request."""

    #: RFC 6901 pointer into the request body, e.g. ``/token/decimals``.
    pointer: str
    #: Lower_snake_case, from the registry of ``entrypoints/http/problems.py``.
    code: str
    message: str


@frozen(kw_only=True)
class Refusal:
    """A final answer: not done, for this reason, and nothing has changed."""

    #: Lower_snake_case; never changes its meaning.
    code: str = field(validator=validators.matches_re(r"[a-z][a-z0-9_]*"))
    #: For the person who asked; holds values, never secrets.
    detail: str
    faults: tuple[FieldFault, ...] = ()
    retry_after: timedelta | None = None


class MisuseError(Exception):
    """The program contradicts itself.  Never shown, always logged."""


class IllegalTransitionError(MisuseError):
    """The state table does not allow this event now."""


class LockOrderError(MisuseError):
    """A lock was asked for after one that comes later in the one list of lock order."""
