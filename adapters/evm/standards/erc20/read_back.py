"""What the chain says of a new token, compared with what was planned.

The code is compared with the compiled one, so nothing that it answers can be a pretence; what it
answers is compared all the same, because the plan is in the answers and not in the code.
"""

from collections.abc import Iterator

from eth_utils.crypto import keccak

from adapters.evm.reads import UnreadableError, View
from adapters.evm.standards.erc20.build import artefact_of, cap_of, holder_of
from adapters.evm.standards.erc20.specification import MINTABLE
from domain.operation import Intent

#: Name of each role and its id in OpenZeppelin's AccessControl.
ROLES = {
    "DEFAULT_ADMIN_ROLE": bytes(32),
    "MINTER_ROLE": keccak(text="MINTER_ROLE"),
    "PAUSER_ROLE": keccak(text="PAUSER_ROLE"),
}


def differences(intent: Intent, view: View) -> Iterator[str]:
    token = intent.token
    if not artefact_of(token.kind).made(view.code()):
        yield f"code: not that of an {token.kind}"
    yield from _differs(view, "name()", "string", token.name)
    yield from _differs(view, "symbol()", "string", token.symbol)
    yield from _differs(view, "decimals()", "uint8", token.decimals)
    yield from _differs(view, "totalSupply()", "uint256", token.supply)
    yield from _differs(
        view, "balanceOf(address)", "uint256", token.supply, argument=holder_of(intent)
    )
    if token.kind == MINTABLE:
        yield from _differs(view, "cap()", "uint256", cap_of(intent))
        yield from _differs(view, "paused()", "bool", False)
        for role, id in ROLES.items():
            yield from _not_only(view, role, id, intent.owner)


def _differs(
    view: View, signature: str, returns: str, planned: object, *, argument: str | None = None
) -> Iterator[str]:
    name = signature.partition("(")[0]
    try:
        found = view.ask(signature, returns, *(() if argument is None else (argument,)))
    except UnreadableError as error:
        yield f"{name}: planned {planned}, and it cannot be read: {error}"
        return
    if found != planned:
        yield f"{name}: planned {planned}, found {found}"


def _not_only(view: View, role: str, id: bytes, owner: str) -> Iterator[str]:
    """The role belongs to the owner and to nobody else."""
    try:
        count = view.ask("getRoleMemberCount(bytes32)", "uint256", id)
        first = view.ask("getRoleMember(bytes32,uint256)", "address", id, 0) if count else None
    except UnreadableError as error:
        yield f"{role}: its holders cannot be read: {error}"
        return
    if count != 1 or str(first).lower() != owner.lower():
        yield f"{role}: planned {owner} alone, found {count} holders, first {first}"
