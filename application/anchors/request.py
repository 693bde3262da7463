"""Ask for checkpoints to be put on public chains: when it is time, and on demand.

An anchor is an operation of the installation, once for each size of a log on each network.
Workers carry it on like any other, and when it is final the trail says ``checkpoint.anchored``.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from attrs import evolve, frozen

from application.audit.anchors import newest_checkpoint, newest_log
from application.audit.notes import is_signed
from application.audit.trail import Trail
from application.deployments.pursue import Pursuit
from application.deployments.recording import apply_all
from application.ports.alarms import Alarms
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.custody import Verifies
from application.ports.identifiers import Identifiers
from application.ports.storage.deployments import ANCHORS, DeploymentIdTakenError
from application.ports.storage.paging import LONGEST_PAGE, PageRequest
from application.ports.storage.seals import SignedCheckpoint
from application.ports.storage.work import Scope, Store, Work
from domain.anchor import Anchor, NewestAnchor, is_due, is_late
from domain.audit import OPERATOR, WORKER, Actor, details_of
from domain.deployment import Deployment, Queued, RetryRequested, State
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, NetworkId
from domain.operation import OperationKind, Step

#: What is published is not what the log's key has signed: a refusal, and an alarm.
_UNSIGNED = "anchor_unsigned"
#: How many anchors of a network are looked at: the newest one counts, and those that failed.
_RECENT = 10


@frozen(kw_only=True)
class RequestAnchor:
    """Ask for the newest checkpoint to be put on a network; twice is once."""

    store: Store
    chains: Mapping[NetworkId, Chain]
    verifies: Verifies
    alarms: Alarms
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, network: NetworkId, *, actor: Actor = OPERATOR, every: timedelta | None = None
    ) -> Deployment | Refusal | None:
        """The operation, as it is now; one that failed without effect is tried again.

        With *every*, only if an anchor is due by that interval; None where it is not.  Asks no
        node.
        """
        chain = self.chains.get(network)
        if chain is None:
            return Refusal(code="unknown_network", detail=f"{network} is not configured")
        try:
            answer = self._ask(chain, actor, every)
        except DeploymentIdTakenError:
            # Somebody else asked at the same moment.
            answer = self._ask(chain, actor, every)
        if isinstance(answer, Refusal) and answer.code == _UNSIGNED:
            self.alarms.sound("anchor_unsigned", network, answer.detail)
        return answer

    def _ask(
        self, chain: Chain, actor: Actor, every: timedelta | None
    ) -> Deployment | Refusal | None:
        network = chain.network.id
        trail = Trail(identifiers=self.identifiers, organisation=INSTALLATION, actor=actor)
        with self.store.begin(Scope.installation()) as work:
            log, signed = newest_log(work), newest_checkpoint(work)
            if log is None or signed is None or signed.checkpoint.size == 0:
                detail = "there is no checkpoint yet: `tallystick seal` signs them"
                return Refusal(code="nothing_to_anchor", detail=detail)
            if not is_signed(self.verifies, log, signed):
                size = signed.checkpoint.size
                detail = f"the key of {log.origin} has not signed its checkpoint of {size} leaves"
                return Refusal(code=_UNSIGNED, detail=detail)
            signers = work.signers.treasury(network)
            if not signers:
                detail = f"run `tallystick treasury create --network {network}` first"
                return Refusal(code="no_treasury", detail=detail)
            wanted = self._operation(chain, signed, signers[0].address, actor)
            known = work.deployments.lock(wanted.id)
            # Whoever asks for another size at this moment stands in line here.
            work.ledger.stand_in_line()
            if every is not None and not _is_due(work, network, signed, every, wanted):
                return None
            if known is not None and not known.may_retry:
                return known
            if known is None:
                self._queue(work, trail, wanted)
            else:
                wanted = self._queue_again(work, trail, known)
            trail.write(work)
        return wanted

    def _operation(
        self, chain: Chain, signed: SignedCheckpoint, sender: str, actor: Actor
    ) -> Deployment:
        anchor, network, now = Anchor(signed.checkpoint), chain.network, self.clock.now()
        token = anchor.as_token()
        operation = Deployment(
            organisation=INSTALLATION,
            id=anchor.operation(network.id, signed.signed_at),
            kind=OperationKind.ANCHOR,
            network=network.id,
            live=network.live,
            account=None,
            requested_by=actor.kind,
            token=token,
            sender=sender,
            owner=sender,
            fee_ceiling=network.fee_ceiling,
            credits=0,
            accepted_at=now,
            steps=tuple(
                Step(number=number, name=step.name)
                for number, step in enumerate(chain.steps(token), start=1)
            ),
            waiting_since=now,
        )
        return evolve(operation, predicted=chain.predicted(Pursuit.intent(operation)))

    @staticmethod
    def _queue(work: Work, trail: Trail, wanted: Deployment) -> None:
        work.deployments.add(wanted, due_at=wanted.accepted_at)
        queued = Queued(kind=wanted.token.kind, network=wanted.network, credits=0)
        trail.add(
            "anchor.queued",
            wanted.named,
            wanted.accepted_at,
            live=wanted.live,
            details=details_of(queued) | dict(wanted.token.parameters),
        )

    def _queue_again(self, work: Work, trail: Trail, failed: Deployment) -> Deployment:
        now = self.clock.now()
        queued = apply_all(work, trail, failed, [RetryRequested(hold=None)], now)
        queued = evolve(queued, accepted_at=now, waiting_since=now)
        work.deployments.put(queued, due_at=now, claim=None)
        return queued


@frozen(kw_only=True)
class AnchorWhenDue:
    """Ask for an anchor on every network that is to have them, where it is time for one."""

    store: Store
    request: RequestAnchor
    networks: Sequence[NetworkId]
    every: timedelta
    alarms: Alarms
    clock: Clock

    def __call__(self) -> int:
        """How many were asked for."""
        asked = 0
        for network in self.networks:
            answer = self.request(network, actor=WORKER, every=self.every)
            asked += isinstance(answer, Deployment)
            self._warn(network, answer.detail if isinstance(answer, Refusal) else "")
        return asked

    def _warn(self, network: NetworkId, why: str) -> None:
        """Sound the alarm where growth waits too long for an anchor, whatever it waits for."""
        with self.store.begin(Scope.installation()) as work:
            log, signed = newest_log(work), newest_checkpoint(work)
            if log is None or signed is None:
                return
            known = _recent(work, network, signed)
            done = next((each for each in known if each.state is State.COMPLETED), None)
            first = done or (known[-1] if known else None)
            size, now = signed.checkpoint.size, self.clock.now()
            covered = 0 if done is None else Anchor.of(done.token).checkpoint.size

            def late(written: int) -> bool:
                return is_late(
                    size=size,
                    covered=covered,
                    written=written,
                    since=log.opened_at if first is None else first.accepted_at,
                    every=self.every,
                    now=now,
                )

            # What anchors wrote is counted only where it may decide.
            if not late(0) or not late(_written(work, signed, covered)):
                return
        waiting = next((each.waiting for each in known if each.state.is_open), None)
        reason = why or (f"it waits: {waiting.value}" if waiting else "none is under way")
        detail = (
            f"{size - covered} events are in no anchor of {signed.checkpoint.origin}: {reason}"
        )
        self.alarms.sound("anchor_late", network, detail)


def _is_due(
    work: Work,
    network: NetworkId,
    signed: SignedCheckpoint,
    every: timedelta,
    wanted: Deployment,
) -> bool:
    last, size = _last(_recent(work, network, signed)), signed.checkpoint.size

    def due(written: int) -> bool:
        return is_due(size=size, last=last, written=written, every=every, now=wanted.accepted_at)

    # What anchors wrote is counted only where it may decide.
    return due(0) and (last is None or due(_written(work, signed, last.size)))


def _recent(work: Work, network: NetworkId, signed: SignedCheckpoint) -> list[Deployment]:
    """Anchors of the checkpoint's log on *network*, newest first."""
    page = PageRequest(limit=_RECENT)
    found = work.deployments.list(page, network=network, kinds=ANCHORS).items
    return [each for each in found if _is_of(each, signed)]


def _last(known: Sequence[Deployment]) -> NewestAnchor | None:
    """What failed anchors nothing; but when it was tried, counts."""
    if not known:
        return None
    good = [each for each in known if each.state is not State.FAILED]
    return NewestAnchor(
        size=Anchor.of(good[0].token).checkpoint.size if good else 0,
        requested_at=max(each.accepted_at for each in known),
        is_open=any(each.state.is_open for each in known),
    )


def _written(work: Work, signed: SignedCheckpoint, size: int) -> int:
    """How many events the anchors of *size* leaves or more have brought, on all networks.

    Where nothing was anchored yet, they are as good as others.
    """
    if size == 0:
        return 0
    page = PageRequest(limit=LONGEST_PAGE)
    return sum(
        len(work.audit.of_subject(each.named))
        for each in work.deployments.list(page, kinds=ANCHORS).items
        if _is_of(each, signed) and Anchor.of(each.token).checkpoint.size >= size
    )


def _is_of(operation: Deployment, signed: SignedCheckpoint) -> bool:
    return Anchor.of(operation.token).checkpoint.origin == signed.checkpoint.origin
