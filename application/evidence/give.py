"""Give evidence about a deployment: what the records say of it, and proof of every event.

What the records say is written down once, when somebody first asks, and the trail commits to it
(`evidence.issued`); the file is put together when a checkpoint covers that event.  Once its log
was anchored the file has the anchors too, and does not change any more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from attrs import field, frozen

from application.access.caller import Caller
from application.audit.anchors import anchors_of
from application.deployments.request import plan_of
from application.evidence.prove import Receipt, damaged, positions_of, prove
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.storage.deployments import DEPLOYMENTS
from application.ports.storage.evidence import IssuedEvidence
from application.ports.storage.seals import Log, SignedCheckpoint
from application.ports.storage.work import Scope, Store, Work
from domain import evidence, merkle
from domain.account import Account
from domain.audit import AuditEvent, EventFilter
from domain.deployment import Deployment
from domain.errors import Refusal
from domain.evidence import Beginning, ProvedEvent, Records, SigningKey
from domain.identifiers import (
    InstallationId,
    NetworkId,
    OperationId,
    Prefix,
    instant_of,
    public_id,
)
from domain.organisation import Permission
from domain.plan import Plan

#: Events that one transaction writes at most: what it says of credits stands before its event
#: about the deployment.
_REACH = 1_000
_MOST_EVENTS = 10_000
_OF_CREDITS = frozenset({"credits", "balance"})


@frozen(kw_only=True)
class Pack(Receipt):
    """The file, and the event that commits to it."""

    content: bytes = field(repr=False)


@frozen(kw_only=True)
class _Anchor:
    event: AuditEvent
    position: int
    size: int


@frozen(kw_only=True)
class GiveEvidence:
    store: Store
    chains: Mapping[NetworkId, Chain]
    clock: Clock
    identifiers: Identifiers
    installation: InstallationId
    #: Where the log's checkpoints are anchored.
    anchors: Collection[NetworkId] = ()

    def __call__(self, caller: Caller, id: OperationId) -> Pack | Receipt | Refusal:
        """A receipt of the event that commits to it, as long as no checkpoint covers that."""
        with self.store.begin(caller.scope) as work:
            issued = self._issued(work, caller, id)
        if isinstance(issued, Refusal):
            return issued
        with self.store.begin(caller.scope) as work:
            event = work.audit.get(issued.event)
            events = work.audit.numbered(issued.events)
            if event is None or [each.sequence for each in events] != list(issued.events):
                return damaged("an event of it is gone")
            events.append(event)
            for log in reversed(work.seals.logs()):
                positions = positions_of(work.seals, log, events)
                if isinstance(positions, Refusal):
                    return positions
                covering = positions and work.seals.covering(log.number, positions[-1])
                if positions and covering:
                    break
            else:
                return Receipt(event=event)
        return self._pack(caller, issued, log, events, positions, covering)

    def _issued(self, work: Work, caller: Caller, id: OperationId) -> IssuedEvidence | Refusal:
        """As it was written down, or is now."""
        deployment = work.deployments.get(id)
        if refusal := _refused(caller, deployment) or not_ready(deployment):
            return refusal
        begins = work.archives.begins()
        if begins is not None and (instant_of(id) or begins) < begins:
            return Refusal(
                code="evidence_archived", detail=f"the database has events since {begins}"
            )
        if deployment is None:
            raise AssertionError("refused above")
        known = _current(work, deployment)
        if known is not None:
            return known
        # Nobody changes it from here on, and whoever asks at the same time waits.
        deployment = work.deployments.lock(id)
        if deployment is None or (refusal := not_ready(deployment)):
            return not_ready(deployment) or NOT_FOUND
        return _current(work, deployment) or self._issue(work, caller, deployment)

    def _issue(self, work: Work, caller: Caller, deployment: Deployment) -> IssuedEvidence:
        account = _account(work, deployment)
        about = work.audit.of_subject(deployment.named)
        records = Records(
            installation=self.installation,
            deployment=deployment,
            account=account,
            plan=self._plan(deployment),
            signers=_signers(work, deployment, about),
            anchors=[*self.anchors],
            events=about,
        )
        core, now = evidence.core(records), self.clock.now()
        trail = caller.trail(self.identifiers)
        trail.add(
            evidence.ISSUED,
            deployment.named,
            now,
            live=deployment.live,
            details={"digest": evidence.digest(core), "format": evidence.FORMAT},
        )
        numbers = _belonging(work, deployment, account, about)
        (event,) = trail.write(work)
        issued = IssuedEvidence(
            operation=deployment.id,
            event=event.id,
            sequence=event.sequence,
            issued_at=now,
            events=numbers,
            core=core,
        )
        work.evidence.add(issued)
        return issued

    def _plan(self, deployment: Deployment) -> Plan | None:
        """What it carried out, where that can be told as it was told then."""
        chain = self.chains.get(deployment.network)
        if chain is None or deployment.owner is None:
            return None
        # Who keeps the keys is no part of what is hashed.
        plan = plan_of(deployment, deployment.owner, chain, custodian="")
        is_the_same = deployment.plan_hash in {None, plan.hash} and [
            step.name for step in plan.steps
        ] == [step.name for step in deployment.steps]
        return plan if is_the_same else None

    def _pack(
        self,
        caller: Caller,
        issued: IssuedEvidence,
        log: Log,
        events: Sequence[AuditEvent],
        positions: Sequence[int],
        covering: SignedCheckpoint,
    ) -> Pack | Refusal:
        found = self._anchored(log, positions[-1])
        if isinstance(found, Refusal):
            return found
        anchors, checkpoint = found or ((), covering)
        with self.store.begin(caller.scope) as work:
            everything = [*events[:-1], *(each.event for each in anchors), events[-1]]
            places = [*positions[:-1], *(each.position for each in anchors), positions[-1]]
            proofs = prove(work.seals, log, everything, places, checkpoint)
            hashes, size = work.seals.hashes(log.number), checkpoint.checkpoint.size
            consistency = [
                Beginning(size=each, path=merkle.consistency_proof(each, size, hashes))
                for each in sorted({anchor.size for anchor in anchors})
            ]
        content = evidence.pack(
            core=issued.core,
            events=[
                ProvedEvent(event=each.event, index=each.index, path=each.path) for each in proofs
            ],
            checkpoint=checkpoint.note,
            key=log.public_key,
            consistency=consistency,
        )
        return Pack(content=content, event=events[-1])

    def _anchored(
        self, log: Log, position: int
    ) -> tuple[Sequence[_Anchor], SignedCheckpoint] | Refusal | None:
        """On each network the smallest anchor that has the leaf at *position*, once it is sealed
        itself; and a checkpoint that covers them all.
        """
        anchors: list[_Anchor] = []
        with self.store.begin(Scope.installation()) as work:
            for each in anchors_of(work, log.origin, position + 1):
                if each.event is None:
                    continue
                places = positions_of(work.seals, log, [each.event])
                if isinstance(places, Refusal):
                    return places
                if places and work.seals.covering(log.number, places[0]):
                    size = each.anchor.checkpoint.size
                    anchors.append(_Anchor(event=each.event, position=places[0], size=size))
            if not anchors:
                return None
            last = max(anchor.position for anchor in anchors)
            covering = work.seals.covering(log.number, last)
            if covering is None:
                raise AssertionError("each of them is covered")
        return sorted(anchors, key=lambda anchor: anchor.event.sequence), covering


NOT_FOUND = Refusal(code="not_found", detail="there is no such deployment")


def not_ready(deployment: Deployment | None) -> Refusal | None:
    """There is evidence about what is over."""
    if deployment is None or not deployment.state.is_open:
        return None
    detail = f"the deployment is {deployment.state.value}"
    return Refusal(code="evidence_not_ready", detail=detail)


def _refused(caller: Caller, deployment: Deployment | None) -> Refusal | None:
    if deployment is None or deployment.kind not in DEPLOYMENTS or deployment.account is None:
        return NOT_FOUND
    needed = (Permission.READ_DEPLOYMENTS, Permission.READ_AUDIT)
    refusals = (caller.refusal(each, live=deployment.live) for each in needed)
    return next((refusal for refusal in refusals if refusal is not None), None)


def _current(work: Work, deployment: Deployment) -> IssuedEvidence | None:
    """What was issued, unless something has happened to the deployment since.

    Nor where events of its account have left the database: it is issued anew without them.
    """
    issued = work.evidence.newest(deployment.id)
    if issued is None or work.audit.of_subject(deployment.named, after=issued.sequence, limit=1):
        return None
    if work.archives.begins() is not None:
        there = len(work.audit.numbered(issued.events))
        return issued if there == len(issued.events) else None
    return issued


def _account(work: Work, deployment: Deployment) -> Account | None:
    """The issuing account, if the trail still tells of its key."""
    if deployment.account is None:
        return None
    named = public_id(Prefix.ACCOUNT, deployment.account)
    told = any(event.action == "account.ready" for event in work.audit.of_subject(named))
    account = work.accounts.get(deployment.account)
    return account if account is not None and (told or account.key is None) else None


def _signers(work: Work, deployment: Deployment, about: Sequence[AuditEvent]) -> list[SigningKey]:
    account = None if deployment.account is None else work.accounts.get(deployment.account)
    found = []
    for address in evidence.signed_by(deployment, about):
        signer = work.signers.get(deployment.network, address)
        if account is not None and account.address == address:
            if account.key is not None and account.public_key is not None:
                key, public_key = account.key, account.public_key
                found.append(SigningKey(address=address, key=key, public_key=public_key))
        elif signer is not None:
            found.append(SigningKey(address=address, key=signer.key, public_key=signer.public_key))
    return found


def _belonging(
    work: Work, deployment: Deployment, account: Account | None, about: Sequence[AuditEvent]
) -> tuple[int, ...]:
    """Numbers of the events about the deployment, about its credits, and about its account."""
    named = None if account is None else public_id(Prefix.ACCOUNT, account.id)
    of_account = [] if named is None else work.audit.of_subject(named)
    first, last = about[0].sequence, about[-1].sequence
    caused = work.audit.find(
        EventFilter(correlation=deployment.named),
        after=max(first - _REACH, 1) - 1,
        through=last + _REACH,
        limit=_MOST_EVENTS,
    )
    credits = [each for each in caused if each.action.partition(".")[0] in _OF_CREDITS]  # noqa: A001
    return tuple(sorted({each.sequence for each in (*about, *of_account, *credits)}))
