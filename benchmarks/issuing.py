"""Deployments, accepted over HTTP and carried to their end by two workers, and whether it is true.

What was issued is counted by the chains' own APIs, raw, and by raw SQL: nothing that is judged
is asked whether it did well.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg

from benchmarks.figures import Batch
from benchmarks.http_client import on_time
from benchmarks.installation import NOTES, Customer, Installation, NotReadyError, installed
from benchmarks.orders import orders
from benchmarks.processes import processor_seconds, resident_megabytes
from entrypoints.demo.parts import ALGORAND, EVM
from entrypoints.devnet.anvil import call

CUSTOMERS = 100
WORKERS = 2
#: Clients that ask at once.
CONNECTIONS = 16
COUNT = 10_000
#: Of each customer, from the tariff and the operator; more than they spend.
BALANCE = 1_000_000
#: The catalogue's price.
CREDITS = 5

#: keccak-256 of the event by which our factory tells of each contract that it has deployed.
_DEPLOYED = "0x8a667a762c6b11836243ef58bb98850c7a4210d0226eb030bb2e03e3b7cc01e3"
#: Hexadecimal digits: nothing of ours is shorter.
_LEAST_CODE = 1_000
_STATES = """
SELECT count(*) FILTER (WHERE state = 'Completed'),
       count(*) FILTER (WHERE state IN ('Failed', 'Cancelled')),
       count(*)
  FROM operations
 WHERE kind = 'deployment'
"""
#: Of one organisation: credits spent and in how many lines, credits held, holds open, what is
#: left of what was given, numbers missing in its trail, and events of an end.
_BOOKS = """
SELECT (SELECT coalesce(sum(amount), 0)::bigint FROM journal
         WHERE organisation_id = %(id)s AND credit = 'spent'),
       (SELECT count(*) FROM journal WHERE organisation_id = %(id)s AND credit = 'spent'),
       (SELECT held FROM wallets WHERE organisation_id = %(id)s),
       (SELECT count(*) FROM holds WHERE organisation_id = %(id)s AND state = 'held'),
       (SELECT coalesce(sum(amount), 0)::bigint FROM journal
         WHERE organisation_id = %(id)s AND debit::text LIKE 'issued:%%')
       - (SELECT available FROM wallets WHERE organisation_id = %(id)s),
       (SELECT max(sequence) - count(*) FROM audit_events WHERE organisation_id = %(id)s),
       (SELECT count(*) FROM audit_events
         WHERE organisation_id = %(id)s AND action = 'deployment.completed')
