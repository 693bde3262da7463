"""Carry out what is asked of an account's keys, step by step, where the credentials are.

::

    rotate, move   a key is made ─▶ on networks that rekey: an operation each, all of them over ─▶
                   it is the account's own
                   elsewhere: it is the account's own at once ─▶ what belongs to earlier ones is
                   handed over, an operation for each token, all of them over
    add            a key is made, and rules its own address beside the account's
    rekey          as for a rotation, with the key that is the account's own already
    disable        nothing obeys it, and nothing in flight needs it ─▶ it is disabled where it is
                   held

Each step is found out anew from what is stored, and each may be repeated: a custodian makes a key
once, an operation has one id, and what is disabled stays so.  So whatever dies between two of them
is gone on with by whoever looks next.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from attrs import evolve, field, frozen

from application.audit.trail import Trail
from application.deployments.belonging import hand_overs_of, owner_of
from application.deployments.budget import Budgets, intent_of
from application.deployments.gates import sender_of
from application.deployments.pursue import Pursuit
from application.deployments.recording import action_for, apply_all
from application.ports.chain import Chain, ChainUnavailableError, WrongChainError
from application.ports.clock import Clock
from application.ports.custody import Custodian, CustodyRefusedError, CustodyUnavailableError
from application.ports.identifiers import Identifiers
from application.ports.storage.deployments import DeploymentIdTakenError
from application.ports.storage.work import Scope, Store, Work
from domain.account import Account, AccountKey, AccountState
from domain.audit import WORKER, JsonValue, details_of
from domain.deployment import ACTIONS, Deployment, Queued, RetryRequested, State
from domain.errors import Refusal
from domain.identifiers import (
    KeyChangeId,
    NetworkId,
    OperationId,
    OrganisationId,
    Prefix,
    public_id,
)
from domain.key_change import KeyAction, KeyChange, KeyChangeState, hand_over_of
from domain.operation import OperationKind, Step
from domain.rekey import Rekey
from domain.token import Order, Token

#: Before all that was ever accepted.
_EVER = datetime.min.replace(tzinfo=UTC)
#: What custody refuses for reasons that an operator may change: it is tried again.
_MAY_CHANGE = frozenset({"denied", "unknown_key"})


class NotYetError(Exception):
    """The change cannot go on now.  Nothing is lost: ask again later."""


class _NeverError(Exception):
    """A part of the change is not paid for on any day."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.code = refusal.code


@frozen(kw_only=True)
class _Told:
    """What has become of what a change tells each network, or has done to each token."""

    operations: list[Deployment]
    #: Why some cannot be told now.
    waits: list[str]
    #: Why some are never told: codes.
    never: list[str]

    @classmethod
    def by(cls, asked: Iterable[Callable[[], Deployment | None]]) -> "_Told":
        """Ask them all: one that waits, or cannot be, holds up no other."""
        told = cls(operations=[], waits=[], never=[])
        for ask in asked:
            try:
                operation = ask()
            except (NotYetError, ChainUnavailableError, WrongChainError) as error:
                told.waits.append(str(error))
            except _NeverError as error:
                told.never.append(error.code)
            else:
                told.operations.extend([operation] if operation is not None else [])
        return told

    @property
    def is_open(self) -> bool:
        """Raises: NotYetError, where one of them waits to be told."""
        if self.waits:
            raise NotYetError("; ".join(self.waits))
        return any(each.state.is_open for each in self.operations)

    @property
    def is_completed(self) -> bool:
        return not self.never and all(each.state is State.COMPLETED for each in self.operations)

    def code(self, otherwise: str) -> str:
        """Why the change fails of which this is a part."""
        return self.never[0] if self.never else otherwise


