"""Derive an organisation's accounts from a passphrase of its founder's (ARC-76).

::

    passphrase ─▶ derived, in memory ─▶ the custodian takes it in ─▶ the accounts are ready

The passphrase is stored nowhere, and what comes of it only where its custodian keeps it.  Nothing
is known of an account before its custodian has its key, and from then on that key is the
account's: whoever dies in between gives the same passphrase again, and another one is refused.
Once an account is ready, all keys that it ever had say which passphrase was the one, whoever holds
its key by then.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import timedelta

from attrs import field, frozen

from application.access.caller import Caller
from application.access.own_password import CheckOwnPassword
from application.accounts.create_key import chain_of
from application.audit.trail import Trail
from application.ports.chain import Chain
from application.ports.clock import Clock
from application.ports.custody import Custodian, CustodyRefusedError, KeyDescription
from application.ports.derivation import Derivation, PublicKeys, TooManyDerivationsError
from application.ports.identifiers import Identifiers
from application.ports.storage.work import Scope, Store, Work
from application.secret_hash import is_same
from domain.account import Account, Origin
from domain.errors import FieldFault, Refusal
from domain.identifiers import AccountId, NetworkId, Prefix, public_id
from domain.network import Family
from domain.organisation import Permission, User

SHORTEST_PASSPHRASE = 16
LONGEST_PASSPHRASE = 1_000
#: Longer than what is under way for one organisation lasts.
_AGAIN_AFTER = timedelta(seconds=2)
_NOT_OFFERED = Refusal(
    code="passphrase_not_offered",
    detail="the keys of this organisation's accounts are made by a custodian",
)
_DIFFERS = Refusal(
    code="passphrase_differs",
    detail="the accounts are derived from another passphrase, or slot",
)


@frozen(kw_only=True)
class Passphrase:
    text: str = field(repr=False)
    #: Several accounts may be of one passphrase; they count from 0.
    slot: int = 0


@frozen(kw_only=True)
class DeriveAccounts:
    store: Store
    #: By the scheme of their key references.
    custodians: Mapping[str, Custodian]
    chains: Mapping[NetworkId, Chain]
    check: CheckOwnPassword
    derive: Derivation
    public_key_of: PublicKeys
    clock: Clock
    identifiers: Identifiers

    def __call__(
        self, caller: Caller, password: str, passphrase: Passphrase
    ) -> Sequence[Account] | Refusal:
        """The accounts with their keys; the same again where they have them already.

        *password*: the one that logs in.  Whoever has found a session does not choose keys that
        nobody can change; a wrong one counts like a failed log-in.

        Raises:
            CustodyUnavailableError: ask again, with the same passphrase.
            PasswordsBusyError, DerivationsBusyError: likewise.
        """
        if refusal := caller.refusal(Permission.WRITE_ACCOUNTS):
            return refusal
        if fault := passphrase_fault(passphrase.text):
            return Refusal(
                code="validation_failed",
                detail="the passphrase will not do",
                faults=(FieldFault("/passphrase", *fault),),
            )
        user = self._founder(caller)
        if isinstance(user, Refusal):
            return user
        accounts = self._accounts(caller)
        if isinstance(accounts, Refusal):
            return accounts
        known = self.check(user.id, password, caller.source or "")
        if isinstance(known, Refusal):
            return known
        # What counts already stays good, whatever the password has become.
        is_new = any(each.awaits_passphrase for each in accounts)
        if is_new and is_same(passphrase.text.encode(), password.encode()):
            return Refusal(
                code="passphrase_is_password",
                detail="the passphrase must be another one than the password that logs in",
            )
        email = canonical_email(user.email)
        try:
            secret = self.derive(caller.organisation, email, passphrase.text, passphrase.slot)
        except TooManyDerivationsError as error:
            return Refusal(code="rate_limited", detail=str(error), retry_after=_AGAIN_AFTER)
        try:
            if not all(self._may_be_of(each, secret) for each in accounts):
                return _DIFFERS
            made = {
                each.id: self._taken_in(each, secret)
                for each in accounts
                if each.awaits_passphrase
            }
        except CustodyRefusedError as error:
            if error.code == "key_exists" and self._is_given_up(caller, accounts):
                # The key that is there is the custodian's own.
                return _NOT_OFFERED
            return _refusal_of(error)
        finally:
            secret[:] = bytes(len(secret))
        return self._ready(caller, accounts, made)

    def _accounts(self, caller: Caller) -> Sequence[Account] | Refusal:
        """Those that are derived, oldest first: so another passphrase meets the first one's key.

        Refused where there is none, and where a custodian does not take in what it is to.
        """
        families = {chain.network.family for chain in self.chains.values()}
        with self.store.begin(caller.scope) as work:
            accounts = [each for each in _derived(work) if each.family in families]
        if not accounts:
            return _NOT_OFFERED
        waiting = [each for each in accounts if each.awaits_passphrase]
        for each in waiting:
            custodian, curve = self.custodians.get(each.custodian), each.family.curve
            if custodian is None:
                detail = f"the custodian {each.custodian} is not configured"
                return Refusal(code="custodian_not_configured", detail=detail)
            if curve not in custodian.capabilities().imports:
                detail = f"the custodian {each.custodian} takes in no {curve.value} keys"
                return Refusal(code="import_not_offered", detail=detail)
        return accounts

    def _founder(self, caller: Caller) -> User | Refusal:
        """Who registered: by their address, which is nobody else's, no two organisations derive
        the same account.
        """
        if caller.user is None:
            return Refusal(code="session_required", detail="an API key has no address")
        with self.store.begin(Scope(organisation=caller.organisation, user=caller.user)) as work:
            user, members = work.users.get(), work.members.ever()
        first = min(members, key=lambda member: (member.created_at, member.id.int))
        if user is None or first.user != user.id:
            return Refusal(
                code="forbidden", detail="this needs whoever has registered the organisation"
            )
        return user

    def _taken_in(self, account: Account, secret: bytearray) -> KeyDescription:
        """Raises: CustodyRefusedError, CustodyUnavailableError."""
        family = account.family
        return self.custodians[account.custodian].import_key(
            account.organisation, account.id, family.curve, family.key_use, secret
        )

    def _may_be_of(self, account: Account, secret: bytearray) -> bool:
        """Whether no key that *account* ever had says that it is of another secret.

        The custodian that holds its key now may never have seen the first one.
        """
        if account.awaits_passphrase:
            return True
        try:
            public_key = self.public_key_of(account.family.curve, secret)
        except ValueError:
            return False
        return any(each.public_key == public_key for each in account.keys)

    def _is_given_up(self, caller: Caller, accounts: Sequence[Account]) -> bool:
        """Meanwhile, by somebody else."""
        with self.store.begin(caller.scope) as work:
            found = [work.accounts.get(each.id) for each in accounts]
        return any(each is not None and each.origin is not Origin.ARC76 for each in found)

    def _ready(
        self,
        caller: Caller,
        accounts: Sequence[Account],
        made: Mapping[AccountId, KeyDescription],
    ) -> Sequence[Account] | Refusal:
        """All of them at once, so that no organisation has half of its accounts."""
        with self.store.begin(caller.scope) as work:
            locked = [_locked(work, each.id) for each in accounts]
            if any(each.origin is not Origin.ARC76 for each in locked):
                # Given up meanwhile; what the custodian has taken in is nobody's key.
                return _NOT_OFFERED
            trail = caller.trail(self.identifiers)
            ready = [self._with_key(work, trail, each, made.get(each.id)) for each in locked]
            trail.write(work)
        return ready

    def _with_key(
        self, work: Work, trail: Trail, account: Account, described: KeyDescription | None
    ) -> Account:
        if described is None or not account.awaits_passphrase:
            return account
        address = chain_of(self.chains, account.family).address(described.public_key)
        ready = account.with_key(described.key, described.public_key, address)
        work.accounts.put(ready)
        trail.add(
            "account.ready",
            public_id(Prefix.ACCOUNT, ready.id),
            self.clock.now(),
            live=ready.live,
            details={"address": address, "key": described.key},
        )
        return ready


def canonical_email(email: str) -> str:
    """As accounts are derived from it: without blanks around, in lower case, composed (NFC)."""
    return unicodedata.normalize("NFC", email.strip().lower())


def passphrase_fault(text: str) -> tuple[str, str] | None:
    """Code and message of what is wrong with it."""
    if len(text) < SHORTEST_PASSPHRASE:
        return "too_short", f"a signing passphrase has {SHORTEST_PASSPHRASE} characters or more"
    if len(text) > LONGEST_PASSPHRASE:
        return "too_long", f"a signing passphrase has {LONGEST_PASSPHRASE} characters at most"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "control_character", "a signing passphrase is Unicode text"
    return None


def _locked(work: Work, id: AccountId) -> Account:
    account = work.accounts.lock(id)
    if account is None:
        raise AssertionError("an account is never deleted")
    return account


def _derived(work: Work) -> list[Account]:
    found = [
        account
        for family in Family
        for live in (False, True)
        if (account := work.accounts.find(family, live=live)) is not None
        and account.origin is Origin.ARC76
    ]
    # Ids grow in a process also where its clock goes back, and locks are taken in their order.
    return sorted(found, key=lambda account: account.id.int)


def _refusal_of(error: CustodyRefusedError) -> Refusal:
    """What the custodian's word means to whoever gave a passphrase.

    Raises: CustodyRefusedError: nothing that they could change.
    """
    if error.code == "key_exists":
        return _DIFFERS
    if error.code == "denied":
        return Refusal(
            code="custodian_not_configured", detail="the custodian lets nobody here take keys in"
        )
    raise error