"""
#: Nothing moves any more.
_STANDSTILL_SECONDS = 60.0
_SAY_SECONDS = 10.0
#: Asking goes through all operations.
_ASK_SECONDS = 0.25


def carried(place: Installation, count: int, say: Callable[[str], None]) -> Mapping[str, object]:
    """*count* of them, from the first request to the last Completed; those before are over.

    Raises: NotReadyError: nothing moves, and not all have come to an end.
    """
    before, ended = _processor(place), finished(place, say)
    begun = time.perf_counter()
    answers = on_time(
        place.api, [(0.0, each) for each in islice(orders(place), count)], CONNECTIONS
    )
    accepted_after = time.perf_counter() - begun
    accepted = sum(answer.is_good for answer in answers)
    say(f"accepted: {accepted} of {count} in {accepted_after:.1f} s")
    completed, failed = (now - then for now, then in zip(finished(place, say), ended, strict=True))
    seconds = time.perf_counter() - begun
    return {
        "per_second": round(completed / seconds, 1),
        "seconds": round(seconds, 1),
        "accepted_seconds": round(accepted_after, 1),
        "count": completed,
        "errors": count - accepted + failed,
        "processor_seconds": {
            name: round(after - before[name], 1) for name, after in _processor(place).items()
        },
        "resident_megabytes": {
            name: round(resident_megabytes(process.pid), 1)
            for name, process in place.running.items()
        },
    }


def finished(place: Installation, say: Callable[[str], None]) -> tuple[int, int]:
    """How many are completed, and have ended otherwise, once all have.

    Raises: NotReadyError: nothing moves.
    """
    last, moved, told = -1, time.monotonic(), time.monotonic()
    with psycopg.connect(place.parts.database, autocommit=True) as connection:
        while True:
            ((completed, failed, total),) = connection.execute(_STATES).fetchall()
            ended, now = completed + failed, time.monotonic()
            if ended == total:
                return completed, failed
            if ended > last:
                last, moved = ended, now
            if now - moved > _STANDSTILL_SECONDS:
                raise NotReadyError(f"{ended} of {total} have ended, and nothing moves")
            if now - told > _SAY_SECONDS:
                say(f"completed: {completed} of {total}")
                told = now
            time.sleep(_ASK_SECONDS)


def _processor(place: Installation) -> dict[str, float]:
    pids = {name: process.pid for name, process in place.running.items()}
    return {name: processor_seconds(pid) for name, pid in (pids | place.chains).items()}


def differences(place: Installation) -> Iterator[str]:
    """Every promise about what was issued that does not hold; nothing if all do."""
    issued = [each for customer in place.customers for each in _listed(place, customer)]
    by_network: dict[str, list[str]] = {EVM: [], ALGORAND: []}
    for each in issued:
        if each["state"] != "Completed":
            yield f"{each['id']} is {each['state']}: {each['failure']}"
        else:
            by_network[each["network"]].append(str(each["address"]))
    for network, addresses in by_network.items():
        if len(set(addresses)) != len(addresses):
            yield f"{network}: two deployments have one address"
    yield from _on_anvil(place.parts.anvil, by_network[EVM])
    for node in place.parts.algod:
        owners = {str(each["owner"]) for each in issued if each["network"] == ALGORAND}
        yield from _on_algod(node, owners, {int(id) for id in by_network[ALGORAND]})
    yield from _in_the_books(place)


def _on_anvil(node: str, addresses: list[str]) -> Iterator[str]:
    query = {"fromBlock": "0x0", "toBlock": "latest", "topics": [_DEPLOYED]}
    logs: Any = call(node, "eth_getLogs", query)
    if len(logs) != len(addresses):
        yield f"the factory has deployed {len(logs)} contracts, {len(addresses)} were asked for"
    if {f"0x{log['topics'][1][-40:]}" for log in logs} != {each.lower() for each in addresses}:
        yield "the factory has deployed at other addresses than were told"
    for address in addresses:
        if len(str(call(node, "eth_getCode", address, "latest"))) < _LEAST_CODE:
            yield f"there is no contract at {address}"


def _on_algod(node: str, owners: set[str], assets: set[int]) -> Iterator[str]:
    created: list[int] = []
    with httpx.Client(base_url=node, timeout=30) as client:
        for owner in owners:
            account = client.get(f"/v2/accounts/{owner}").raise_for_status().json()
            created += [each["index"] for each in account["created-assets"]]
    if sorted(created) != sorted(assets):
        yield f"issuers have made {len(created)} assets, {len(assets)} were asked for"


def _in_the_books(place: Installation) -> Iterator[str]:
    with psycopg.connect(place.parts.database) as connection:
        for customer in place.customers:
            id = customer.organisation
            ((deployments,),) = connection.execute(
                "SELECT count(*) FROM operations WHERE organisation_id = %s", [id]
            ).fetchall()
            ((spent, lines, held, open_holds, missing, gaps, ends),) = connection.execute(
                _BOOKS, {"id": id}
            ).fetchall()
            price = deployments * CREDITS
            if (spent, missing, lines, ends) != (price, price, deployments, deployments):
                yield (
                    f"{id}: {deployments} deployments, {ends} ends in the trail, {spent} credits"
                    f" spent in {lines} lines, and {missing} are gone from the wallet"
                )
            if (held, open_holds, gaps) != (0, 0, 0):
                yield f"{id}: {held} credits held, {open_holds} holds open, {gaps} numbers missing"


def _listed(place: Installation, customer: Customer) -> Iterator[dict[str, Any]]:
    with httpx.Client(base_url=place.api, headers=customer.headers(), timeout=30) as client:
        query: dict[str, str] | None = {"limit": "100"}
        while query:
            found = client.get(f"/v1/deployments?{urlencode(query)}").raise_for_status().json()
            yield from found["data"]
            more = found["next_cursor"] if found["has_more"] else None
            query = {"limit": "100", "cursor": more} if more else None


def _issue(count: int, say: Callable[[str], None]) -> Mapping[str, object]:
    with installed(customers=CUSTOMERS, workers=WORKERS, balance=BALANCE) as place:
        found = carried(place, count, say)
        wrong = list(differences(place))
    for line in wrong[:10]:
        say(f"NOT SO: {line}")
    return {
        **found,
        "differences": len(wrong),
        "notes": {
            **NOTES,
            "ours": f"one process of `tallystick serve`, {WORKERS} of `tallystick work`;"
            f" {CUSTOMERS} organisations by turns, half of the deployments on either chain,"
            f" asked for on {CONNECTIONS} connections as fast as they are accepted",
            "differences": "of what the API tells, what the chains' own APIs tell (contracts of"
            " the factory, assets of the issuers), and what journal, wallets, holds and trail"
            " say: none twice, none missing, credits exact",
            "processors": "the client, both chains and PostgreSQL run on the same ones",
        },
    }


FIGURES = (
    Batch(
        name="deployments_per_second",
        what="deployments accepted over HTTP and carried to Completed by two workers, per second",
        floor=50,
        goal=120,
        count=COUNT,
        measure=_issue,
    ),
)
