"""Carry one leased deployment as far as it will go now.

Read – act – record: the world is asked and changed outside of any transaction, and what came of it
is recorded in one of its own.  A crash between acting and recording repeats the act, so every act
is one that may be repeated: looking; signing in a slot that is ours; sending the same bytes.

`_act` holds the only ``match`` over states.  What it finds is data (`Finding`); `_record` is the
only place that writes it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import evolve, frozen

from application.audit.trail import Trail
from application.credits.fees import charge, valued
from application.credits.licence import why_not_begin
from application.deployments.belonging import changing_hands, giver_of
from application.deployments.findings import Finding, Reserve
from application.deployments.full_lines import FullLines
from application.deployments.halt import Halt
from application.deployments.issuer_balance import tell_issuer_balance, with_issuer_balance
from application.deployments.keys_at_rest import keys_at_rest
from application.deployments.publish import Publish
from application.deployments.pursue import MAY_BE_FORGOTTEN, Case, Pursuit, ceiling_of
from application.deployments.receiver import ReceiverDiffersError, check_receiver
from application.deployments.recording import apply_all, name_event
from application.deployments.withdraw import before_the_first, give_back, withdraw
from application.ports.alarms import Alarms
from application.ports.chain import (
    Chain,
    ChainUnavailableError,
    HistoryUnavailableError,
    WrongChainError,
)
from application.ports.clock import Clock
from application.ports.custody import CustodyRefusedError, CustodyUnavailableError
from application.ports.identifiers import Identifiers
from application.ports.storage.deployments import Claim
from application.ports.storage.work import Scope, Store, Work
from domain.account import Account
from domain.approval import LIFE
from domain.audit import WORKER
from domain.catalogue import Catalogue
from domain.deployment import (
    Completed,
    Deployment,
    Failed,
    ReadBack,
    Reason,
    SlotReserved,
    State,
    Waits,
)
from domain.errors import Refusal
from domain.identifiers import NetworkId
from domain.network import Network
from domain.operation import (
    Effect,
    LeaseWindow,
    NoEffect,
    NonceLine,
    OperationKind,
    Party,
    Postponed,
    Signer,
    SlotState,
    SlotTerms,
    WaitReason,
)

#: The longest that a waiting deployment is left alone.
LONGEST_PAUSE = timedelta(seconds=5)
#: Whoever approves or rejects has it looked at; this is for when nobody does: at first and last,
#: and the longest in between.
APPROVAL_PAUSE = timedelta(minutes=1)
LONGEST_APPROVAL_PAUSE = timedelta(hours=1)


#: Why it failed, where it does not work and nothing of it is on chain.
_NEVER: Mapping[State, Reason] = {
    State.QUEUED: Reason.DEPLOYMENT_VALIDATION_FAILED,
    State.SUBMITTED: Reason.TRANSACTION_SUBMISSION_FAILED,
    State.PENDING: Reason.TRANSACTION_REVERTED,
}


@frozen
class Parties:
    """In whose names an operation is carried out."""

    account: Account | None
    payer: Signer | None
    #: Whom an order's token belongs to by now, where it was handed over and the order untouched.
    giver: str | None


@frozen(kw_only=True)
class Advance:
    store: Store
    catalogue: Catalogue
    chains: Mapping[NetworkId, Chain]
    pursuit: Pursuit
    publish: Publish
    halt: Halt
    full: FullLines
    alarms: Alarms
    clock: Clock
    identifiers: Identifiers

    def __call__(self, claim: Claim) -> State | None:
        """Go on until it waits or ends; tell its state, None where there is no such thing.

        Raises:
            LeaseLostError: another worker may be at it; nothing of the last act was recorded.
            StoreUnavailableError: what the last act found may or may not have been recorded.
        """
        deployment: Deployment | None = None
        while True:
            deployment, goes_on = self.step(claim, deployment)
            if not goes_on:
                return deployment.state if deployment is not None else None

    def step(
        self, claim: Claim, recorded: Deployment | None = None
    ) -> tuple[Deployment | None, bool]:
        """One act, and whether there is more to do at once.

        *recorded*: the operation as the act before left it.  Where somebody has changed it since,
        nothing of this act is recorded, as where that happens after the reading.
        """
        with self.store.begin(Scope(organisation=claim.organisation)) as work:
            seen = recorded or work.deployments.get(claim.operation)
            if seen is None or not seen.state.is_open:
                return seen, False
            parties = _parties(work, seen)
            halted = work.networks.status(seen.network).halted
            now = self.clock.now()
            approval = work.approvals.get(seen.id) if seen.state is State.QUEUED else None
            withdrawn = why_not_begin(work, seen, now)
            if withdrawn is None and approval is not None:
                withdrawn = approval.refusal(now)
            chain = self.chains.get(seen.network)
            full = self._line(work, seen, parties, chain) if withdrawn is None else None
        if chain is None:
            finding = _waits(WaitReason.NODE_UNAVAILABLE, "this worker has no such network")
        elif halted is not None:
            finding = _waits(WaitReason.NETWORK_HALTED, halted)
        elif withdrawn is None and approval is not None and approval.waits(now):
            finding = _waits(WaitReason.APPROVAL, "another member has to approve the plan")
        elif full is not None:
            finding = Finding(wait=full)
        else:
            finding = self._ask(seen, chain, parties, withdrawn)
        return self._record(claim, seen, finding, chain.network if chain else None)

    def _line(
        self, work: Work, seen: Deployment, parties: Parties, chain: Chain | None
    ) -> Postponed | None:
        """Why what is queued has no nonce to hope for now, so that no chain is asked about it.

        None also where it waits for its account, and where nobody knows before the chain is asked:
        whose slot it is, and whether something of it is there that only waits for a halted signer.
        """
        payer = parties.payer
        if not seen.is_in_line or chain is None or not chain.network.family.has_nonces:
            return None
        if _owner_of(seen, parties.account) is None:
            return None
        if payer is None or payer.halted is not None or parties.giver not in {None, seen.owner}:
            return None
        if parties.account is not None and _party_of(seen, chain) is Party.OWNER:
            return None
        full = payer.line(work.signers.open_slots(payer.network, payer.address))
        if full is not None:
            self._tell_full(payer, full)
        return full

    def _tell_full(self, signer: Signer, answer: Postponed) -> None:
        """Nobody else waits for an account's own nonces."""
        if signer.is_treasury and answer.reason is WaitReason.QUEUED:
            self.full.tell(signer.network)

    def _ask(
        self,
        seen: Deployment,
        chain: Chain,
        parties: Parties,
        withdrawn: Refusal | None,
    ) -> Finding:
        """Act, and turn bad news from outside into a reason to wait."""
        try:
            return self._act(seen, chain, parties, withdrawn)
        except HistoryUnavailableError as error:
            # Waiting does not bring it back; a node that keeps history does.
            where = f"{seen.network} {seen.named}"
            self.alarms.sound("history_unavailable", where, str(error))
            return _waits(WaitReason.UNKNOWN_OUTCOME, str(error))
        except ChainUnavailableError as error:
            return _waits(WaitReason.NODE_UNAVAILABLE, str(error))
        except WrongChainError as error:
            self.halt.network(seen.network, "wrong_chain", str(error))
            return _waits(WaitReason.NETWORK_HALTED, str(error))
        except ReceiverDiffersError as error:
            self._tell_receiver(seen, error)
            return _waits(WaitReason.OPERATOR, str(error))
        except (CustodyRefusedError, CustodyUnavailableError) as error:
            return _waits(WaitReason.SIGNER_UNAVAILABLE, str(error))

    def _act(
        self,
        seen: Deployment,
        chain: Chain,
        parties: Parties,
        withdrawn: Refusal | None,
    ) -> Finding:
        account, payer = parties.account, parties.payer
        match seen.state:
            case State.QUEUED | State.SUBMITTED | State.PENDING:
                if payer is None:
                    return _waits(WaitReason.OPERATOR, f"{seen.sender} is no signer of ours")
                placed = _placed(seen, chain, account)
                slot, giver = seen.step.open_slot, parties.giver
                if giver not in {None, seen.owner} and _is_given_by(giver, seen, chain):
                    return Finding(owner=giver)
                if withdrawn is not None and slot is None:
                    ended = withdraw(self.pursuit, placed or seen, chain, withdrawn)
                    if ended is not None:
                        return ended
                if placed is None:
                    return _waits(WaitReason.ACCOUNT_NOT_READY, "the issuing account has no key")
                signer = payer
                if account is not None and _party_of(placed, chain) is Party.OWNER:
                    signer = self._introduce(account, placed.owner, chain)
                if slot is None:
                    sought = self._seek_slot(placed, chain, signer, account)
                    return with_issuer_balance(self.store, chain, signer, sought)
                return self._pursue(
                    Case(
                        seen=placed,
                        chain=chain,
                        signer=signer,
                        payer=payer,
                        issuer=account,
                        slot=slot,
                        is_withdrawn=withdrawn is not None,
                        now=self.clock.now(),
                    )
                )
            case State.CONFIRMED:
                return self._read_back(seen, chain)
            case State.INDEXED:
                return Finding(events=(Completed(credits=seen.credits),))
            case State.COMPLETED | State.FAILED | State.CANCELLED:
                return Finding()

    def _pursue(self, case: Case) -> Finding:
        try:
            return self.pursuit(case)
        except ReceiverDiffersError as error:
            if case.slot.expires or case.slot.attempts:
                raise
            # Nobody could sign in it, or end it, and later nonces would wait for ever.
            self._tell_receiver(case.seen, error)
            return self.pursuit(evolve(case, is_withdrawn=True))

    def _tell_receiver(self, seen: Deployment, error: ReceiverDiffersError) -> None:
        """Somebody has written into the database."""
        self.alarms.sound("receiver_differs", f"{seen.network} {seen.named}", str(error))

    def _introduce(self, account: Account, address: str | None, chain: Chain) -> Signer:
        """An address of the issuing account as one that sends transactions itself.

        Raises: CustodyRefusedError: none of the account's keys was to rule it.
        """
        mine = next((each for each in account.keys if each.address == address), None)
        if mine is None:
            raise CustodyRefusedError("unknown_key", "the issuing account has no key")
        scope, network = Scope(organisation=account.organisation), chain.network.id
        with self.store.begin(scope) as work:
            known = work.signers.get(network, mine.address)
        if known is not None:
            return known
        fresh = Signer(
            is_treasury=False,
            network=network,
            address=mine.address,
            key=mine.key,
            public_key=mine.public_key,
            next_sequence=chain.signer_state(mine.address).next_sequence,
        )
        with self.store.begin(scope) as work:
            work.signers.add(fresh)
            return work.signers.get(network, mine.address) or fresh

    def _seek_slot(
        self, seen: Deployment, chain: Chain, signer: Signer, account: Account | None
    ) -> Finding:
        """Before a slot is given: nothing must be there yet, and it must be going to work."""
        # Also of what is adopted: a restored backup may have forgotten the document, too.
        document = chain.document_of(seen.token) if seen.order is None else None
        unpublished = self.publish(document)
        if unpublished is not None:
            return Finding(owner=seen.owner, predicted=seen.predicted, wait=unpublished)
        intent = self.pursuit.intent(seen)
        effect = chain.effect_of(intent)
        if isinstance(effect, Effect):
            return self.pursuit.adopt(seen, effect, self.clock.now(), signer=signer.address)
        # After the look: what is there already is adopted, which nobody signs anything for.
        check_receiver(seen, account, chain, self.pursuit.custodians)
        if signer.halted is not None:
            return Finding(
                owner=seen.owner,
                predicted=seen.predicted,
                wait=Postponed(WaitReason.NETWORK_HALTED, signer.halted),
            )
        verdict = chain.preflight(intent, ceiling_of(seen, chain))
        if isinstance(verdict, Refusal) and not effect.is_lasting:
            verdict = MAY_BE_FORGOTTEN
        if isinstance(verdict, Refusal) and not seen.has_begun:
            failed = _never(seen, effect, verdict)
            if failed is not None:
                return Finding(owner=seen.owner, predicted=seen.predicted, events=(failed,))
        if isinstance(verdict, Refusal):
            verdict = Postponed(WaitReason.OPERATOR, verdict.detail)
        if verdict is not None:
            return Finding(owner=seen.owner, predicted=seen.predicted, wait=verdict)
        terms = chain.slot_terms(intent)
        if not isinstance(terms, Postponed):
            terms = _seen_too_early(effect, terms) or terms
        if isinstance(terms, Postponed):
            return Finding(owner=seen.owner, predicted=seen.predicted, wait=terms)
        reserve = Reserve(terms=terms, signer=signer.address)
        return Finding(owner=seen.owner, predicted=seen.predicted, reserve=reserve)

    def _read_back(self, seen: Deployment, chain: Chain) -> Finding:
        inclusion, token = seen.step.inclusion, seen.result
        if inclusion is None or token is None:
            return _waits(WaitReason.OPERATOR, "confirmed without a block or a token")
        try:
            block = chain.block_at(inclusion.block.number)
        except HistoryUnavailableError:
            # Older than all that nodes keep is deeper than any chain was ever taken back.
            block = inclusion.block
        if block is None:
            return _waits(WaitReason.NODE_UNAVAILABLE, "the node is behind the final block")
        if block.hash != inclusion.block.hash:
            reason = f"final block {block.number} was {inclusion.block.hash}, is {block.hash}"
            self.halt.network(seen.network, "final_block_vanished", reason)
            return _waits(WaitReason.NETWORK_HALTED, reason)
        differences = chain.read_back(self.pursuit.intent(seen), token)
        if not differences:
            # Nothing is asked in between, so both are written at once.
            return Finding(events=(ReadBack(token=token), Completed(credits=seen.credits)))
        if seen.kind is OperationKind.ANCHOR:
            # Two roots for one size: either trail may be the forged one.
            where = f"{seen.network} {seen.named}"
            self.alarms.sound("anchor_differs", where, "; ".join(differences))
        failed = Failed(
            reason=Reason.POST_DEPLOYMENT_FAILED,
            without_effect=False,
            detail="; ".join(differences),
        )
        return Finding(events=(failed,))

    def _record(
        self, claim: Claim, seen: Deployment, finding: Finding, network: Network | None
    ) -> tuple[Deployment | None, bool]:
        """Write what was found, unless the deployment has changed since it was read.

        The deployment as it is now, and whether there is more to do; None, True: look again.
        """
        trail = Trail(identifiers=self.identifiers, organisation=claim.organisation, actor=WORKER)
        if finding.halts_signer is not None:
            if not self._is_ours(claim, seen):
                return seen, False
            # Before the record: a death in between repeats the halt, where it would forget it
            # afterwards.
            self.halt.signer(seen.network, finding.signer or seen.sender, finding.halts_signer)
        halt_reason: str | None = None
        with self.store.begin(Scope(organisation=claim.organisation)) as work:
            account = None
            is_placed = finding.owner is not None and seen.owner is None
            if (finding.reserve is not None or is_placed) and seen.account is not None:
                # Whoever changes its keys stands in line here.
                account = work.accounts.lock(seen.account)
                if is_placed and account is not None and account.address != finding.owner:
                    return None, True
            fresh = work.deployments.lock(claim.operation)
            if fresh is None or (fresh.state, fresh.steps) != (seen.state, seen.steps):
                return fresh, False
            allowed = before_the_first(work, fresh, finding, self.clock)
            if allowed is None:
                return None, True
            finding = _unless_it_changes_hands(work, fresh, allowed)
            now = self.clock.now()
            if finding.is_withdrawn:
                give_back(work, trail, fresh, now)
            if finding.owner is not None and fresh.owner is None:
                fresh = fresh.placed(finding.owner, finding.predicted)
            elif finding.owner is not None and finding.owner != fresh.owner:
                fresh = fresh.belonging_to(finding.owner)
            fresh = apply_all(work, trail, fresh, finding.events, now)
            if network is not None and finding.events:
                fresh = valued(work, self.catalogue, fresh, network, now)
                if any(isinstance(event, Completed) for event in finding.events):
                    charge(work, self.catalogue, fresh, network, now)
            wait = finding.wait
            if finding.fenced is not None:
                work.signers.check_fence(finding.fenced)
            if finding.reserve is not None:
                answer = keys_at_rest(work, fresh, account) or self._reserve(
                    work, fresh, finding.reserve
                )
                if isinstance(answer, SlotReserved):
                    fresh = apply_all(work, trail, fresh, (answer,), now)
                elif isinstance(answer, str):
                    halt_reason = answer
                    wait = Postponed(WaitReason.NETWORK_HALTED, answer)
                else:
                    wait = answer
            if finding.issuer is not None:
                tell_issuer_balance(work, trail, fresh, finding.issuer, now)
            fresh = self._wait(trail, fresh, wait, now)
            pause = _pause(fresh, network, now) if wait is not None else timedelta(0)
            work.deployments.put(fresh, due_at=now + pause, claim=claim)
            trail.write(work)
        if halt_reason is not None and finding.reserve is not None:
            self.halt.signer(fresh.network, finding.reserve.signer, halt_reason)
        return fresh, wait is None and fresh.state.is_open

    def _is_ours(self, claim: Claim, seen: Deployment) -> bool:
        """Whether nobody went on with it meanwhile.

        A worker that slept through its lease sees its own slot taken by what others put there.

        Raises: LeaseLostError.
        """
        with self.store.begin(Scope(organisation=claim.organisation)) as work:
            fresh = work.deployments.lock(claim.operation)
            if fresh is None or (fresh.state, fresh.steps) != (seen.state, seen.steps):
                return False
            work.deployments.put(fresh, due_at=self.clock.now(), claim=claim)
        return True

    def _reserve(
        self, work: Work, deployment: Deployment, reserve: Reserve
    ) -> SlotReserved | Postponed | str:
        """Give the step its slot: intent and slot in one transaction, under the signer's lock.

        A text says why the signer must be halted instead.
        """
        signer = work.signers.lock(deployment.network, reserve.signer)
        if signer is None:
            return Postponed(WaitReason.OPERATOR, f"{reserve.signer} is no signer of ours")
        terms = reserve.terms
        if isinstance(terms, NonceLine) and terms.taken > signer.next_sequence:
            # Somebody else uses the key, or our records are older than the chain (a restored
            # backup).  Either way a nonce of ours could be taken already.
            return (
                f"{signer.address} has used {terms.taken} nonces on chain "
                f"and {signer.next_sequence} by our records"
            )
        before = deployment.step.slot.valid_until if deployment.step.slot is not None else None
        if isinstance(terms, LeaseWindow) and before is not None and terms.valid_until <= before:
            detail = f"the node has not come as far as round {before}, where the last window ended"
            return Postponed(WaitReason.NODE_UNAVAILABLE, detail)
        taken = work.signers.open_slots(signer.network, signer.address)
        answer = signer.reserve(taken, len(deployment.step.slots) + 1, terms)
        if isinstance(answer, Postponed):
            self._tell_full(signer, answer)
            return answer
        slot, after = answer
        work.signers.put(after)
        return SlotReserved(step=deployment.step.number, slot=slot)

    def _wait(
        self, trail: Trail, deployment: Deployment, wait: Postponed | None, now: datetime
    ) -> Deployment:
        """Keep why it waits; say so in its history where somebody may want to act."""
        if wait is None or not deployment.state.is_open:
            return deployment.awaiting(None, now)
        if wait.reason is not deployment.waiting and not wait.reason.is_routine:
            event = Waits(reason=wait.reason, detail=wait.detail)
            name_event(trail, deployment, deployment.apply(event), event, now)
        return deployment.awaiting(wait.reason, now)


