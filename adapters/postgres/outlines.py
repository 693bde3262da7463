"""Deployments without what was signed, as this process has read them last.

A page is asked for again and again while a few of its deployments move: only those are read.
"""

from collections import OrderedDict
from threading import Lock
from uuid import UUID

from attrs import define, field

from domain.deployment import Deployment

#: Deployments that are kept; one is some six kilobytes.
MOST = 2_048

#: Organisation and operation: two organisations may use the same id.
Key = tuple[UUID, UUID]


@define(eq=False)
class KeptOutlines:
    """The newest, or lately used; threads share it.

    Each with the version of its row (`operations.sql`): whoever changes anything of an operation
    writes that row too, and no two versions of it are written alike.
    """

    most: int = MOST
    _kept: OrderedDict[Key, tuple[str, Deployment]] = field(factory=OrderedDict, repr=False)
    _lock: Lock = field(factory=Lock)

    def get(self, key: Key, version: str) -> Deployment | None:
        with self._lock:
            known, deployment = self._kept.get(key, (None, None))
            if known != version:
                return None
            self._kept.move_to_end(key)
            return deployment

    def put(self, version: str, deployment: Deployment) -> None:
        with self._lock:
            key = deployment.organisation, deployment.id
            self._kept[key] = version, deployment
            self._kept.move_to_end(key)
            if len(self._kept) > self.most:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
