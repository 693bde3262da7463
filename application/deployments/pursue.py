"""What becomes of a reserved slot: sign in it, send, watch, replace, fill, or adopt what is there.

A slot is pursued until, at finality, it is known what took it.  Unknown stays unknown: it keeps
slot and hold, and the same bytes are sent again.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from attrs import evolve, frozen

from application.deployments.findings import Finding
from application.deployments.receiver import check_receiver, is_key_of, is_treasurys
from application.ports.chain import Chain
from application.ports.custody import Custodian, CustodyRefusedError
from application.ports.storage.work import Scope, Store
from domain.account import Account, AccountState
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
    Expired,
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
from domain.rekey import REKEY, Rekey
from domain.signing import PublicKey, SigningReceipt, digest_of

#: How long one worker may be the only one to replace or fill for a signer.  Short: whoever was
#: slower finds the fence moved when it records.
SIGNER_LEASE = timedelta(seconds=2)

MAY_BE_FORGOTTEN = Postponed(
    WaitReason.WINDOW_OPEN,
    "what was signed before this process began, if a backup was restored, could still land",
)
_WAITS_FOR_POOL = Postponed(WaitReason.IN_MEMPOOL, "a node has it; no block does yet")
_STUCK = Postponed(
    WaitReason.OPERATOR,
    "an earlier step is on chain, and this one came to nothing; it is tried again",
)
_WAITS_FOR_FINALITY = Postponed(WaitReason.FINALITY, "in a block that may still vanish")


@frozen(kw_only=True)
class Case:
    """One deployment with a reserved slot, and what is needed to go on with it."""

    seen: Deployment
    chain: Chain
    #: Whose slot it is.
    signer: Signer
    #: Who pays, where that is somebody else.
    payer: Signer | None = None
    #: The issuing account, where the deployment has one.
    issuer: Account | None
    slot: Slot
    #: Nothing was signed for it, and nothing may be any more.
    is_withdrawn: bool = False
    now: datetime

    @property
    def step(self) -> int:
        return self.seen.step.number

    @property
    def is_given_away(self) -> bool:
        """With a signature in this slot something of the issuer's belongs to another key.

        Not so where the treasury pays for it first: its nonces must not wait for custodians.
        """
        return self.slot.expires or self._is_the_issuers_slot

    @property
    def is_stopped(self) -> bool:
        """The slot is a nonce of a disabled account, which signs in it that it does nothing.

        Else it held up whatever hands the account's tokens over.
        """
        return self._is_disabled and self._is_the_issuers_slot and not self.slot.expires

    @property
    def _is_the_issuers_slot(self) -> bool:
        keys = self.issuer.keys if self.issuer is not None else ()
        return any(each.address == self.slot.signer for each in keys)

    @property
    def _is_disabled(self) -> bool:
        """Of a disabled account only its keys are changed."""
        is_stopped = self.issuer is not None and self.issuer.state is AccountState.DISABLED
        return is_stopped and not self.seen.kind.is_for_a_key

    def key_of(self, address: str, role: AttemptRole) -> tuple[KeyRef, PublicKey]:
        """The key that rules *address*: the sender's, or one of the issuer's.

        Rows may name the key of another account; its reference says whose it is.

        Raises: CustodyRefusedError.
        """
        named = None
        for key, public_key, is_whose_it_should_be in self._keys(address):
            if self.chain.address(public_key) != address:
                continue
            if not is_whose_it_should_be:
                named = key
                continue
            if role is AttemptRole.EFFECT:
                self._require_enabled(key)
            return key, public_key
        if named is not None:
            raise CustodyRefusedError("unknown_key", f"{named} does not sign for {address} here")
        raise CustodyRefusedError("unknown_key", f"no key of {address} is at hand")

    def _keys(self, address: str) -> Iterator[tuple[KeyRef, PublicKey, bool]]:
        """Those that may sign for *address*, and whether each belongs to whom its row says."""
        # The account first: it knows where its keys are now, whatever a line of slots remembers.
        for each in self.issuer.keys if self.issuer is not None else ():
            yield each.key, each.public_key, self._is_the_issuers(each.key)
        for signer in (self.signer, self.payer):
            if signer is None:
                continue
            if signer.is_treasury:
                is_ours = is_treasurys(signer.key) and not self._is_the_owners(address)
            else:
                is_ours = self._is_the_issuers(signer.key)
            yield signer.key, signer.public_key, is_ours

    def _is_the_issuers(self, key: KeyRef) -> bool:
        return self.issuer is not None and is_key_of(self.issuer, key)

    def _is_the_owners(self, address: str) -> bool:
        """Whether the issuer is who signs for *address*, so that no treasury does."""
        token = self.seen.token
        rekeyed = Rekey.of(token).account if token.kind == REKEY else None
        return self.issuer is not None and address in {self.seen.owner, rekeyed}

    def _require_enabled(self, key: KeyRef) -> None:
        is_the_issuers = self.issuer is not None and self.issuer.find(key) is not None
        if is_the_issuers and self._is_disabled:
            raise CustodyRefusedError("key_disabled", "the issuing account is disabled")


@frozen(kw_only=True)
class Pursuit:
    store: Store
    #: By the scheme of their key references.
    custodians: Mapping[str, Custodian]

    def __call__(self, case: Case) -> Finding:
        newest = case.slot.newest
        if newest is None and (case.is_withdrawn or case.is_stopped):
            return self._vacate(case)
        if newest is None:
            return self._sign(case, AttemptRole.EFFECT)
        if newest.broadcast_at is None and newest.rejected is None:
            return self._submit(case)
        return self._interpret(case.chain.outcome(case.slot), case)

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
            order=deployment.order,
            place=deployment.predicted,
        )

    def adopt(
        self,
        seen: Deployment,
        effect: Effect,
        now: datetime,
        before: tuple[Event, ...] = (),
        signer: str | None = None,
    ) -> Finding:
        """The effect is there, by a transaction our records do not have: make it ours.

        *signer* is whose slot it must have been, where the step has had none yet.
        """
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
        known = seen.step.slot
        whose = known.signer if known else signer or seen.sender
        slot = Slot(number=1, network=seen.network, signer=whose)
        inclusion = Inclusion(
            transaction_id=effect.transaction_id,
            block=effect.block,
            succeeded=True,
            cost=effect.cost,
        )
        found = EffectFound(step=number, attempt=attempt, slot=slot)
        final = StepFinal(step=number, inclusion=inclusion, token=effect.token)
        return Finding(owner=seen.owner, predicted=seen.predicted, events=(*before, found, final))

    def _sign(self, case: Case, role: AttemptRole, replacing: tuple[Attempt, ...] = ()) -> Finding:
        """Sign in the slot.  Stored before anybody sees it, so doing it twice harms nobody."""
        seen, chain, slot = case.seen, case.chain, case.slot
        if case.signer.halted is not None:
            return Finding(wait=Postponed(WaitReason.NETWORK_HALTED, case.signer.halted))
        ceiling = ceiling_of(seen, chain)
        if role is AttemptRole.FILL:
            # A fill serves those behind it, whatever was agreed for this one.
            ceiling = max(ceiling, chain.network.fee_ceiling)
        draft = chain.prepare(self.intent(seen), slot, role, ceiling, replacing)
        if isinstance(draft, Postponed):
            if role is AttemptRole.EFFECT and not slot.attempts:
                return self._unsigned(case, draft)
            return Finding(wait=draft)
        transaction, receipts = self._signed(case, draft, role)
        known = slot.find(transaction.id)
        if known is not None:
            # The same bytes again: what refused them may have changed its mind.
            return self._send_again(case, known)
        attempt = Attempt(
            number=len(seen.step.attempts) + 1,
            role=role,
            transaction_id=transaction.id,
            raw=transaction.raw,
            body=draft.body,
            fee_cap=draft.fee_cap,
            value=draft.value,
            signed_at=case.now,
        )
        return Finding(events=(Signed(step=case.step, attempt=attempt, receipts=receipts),))

    def _send_again(self, case: Case, attempt: Attempt) -> Finding:
        submission = _send(case.chain, attempt)
        if submission.verdict in {Verdict.ACCEPTED, Verdict.ALREADY_KNOWN}:
            id = attempt.transaction_id
            sent = Broadcast(step=case.step, transaction_id=id, at=case.now)
            return Finding(events=(sent,))
        return Finding(wait=_unknown(submission))

    def _unsigned(self, case: Case, draft: Postponed) -> Finding:
        """A slot with nothing in it: is it over, or does it hold up all later ones?"""
        if case.slot.expires:
            outcome = case.chain.outcome(case.slot)
            if isinstance(outcome, NotSeen):
                return Finding(wait=draft)
            return self._interpret(outcome, case)
        if draft.reason is WaitReason.UNKNOWN_OUTCOME:
            return self._impossible(case, draft)
        is_outdated = case.chain.network.fee_ceiling > ceiling_of(case.seen, case.chain)
        if draft.reason is WaitReason.FEE_ABOVE_CEILING and is_outdated:
            # Later ones were accepted under a higher ceiling than this one.
            return self._alone(case, AttemptRole.FILL)
        return Finding(wait=draft)

    def _vacate(self, case: Case) -> Finding:
        """Let go of a slot that nothing may be signed in any more, for the sake of later ones."""
        outcome = case.chain.outcome(case.slot)
        if not isinstance(outcome, NotSeen):
            return self._interpret(outcome, case)
        if case.slot.expires:
            return Finding(wait=_window_is_unused(case.slot))
        return self._alone(case, AttemptRole.FILL)

    def _impossible(self, case: Case, draft: Postponed) -> Finding:
        """The effect does not work in a slot that nothing was signed for: it may be there already.

        A restored backup looks like that.  The slot is spent on nothing, so that later ones can
        land; what is on chain is adopted once it is.
        """
        seen, chain = case.seen, case.chain
        outcome = chain.outcome(case.slot)
        if not isinstance(outcome, NotSeen):
            return self._interpret(outcome, case)
        effect = chain.effect_of(self.intent(seen))
        waited = case.now - seen.waiting_since if seen.waiting_since is not None else timedelta(0)
        is_lasting = seen.waiting is draft.reason and waited >= chain.network.replace_after
        if isinstance(effect, Effect) or is_lasting:
            return self._alone(case, AttemptRole.FILL)
        return Finding(wait=draft)

    def _signed(
        self, case: Case, draft: Draft, role: AttemptRole
    ) -> tuple[SignedTransaction, tuple[SigningReceipt, ...]]:
        if role is AttemptRole.EFFECT and case.is_given_away:
            check_receiver(case.seen, case.issuer, case.chain, self.custodians)
        signatures, receipts = [], []
        for signable in draft.signables:
            key, public_key = case.key_of(signable.signer, role)
            signing = self._custodian(key).sign(key, signable.message, signable.purpose)
            signatures.append((public_key, signing.signature))
            receipt = SigningReceipt(
                signer=signable.signer,
                key=key,
                key_version=signing.key_version,
                purpose=signable.purpose,
                digest=digest_of(public_key.curve, signable.message),
                request_id=signing.request_id,
            )
            receipts.append(receipt)
        try:
            return case.chain.assemble(draft, signatures), tuple(receipts)
        except ValueError as error:
            # Whoever holds the key signed with another one.  Nothing of it goes any further.
            raise CustodyRefusedError("wrong_signature", str(error)) from error

    def _custodian(self, key: KeyRef) -> Custodian:
        scheme = key.partition(":")[0]
        if scheme not in self.custodians:
            raise CustodyRefusedError("unknown_key", f"no custodian {scheme} is configured")
        return self.custodians[scheme]

    def _submit(self, case: Case) -> Finding:
        """Send the newest attempt's stored bytes, and say what the answer means."""
        attempt = case.slot.attempts[-1]
        submission = _send(case.chain, attempt)
        match submission.verdict:
            case Verdict.ACCEPTED | Verdict.ALREADY_KNOWN:
                id = attempt.transaction_id
                sent = Broadcast(step=case.step, transaction_id=id, at=case.now)
                return Finding(events=(sent,))
            case Verdict.REJECTED:
                return self._rejected(case, attempt, submission)
            case Verdict.UNKNOWN:
                # It may have arrived all the same: the chain knows better than the answer.
                outcome = case.chain.outcome(case.slot)
                if not isinstance(outcome, NotSeen):
                    return self._interpret(outcome, case)
                return self._not_taken(case, attempt, submission)

    @staticmethod
    def _rejected(case: Case, attempt: Attempt, submission: Submission) -> Finding:
        rejected = Rejected(
            step=case.step, transaction_id=attempt.transaction_id, detail=submission.detail
        )
        return Finding(events=(rejected,))

    def _not_taken(self, case: Case, attempt: Attempt, submission: Submission) -> Finding:
        """Nobody has the attempt, and a node would not say that it took it."""
        hint, slot = submission.hint, case.slot
        if slot.expires:
            # Something holds the lease.  If it is an attempt that our records have lost, what it
            # made is the effect: the same lease keeps ours out.
            effect = case.chain.effect_of(self.intent(case.seen)) if _is_taken(hint) else None
            if isinstance(effect, Effect) and slot.find(effect.transaction_id) is None:
                return self.adopt(case.seen, effect, case.now)
            return Finding(wait=_lease_is_held(slot) if _is_taken(hint) else _unknown(submission))
        if hint is Hint.UNDERPRICED and _is_late(attempt, case.chain.network, case.now):
            return self._alone(case, attempt.role)
        return Finding(wait=_unknown(submission))

    def _interpret(self, outcome: Outcome, case: Case) -> Finding:
        match outcome:
            case NotSeen():
                return self._missing(case)
            case InPool(transaction_id=id):
                return self._in_pool(case, id)
            case Included(inclusion=inclusion):
                return Finding(events=self._sighting(case, inclusion), wait=_WAITS_FOR_FINALITY)
            case Final(inclusion=inclusion, token=token):
                return self._final(case, inclusion, token)
            case SlotLost(at=block):
                return self._lost(case, block)
            case Expired(at=block):
                return self._expired(case, block)

    def _lost(self, case: Case, block: Block) -> Finding:
        """A stranger has our nonce."""
        seen, slot = case.seen, case.slot
        gone = _no_longer_seen(case)
        lost = SlotSpent(step=case.step, slot_state=SlotState.LOST, at=block, transaction_id=None)
        effect = case.chain.effect_of(self.intent(seen))
        if isinstance(effect, Effect):
            return self.adopt(seen, effect, case.now, before=(*gone, lost))
        if effect.at.number < block.number:
            return Finding(wait=_behind(effect.at))
        reason = f"nonce {slot.sequence} of {slot.signer} was used by somebody else"
        return Finding(
            events=(*gone, lost),
            wait=Postponed(WaitReason.NETWORK_HALTED, reason),
            halts_signer=reason,
            signer=slot.signer,
        )

    def _expired(self, case: Case, block: Block) -> Finding:
        """The window is over without an effect: a fresh one, unless no node ever wanted it."""
        seen, slot = case.seen, case.slot
        gone = _no_longer_seen(case)
        expired = SlotSpent(
            step=case.step, slot_state=SlotState.EXPIRED, at=block, transaction_id=None
        )
        effect = case.chain.effect_of(self.intent(seen))
        if isinstance(effect, Effect) and slot.find(effect.transaction_id) is not None:
            contradiction = "an attempt was in none of its window's blocks, and is on chain"
            return Finding(wait=Postponed(WaitReason.UNKNOWN_OUTCOME, contradiction))
        if isinstance(effect, Effect):
            return self.adopt(seen, effect, case.now, before=(*gone, expired))
        if effect.at.number < (slot.valid_until or block.number):
            return Finding(wait=_behind(effect.at))
        unwanted = slot.attempts and all(each.rejected is not None for each in slot.attempts)
        if not unwanted or seen.state is State.QUEUED:
            return Finding(events=(*gone, expired))
        if seen.has_begun:
            return Finding(events=(*gone, expired), wait=_STUCK)
        if not effect.is_lasting:
            return Finding(wait=MAY_BE_FORGOTTEN)
        failed = Failed(
            reason=Reason.TRANSACTION_REVERTED
            if seen.state is State.PENDING
            else Reason.TRANSACTION_SUBMISSION_FAILED,
            without_effect=True,
            detail=f"no node wanted it: {slot.attempts[-1].rejected}; its window ended with "
            f"round {slot.valid_until}, and nothing of it is in any of its blocks",
        )
        return Finding(events=(*gone, expired, failed))

    def _missing(self, case: Case) -> Finding:
        """Nobody knows any attempt: evicted, lost with a node, gone with a block, or refused."""
        seen, slot = case.seen, case.slot
        if seen.step.inclusion is not None:
            return self._vanished(case, seen.step.inclusion)
        newest = slot.attempts[-1]
        if all(attempt.rejected is not None for attempt in slot.attempts):
            # No node wants it.  That is no proof that none has it: only something else in the
            # same slot is, or the slot's end.
            if slot.expires:
                return Finding(wait=_window_is_open(slot))
            return self._alone(case, AttemptRole.FILL)
        living = next((a for a in reversed(slot.attempts) if a.rejected is None), newest)
        submission = _send(case.chain, living)
        if submission.verdict is Verdict.REJECTED:
            return self._rejected(case, living, submission)
        if submission.verdict is Verdict.UNKNOWN:
            return self._not_taken(case, living, submission)
        return Finding(wait=_WAITS_FOR_POOL)

    @staticmethod
    def _vanished(case: Case, inclusion: Inclusion) -> Finding:
        """It was in a block, and a node does not know it: is that gone, or is the node behind?"""
        block = case.chain.block_at(inclusion.block.number)
        if block is None:
            detail = f"the node has not come as far as block {inclusion.block.number}"
            return Finding(wait=Postponed(WaitReason.NODE_UNAVAILABLE, detail))
        if block == inclusion.block:
            return Finding(wait=_WAITS_FOR_FINALITY)
        return Finding(events=(BlockVanished(step=case.step, block=inclusion.block),))

    def _in_pool(self, case: Case, id: TransactionId) -> Finding:
        seen, slot = case.seen, case.slot
        if seen.step.inclusion is not None:
            return self._vanished(case, seen.step.inclusion)
        known = slot.find(id)
        if known is not None and known.broadcast_at is None:
            sent = Broadcast(step=case.step, transaction_id=id, at=case.now)
            return Finding(events=(sent,))
        newest = slot.attempts[-1]
        if not slot.expires and _is_late(newest, case.chain.network, case.now):
            return self._alone(case, newest.role)
        return Finding(wait=_WAITS_FOR_POOL)

    def _alone(self, case: Case, role: AttemptRole) -> Finding:
        """Replace or fill: one worker at a time for each signer."""
        signer = case.signer
        with self.store.begin(Scope.installation()) as work:
            fenced = work.signers.take_lease(signer.network, signer.address, SIGNER_LEASE)
        if fenced is None:
            return Finding(wait=_WAITS_FOR_POOL)
        role = AttemptRole.FILL if case.is_stopped else role
        # What every node refused has to be outbid by nobody.
        rivals = tuple(attempt for attempt in case.slot.attempts if attempt.rejected is None)
        finding = self._sign(evolve(case, signer=fenced), role, replacing=rivals)
        return evolve(finding, fenced=fenced if finding.events else None)

    @staticmethod
    def _sighting(case: Case, inclusion: Inclusion) -> tuple[Event, ...]:
        """What to record of an attempt in a block, if it is not recorded yet."""
        seen, step, id = case.seen, case.step, inclusion.transaction_id
        events: tuple[Event, ...] = ()
        attempt = case.slot.find(id)
        if attempt is not None and (
            attempt.broadcast_at is None or _must_be_pending(seen, attempt)
        ):
            events = (Broadcast(step=step, transaction_id=id, at=case.now),)
        if seen.step.inclusion == inclusion:
            return events
        if seen.step.inclusion is not None:
            events = (*events, BlockVanished(step=step, block=seen.step.inclusion.block))
        return (*events, SeenInBlock(step=step, inclusion=inclusion))

    def _final(self, case: Case, inclusion: Inclusion, token: str | None) -> Finding:
        """At finality: the effect, or proof that there is none and can be none."""
        seen, slot, step = case.seen, case.slot, case.step
        sightings = self._sighting(case, inclusion)
        attempt = slot.find(inclusion.transaction_id)
        if attempt is not None and attempt.role is AttemptRole.EFFECT and inclusion.succeeded:
            place = token or seen.predicted
            if place is None:
                raise AssertionError("what is confirmed has a place")
            final = StepFinal(step=step, inclusion=inclusion, token=place)
            # Where it is final at once it was never in a block that may still vanish.
            told = (each for each in sightings if not isinstance(each, SeenInBlock))
            return Finding(events=(*told, final))
        spent = SlotSpent(
            step=step,
            slot_state=SlotState.SPENT,
            at=inclusion.block,
            transaction_id=inclusion.transaction_id,
        )
        effect = case.chain.effect_of(self.intent(seen))
        match effect:
            case Effect():
                if not effect.is_final:
                    return Finding(events=sightings, wait=_WAITS_FOR_FINALITY)
                return self.adopt(seen, effect, case.now, before=(*sightings, spent))
            case NoEffect(at=block) if block.number < inclusion.block.number:
                return Finding(events=sightings, wait=_behind(block))
            case NoEffect() if seen.state is State.QUEUED:
                return Finding(events=(*sightings, spent))
            case NoEffect(at=block) if seen.has_begun:
                return Finding(events=(*sightings, spent), wait=_STUCK)
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


