"""What was signed, as this process has read or written it last.

The bytes of an attempt never change, and are most of an operation: tens of kilobytes where it is a
contract's.  Each turn of a worker reads the operation, so the bytes stay here, and only those that
do not are asked for.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import UUID

from attrs import define, field, frozen

from domain.identifiers import OperationId, OrganisationId
from domain.operation import Attempt

#: Bytes that are kept.
MOST = 16 * 1024 * 1024

#: All that tells an attempt from any other, also from one whose transaction was rolled back and
#: that was signed anew in its place.
Key = tuple[UUID, UUID, int, int, str, datetime]


@frozen
class SignedBytes:
    raw: bytes | None = field(repr=False)
    #: The draft in the chain's own encoding.
    body: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.raw or b"") + len(self.body)


#: Where it is left out.
NOTHING = SignedBytes(raw=None, body=b"")


def key_of(
    organisation: OrganisationId, operation: OperationId, step: int, attempt: Attempt
) -> Key:
    id, at = attempt.transaction_id, attempt.signed_at
    return organisation, operation, step, attempt.number, id, at


def key_from_row(row: Mapping[str, Any]) -> Key:
    """*row*: of an attempt, as `select_deployments` tells it."""
    return (
        row["organisation_id"],
        row["id"],
        row["step_number"],
        row["attempt_number"],
        row["transaction_id"],
        row["signed_at"],
    )


@define(eq=False)
class KeptBytes:
    """The newest, or lately used; threads share it."""

    most: int = MOST
    _kept: OrderedDict[Key, SignedBytes] = field(factory=OrderedDict, repr=False)
    #: Bytes in all.
    _size: int = 0
    _lock: Lock = field(factory=Lock)

    def get(self, key: Key) -> SignedBytes | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Key, signed: SignedBytes) -> None:
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = signed
            self._size += signed.size
            while self._size > self.most:
                _, least = self._kept.popitem(last=False)
                self._size -= least.size
