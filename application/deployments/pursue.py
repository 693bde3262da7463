"""What becomes of a reserved slot: sign in it, send, watch, replace, fill, or adopt what is there.

A slot is pursued until, at finality, it is known what took it.  Unknown stays unknown: it keeps
slot and hold, and the same bytes are sent again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import evolve, frozen

from application.deployments.findings import Finding
from application.ports.chain import Chain
from application.ports.custody import Custodian, CustodyRefusedError
from application.ports.storage.work import Scope, Store
from domain.deployment import (
    BlockVanished,
    Broadcast,
    Deployment,
    EffectFound,
    Event,
    Failed,
    Reason,
    Rejected,
    SeenInBlock,
    Signed,
    SlotSpent,
    State,
    StepFinal,
)
from domain.identifiers import KeyRef
from domain.network import Block, Network
from domain.operation import (
    Attempt,
    AttemptOrigin,
    AttemptRole,
    Draft,
    Effect,
    Final,
    Hint,
    Included,
    Inclusion,
    InPool,
    Intent,
    NoEffect,
    NotSeen,
    Outcome,
    Postponed,
    SignedTransaction,
    Signer,
    Slot,
    SlotLost,
    SlotState,
    Submission,
    TransactionId,
    Verdict,
    WaitReason,
)
from domain.signing import Purpose

#: How long one worker may be the only one to replace or fill for a signer.  Short: whoever was
#: slower finds the fence moved when it records.
SIGNER_LEASE = timedelta(seconds=2)

_WAITS_FOR_POOL = Postponed(WaitReason.IN_MEMPOOL, "a node has it; no block does yet")
_WAITS_FOR_FINALITY = Postponed(WaitReason.FINALITY, "in a block that may still vanish")


@frozen(kw_only=True)
class Pursuit:
    store: Store
    #: By the scheme of their key references.
    custodians: Mapping[str, Custodian]

    def __call__(
        self, seen: Deployment, chain: Chain, signer: Signer, slot: Slot, now: datetime
    ) -> Finding:
        newest = slot.newest
        if newest is None:
            return self._sign(seen, chain, signer, slot, AttemptRole.EFFECT, now)
        if newest.broadcast_at is None and newest.rejected is None:
            return self._submit(seen, chain, signer, slot, now)
        return self._interpret(chain.outcome(slot), seen, chain, signer, slot, now)

    @staticmethod
    def intent(deployment: Deployment) -> Intent:
        if deployment.owner is None:
            raise AssertionError("asked for before the owner is known")
        return Intent(
            organisation=deployment.organisation,
            operation=deployment.id,
            step=deployment.step.number,
            token=deployment.token,
            owner=deployment.owner,
            sender=deployment.sender,
        )

    def adopt(
        self,
        seen: Deployment,
        effect: Effect,
        now: datetime,
        before: tuple[Event, ...] = (),
    ) -> Finding:
        """The effect is there, by a transaction our records do not have: make it ours."""
        if not effect.is_final:
            return Finding(owner=seen.owner, predicted=seen.predicted, wait=_WAITS_FOR_FINALITY)
        number = seen.step.number
        attempt = Attempt(
            number=len(seen.step.attempts) + 1,
            origin=AttemptOrigin.FOUND,
            transaction_id=effect.transaction_id,
            raw=effect.raw,
            body=b"",
            fee_cap=0,
            signed_at=now,
            broadcast_at=now,
        )
        slot = Slot(number=1, network=seen.network, signer=seen.sender)
        inclusion = Inclusion(
            transaction_id=effect.transaction_id,
            block=effect.block,
            succeeded=True,
            cost=effect.cost,
        )
        found = EffectFound(step=number, attempt=attempt, slot=slot)
        final = StepFinal(step=number, inclusion=inclusion, token=effect.token)
        return Finding(owner=seen.owner, predicted=seen.predicted, events=(*before, found, final))

    def _sign(
        self,
        seen: Deployment,
        chain: Chain,
        signer: Signer,
        slot: Slot,
        role: AttemptRole,
        now: datetime,
        replacing: tuple[Attempt, ...] = (),
    ) -> Finding:
        """Sign in the slot.  Stored before anybody sees it, so doing it twice harms nobody."""
        if signer.halted is not None:
            return Finding(wait=Postponed(WaitReason.NETWORK_HALTED, signer.halted))
        intent = self.intent(seen)
        ceiling = seen.fee_ceiling
        if role is AttemptRole.FILL:
            # A fill serves those behind it, whatever was agreed for this one.
            ceiling = max(ceiling, chain.network.fee_ceiling)
        draft = chain.prepare(intent, slot, role, ceiling, replacing)
        if isinstance(draft, Postponed):
            if role is AttemptRole.EFFECT and not slot.attempts:
                return self._unsigned(seen, chain, signer, slot, now, draft)
            return Finding(wait=draft)
        transaction = self._signed(chain, draft, signer)
        known = slot.find(transaction.id)
        if known is not None:
            # The same bytes again: what refused them may have changed its mind.
            return self._send_again(seen, chain, known, now)
        attempt = Attempt(
            number=len(seen.step.attempts) + 1,
            role=role,
            transaction_id=transaction.id,
            raw=transaction.raw,
            body=draft.body,
            fee_cap=draft.fee_cap,
            signed_at=now,
        )
        return Finding(events=(Signed(step=seen.step.number, attempt=attempt),))

    def _send_again(
        self, seen: Deployment, chain: Chain, attempt: Attempt, now: datetime
    ) -> Finding:
        submission = _send(chain, attempt)
        if submission.verdict in {Verdict.ACCEPTED, Verdict.ALREADY_KNOWN}:
            id = attempt.transaction_id
            sent = Broadcast(step=seen.step.number, transaction_id=id, at=now)
            return Finding(events=(sent,))
        return Finding(wait=_unknown(submission))

    def _unsigned(
        self,
        seen: Deployment,
        chain: Chain,
        signer: Signer,
        slot: Slot,
        now: datetime,
        draft: Postponed,
    ) -> Finding:
        """A slot with nothing in it holds up all later ones: is it to be filled?"""
        if draft.reason is WaitReason.UNKNOWN_OUTCOME:
            return self._impossible(seen, chain, signer, slot, now, draft)
        is_outdated = chain.network.fee_ceiling > seen.fee_ceiling
        if draft.reason is WaitReason.FEE_ABOVE_CEILING and is_outdated:
            # Later ones were accepted under a higher ceiling than this one.
            return self._alone(seen, chain, signer, slot, AttemptRole.FILL, now)
        return Finding(wait=draft)

    def _impossible(
        self,
        seen: Deployment,
        chain: Chain,
        signer: Signer,
        slot: Slot,
        now: datetime,
        draft: Postponed,
    ) -> Finding:
        """The effect does not work in a slot that nothing was signed for: it may be there already.

        A restored backup looks like that.  The slot is spent on nothing, so that later ones can
        land; what is on chain is adopted once it is.
        """
        outcome = chain.outcome(slot)
        if not isinstance(outcome, NotSeen):
            return self._interpret(outcome, seen, chain, signer, slot, now)
        effect = chain.effect_of(self.intent(seen))
        waited = now - seen.waiting_since if seen.waiting_since is not None else timedelta(0)
        is_lasting = seen.waiting is draft.reason and waited >= chain.network.replace_after
        if isinstance(effect, Effect) or is_lasting:
            return self._alone(seen, chain, signer, slot, AttemptRole.FILL, now)
        return Finding(wait=draft)

    def _signed(self, chain: Chain, draft: Draft, signer: Signer) -> SignedTransaction:
        signatures = []
        for signable in draft.signables:
            if signable.signer != signer.address:
                raise CustodyRefusedError("unknown_key", f"no key of {signable.signer} is at hand")
            signature = self._custodian(signer.key).sign(
                signer.key, signable.message, Purpose(signable.purpose)
            )
            signatures.append((signer.public_key, signature.signature))
        try:
            return chain.assemble(draft, signatures)
        except ValueError as error:
            # Whoever holds the key signed with another one.  Nothing of it goes any further.
            raise CustodyRefusedError("wrong_signature", str(error)) from error

    def _custodian(self, key: KeyRef) -> Custodian:
        scheme = key.partition(":")[0]
        if scheme not in self.custodians:
            raise CustodyRefusedError("unknown_key", f"no custodian {scheme} is configured")
        return self.custodians[scheme]

    def _submit(
        self, seen: Deployment, chain: Chain, signer: Signer, slot: Slot, now: datetime
    ) -> Finding:
        """Send the newest attempt's stored bytes, and say what the answer means."""
        step, attempt = seen.step.number, slot.attempts[-1]
        submission = _send(chain, attempt)
        sent = Broadcast(step=step, transaction_id=attempt.transaction_id, at=now)
        match submission.verdict:
            case Verdict.ACCEPTED | Verdict.ALREADY_KNOWN:
                return Finding(events=(sent,))
            case Verdict.REJECTED:
                rejected = Rejected(
                    step=step,
                    transaction_id=attempt.transaction_id,
                    detail=submission.detail,
                )
                return Finding(events=(rejected,))
            case Verdict.UNKNOWN:
                # It may have arrived all the same: the chain knows better than the answer.
                outcome = chain.outcome(slot)
                if not isinstance(outcome, NotSeen):
                    return self._interpret(outcome, seen, chain, signer, slot, now)
                if submission.hint is Hint.UNDERPRICED and _is_late(attempt, chain.network, now):
                    return self._alone(seen, chain, signer, slot, attempt.role, now)
                return Finding(wait=_unknown(submission))

    def _interpret(
        self,
        outcome: Outcome,
        seen: Deployment,
        chain: Chain,
        signer: Signer,
        slot: Slot,
        now: datetime,
    ) -> Finding:
        match outcome:
            case NotSeen():
                return self._missing(seen, chain, signer, slot, now)
            case InPool(transaction_id=id):
                return self._in_pool(seen, chain, signer, slot, id, now)
            case Included(inclusion=inclusion):
                return Finding(
                    events=self._sighting(seen, slot, inclusion, now), wait=_WAITS_FOR_FINALITY
                )
            case Final(inclusion=inclusion):
                return self._final(seen, chain, slot, inclusion, now)
            case SlotLost(at=block):
                lost = SlotSpent(
                    step=seen.step.number, slot_state=SlotState.LOST, at=block, transaction_id=None
                )
                effect = chain.effect_of(self.intent(seen))
                if isinstance(effect, Effect):
                    return self.adopt(seen, effect, now, before=(lost,))
                if effect.at.number < block.number:
                    return Finding(wait=_behind(effect.at))
                reason = f"nonce {slot.sequence} of {slot.signer} was used by somebody else"
                return Finding(
                    events=(lost,),
                    wait=Postponed(WaitReason.NETWORK_HALTED, reason),
                    halts_signer=reason,
                )

    def _missing(
        self, seen: Deployment, chain: Chain, signer: Signer, slot: Slot, now: datetime
    ) -> Finding:
        """Nobody knows any attempt: evicted, lost with a node, gone with a block, or refused."""
        if seen.step.inclusion is not None:
            gone = BlockVanished(step=seen.step.number, block=seen.step.inclusion.block)
            return Finding(events=(gone,))
        newest = slot.attempts[-1]
        if all(attempt.rejected is not None for attempt in slot.attempts):
            # No node wants it.  That is no proof that none has it: only something else in the
            # same slot is.
            return self._alone(seen, chain, signer, slot, AttemptRole.FILL, now)
        living = next((a for a in reversed(slot.attempts) if a.rejected is None), newest)
        submission = _send(chain, living)
        if submission.verdict is Verdict.REJECTED:
            rejected = Rejected(
                step=seen.step.number,
                transaction_id=living.transaction_id,
                detail=submission.detail,
            )
            return Finding(events=(rejected,))
        if submission.verdict is Verdict.UNKNOWN:
            if submission.hint is Hint.UNDERPRICED and _is_late(living, chain.network, now):
                return self._alone(seen, chain, signer, slot, living.role, now)
            return Finding(wait=_unknown(submission))
        return Finding(wait=_WAITS_FOR_POOL)

    def _in_pool(
        self,
        seen: Deployment,
        chain: Chain,
        signer: Signer,
        slot: Slot,
        id: TransactionId,
        now: datetime,
    ) -> Finding:
        if seen.step.inclusion is not None:
            gone = BlockVanished(step=seen.step.number, block=seen.step.inclusion.block)
            return Finding(events=(gone,))
        known = slot.find(id)
        if known is not None and known.broadcast_at is None:
            sent = Broadcast(step=seen.step.number, transaction_id=id, at=now)
            return Finding(events=(sent,))
        newest = slot.attempts[-1]
        if _is_late(newest, chain.network, now):
            return self._alone(seen, chain, signer, slot, newest.role, now)
        return Finding(wait=_WAITS_FOR_POOL)

    def _alone(
        self,
        seen: Deployment,
        chain: Chain,
        signer: Signer,
        slot: Slot,
        role: AttemptRole,
        now: datetime,
    ) -> Finding:
        """Replace or fill: one worker at a time for each signer."""
        with self.store.begin(Scope.installation()) as work:
            fenced = work.signers.take_lease(signer.network, signer.address, SIGNER_LEASE)
        if fenced is None:
            return Finding(wait=_WAITS_FOR_POOL)
        # What every node refused has to be outbid by nobody.
        rivals = tuple(attempt for attempt in slot.attempts if attempt.rejected is None)
        finding = self._sign(seen, chain, fenced, slot, role, now, replacing=rivals)
        return evolve(finding, fenced=fenced if finding.events else None)

    def _sighting(
        self, seen: Deployment, slot: Slot, inclusion: Inclusion, now: datetime
    ) -> tuple[Event, ...]:
        """What to record of an attempt in a block, if it is not recorded yet."""
        step, id = seen.step.number, inclusion.transaction_id
        events: tuple[Event, ...] = ()
        attempt = slot.find(id)
        if attempt is not None and (
            attempt.broadcast_at is None or _must_be_pending(seen, attempt)
        ):
            events = (Broadcast(step=step, transaction_id=id, at=now),)
        if seen.step.inclusion == inclusion:
            return events
        if seen.step.inclusion is not None:
            events = (*events, BlockVanished(step=step, block=seen.step.inclusion.block))
        return (*events, SeenInBlock(step=step, inclusion=inclusion))

    def _final(
        self, seen: Deployment, chain: Chain, slot: Slot, inclusion: Inclusion, now: datetime
    ) -> Finding:
        """At finality: the effect, or proof that there is none and can be none."""
        step = seen.step.number
        sightings = self._sighting(seen, slot, inclusion, now)
        attempt = slot.find(inclusion.transaction_id)
        if attempt is not None and attempt.role is AttemptRole.EFFECT and inclusion.succeeded:
            if seen.predicted is None:
                raise AssertionError("a confirmed deployment has a place")
            final = StepFinal(step=step, inclusion=inclusion, token=seen.predicted)
            return Finding(events=(*sightings, final))
        spent = SlotSpent(
            step=step,
            slot_state=SlotState.SPENT,
            at=inclusion.block,
            transaction_id=inclusion.transaction_id,
        )
        effect = chain.effect_of(self.intent(seen))
        match effect:
            case Effect():
                if not effect.is_final:
                    return Finding(events=sightings, wait=_WAITS_FOR_FINALITY)
                return self.adopt(seen, effect, now, before=(*sightings, spent))
            case NoEffect(at=block) if block.number < inclusion.block.number:
                return Finding(events=sightings, wait=_behind(block))
            case NoEffect() if seen.state is State.QUEUED:
                return Finding(events=(*sightings, spent))
            case NoEffect(at=block):
                is_pending = seen.state is State.PENDING or _becomes_pending(slot, sightings)
                what = "was filled" if inclusion.succeeded else "reverted"
                failed = Failed(
                    reason=Reason.TRANSACTION_REVERTED
                    if is_pending
                    else Reason.TRANSACTION_SUBMISSION_FAILED,
                    without_effect=True,
                    detail=f"the slot {what} in final block {inclusion.block.number} and nothing "
                    f"is at the token's address in final block {block.number}",
                )
                return Finding(events=(*sightings, spent, failed))


