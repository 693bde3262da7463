"""Who must approve what is deployed, and who did."""

from typing import Protocol

from domain.approval import Approval
from domain.identifiers import OperationId


class Approvals(Protocol):
    """Of the scope's organisation.  They change under the lock of their operation."""

    def are_needed(self) -> bool:
        """Whether deployments of the organisation are approved before they are signed."""
        ...

    def need(self, *, needed: bool) -> None: ...

    def get(self, deployment: OperationId) -> Approval | None: ...

    def put(self, approval: Approval) -> None:
        """Store it, in place of what there is for its deployment."""
        ...
