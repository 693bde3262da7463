"""What must hold when everything is over: read off the chains, and off what people remember.

The books are walked line by line with arithmetic of its own; nothing asks the application what it
thinks of itself.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.simulation.installation import Installation
from tests.simulation.people import Asked, People
from tests.simulation.process import BEGINNING
from tests.simulation.spending import spent
from tests.simulation.watch import EFFECTS

#: By heart (spec/credits.md).
MONTHLY_CREDITS = 25
PRICES = {"deployment": 5, "mint": 1}
FIRST_TARIFF_DEPLOYMENTS = 5

Place = tuple[str, str]


def judge(installation: Installation, people: People, few: int | None) -> Iterator[str]:
    """What is wrong, one sentence each."""
    effects = _effects(installation)
    operations = _operations(installation)
    yield from people.surprises
    yield from people.eyes.judge()
    if installation.seals:
        yield from installation.log.judge()
    for world in installation.worlds.values():
        yield from world.complaints
    yield from _one_effect_each(effects, operations)
    yield from _messages(installation, operations)
    yield from _nothing_is_open(operations)
    yield from _everybody_was_heard(people, operations, effects)
    if not installation.is_restored:
        ids = [installation.organisation(who) for who in range(len(installation.members))]
        yield from people.giving.judge({id: _journal(installation, str(id)) for id in ids})
    for who in range(len(installation.members)):
        organisation = str(installation.organisation(who))
        yield from _books(installation, organisation)
        if not installation.is_restored:
            # What was held before a backup was made nobody asks for again.
            yield from people.services.judge(who, _journal(installation, organisation))
        yield from _bill(installation, organisation, people, who, effects)
        yield from _trail(installation, organisation, operations)
    if few is not None and not installation.is_restored:
        mine = str(installation.organisation(few))
        made = sum(o == mine and sort == "Creation" for (o, _), sort in _kinds(installation))
        if made > FIRST_TARIFF_DEPLOYMENTS * _months(installation):
            yield f"{made} deployments on the first tariff"


def _kinds(installation: Installation) -> Iterator[tuple[Place, str]]:
    for world in installation.worlds.values():
        for each in world.effects():
            yield each.step[:2], each.sort


def _effects(installation: Installation) -> Counter[Place]:
    """How often each operation has done what was asked."""
    return Counter(place for place, sort in _kinds(installation) if sort in EFFECTS)


def _operations(installation: Installation) -> dict[Place, Any]:
    rows = installation.database.rows._deployments.deployments.rows
    return {(str(o), str(id)): row.deployment for (o, id), row in rows.items()}


def _one_effect_each(effects: Counter[Place], operations: dict[Place, Any]) -> Iterator[str]:
    for place, times in effects.items():
        if times > 1:
            yield f"{place[1]} has {times} effects"
    for place, operation in operations.items():
        state, times = operation.state.value, effects[place]
        if state == "Completed" and times != 1:
            yield f"{operation.named} is Completed with {times} effects"
        if state == "Cancelled" and times:
            yield f"{operation.named} is Cancelled and on chain"
        failure = operation.failure
        if state == "Failed" and failure.without_effect and times:
            yield f"{operation.named} failed without effect, and is on chain"


def _nothing_is_open(operations: dict[Place, Any]) -> Iterator[str]:
    for operation in operations.values():
        if operation.state.value not in {"Completed", "Failed", "Cancelled"}:
            why = operation.waiting.value if operation.waiting else "nothing"
            yield f"{operation.named} is {operation.state.value} for ever and waits for {why}"


def _everybody_was_heard(
    people: People, operations: dict[Place, Any], effects: Counter[Place]
) -> Iterator[str]:
    """Who was told yes has it, once; who was told nothing has it once or not at all."""
    for asked in people.asked.values():
        mine = str(people.installation.organisation(asked.who))
        ids = {str(id) for id in asked.ids}
        if len(ids) > 1:
            yield f"request {asked.number} was answered with {len(ids)} ids"
        if asked.accepted is not None and (mine, str(asked.accepted)) not in operations:
            yield f"request {asked.number} was accepted, and is not there"
        yield from _as_cancelled(asked, mine, operations)
    known = defaultdict(int)
    for asked in people.asked.values():
        known[str(people.installation.organisation(asked.who))] += 1
    found = Counter(organisation for organisation, _ in operations)
    for organisation, number in found.items():
        if number > known[organisation]:
            yield f"{known[organisation]} requests made {number} operations"


def _as_cancelled(asked: Asked, mine: str, operations: dict[Place, Any]) -> Iterator[str]:
    if not asked.cancelled or asked.accepted is None:
        return
    operation = operations.get((mine, str(asked.accepted)))
    if operation is not None and operation.state.value != "Cancelled":
        yield f"{operation.named} was cancelled, and is {operation.state.value}"


def _books(installation: Installation, organisation: str) -> Iterator[str]:
    """Double entry: every line moves, none is missing, no account of theirs is overdrawn."""
    lines = _journal(installation, organisation)
    if [entry.sequence for entry in lines] != list(range(1, len(lines) + 1)):
        yield f"the journal of {organisation} has gaps"
    sums: Counter[str] = Counter()
    holds: Counter[Any] = Counter()
    for entry in lines:
        posting = entry.posting
        sums[posting.debit.value] -= posting.amount
        sums[posting.credit.value] += posting.amount
        if posting.hold is not None and posting.credit.value == "held":
            holds[posting.hold] += posting.amount
        if posting.hold is not None and posting.debit.value == "held":
            holds[posting.hold] -= posting.amount
        if min(sums["available"], sums["held"], sums["spent"]) < 0:
            yield f"{organisation} is overdrawn at line {entry.sequence}"
    for hold, left in holds.items():
        if left < 0:
            yield f"{hold} gave {-left} credits more than it had"
    if sums["held"]:
        yield f"{organisation} has {sums['held']} credits held for nothing"
    for id, wallet in installation.database.rows._ledger.wallets.rows.items():
        if str(id) == organisation and wallet.available != sums["available"]:
            yield f"{organisation} has {wallet.available}, its journal says {sums['available']}"


def all_known(everybody: list[People]) -> Iterator[str]:
    """Whatever is on a chain, somebody's records have.

    But for what a backup has forgotten, if whoever asked for it again was refused: others had
    taken the credits meanwhile.
    """
    installations = [each.installation for each in everybody]
    known = {place for each in installations for place in _operations(each)}
    known |= {
        (str(people.installation.organisation(asked.who)), str(asked.own))
        for people in everybody
        for asked in people.asked.values()
        if people.installation.is_restored and asked.refused is not None
    }
    for place in _effects(installations[0]):
        if place not in known:
            yield f"{place[1]} is on chain, and nobody knows of it"


def _months(installation: Installation) -> int:
    """Of the calendar, that have begun: by heart, January and on."""
    now = BEGINNING + timedelta(seconds=installation.scheduler.now)
    return (now.year - BEGINNING.year) * 12 + now.month - BEGINNING.month + 1


def _bill(
    installation: Installation,
    organisation: str,
    people: People,
    who: int,
    effects: Counter[Place],
) -> Iterator[str]:
    """What was given is what was due, by its source; the price of what is on chain is spent."""
    rows = installation.database.rows._deployments.deployments.rows
    cost = 0
    for (owner, id), row in rows.items():
        if str(owner) != organisation:
            continue
        sort = "mint" if row.deployment.order is not None else "deployment"
        failure = row.deployment.failure
        is_spent = failure is not None and not failure.without_effect
        cost += PRICES[sort] * (effects[organisation, str(id)] or is_spent)
    lines = _journal(installation, organisation)
    sums: Counter[str] = Counter()
    for entry in lines:
        sums[entry.posting.debit.value] -= entry.posting.amount
        sums[entry.posting.credit.value] += entry.posting.amount
    by_the_month, subscribed = _plans(lines)
    till = installation.till
    told = {
        "spent": sums["spent"],
        "of the months": by_the_month,
        "of the subscriptions": subscribed,
        "of the operator": -sums["issued:promo"],
        "paid for": -sums["issued:pack"],
    }
    services = people.services
    metered = spent(lines) if installation.is_restored else services.spent(who, lines)
    due = {
        "spent": cost + metered,
        "of the months": MONTHLY_CREDITS * _months(installation),
        "of the subscriptions": till.months.get(who, 0),
        "of the operator": people.granted.get(who, 0),
        "paid for": till.due.get(who, 0),
    }
    if till.months_paid.get(who) and told["of the months"] <= due["of the months"]:
        # Whoever subscribes is given nothing by the calendar meanwhile.
        del due["of the months"]
    if _is_told_of_money(installation) and told["paid for"] < due["paid for"]:
        # Whose customer it is was forgotten with the backup: a person was told, and decides.
        del due["paid for"]
    if installation.is_restored and told["of the subscriptions"] < due["of the subscriptions"]:
        del due["of the subscriptions"]
    for sort, wanted in due.items():
        if told[sort] != wanted:
            yield f"{organisation}: {told[sort]} credits {sort}, should be {wanted}"
    most = MONTHLY_CREDITS * (_months(installation) - 1) + till.months_paid.get(who, 0)
    if sums["expired"] > most:
        yield f"{organisation}: {sums['expired']} credits have expired"


def _plans(lines: list[Any]) -> tuple[int, int]:
    """What tariffs gave: by the calendar, and for what was paid, less what was taken back."""
    facts: dict[Any, str] = {}
    by_the_month = subscribed = 0
    for entry in lines:
        posting = entry.posting
        if posting.opens is not None:
            facts[posting.opens.id] = posting.opens.fact
        sign = (posting.debit.value == "issued:plan") - (posting.credit.value == "issued:plan")
        if facts.get(posting.of or posting.lot, "").startswith("plan:free:"):
            by_the_month += sign * posting.amount
        else:
            subscribed += sign * posting.amount
    return by_the_month, subscribed


def _is_told_of_money(installation: Installation) -> bool:
    sounded = [
        code for each in installation.processes.values() for code, _, _ in each.alarms.sounded
    ]
    return installation.is_restored and "payment_mismatch" in sounded


def _messages(installation: Installation, operations: dict[Place, Any]) -> Iterator[str]:
    """Each event once by its id, in the order of the trail; the end of everything was told."""
    for who, receiver in enumerate(installation.receivers):
        mine = str(installation.organisation(who))
        first: dict[str, dict[str, Any]] = {}
        for message in receiver.taken:
            known = first.setdefault(message.id, message.body)
            if known != message.body:
                yield f"message {message.id} came with two bodies"
        sequences = [body["sequence"] for body in first.values()]
        if not installation.is_restored and sequences != sorted(set(sequences)):
            yield f"messages to organisation {who} came out of order"
        told = defaultdict(set)
        for body in first.values():
            told[body["data"]["id"]].add(body["type"])
        for (owner, _), operation in operations.items():
            if owner != mine or operation.order is not None:
                continue
            ending = f"deployment.{operation.state.value.lower()}"
            for wanted in {"deployment.queued", ending}:
                if wanted not in told[operation.named]:
                    yield f"nobody was told {wanted} of {operation.named}"


def _journal(installation: Installation, organisation: str) -> list[Any]:
    rows = installation.database.rows._ledger.journal.rows
    return sorted(
        (entry for (owner, _), entry in rows.items() if str(owner) == organisation),
        key=lambda entry: entry.sequence,
    )


def _trail(
    installation: Installation, organisation: str, operations: dict[Place, Any]
) -> Iterator[str]:
    """Numbered without gaps, each event once, one for each line and each state."""
    rows = installation.database.rows._audit.events.rows
    events = sorted(
        (event for (owner, _), event in rows.items() if str(owner) == organisation),
        key=lambda event: event.sequence,
    )
    if [event.sequence for event in events] != list(range(1, len(events) + 1)):
        yield f"the trail of {organisation} has gaps"
    if len({event.id for event in events}) != len(events):
        yield f"the trail of {organisation} has an event twice"
    told, moved = [], defaultdict(list)
    for event in events:
        content = json.loads(event.body)
        details = content["details"]
        if "journal_sequence" in details:
            told.append(details["journal_sequence"])
        if "state" in details and "state_before" in details:
            moved[event.subject].append((details["state_before"], details["state"]))
    lines = [entry.sequence for entry in _journal(installation, organisation)]
    if told != lines:
        yield f"{organisation}: {len(lines)} lines in the journal, {len(told)} in the trail"
    for (owner, _), operation in operations.items():
        if owner != organisation:
            continue
        state = "Queued"
        for before, after in moved[operation.named]:
            if before != state:
                yield f"the trail of {operation.named} goes from {before} where it was {state}"
            state = after
        if state != operation.state.value:
            yield f"the trail of {operation.named} ends {state}, it is {operation.state.value}"
