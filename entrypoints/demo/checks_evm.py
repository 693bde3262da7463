"""An ERC-20 by raw JSON-RPC: selectors and ABI words, nothing of ours."""

import json
import urllib.request
from collections.abc import Iterator

from entrypoints.demo.story import Issued

# First four bytes of keccak-256 of the signature: ERC-20, ERC-20 metadata, OpenZeppelin's
# AccessControlEnumerable and ERC20Capped.
_NAME, _SYMBOL, _DECIMALS, _SUPPLY = "0x06fdde03", "0x95d89b41", "0x313ce567", "0x18160ddd"
_BALANCE_OF, _CAP = "0x70a08231", "0x355274ea"
_ROLE_COUNT, _ROLE_MEMBER, _HAS_ROLE = "0xca15c873", "0x9010d07c", "0x91d14854"
_ADMIN = "00" * 32
#: keccak-256 of ``MINTER_ROLE`` and ``PAUSER_ROLE``.
_MINTER = "9f2df0fed2c77648de5860a4cc508cd0818c85b8b8a1ab4ceeef8d981c8956a6"
_PAUSER = "65d7a28e3265b37a6474929f336521b332c1681b933f6cb9f3376673440d862a"


def differences(node: str, issued: Issued) -> Iterator[str]:
    """Every promise about a mintable ERC-20 that does not hold, by JSON-RPC."""
    token, wanted = issued.address, issued.order.token

    def call(data: str) -> str:
        result = _rpc(node, "eth_call", {"to": token, "data": data}, "latest")
        return str(result)[2:]

    def number(data: str) -> int:
        return int(call(data) or "0", 16)

    if token != issued.predicted:
        yield f"the token is at {token}, not at the planned {issued.predicted}"
    code = str(_rpc(node, "eth_getCode", token, "latest"))
    if len(code) < 1_000:
        yield f"there is no contract at {token}"
        return
    holder = issued.owner[2:].lower().rjust(64, "0")
    facts: dict[str, tuple[object, object]] = {
        "name": (_text(call(_NAME)), wanted["name"]),
        "symbol": (_text(call(_SYMBOL)), wanted["symbol"]),
        "decimals": (number(_DECIMALS), wanted["decimals"]),
        "supply": (number(_SUPPLY), int(str(wanted["initial_supply"]))),
        "cap": (number(_CAP), int(str(wanted["cap"]))),
        "the owner's balance": (
            number(_BALANCE_OF + holder),
            int(str(wanted["initial_supply"])),
        ),
    }
    for role, name in ((_ADMIN, "admin"), (_MINTER, "minter"), (_PAUSER, "pauser")):
        facts[f"number of {name}s"] = (number(_ROLE_COUNT + role), 1)
        facts[f"the {name}"] = (call(_ROLE_MEMBER + role + "00" * 32)[-40:], holder[-40:])
        facts[f"owner is {name}"] = (number(_HAS_ROLE + role + holder), 1)
    for name, (found, promised) in facts.items():
        if found != promised:
            yield f"{name} is {found!r} on chain, {promised!r} was promised"


def _rpc(node: str, method: str, *parameters: object) -> object:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
    request = urllib.request.Request(  # noqa: S310 - the demo's own node
        node, body.encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)["result"]


def _text(encoded: str) -> str:
    """An ABI string: offset, length, bytes."""
    raw = bytes.fromhex(encoded)
    length = int.from_bytes(raw[32:64])
    return raw[64 : 64 + length].decode()
