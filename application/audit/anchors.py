"""Which checkpoints are on public chains, for whoever puts evidence together."""

from attrs import frozen

from application.ports.storage.seals import Log, SignedCheckpoint
from application.ports.storage.work import Scope, Store, Work
from domain.anchor import ANCHORED, Anchor
from domain.audit import AuditEvent
from domain.deployment import Deployment
from domain.identifiers import NetworkId
from domain.network import Block
from domain.operation import TransactionId


@frozen(kw_only=True)
class AnchorOnChain:
    """An anchor that is final, and the event that says so."""

    anchor: Anchor
    network: NetworkId
    transaction_id: TransactionId
    block: Block
    #: ``checkpoint.anchored``, of the installation's own trail; None: it has gone to an archive.
    event: AuditEvent | None


@frozen(kw_only=True)
class FindAnchors:
    """The anchors that cover so many leaves of a log."""

    store: Store

    def __call__(self, origin: str, size: int) -> tuple[AnchorOnChain, ...]:
        """The smallest of each network that has *size* leaves or more."""
        with self.store.begin(Scope.installation()) as work:
            return anchors_of(work, origin, size)


def anchors_of(work: Work, origin: str, size: int) -> tuple[AnchorOnChain, ...]:
    """The smallest of each network that has *size* leaves or more, in the installation's scope."""
    return tuple(_on_chain(work, each) for each in work.deployments.anchors_from(origin, size))


def newest_checkpoint(work: Work) -> SignedCheckpoint | None:
    """Of the log that is open now."""
    log = newest_log(work)
    return None if log is None else work.seals.latest(log.number)


def newest_log(work: Work) -> Log | None:
    logs = work.seals.logs()
    return logs[-1] if logs else None


def _on_chain(work: Work, operation: Deployment) -> AnchorOnChain:
    inclusion = operation.step.inclusion
    events = work.audit.of_subject(operation.named)
    if inclusion is None:
        raise AssertionError(f"{operation.named} is completed, and is in no block")
    return AnchorOnChain(
        anchor=Anchor.of(operation.token),
        network=operation.network,
        transaction_id=inclusion.transaction_id,
        block=inclusion.block,
        event=next((each for each in events if each.action == ANCHORED), None),
    )
