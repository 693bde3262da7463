"""What became of requests, by the chains' own APIs and raw SQL: nothing here is of the product."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Collection, Iterator

import psycopg

from entrypoints.devnet.anvil import call

#: What a deployment costs.
CREDITS = 5
_TYPEID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
#: The factory's event: it says how often it has deployed anything at all.
_DEPLOYED = "0x8a667a762c6b11836243ef58bb98850c7a4210d0226eb030bb2e03e3b7cc01e3"


def differences_of_contracts(node: str, addresses: Collection[str]) -> Iterator[str]:
    """Raw JSON-RPC: code at each of these, and the factory has made these and no others."""
    if len(set(addresses)) != len(addresses):
        yield f"two deployments have one address: {sorted(addresses)}"
    for address in addresses:
        if len(str(call(node, "eth_getCode", address, "latest"))) < 1_000:
            yield f"there is no contract at {address}"
    made = deployed(node)
    if sorted(made) != sorted(address.lower() for address in addresses):
        yield f"the factory has made {sorted(made)}, told were {sorted(addresses)}"


def deployed(node: str) -> list[str]:
    """The address of each deployment by the factory, in lower case."""
    logs = call(
        node, "eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "topics": [_DEPLOYED]}
    )
    assert isinstance(logs, list)
    return [f"0x{log['topics'][1][-40:]}" for log in logs]


def created(node: str, issuer: str) -> set[int]:
    """Raw algod HTTP: the assets that an account has made."""
    with urllib.request.urlopen(f"{node}/v2/accounts/{issuer}", timeout=30) as answer:  # noqa: S310
        account = json.load(answer)
    return {asset["index"] for asset in account["created-assets"]}


def differences_in_the_books(
    connection: psycopg.Connection, organisation: str, count: int
) -> Iterator[str]:
    """Each of *count* deployments was paid once, nothing is held, the trail has no gap."""
    id = uuid_of(organisation)
    spent = "FROM journal WHERE organisation_id = %s AND credit = 'spent'"
    for what, query, wanted in (
        ("credits spent", f"SELECT coalesce(sum(amount), 0) {spent}", CREDITS * count),
        ("captures", f"SELECT count(*) {spent}", count),
        ("credits held", "SELECT held FROM wallets WHERE organisation_id = %s", 0),
        (
            "open holds",
            "SELECT count(*) FROM holds WHERE organisation_id = %s AND state = 'held'",
            0,
        ),
        ("operations", "SELECT count(*) FROM operations WHERE organisation_id = %s", count),
        (
            "gaps in the trail",
            "SELECT max(sequence) - count(*) FROM audit_events WHERE organisation_id = %s",
            0,
        ),
    ):
        row = connection.execute(query.encode(), [id]).fetchone()
        assert row is not None
        if row[0] != wanted:
            yield f"{what}: {row[0]}, should be {wanted}"


def uuid_of(typeid: str) -> str:
    value = 0
    for letter in typeid.rpartition("_")[2]:
        value = value << 5 | _TYPEID_LETTERS.index(letter)
    return f"{value:032x}"