@frozen(kw_only=True)
class CarryOutKeyChange:
    store: Store
    #: By the scheme of their key references.
    custodians: Mapping[str, Custodian]
    chains: Mapping[NetworkId, Chain]
    clock: Clock
    identifiers: Identifiers
    budgets: Budgets = field(factory=Budgets)

    def __call__(self, organisation: OrganisationId, id: KeyChangeId) -> KeyChange | None:
        """Go on until it waits or ends; the change as it is then.

        Raises:
            NotYetError: custodian or chain does not answer, or declines for now.
            StoreUnavailableError: what was done last may or may not have been recorded.
        """
        with self.store.begin(Scope(organisation=organisation)) as work:
            change = work.key_changes.get(id)
            account = work.accounts.get(change.account) if change is not None else None
        if change is None or account is None or not change.state.is_open:
            return change
        try:
            return self._go_on(account, change)
        except CustodyRefusedError as error:
            if error.code in _MAY_CHANGE:
                raise NotYetError(f"{change.named}: {error}") from error
            return self._fail(change, error.code)
        except (CustodyUnavailableError, ChainUnavailableError, WrongChainError) as error:
            raise NotYetError(f"{change.named}: {error}") from error

    def _go_on(self, account: Account, change: KeyChange) -> KeyChange:
        if change.action is KeyAction.DISABLE:
            return self._disable(account, change)
        if change.state is KeyChangeState.REQUESTED:
            account, change = self._begin(account, change)
            if not change.state.is_open:
                # Somebody has withdrawn it while the custodian made the key.
                return change
        if change.action is KeyAction.ADD:
            return self._complete(change)
        if account.family.rekeys:
            return self._rekey(account, change)
        return self._follow(account, change)

    # A key.

    def _begin(self, account: Account, change: KeyChange) -> tuple[Account, KeyChange]:
        """The change with its key, and the account that knows it."""
        made = self._made(account, change) if change.action.makes_a_key else account.own_key
        if made is None:
            raise AssertionError("a change of keys is of an account that has one")
        with self.store.begin(Scope(organisation=change.organisation)) as work:
            account, change = self._locked(work, change)
            if change.state is not KeyChangeState.REQUESTED:
                return account, change
            begun = change.begun(made.key)
            work.key_changes.put(begun)
            if account.find(made.key) is None:
                account = account.with_further(made)
            if not account.family.rekeys and change.action is not KeyAction.ADD:
                # Whoever accepts something stands in line at the wallet: what was accepted for
                # the address of before is seen by who looks for it next.
                work.ledger.stand_in_line()
                account = account.moved_to(made.key)
            work.accounts.put(account)
            self._tell(work, account, begun, "key_change.begun", key=made.key)
        return account, begun

    def _made(self, account: Account, change: KeyChange) -> AccountKey:
        """The next key at the change's custodian: asked for again, the same one."""
        custodian = self._custodian(change.custodian)
        last, family = account.newest_at(change.custodian), account.family
        described = (
            custodian.rotate(last.key)
            if last is not None
            else custodian.create_key(
                account.organisation, account.id, family.curve, family.key_use
            )
        )
        chain = next((chain for _, chain in self._networks(account)), None)
        if chain is None:
            raise NotYetError(f"{change.named}: no network of the account is configured")
        own = chain.address(described.public_key)
        is_added = change.action is KeyAction.ADD
        rules = account.address if family.rekeys and not is_added else own
        return AccountKey(
            key=described.key,
            public_key=described.public_key,
            address=rules or own,
            issues=is_added,
        )

    def _disable(self, account: Account, change: KeyChange) -> KeyChange:
        key = account.find(change.key) if change.key is not None else None
        if key is None:
            raise AssertionError("what is to be disabled is one of the account's keys")
        # Once begun it goes on, whatever a network says now: it may be disabled already.
        is_asked = change.state is KeyChangeState.REQUESTED and key.key != account.key
        if is_asked and self._is_obeyed(account, key):
            return self._fail(change, "key_in_use")
        # Before it is begun: what nobody can carry out can still be withdrawn.
        custodian = self._custodian(change.custodian)
        change = self._begun(change, key)
        if change.state is KeyChangeState.REQUESTED:
            return self._fail(change, "key_in_use")
        if not change.state.is_open:
            return change
        custodian.disable(key.key)
        with self.store.begin(Scope(organisation=change.organisation)) as work:
            account, fresh = self._locked(work, change)
            if not fresh.state.is_open:
                return fresh
            done = fresh.completed(self.clock.now())
            work.key_changes.put(done)
            work.accounts.put(account.without(key.key))
            self._tell(work, account, done, "key.disabled", key=key.key)
        return done

    def _begun(self, change: KeyChange, key: AccountKey) -> KeyChange:
        """From here on it cannot be withdrawn, and nothing is accepted for the key's address.

        As it was, where something has been accepted since the key was found to be of no use, or
        somebody has enabled the account whose own it is.

        Raises: NotYetError, while something is in flight that needs the key.
        """
        with self.store.begin(Scope(organisation=change.organisation)) as work:
            account, fresh = self._locked(work, change)
            # Whoever accepts something stands in line at the wallet.
            work.ledger.stand_in_line()
            is_in_use = _is_enabled_own(account, key) or _is_promised(work, account, key)
            if fresh.state is KeyChangeState.REQUESTED and not is_in_use:
                if self._is_in_flight(work, account, fresh, key):
                    raise NotYetError(f"{fresh.named}: not all that {key.key} has begun is over")
                fresh = fresh.begun(key.key)
                work.key_changes.put(fresh)
                self._tell(work, account, fresh, "key_change.begun", key=key.key)
        return fresh

    def _is_in_flight(
        self, work: Work, account: Account, change: KeyChange, key: AccountKey
    ) -> bool:
        """Whether something has a slot that needs *key*, or goes to an address of it.

        Without its key a nonce would be open for ever, and so would be whatever waits for it.  Ask
        under the account's lock, where slots are given.
        """
        networks = [network for network, _ in self._networks(account)]
        ruled = {
            each.address
            for each in account.keys
            if (ruling := account.ruling(each.address)) is not None and ruling.key == key.key
        }
        if any(work.signers.open_slots(network, each) for network in networks for each in ruled):
            return True
        if not any(
            work.deployments.in_flight(account.id, network, change.operation(network))
            for network in networks
        ):
            return False
        made = work.deployments.held_by(account.id, ruled)
        about = [
            *(work.deployments.get(id) for id in made),
            *(each for id in made for each in work.deployments.on_token(id)),
            *(each for address in ruled for each in work.deployments.handing_to(address)),
        ]
        return any(
            each is not None
            and each.network in networks
            and each.state.is_open
            and each.step.open_slot is not None
            for each in about
        )

    def _is_obeyed(self, account: Account, key: AccountKey) -> bool:
        """Whether something on chain still obeys a key that is not the account's own."""
        if not account.family.rekeys:
            # An address that was added has no successor: what it has made ends with its key.
            return not key.issues and self._has_a_token(account, key.address)
        ruled = [each for each in account.keys if each.key == key.key]
        addresses = {each.address for each in ruled}
        adopted = {network for each in ruled for network in each.networks}
        if self._is_beyond_us(account, adopted, addresses):
            return True
        for _, chain in self._networks(account):
            ruler = chain.address(key.public_key)
            for address in sorted(addresses):
                state = chain.signer_state(address)
                if state.balance and (state.ruler or address) == ruler:
                    return True
        return False

    def _is_beyond_us(
        self, account: Account, adopted: set[NetworkId], addresses: set[str]
    ) -> bool:
        """Whether networks that nobody here can ask may obey a key at *addresses*."""
        with self.store.begin(Scope(organisation=account.organisation)) as work:
            held = work.deployments.held_by(account.id, sorted(addresses))
            issued = {each.network for id in held if (each := work.deployments.get(id))}
        return not adopted | issued <= self.chains.keys()

    def _has_a_token(self, account: Account, address: str) -> bool:
        scope = Scope(organisation=account.organisation)
        with self.store.begin(scope) as work:
            handed = work.deployments.handing_to(address)
            if any(each.state.is_open for each in handed):
                return True
            # Also what was to go there and did not, by records that may have forgotten it.
            ids = dict.fromkeys(work.deployments.held_by(account.id, [address]))
            ids.update(dict.fromkeys(each.of for each in handed if each.of is not None))
            held = [found for id in ids if (found := work.deployments.get(id)) is not None]
            seen = {each.id: _last_block(each, *hand_overs_of(work, each.id)) for each in held}
        for each in held:
            chain = self.chains.get(each.network)
            if each.state.is_open:
                return True
            if chain is None:
                # Nobody here can ask whose it is.
                return True
            state = chain.state(each.token, each.result or "")
            if state is None:
                # A node that is behind: a key is disabled for ever, so it is asked again.
                raise NotYetError(f"{each.network} does not know of {each.id} (yet)")
            if state.at is None or state.at.number < seen[each.id]:
                detail = f"{each.network} shows {each.id} as it was before block {seen[each.id]}"
                raise NotYetError(detail)
            if any(address in whose for whose in state.powers.values()):
                return True
        return False

    # Chains.

    def _follow(self, account: Account, change: KeyChange) -> KeyChange:
        """Have tokens of earlier addresses belong to the account's own."""
        own = account.own_key
        if own is None or own.key != change.key:
            raise AssertionError("what is under way has its key, and that is the account's own")
        earlier = [each.address for each in account.further_keys if _is_followed(each, own)]
        with self.store.begin(Scope(organisation=change.organisation)) as work:
            held = work.deployments.held_by(account.id, earlier)
        told = _Told.by(partial(self._handed, account, change, id, own.address) for id in held)
        if told.is_open:
            return change
        # Since they were listed some may be over: only a list without any is the end.
        if told.is_completed:
            return self._complete(change) if not told.operations else change
        return self._fail(change, told.code("hand_over_failed"))

    def _handed(
        self, account: Account, change: KeyChange, made_by: OperationId, to: str
    ) -> Deployment | None:
        """What has to be over first: a token's deployment, or the operation that hands it over.

        None: there is nothing to hand over, or nobody here to ask its network.
        """
        with self.store.begin(Scope(organisation=change.organisation)) as work:
            made = work.deployments.get(made_by)
            if made is None:
                raise AssertionError("a deployment is never deleted")
            id, known = _last_try(work, change, made_by, to)
            sender, owner = sender_of(work, made.network, id), owner_of(work, made)
            elsewhere, since = _on_its_way(work, made_by), _after_all_before(work, made_by)
        chain = self.chains.get(made.network)
        if chain is None:
            # Where the network comes back, what is open goes on, and `rekey` does the rest.
            return None
        if elsewhere is not None:
            # One after the other: each is given by whose the token is then.
            return elsewhere
        if known is not None and known.came_to_nothing:
            return self._tried_again(change, chain, known, owner)
        if known is not None or made.state.is_open:
            return known or made
        order = chain.handing_over(made.token, to)
        if order is None or owner == to:
            return None
        if isinstance(sender, Refusal):
            raise NotYetError(f"{change.named}: {sender.detail}")
        now = self.clock.now()
        wanted = Deployment(
            organisation=account.organisation,
            id=id,
            kind=OperationKind.HAND_OVER,
            network=made.network,
            live=made.live,
            account=account.id,
            requested_by=change.requested_by,
            token=made.token,
            order=order,
            of=made.id,
            sender=sender.address,
            owner=owner,
            predicted=made.result,
            fee_ceiling=chain.network.fee_ceiling,
            credits=0,
            accepted_at=max(now, since),
            steps=_steps_of(chain, made.token, order),
            waiting_since=now,
        )
        queued = Queued(
            kind=made.token.kind,
            network=made.network,
            credits=0,
            token=public_id(Prefix.TOKEN, made.id),
            order=order,
        )
        return self._added(account, change, chain, wanted, details_of(queued))

    def _tried_again(
        self, change: KeyChange, chain: Chain, failed: Deployment, owner: str | None
    ) -> Deployment:
        """What came to nothing before *change* was asked for is queued again; else it is over.

        *owner* is whose the token is by now.
        """
        if failed.accepted_at >= change.requested_at:
            return failed
        with self.store.begin(Scope(organisation=change.organisation)) as work:
            fresh = work.deployments.lock(failed.id)
            if fresh is None or not fresh.came_to_nothing:
                return fresh or failed
            now, trail = self.clock.now(), self._trail(change)
            again = apply_all(work, trail, fresh, [RetryRequested(hold=None)], now)
            since = _after_all_before(work, fresh.of) if fresh.of is not None else now
            again = evolve(again, accepted_at=max(now, since), waiting_since=now)
            again = again.belonging_to(owner) if owner is not None else again
            self._pay(work, change, chain, again)
            work.deployments.put(again, due_at=now, claim=None)
            trail.write(work)
        return again

    def _pay(self, work: Work, change: KeyChange, chain: Chain, operation: Deployment) -> None:
        """Set aside of the day's budget what a stored *operation* may take of the treasury.

        Whoever rotates again and again waits for the next day, and the treasury is not empty.

        Raises:
            NotYetError: another day's budget, or a fuller treasury, pays for it.
            _NeverError: no day's budget does.
        """
        work.ledger.stand_in_line()
        now, intent = operation.accepted_at, intent_of(operation)
        if refusal := self.budgets.refusal(work, chain, intent, now):
            if self.budgets.is_beyond(chain, intent):
                raise _NeverError(refusal)
            raise NotYetError(f"{change.named}: {refusal.code}: {refusal.detail}")
        self.budgets.reserve(work, chain, operation, now)

    def _rekey(self, account: Account, change: KeyChange) -> KeyChange:
        target = account.find(change.key) if change.key is not None else None
        if target is None or account.address is None:
            raise AssertionError("what is under way has its key")
        told = _Told.by(
            partial(self._told, account, change, target, network, chain)
            for network, chain in self._networks(account)
        )
        if told.is_open:
            return change
        if told.is_completed:
            return self._complete(change)
        # Where it came to nothing, the key of before goes on; `rekey` tries those again.
        is_partly_done = any(each.state is State.COMPLETED for each in told.operations)
        return self._fail(change, told.code("rekey_failed"), moves=is_partly_done)

    def _told(
        self,
        account: Account,
        change: KeyChange,
        target: AccountKey,
        network: NetworkId,
        chain: Chain,
    ) -> Deployment | None:
        """The operation that tells *network*; None: there is nothing to tell it."""
        id, scope = change.operation(network), Scope(organisation=change.organisation)
        with self.store.begin(scope) as work:
            known = work.deployments.get(id)
            sender = sender_of(work, network, id)
        if known is not None:
            return known
        if isinstance(sender, Refusal):
            # Nothing was ever done on a network without a treasury.
            return None
        address, ruler = account.address or "", chain.address(target.public_key)
        state = chain.signer_state(address)
        if not state.balance or (state.ruler or address) == ruler:
            return None
        wanted = self._operation(account, change, chain, sender.address, ruler)
        queued = Queued(kind=wanted.token.kind, network=network, credits=0)
        details = details_of(queued) | dict(wanted.token.parameters)
        return self._added(account, change, chain, wanted, details)

    def _operation(
        self, account: Account, change: KeyChange, chain: Chain, sender: str, ruler: str
    ) -> Deployment:
        address, network, now = account.address or "", chain.network, self.clock.now()
        token = Rekey(account=address, ruler=ruler).as_token()
        operation = Deployment(
            organisation=account.organisation,
            id=change.operation(network.id),
            kind=OperationKind.REKEY,
            network=network.id,
            live=network.live,
            account=account.id,
            requested_by=change.requested_by,
            token=token,
            sender=sender,
            owner=address,
            fee_ceiling=network.fee_ceiling,
            credits=0,
            accepted_at=now,
            steps=_steps_of(chain, token),
            waiting_since=now,
        )
        return evolve(operation, predicted=chain.predicted(Pursuit.intent(operation)))

    def _added(
        self,
        account: Account,
        change: KeyChange,
        chain: Chain,
        wanted: Deployment,
        details: dict[str, JsonValue],
    ) -> Deployment:
        """The operation *wanted*, queued; or as it is, where somebody else was faster."""
        try:
            with self.store.begin(Scope(organisation=change.organisation)) as work:
                now = self.clock.now()
                work.deployments.add(wanted, due_at=now)
                self._pay(work, change, chain, wanted)
                trail = self._trail(change)
                trail.add(
                    action_for(wanted.kind, ACTIONS[Queued]),
                    wanted.named,
                    now,
                    live=account.live,
                    correlation=change.named,
                    details=details,
                )
                trail.write(work)
        except DeploymentIdTakenError:
            with self.store.begin(Scope(organisation=change.organisation)) as work:
                return work.deployments.get(wanted.id) or wanted
        return wanted

    def _networks(self, account: Account) -> Iterator[tuple[NetworkId, Chain]]:
        for id, chain in sorted(self.chains.items()):
            if (chain.network.family, chain.network.live) == (account.family, account.live):
                yield id, chain

    # The end.

    def _complete(self, change: KeyChange) -> KeyChange:
        with self.store.begin(Scope(organisation=change.organisation)) as work:
            account, fresh = self._locked(work, change)
            if not fresh.state.is_open or fresh.key is None:
                return fresh
            done = fresh.completed(self.clock.now())
            work.key_changes.put(done)
            if fresh.action is not KeyAction.ADD:
                account = account.moved_to(fresh.key)
                work.accounts.put(account)
            made = account.find(fresh.key)
            self._tell(
                work,
                account,
                done,
                "key_change.completed",
                key=fresh.key,
                address=made.address if made is not None else None,
            )
        return done

    def _fail(self, change: KeyChange, code: str, *, moves: bool = False) -> KeyChange:
        with self.store.begin(Scope(organisation=change.organisation)) as work:
            account, fresh = self._locked(work, change)
            if not fresh.state.is_open:
                return fresh
            ended = fresh.failed(code, self.clock.now())
            work.key_changes.put(ended)
            if moves and fresh.key is not None:
                account = account.moved_to(fresh.key)
                work.accounts.put(account)
            self._tell(work, account, ended, "key_change.failed", code=code, key=account.key)
        return ended

    @staticmethod
    def _locked(work: Work, change: KeyChange) -> tuple[Account, KeyChange]:
        account, fresh = work.accounts.lock(change.account), work.key_changes.get(change.id)
        if account is None or fresh is None:
            raise AssertionError("a change and its account are never deleted")
        return account, fresh

    def _tell(
        self, work: Work, account: Account, change: KeyChange, action: str, **details: JsonValue
    ) -> None:
        trail = self._trail(change)
        details["account"] = public_id(Prefix.ACCOUNT, account.id)
        details["custodian"] = change.custodian
        trail.add(action, change.named, self.clock.now(), live=account.live, details=details)
        trail.write(work)

    def _trail(self, change: KeyChange) -> Trail:
        return Trail(identifiers=self.identifiers, organisation=change.organisation, actor=WORKER)

    def _custodian(self, scheme: str) -> Custodian:
        custodian = self.custodians.get(scheme)
        if custodian is None:
            raise NotYetError(f"no custodian {scheme} is configured")
        return custodian


