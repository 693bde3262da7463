"""Who is to have a token, or an address, once an account has another key: by its custodian's word.

The row of an operation says it, and so does the account's; whoever can write to the database can
write there.  What a custodian's register says is sealed, and that is what is signed for.
"""

from collections.abc import Mapping

from application.ports.chain import Chain
from application.ports.custody import Custodian, CustodyRefusedError
from domain.account import Account
from domain.deployment import Deployment
from domain.identifiers import KeyRef
from domain.operation import OperationKind
from domain.rekey import Rekey
from domain.signing import KeyPlace


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
    to = _receiver_of(operation)
    if to is None:
        return
    keys = account.keys if account is not None else ()
    named = next((each.key for each in keys if chain.address(each.public_key) == to), None)
    if account is None or named is None:
        raise ReceiverDiffersError(f"{to} is the address of no key of the account")
    scheme = named.partition(":")[0]
    if scheme not in custodians:
        raise CustodyRefusedError("unknown_key", f"no custodian {scheme} is configured")
    if not _is_of(account, scheme, named):
        raise ReceiverDiffersError(f"{named} is a key of another account")
    described = custodians[scheme].describe(named)
    found = chain.address(described.public_key)
    if found != to:
        raise ReceiverDiffersError(f"{named} has the address {found}, and not {to}")
    if not described.enabled:
        raise ReceiverDiffersError(f"{named}, whose address is {to}, is disabled")


def _receiver_of(operation: Deployment) -> str | None:
    if operation.kind is OperationKind.REKEY:
        return Rekey.of(operation.token).ruler
    if operation.kind is OperationKind.HAND_OVER and operation.order is not None:
        return str(operation.order.parameters["to"])
    return None


def _is_of(account: Account, scheme: str, key: KeyRef) -> bool:
    place = KeyPlace.of(scheme, key)
    whose = None if place is None else (place.organisation, place.account)
    return whose == (account.organisation, account.id)
