"""Who asks at the same time is served at the same time."""

from collections.abc import Awaitable
from typing import Protocol, TypeVar

from domain.identifiers import OrganisationId

C_contra = TypeVar("C_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)


class Together(Protocol[C_contra, A_co]):
    """Gathers the commands of many callers, and hands them on in turns.

    A turn has at most one part of each organisation, in the order of arrival; no organisation
    keeps another waiting for more than a turn of its own.
    """

    def __call__(self, organisation: OrganisationId, command: C_contra) -> A_co:
        """What *command* is answered, once the transaction it was part of has committed.

        Raises:
            StoreUnavailableError: everybody of its turn hears it; what they asked for may have
                been committed or not.
            Exception: what *command* alone brought about; the others do not notice.
        """
        ...

    def soon(self, organisation: OrganisationId, command: C_contra) -> Awaitable[A_co]:
        """The same, asked for on an event loop: meanwhile no thread waits.

        Whoever stops to wait for it has asked all the same.
        """
        ...