def _send(chain: Chain, attempt: Attempt) -> Submission:
    if attempt.raw is None:
        return Submission(Verdict.UNKNOWN, "its bytes are not to be had")
    return chain.submit(SignedTransaction(id=attempt.transaction_id, raw=attempt.raw))


def _behind(block: Block) -> Postponed:
    """Absence proves something only at or after the block that took the slot."""
    detail = f"absence was seen at block {block.number}, before the slot was taken"
    return Postponed(WaitReason.NODE_UNAVAILABLE, detail)


def _unknown(submission: Submission) -> Postponed:
    if submission.hint is Hint.UNFUNDED:
        return Postponed(WaitReason.TREASURY_EMPTY, submission.detail)
    return Postponed(WaitReason.UNKNOWN_OUTCOME, submission.detail)


def _is_late(attempt: Attempt, network: Network, now: datetime) -> bool:
    """Timed from its broadcast, or from its signature where no node took it."""
    return now - (attempt.broadcast_at or attempt.signed_at) >= network.replace_after


def _must_be_pending(seen: Deployment, attempt: Attempt) -> bool:
    return seen.state is State.SUBMITTED and attempt.role is AttemptRole.EFFECT


def _becomes_pending(slot: Slot, events: tuple[Event, ...]) -> bool:
    return any(
        isinstance(event, Broadcast)
        and (attempt := slot.find(event.transaction_id)) is not None
        and attempt.role is AttemptRole.EFFECT
        for event in events
    )
