"""How long a client waits for an answer, while workers carry on what was accepted.

Requests are due at instants that are set beforehand (`http_client.on_time`), as many a second as
the larger of `LEAST` and half of what the API does when it is asked as fast as it answers.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice

from benchmarks.figures import Read, Reading, Readings
from benchmarks.http_client import Answer, Request, in_turns, on_time, percentile
from benchmarks.installation import NOTES, Customer, Installation, installed
from benchmarks.orders import one, orders, page

CUSTOMERS = 100
WORKERS = 2
#: Of the client: more than are waited for at once.
CONNECTIONS = 64
#: While the maximum is looked for.
ASKERS = 32
#: Requests a second.
LEAST = 100.0
#: Those who read: each may do so 600 times a minute.
READERS = 10
KEYS = 20
#: For the maximum.
_LOOKING_SECONDS = 5.0
#: Deployments of each customer, so that a page is full.
PAGE = 100

_PERCENT = 95


class NoAnswerError(Exception):
    """Nothing was answered as it should be."""


@contextmanager
def _accepting() -> Iterator[Readings]:
    with installed(customers=CUSTOMERS, workers=WORKERS) as place:
        yield accepting(place, LEAST, _LOOKING_SECONDS)


def accepting(place: Installation, least: float, looking_seconds: float) -> Readings:
    asked = orders(place)
    most = _most(place, asked, looking_seconds)
    rate = max(least, most / 2)
    return Readings(
        read=lambda seconds: _waited(place, asked, rate, seconds),
        notes=_notes(place, "POST /v1/deployments to its 202", rate, most),
    )


@contextmanager
def _reading() -> Iterator[Readings]:
    with installed(customers=READERS, workers=WORKERS, keys=KEYS) as place:
        yield reading(place, LEAST, _LOOKING_SECONDS, PAGE)


def reading(place: Installation, least: float, looking_seconds: float, full_page: int) -> Readings:
    """Of deployments that the workers are at."""
    made = _accepted(place, full_page)
    asked = _reads(made)
    most = _most(place, asked, looking_seconds)
    rate = max(least, most / 2)
    what = f"GET of a deployment and of a page of {full_page} by turns"
    return Readings(
        read=lambda seconds: _waited(place, asked, rate, seconds),
        notes=_notes(place, what, rate, most),
    )


def _accepted(place: Installation, each: int) -> Sequence[tuple[Customer, str]]:
    """So many deployments of each customer, by their ids.  Raises: NoAnswerError."""
    asked = islice(orders(place), each * len(place.customers))
    answers = on_time(place.api, [(0.0, request) for request in asked], ASKERS)
    if not all(answer.is_good for answer in answers):
        raise NoAnswerError(next(each for each in answers if not each.is_good).body.decode())
    return [
        (customer, json.loads(answer.body)["id"])
        for customer, answer in zip(cycle(place.customers), answers, strict=False)
    ]


def _reads(made: Sequence[tuple[Customer, str]]) -> Iterator[Request]:
    for turn, (customer, id) in enumerate(cycle(made)):
        yield one(customer, id, turn)
        yield page(customer, turn)


def _most(place: Installation, asked: Iterator[Request], seconds: float) -> float:
    """A second.  Raises: NoAnswerError."""
    answers, taken = in_turns(place.api, asked, ASKERS, seconds)
    good = [answer for answer in answers if answer.is_good]
    if not good:
        raise NoAnswerError(answers[0].body.decode() if answers else "there was no answer")
    return len(good) / taken


def _waited(place: Installation, asked: Iterator[Request], rate: float, seconds: float) -> Read:
    """Raises: NoAnswerError."""
    due = [
        (number / rate, each) for number, each in enumerate(islice(asked, round(rate * seconds)))
    ]
    answers = on_time(place.api, due, CONNECTIONS)
    good = [answer for answer in answers if answer.is_good]
    if not good:
        raise NoAnswerError(answers[0].body.decode())
    return Read(
        value=_milliseconds(good, _PERCENT),
        count=len(good),
        errors=len(answers) - len(good),
        beside={
            "median": _milliseconds(good, 50),
            "p99": _milliseconds(good, 99),
            **{
                f"p95_{kind}": _milliseconds(
                    [each for each in good if each.kind == kind], _PERCENT
                )
                for kind in sorted({each.kind for each in good})
            },
        },
    )


def _milliseconds(answers: Sequence[Answer], percent: int) -> float:
    return percentile([answer.seconds for answer in answers], percent) * 1000


def _notes(place: Installation, what: str, rate: float, most: float) -> dict[str, str]:
    return {
        **NOTES,
        "ours": f"one process of `tallystick serve`, {WORKERS} of `tallystick work`;"
        f" {len(place.customers)} organisations by turns",
        "load": f"{what}, {rate:.0f} a second, each due at an instant set beforehand; the most"
        f" that was answered, asked by {ASKERS} as fast as it answers: {most:.0f} a second",
        "processors": "the client, both chains and PostgreSQL run on the same ones",
    }


FIGURES = (
    Reading(
        name="accept_p95_ms",
        what="milliseconds from the instant at which a deployment was to be asked for to the last"
        " byte of its 202, which 95 of 100 do not exceed",
        unit="milliseconds",
        floor=50,
        goal=25,
        prepare=_accepting,
    ),
    Reading(
        name="read_p95_ms",
        what="milliseconds from the instant at which deployments were to be read to the last byte"
        " of the answer, which 95 of 100 do not exceed",
        unit="milliseconds",
        floor=30,
        goal=10,
        prepare=_reading,
    ),
)