def _parties(work: Work, seen: Deployment) -> Parties:
    """Nobody's, where nothing is signed any more."""
    if seen.state in {State.CONFIRMED, State.INDEXED}:
        return Parties(account=None, payer=None, giver=None)
    return Parties(
        account=work.accounts.get(seen.account) if seen.account is not None else None,
        payer=work.signers.get(seen.network, seen.sender),
        giver=giver_of(work, seen),
    )


def _is_given_by(giver: str, seen: Deployment, chain: Chain) -> bool:
    """Whether nothing of the order was done in the name of its token's owner of before.

    A restored backup may have forgotten what was.
    """
    try:
        chain.effect_of(Pursuit.intent(seen.belonging_to(giver)))
    except ChainUnavailableError:
        # Something was done under its id, and not for this one: the other one is asked for.
        return False
    return True


def _unless_it_changes_hands(work: Work, fresh: Deployment, finding: Finding) -> Finding:
    """*finding*, unless it says of an order that it does not work, whose token changes hands.

    It may be that alone why it does not: whoever is to give it has no power over the token any
    more, or not yet.
    """
    has_failed = any(isinstance(event, Failed) for event in finding.events)
    if not has_failed or finding.is_withdrawn or fresh.kind is OperationKind.HAND_OVER:
        return finding
    wait = changing_hands(work, fresh)
    return finding if wait is None else Finding(wait=wait)