def ceiling_of(seen: Deployment, chain: Chain) -> int:
    """The price per unit of gas that *seen* may cost at most, in base units.

    What was accepted was planned with the ceiling of then.  What another key needs nobody planned:
    it goes by today's, or an operator could not get it going again.
    """
    return chain.network.fee_ceiling if seen.kind.is_for_a_key else seen.fee_ceiling


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


def _is_taken(hint: Hint) -> bool:
    return hint is Hint.SLOT_TAKEN


def _no_longer_seen(case: Case) -> tuple[Event, ...]:
    """Where the slot ended by something else, the block that an attempt was in is gone."""
    inclusion = case.seen.step.inclusion
    return () if inclusion is None else (BlockVanished(step=case.step, block=inclusion.block),)


def _lease_is_held(slot: Slot) -> Postponed:
    detail = f"something else holds its lease; its window ends with round {slot.valid_until}"
    return Postponed(WaitReason.WINDOW_OPEN, detail)


def _window_is_open(slot: Slot) -> Postponed:
    detail = f"no node wants it; its window ends with round {slot.valid_until}"
    return Postponed(WaitReason.WINDOW_OPEN, detail)


def _window_is_unused(slot: Slot) -> Postponed:
    detail = f"nothing is signed in it any more; its window ends with round {slot.valid_until}"
    return Postponed(WaitReason.WINDOW_OPEN, detail)


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
