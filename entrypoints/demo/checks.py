"""Whether it is true: raw JSON-RPC to the node, raw SQL to the database.

Nothing here comes from the adapters or the domain: an oracle is not read from what it judges.
"""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import psycopg

from entrypoints.demo.parts import Parts
from entrypoints.demo.story import TOKEN, Told

# First four bytes of keccak-256 of the signature: ERC-20, ERC-20 metadata, OpenZeppelin's
# AccessControlEnumerable and ERC20Capped.
_NAME, _SYMBOL, _DECIMALS, _SUPPLY = "0x06fdde03", "0x95d89b41", "0x313ce567", "0x18160ddd"
_BALANCE_OF, _CAP = "0x70a08231", "0x355274ea"
_ROLE_COUNT, _ROLE_MEMBER, _HAS_ROLE = "0xca15c873", "0x9010d07c", "0x91d14854"
_ADMIN = "00" * 32
#: keccak-256 of ``MINTER_ROLE`` and ``PAUSER_ROLE``.
_MINTER = "9f2df0fed2c77648de5860a4cc508cd0818c85b8b8a1ab4ceeef8d981c8956a6"
_PAUSER = "65d7a28e3265b37a6474929f336521b332c1681b933f6cb9f3376673440d862a"
_TYPEID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


def differences(parts: Parts, told: Told) -> Iterator[str]:
    """Every promise that does not hold; nothing if all do."""
    yield from _on_chain(parts.node, told)
    yield from _in_the_books(parts.database, told)


def _on_chain(node: str, told: Told) -> Iterator[str]:
    token = told.address

    def call(data: str) -> str:
        result = _rpc(node, "eth_call", {"to": token, "data": data}, "latest")
        return str(result)[2:]

    def number(data: str) -> int:
        return int(call(data) or "0", 16)

    if token != told.predicted:
        yield f"the token is at {token}, not at the planned {told.predicted}"
    code = str(_rpc(node, "eth_getCode", token, "latest"))
    if len(code) < 1_000:
        yield f"there is no contract at {token}"
        return
    holder = told.owner[2:].lower().rjust(64, "0")
    facts: dict[str, tuple[object, object]] = {
        "name": (_text(call(_NAME)), TOKEN["name"]),
        "symbol": (_text(call(_SYMBOL)), TOKEN["symbol"]),
        "decimals": (number(_DECIMALS), TOKEN["decimals"]),
        "supply": (number(_SUPPLY), int(str(TOKEN["initial_supply"]))),
        "cap": (number(_CAP), int(str(TOKEN["cap"]))),
        "the owner's balance": (
            number(_BALANCE_OF + holder),
            int(str(TOKEN["initial_supply"])),
        ),
    }
    for role, name in ((_ADMIN, "admin"), (_MINTER, "minter"), (_PAUSER, "pauser")):
        facts[f"number of {name}s"] = (number(_ROLE_COUNT + role), 1)
        facts[f"the {name}"] = (call(_ROLE_MEMBER + role + "00" * 32)[-40:], holder[-40:])
        facts[f"owner is {name}"] = (number(_HAS_ROLE + role + holder), 1)
    for name, (found, promised) in facts.items():
        if found != promised:
            yield f"{name} is {found!r} on chain, {promised!r} was promised"


def _in_the_books(database: str, told: Told) -> Iterator[str]:
    organisation, deployment = _uuid(told.organisation), _uuid(told.deployment)
    with psycopg.connect(database) as connection:

        def one(query: str, *values: object) -> Any:
            row = connection.execute(query.encode(), values).fetchone()
            return row[0] if row else None

        spent = one(
            "SELECT coalesce(sum(amount), 0) FROM journal"
            " WHERE organisation_id = %s AND credit = 'spent'",
            organisation,
        )
        if spent != told.credits:
            yield f"{spent} credits are spent, {told.credits} were promised"
        held = one("SELECT held FROM wallets WHERE organisation_id = %s", organisation)
        if held != 0:
            yield f"{held} credits are still held"
        open_holds = one(
            "SELECT count(*) FROM holds WHERE organisation_id = %s AND state = 'held'",
            organisation,
        )
        if open_holds != 0:
            yield f"{open_holds} holds are open"
        state = one(
            "SELECT state::text FROM operations WHERE organisation_id = %s AND id = %s",
            organisation,
            deployment,
        )
        if str(state).lower() != "completed":
            yield f"the operation is {state} in the database"
        rows = connection.execute(
            b"SELECT sequence, body FROM audit_events"
            b" WHERE organisation_id = %s ORDER BY sequence",
            [organisation],
        ).fetchall()
        if [sequence for sequence, _ in rows] != list(range(1, len(rows) + 1)):
            yield "the audit trail has gaps"
        actions = [
            event["action"]
            for event in (json.loads(bytes(body)) for _, body in rows)
            if event["subject"] == told.deployment
        ]
        for action in ("queued", "submitted", "pending", "confirmed", "indexed", "completed"):
            times = actions.count(f"deployment.{action}")
            if times != 1:
                yield f"deployment.{action} is {times} times in the trail"


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


def _uuid(typeid: str) -> str:
    value = 0
    for letter in typeid.rpartition("_")[2]:
        value = value << 5 | _TYPEID_LETTERS.index(letter)
    return f"{value:032x}"
