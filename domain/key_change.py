"""What is done to an account's keys, asked for by a member and carried out by a worker.

::

    Requested ──▶ Under way ──▶ Completed
        │             │
        ├─────────────┴───────▶ Failed
        └─────────────────────▶ Cancelled

The row is the request and its queue: whoever finds it open goes on with it.  *Under way* is what
has its key, and waits for chains.  An account has one change at a time.

What a chain must be told is an operation of its own, whose id follows from the change and the
network, or from a token and the address that it goes to: asked for again, after however much was
forgotten, it is the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from attrs import evolve, frozen

from domain.errors import IllegalTransitionError
from domain.identifiers import (
    AccountId,
    KeyChangeId,
    KeyRef,
    NetworkId,
    OperationId,
    OrganisationId,
    Prefix,
    public_id,
)

_RANDOM_BITS = 74


class KeyAction(StrEnum):
    #: The next key at the same custodian.
    ROTATE = "rotate"
    #: A key at another custodian.
    MOVE = "move"
    #: An address of its own at another custodian, beside the account's.
    ADD = "add"
    #: Networks, or tokens, that obey an earlier key obey the account's own.
    REKEY = "rekey"
    #: A key signs nothing any more, for ever.
    DISABLE = "disable"

    @property
    def names_a_custodian(self) -> bool:
        return self in {KeyAction.MOVE, KeyAction.ADD}

    @property
    def is_for_what_was_issued(self) -> bool:
        """What obeys an earlier key is to obey another one."""
        return self in {KeyAction.ROTATE, KeyAction.MOVE, KeyAction.REKEY}

    @property
    def makes_a_key(self) -> bool:
        return self in {KeyAction.ROTATE, KeyAction.MOVE, KeyAction.ADD}


class KeyChangeState(StrEnum):
    REQUESTED = "requested"
    UNDER_WAY = "under_way"
    COMPLETED = "completed"
    FAILED = "failed"
    #: Withdrawn before anything was done.
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        return self in {KeyChangeState.REQUESTED, KeyChangeState.UNDER_WAY}


EDGES: Mapping[KeyChangeState, frozenset[KeyChangeState]] = {
    KeyChangeState.REQUESTED: frozenset(
        {
            KeyChangeState.UNDER_WAY,
            KeyChangeState.COMPLETED,
            KeyChangeState.FAILED,
            KeyChangeState.CANCELLED,
        }
    ),
    KeyChangeState.UNDER_WAY: frozenset({KeyChangeState.COMPLETED, KeyChangeState.FAILED}),
    KeyChangeState.COMPLETED: frozenset(),
    KeyChangeState.FAILED: frozenset(),
    KeyChangeState.CANCELLED: frozenset(),
}


@frozen(kw_only=True)
class KeyChange:
    organisation: OrganisationId
    id: KeyChangeId
    account: AccountId
    action: KeyAction
    #: Scheme of the custodian that holds the key in question.
    custodian: str
    #: The key in question; None until it is made.
    key: KeyRef | None = None
    state: KeyChangeState = KeyChangeState.REQUESTED
    #: Why it failed: lower_snake_case.
    code: str | None = None
    #: Who asked: ``mem_…``, or ``operator``.
    requested_by: str
    requested_at: datetime
    ended_at: datetime | None = None

    @property
    def named(self) -> str:
        return public_id(Prefix.KEY_CHANGE, self.id)

    def begun(self, key: KeyRef) -> KeyChange:
        """The change once its key is there."""
        return evolve(self._moved(KeyChangeState.UNDER_WAY), key=key)

    def completed(self, at: datetime) -> KeyChange:
        return evolve(self._moved(KeyChangeState.COMPLETED), ended_at=at)

    def failed(self, code: str, at: datetime) -> KeyChange:
        return evolve(self._moved(KeyChangeState.FAILED), code=code, ended_at=at)

    def cancelled(self, at: datetime) -> KeyChange:
        return evolve(self._moved(KeyChangeState.CANCELLED), ended_at=at)

    def operation(self, network: NetworkId) -> OperationId:
        """The id of the operation that tells *network*."""
        return _derived(self.id, b"rekey\0" + self.id.bytes + network.encode())

    def _moved(self, state: KeyChangeState) -> KeyChange:
        if state not in EDGES[self.state]:
            msg = f"{self.named}: {self.state.value} to {state.value} is not in the table"
            raise IllegalTransitionError(msg)
        return evolve(self, state=state)


def hand_over_of(token: OperationId, to: str) -> OperationId:
    """The id of the operation that gives the token of the deployment *token* to the address *to*.

    No key is made twice, so that no token goes to one address twice; and where all records of the
    change are lost, whoever asks for it again finds what was done.  Where a person has ended one
    after its funding, the next one's id follows from that one's in the place of *token*.
    """
    return _derived(token, b"hand_over\0" + token.bytes + to.encode())


def _derived(instant: UUID, content: bytes) -> OperationId:
    """A UUIDv7 (RFC 9562, 5.7) of the instant of another one; for chance, a hash of *content*."""
    chance = int.from_bytes(sha256(content).digest()) >> 256 - _RANDOM_BITS
    high, low = chance >> 62, chance & (1 << 62) - 1
    time = instant.int >> 80
    return OperationId(UUID(int=time << 80 | 7 << 76 | high << 64 | 2 << 62 | low))