def _party_of(deployment: Deployment, chain: Chain) -> Party:
    """Whose slot the step takes that is being worked on."""
    return chain.steps(deployment.token, deployment.order)[deployment.step.number - 1].slot_of


def _owner_of(seen: Deployment, account: Account | None) -> str | None:
    """The address that makes it; None: the issuing account has none yet."""
    if seen.owner is not None:
        return seen.owner
    return account.address if account is not None else None


def _placed(seen: Deployment, chain: Chain, account: Account | None) -> Deployment | None:
    """The deployment with its owner, once the issuing account has an address."""
    if seen.owner is not None:
        return seen
    owner = _owner_of(seen, account)
    if owner is None:
        return None
    predicted = chain.predicted(Pursuit.intent(seen.placed(owner, None)))
    return seen.placed(owner, predicted)


def _never(seen: Deployment, nothing: NoEffect, refusal: Refusal) -> Failed | None:
    """It does not work, and nothing that was signed for it can land: all its slots are dead.

    None: absence was seen before the last of them was over; or a stranger took that one, and what
    works for everybody else does so again once somebody has looked.  An order may have been
    overtaken by another one for good.
    """
    slot = seen.step.slot
    if slot is not None and nothing.at.number < (slot.valid_until or 0):
        return None
    if slot is not None and slot.state is SlotState.LOST and seen.order is None:
        return None
    return Failed(reason=_NEVER[seen.state], without_effect=True, detail=refusal.detail)


def _seen_too_early(nothing: NoEffect, terms: SlotTerms) -> Postponed | None:
    """Whether absence was seen before all earlier windows were over.

    An attempt that our records have lost could still have landed in the last one of them.
    """
    if isinstance(terms, LeaseWindow) and nothing.at.number < terms.valid_from - 1:
        detail = f"nothing of it was there in round {nothing.at.number}, before this window"
        return Postponed(WaitReason.NODE_UNAVAILABLE, detail)
    return None


def _waits(reason: WaitReason, detail: str) -> Finding:
    return Finding(wait=Postponed(reason, detail))


def _pause(deployment: Deployment, network: Network | None, now: datetime) -> timedelta:
    """Look again soon at first, then less and less often."""
    waited = now - deployment.waiting_since if deployment.waiting_since else timedelta(0)
    if deployment.waiting is WaitReason.APPROVAL:
        return max(APPROVAL_PAUSE, min(waited / 4, LONGEST_APPROVAL_PAUSE, LIFE - waited))
    shortest = network.poll if network is not None else LONGEST_PAUSE
    return max(shortest, min(waited / 4, LONGEST_PAUSE))
