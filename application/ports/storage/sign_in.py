"""Identities at providers, and sign-ins that are under way."""

from datetime import datetime
from typing import Protocol

from domain.identifiers import FlowId, IdentityId, UserId
from domain.sign_in import Flow, Identity


class Identities(Protocol):
    """Identities of the scope's user."""

    def add(self, identity: Identity) -> bool:
        """False: somebody has it already, or the user has another one of that issuer."""
        ...

    def find(self, issuer: str, subject_hash: bytes) -> UserId | None:
        """Whose it is; works in any scope and tells the id only."""
        ...

    def all(self) -> list[Identity]:
        """Those that are linked, oldest first."""
        ...

    def end(self, id: IdentityId, now: datetime) -> bool:
        """Forget its subject; False where it is not linked."""
        ...


class Flows(Protocol):
    """Sign-ins that are under way.  They belong to the scope's organisation: the installation.

    Each is of the epoch of access in which it was added, and in a later one there is none.
    """

    def add(self, flow: Flow) -> None: ...

    def get(self, id: FlowId) -> Flow | None: ...

    def take(self, id: FlowId, now: datetime) -> bool:
        """Use it up; True for one caller only, and for nobody once it is over."""
        ...

    def purge(self, before: datetime) -> int:
        """Forget what was over *before*, whoever's it is; tell how many."""
        ...