def _is_followed(earlier: AccountKey, own: AccountKey) -> bool:
    """Whether what belongs to the address of one key is to belong to that of the other."""
    return earlier.is_enabled and not earlier.issues and earlier.address != own.address


def _is_enabled_own(account: Account, key: AccountKey) -> bool:
    return key.key == account.key and account.state is AccountState.READY


def _is_promised(work: Work, account: Account, key: AccountKey) -> bool:
    """Whether something that is under way is to belong to the address of an earlier key."""
    if account.family.rekeys or key.issues or key.key == account.key:
        return False
    held = (work.deployments.get(id) for id in work.deployments.held_by(account.id, [key.address]))
    coming = work.deployments.handing_to(key.address)
    return any(each is not None and each.state.is_open for each in (*held, *coming))


def _last_try(
    work: Work, change: KeyChange, made_by: OperationId, to: str
) -> tuple[OperationId, Deployment | None]:
    """Under which id the token goes to *to*, and what was done under it so far.

    What a person has ended keeps its id, for a part of it is on chain; once that is asked for
    again, it is by the next id.  None of them gives what another one has given already: of the
    token its first owner has nothing more then.
    """
    id = hand_over_of(made_by, to)
    known = work.deployments.get(id)
    while known is not None and _was_ended_before(change, known):
        id = hand_over_of(known.id, to)
        known = work.deployments.get(id)
    return id, known


def _was_ended_before(change: KeyChange, known: Deployment) -> bool:
    is_over = known.state is State.FAILED and not known.came_to_nothing
    return is_over and known.accepted_at < change.requested_at


def _on_its_way(work: Work, token: OperationId) -> Deployment | None:
    """The hand-over of *token* that is open, to whichever address."""
    return next((each for each in hand_overs_of(work, token) if each.state.is_open), None)


def _after_all_before(work: Work, token: OperationId) -> datetime:
    """When a hand-over of *token* is accepted at the earliest, so that it counts as the last.

    Whoever has it is told by that, and no worker's clock may be behind another's.
    """
    latest = max((each.accepted_at for each in hand_overs_of(work, token)), default=_EVER)
    return latest + timedelta(microseconds=1)


def _steps_of(chain: Chain, token: Token, order: Order | None = None) -> tuple[Step, ...]:
    outlines = enumerate(chain.steps(token, order), start=1)
    return tuple(Step(number=number, name=step.name) for number, step in outlines)


def _last_block(*operations: Deployment) -> int:
    """The highest of those in which steps of *operations* were seen."""
    blocks = [
        step.inclusion.block.number
        for each in operations
        for step in each.steps
        if step.inclusion is not None
    ]
    return max(blocks, default=0)
