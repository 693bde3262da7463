"""A token as it is now, and as it must be when it is new.

Who may mint, pause and give those rights away is read from the contract's list of each role's
members.  The power to burn is nobody's: every holder may burn what is its own, and nobody anything
else.
"""

from collections.abc import Iterator
from typing import Any

from eth_utils.address import to_checksum_address

from adapters.evm.reads import UnreadableError, View
from adapters.evm.standards.erc20.build import artefact_of, cap_of
from adapters.evm.standards.erc20.read_back import ROLES
from adapters.evm.standards.erc20.specification import MINTABLE
from domain.operation import Intent
from domain.token import Power, TokenKind, TokenState

_POWERS = {
    Power.MANAGE: ROLES["DEFAULT_ADMIN_ROLE"],
    Power.MINT: ROLES["MINTER_ROLE"],
    Power.PAUSE: ROLES["PAUSER_ROLE"],
}


def planned(intent: Intent) -> TokenState:
    token, is_mintable = intent.token, intent.token.kind == MINTABLE
    owner = to_checksum_address(intent.owner)
    artefact = artefact_of(token.kind)
    return TokenState(
        name=token.name,
        symbol=token.symbol,
        decimals=token.decimals,
        supply=token.supply,
        # ERC20Burnable.
        holders_may_burn=is_mintable,
        cap=cap_of(intent) if is_mintable else None,
        powers=dict.fromkeys(_POWERS, (owner,)) if is_mintable else {},
        code=artefact.digest(artefact.runtime_code),
    )


def state(kind: TokenKind, view: View) -> TokenState:
    is_mintable = kind == MINTABLE
    return TokenState(
        name=_read(view, "name()", "string", ""),
        symbol=_read(view, "symbol()", "string", ""),
        decimals=_read(view, "decimals()", "uint8", 0),
        supply=_read(view, "totalSupply()", "uint256", 0),
        cap=_read(view, "cap()", "uint256", None) if is_mintable else None,
        powers=dict(_powers(view)) if is_mintable else {},
        paused=_read(view, "paused()", "bool", False) if is_mintable else False,
        code=artefact_of(kind).digest(view.code()),
    )


def _powers(view: View) -> Iterator[tuple[Power, tuple[str, ...]]]:
    for power, role in _POWERS.items():
        members = _read(view, "getRoleMembers(bytes32)", "address[]", (), role)
        if members:
            yield power, tuple(sorted(to_checksum_address(member) for member in members))


def _read(view: View, signature: str, returns: str, otherwise: object, *arguments: object) -> Any:
    try:
        return view.ask(signature, returns, *arguments)
    except UnreadableError:
        return otherwise
