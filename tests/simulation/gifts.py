"""Who gives credits to whom, and what they remember of it.

A gift is three transactions on two wallets; whatever dies between them, what one side lost the
other side has, or it came back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid5

from attrs import define, field

from application.once import Answered
from application.people.gifts import GiftRequest
from application.ports.storage.idempotency import IdempotencyKey
from domain.errors import Refusal
from domain.identifiers import INSTALLATION, GiftId, OrganisationId
from tests.simulation.scheduler import Scheduler

#: An organisation that nobody has founded.
NOBODY = OrganisationId(uuid5(INSTALLATION, "nobody"))
_FINGERPRINT = b"g" * 32


@define(eq=False)
class Given:
    number: int
    who: int
    to: OrganisationId
    amount: int
    id: GiftId | None = None
    refused: str | None = None


@define(eq=False)
class Giving:
    scheduler: Scheduler
    #: What the API says to one request; None: nothing was heard.
    ask: Callable[[int, GiftRequest, IdempotencyKey, bytes], Any]
    gifts: dict[int, Given] = field(factory=dict)

    def give(self, number: int, who: int, to: OrganisationId, amount: int, tries: int) -> None:
        given = self.gifts[number] = Given(number, who, to, amount)
        key = IdempotencyKey(live=False, route="POST gifts", key=f"gift-{number}")
        for attempt in range(tries):
            match self.ask(who, GiftRequest(to=to, amount=amount), key, _FINGERPRINT):
                case Answered(value=gift):
                    given.id = gift.id
                    return
                case Refusal(code=code) if code != "request_in_flight":
                    given.refused = code
                    return
                case _:
                    self.scheduler.sleep(1.0 + 5.0 * attempt)

    def judge(self, journals: Mapping[OrganisationId, list[Any]]) -> Iterator[str]:
        """*journals* of the organisations that there are, in the order of their numbers."""
        names = [*journals]
        sent = {name: _moved(lines, "gifted") for name, lines in journals.items()}
        back = {name: _moved(lines, "gift_returned") for name, lines in journals.items()}
        came = {name: _moved(lines, "granted") for name, lines in journals.items()}
        for given in self.gifts.values():
            if given.id is not None and sent[names[given.who]][given.id] != given.amount:
                yield f"gift {given.number} of {given.amount} was not sent like that"
        for number, name in enumerate(names):
            mine = [each for each in self.gifts.values() if each.who == number]
            unheard = sent[name].keys() - {each.id for each in mine}
            # Whoever was refused may have sent it before, and not have heard of that.
            if len(unheard) > sum(each.id is None for each in mine):
                yield f"{len(unheard)} gifts that nobody has sent"
            for id, amount in sent[name].items():
                received = sum(each[id] for each in came.values())
                if received + back[name][id] != amount:
                    yield f"gift {id} of {amount}: {received} came, {back[name][id]} came back"
                known = next((each for each in mine if each.id == id), None)
                if known is not None and (known.to in journals) != (received > 0):
                    yield f"gift {known.number} went where it was not sent"
        issued = sum(amount for each in came.values() for amount in each.values())
        if issued > sum(amount for each in sent.values() for amount in each.values()):
            yield "more was received than was given"


def _moved(lines: list[Any], what: str) -> Counter[Any]:
    """By gift: what these lines of the journal say of it."""
    moved: Counter[Any] = Counter()
    for entry in lines:
        posting = entry.posting
        is_gift = what != "granted" or posting.debit.value == "issued:gift"
        if posting.action == f"credits.{what}" and is_gift:
            moved[entry.subject] += posting.amount
    return moved
