"""Whether it is true: the chains' own APIs, raw, and raw SQL to the database.

Nothing here comes from the adapters or the domain: an oracle is not read from what it judges.
"""

import json
from collections.abc import Iterator
from typing import Any

import psycopg

from entrypoints.demo import checks_algorand, checks_evm
from entrypoints.demo.parts import ALGORAND, Parts
from entrypoints.demo.story import Told

_TYPEID_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


def differences(parts: Parts, told: Told) -> Iterator[str]:
    """Every promise that does not hold; nothing if all do."""
    for each in told.issued:
        if each.order.network == ALGORAND:
            for node in parts.algod:
                yield from checks_algorand.differences(node, each)
        else:
            yield from checks_evm.differences(parts.anvil, each)
    yield from _in_the_books(parts.database, told)


def _in_the_books(database: str, told: Told) -> Iterator[str]:
    organisation = _uuid(told.organisation)
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
        bought = one(
            "SELECT coalesce(sum(amount), 0) FROM journal"
            " WHERE organisation_id = %s AND debit = 'issued:pack'",
            organisation,
        )
        if bought != told.bought:
            yield f"{bought} credits of packs are given, {told.bought} were paid for"
        available = one("SELECT available FROM wallets WHERE organisation_id = %s", organisation)
        if available != told.closing:
            yield f"{available} credits are available, the statement ends with {told.closing}"
        held = one("SELECT held FROM wallets WHERE organisation_id = %s", organisation)
        if held != 0:
            yield f"{held} credits are still held"
        open_holds = one(
            "SELECT count(*) FROM holds WHERE organisation_id = %s AND state = 'held'",
            organisation,
        )
        if open_holds != 0:
            yield f"{open_holds} holds are open"
        rows = connection.execute(
            b"SELECT sequence, body FROM audit_events"
            b" WHERE organisation_id = %s ORDER BY sequence",
            [organisation],
        ).fetchall()
        if [sequence for sequence, _ in rows] != list(range(1, len(rows) + 1)):
            yield "the audit trail has gaps"
        trail = [json.loads(bytes(body)) for _, body in rows]
        for each in told.issued:
            state = one(
                "SELECT state::text FROM operations WHERE organisation_id = %s AND id = %s",
                organisation,
                _uuid(each.deployment),
            )
            if str(state).lower() != "completed":
                yield f"the operation is {state} in the database"
            actions = [e["action"] for e in trail if e["subject"] == each.deployment]
            for action in ("queued", "submitted", "pending", "confirmed", "indexed", "completed"):
                times = actions.count(f"deployment.{action}")
                if times != 1:
                    yield f"deployment.{action} is {times} times in the trail"


def _uuid(typeid: str) -> str:
    value = 0
    for letter in typeid.rpartition("_")[2]:
        value = value << 5 | _TYPEID_LETTERS.index(letter)
    return f"{value:032x}"
