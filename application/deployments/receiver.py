"""Who is to have a token, or an address, once an account has another key: by its custodian's word.

The row of an operation says it, and so does the account's; whoever can write to the database can
write there.  What a custodian's register says is sealed, and that is what is signed for.
"""

from collections.abc import Mapping

from application.ports.chain import Chain
from application.ports.custody import Custodian, CustodyRefusedError
from domain.account import Account
from domain.deployment import Deployment
from domain.identifiers import INSTALLATION, KeyRef
from domain.rekey import REKEY, Rekey
from domain.signing import KeyPlace
from domain.token import Action


class ReceiverDiffersError(Exception):
    """What is to be given away is not for a key of the account.  Nothing of it is signed."""


def check_receiver(
    operation: Deployment,
    account: Account | None,
    chain: Chain,
    custodians: Mapping[str, Custodian],
) -> None:
    """Ask who *operation* gives something to, where it does.

    Raises:
        ReceiverDiffersError: no enabled key of the account has that address.
        CustodyRefusedError: its custodian does not know the key, or is not configured here.
        CustodyUnavailableError: ask again.
    """
    for to in _receivers_of(operation):
        _check(to, account, chain, custodians)


def is_key_of(account: Account, key: KeyRef) -> bool:
    """Whether *key* is one that a custodian made for *account*: its reference says for whom."""
    place = _place_of(key)
    whose = None if place is None else (place.organisation, place.account)
    return whose == (account.organisation, account.id)


def is_treasurys(key: KeyRef) -> bool:
    """Whether *key* was made for the installation, and for no organisation."""
    place = _place_of(key)
    return place is not None and place.organisation == INSTALLATION


def _receivers_of(operation: Deployment) -> tuple[str, ...]:
    """By what a chain would build of it: what the row is called is in no transaction."""
    order, receivers = operation.order, []
    if order is not None and order.action is Action.HAND_OVER:
        receivers.append(str(order.parameters["to"]))
    if operation.token.kind == REKEY:
        receivers.append(Rekey.of(operation.token).ruler)
    return tuple(receivers)


def _check(
    to: str, account: Account | None, chain: Chain, custodians: Mapping[str, Custodian]
) -> None:
    keys = account.keys if account is not None else ()
    named = next((each.key for each in keys if chain.address(each.public_key) == to), None)
    if account is None or named is None:
        raise ReceiverDiffersError(f"{to} is the address of no key of the account")
    scheme = named.partition(":")[0]
    if scheme not in custodians:
        raise CustodyRefusedError("unknown_key", f"no custodian {scheme} is configured")
    if not is_key_of(account, named):
        raise ReceiverDiffersError(f"{named} is a key of another account")
    described = custodians[scheme].describe(named)
    found = chain.address(described.public_key)
    if found != to:
        raise ReceiverDiffersError(f"{named} has the address {found}, and not {to}")
    if not described.enabled:
        raise ReceiverDiffersError(f"{named}, whose address is {to}, is disabled")


def _place_of(key: KeyRef) -> KeyPlace | None:
    return KeyPlace.of(key.partition(":")[0], key)
