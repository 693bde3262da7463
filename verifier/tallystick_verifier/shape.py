"""Which members a pack has, and what they may be: docs/evidence.md as a table."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from .canonical import Json, unbase64
from .report import Refused

Check = Callable[[Json, str], None]
"""Raises `Refused` unless the value, which stands at that place, is as it must be."""


#: Crockford's base32.
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


def _must(condition: bool, where: str, expected: object, value: Json) -> None:
    if not condition:
        raise Refused("wrong_value", where, expected, value)


def text(value: Json, where: str) -> None:
    _must(isinstance(value, str), where, "a text", value)


def integer(value: Json, where: str) -> None:
    is_one = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    _must(is_one, where, "an integer from 0", value)


def boolean(value: Json, where: str) -> None:
    _must(isinstance(value, bool), where, "true or false", value)


def scalar(value: Json, where: str) -> None:
    _must(
        value is None or isinstance(value, str | int), where, "a text, integer or boolean", value
    )


def one_of(*values: str) -> Check:
    return lambda value, where: _must(
        isinstance(value, str) and value in values, where, " or ".join(values), value
    )


def like(pattern: str, expected: str) -> Check:
    form = re.compile(pattern, re.ASCII)
    return lambda value, where: _must(
        isinstance(value, str) and form.fullmatch(value) is not None, where, expected, value
    )


def an_id(*prefixes: str) -> Check:
    return like(f"(?:{'|'.join(prefixes)})_[0-7][{_LETTERS}]{{25}}", f"an id {prefixes[0]}_…")


def uuid_of(id: str) -> bytes:
    """The 16 bytes that the letters behind the prefix of an id stand for."""
    value = 0
    for letter in id[-26:]:
        value = value << 5 | _LETTERS.index(letter)
    return value.to_bytes(16)


def coded(length: int | None = None) -> Check:
    """Base64 of so many bytes."""

    def check(value: Json, where: str) -> None:
        text(value, where)
        found = len(unbase64(value, where))
        _must(length in {None, found}, where, f"{length} bytes", f"{found} bytes")

    return check


def or_null(check: Check) -> Check:
    return lambda value, where: None if value is None else check(value, where)


def list_of(check: Check, least: int = 0, most: int | None = None) -> Check:
    def check_all(value: Json, where: str) -> None:
        _must(isinstance(value, list), where, "a list", value)
        fits = least <= len(value) and (most is None or len(value) <= most)
        _must(fits, where, f"{least} to {most or 'any'} entries", len(value))
        for number, item in enumerate(value):
            check(item, f"{where}[{number}]")

    return check_all


def members(optional: frozenset[str] = frozenset(), /, **shape: Check) -> Check:
    def check(value: Json, where: str) -> None:
        _must(isinstance(value, dict), where, "an object", value)
        for name in shape:
            if name not in value and name not in optional:
                raise Refused("missing_member", where, name, "none")
        for name, item in value.items():
            if name not in shape:
                raise Refused("unknown_member", where, "none", name)
            shape[name](item, f"{where}.{name}".removeprefix("."))

    return check


def at_least(optional: frozenset[str] = frozenset(), /, **shape: Check) -> Check:
    """An object that may have other members as well."""

    def check(value: Json, where: str) -> None:
        any_object(value, where)
        for name, check_member in shape.items():
            if name in value:
                check_member(value[name], f"{where}.{name}")
            elif name not in optional:
                raise Refused("missing_member", where, name, "none")

    return check


def any_object(value: Json, where: str) -> None:
    _must(isinstance(value, dict), where, "an object", value)


def ascending(of: Callable[[Any], Any], check: Check) -> Check:
    """A list, in strictly ascending order."""

    def check_order(value: Json, where: str) -> None:
        check(value, where)
        keys = [of(item) for item in value]
        _must(keys == sorted(set(keys)), where, "ascending, and each once", keys)

    return check_order


def counted(value: Json, where: str) -> None:
    """Numbers count from 1."""
    numbers = [each["number"] for each in value]
    _must(numbers == list(range(1, len(value) + 1)), where, "numbers from 1", numbers)


def both(*checks: Check) -> Check:
    def check(value: Json, where: str) -> None:
        for each in checks:
            each(value, where)

    return check


#: Up to 2^256, which has 78 digits.
DIGITS = like(r"0|[1-9][0-9]{0,77}", "a decimal number of up to 78 digits as text")
LEASE = like(r"(?:[0-9a-f]{2}){0,32}", "up to 32 bytes, hexadecimal")
#: What a chain calls something by.  It is shown beside what is proved, and has no blanks, so that
#: nobody's sentence can stand there.
NAME = like(r"[-0-9A-Za-z._:/+=]{1,128}", "a name of up to 128 letters without blanks")
HASH = like(r"[0-9a-f]{64}", "32 bytes, hexadecimal")
_INSTANT = like(
    r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d\.\d{6}Z",
    "an instant like 2026-11-20T12:00:00.000000Z",
)


def INSTANT(value: Json, where: str) -> None:  # noqa: N802 - named as its neighbours are
    _INSTANT(value, where)
    try:
        datetime.fromisoformat(value)
    except ValueError:
        _must(False, where, "a day and a time that there are", value)


NETWORK = like(r"[-a-z0-9]{3,10}:[-_a-zA-Z0-9]{1,32}", "a CAIP-2 name")
NODE = coded(32)

BLOCK = members(hash=NAME, number=integer)
RECEIPT = members(
    frozenset({"request_id"}),
    digest=HASH,
    key=text,
    key_version=text,
    purpose=text,
    request_id=text,
    signer=text,
)
INCLUSION = members(block=BLOCK, cost=DIGITS, succeeded=boolean, transaction_id=NAME)
ATTEMPT = members(
    broadcast_at=or_null(INSTANT),
    cost=or_null(DIGITS),
    fee_cap=DIGITS,
    number=integer,
    origin=one_of("signed", "found"),
    raw=or_null(coded()),
    receipts=list_of(RECEIPT),
    rejected=boolean,
    role=one_of("effect", "fill"),
    signed_at=INSTANT,
    transaction_id=NAME,
)
SLOT = members(
    attempts=list_of(ATTEMPT),
    lease=or_null(LEASE),
    network=NETWORK,
    number=integer,
    sequence=or_null(integer),
    signer=text,
    state=one_of("open", "used", "spent", "lost", "expired"),
    valid_until=or_null(integer),
)
STEP = members(
    inclusion=or_null(INCLUSION),
    is_final=boolean,
    name=text,
    number=integer,
    slots=both(list_of(SLOT), counted),
)


def _parameters(value: Json, where: str) -> None:
    any_object(value, where)
    for name, item in value.items():
        scalar(item, f"{where}.{name}")


DEPLOYMENT = members(
    accepted_at=INSTANT,
    client_reference=or_null(text),
    credits=integer,
    declared_value=or_null(members(amount_minor=integer, currency=text)),
    failure=or_null(members(reason=text, without_effect=boolean)),
    fee_ceiling=DIGITS,
    hold=or_null(an_id("hold")),
    id=an_id("dep"),
    kind=one_of("deployment"),
    live=boolean,
    metadata=ascending(lambda pair: pair[0].encode(), list_of(list_of(text, 2, 2))),
    network=NETWORK,
    owner=or_null(text),
    payer=one_of("sponsored", "self"),
    plan_hash=or_null(HASH),
    predicted=or_null(text),
    requested_by=an_id("mem", "key"),
    result=or_null(NAME),
    sender=text,
    state=one_of("Completed", "Failed", "Cancelled"),
    token=members(kind=text, parameters=_parameters),
)
PLAN = members(
    address=or_null(text),
    credits=integer,
    fee_ceiling=DIGITS,
    hash=HASH,
    kind=text,
    network=NETWORK,
    owner=text,
    sender=text,
    steps=list_of(members(name=text, signers=list_of(text))),
    token=_parameters,
)
SIGNER = members(address=text, curve=one_of("ed25519", "secp256k1"), key=text, public_key=coded())
CORE = members(
    account=or_null(
        members(
            address=or_null(text),
            custodian=text,
            family=one_of("algorand", "evm"),
            id=an_id("acct"),
            key=or_null(text),
        )
    ),
    anchors=ascending(lambda network: network, list_of(NETWORK)),
    approvals=list_of(text, 0, 0),
    deployment=DEPLOYMENT,
    installation=an_id("ins"),
    organisation=an_id("org"),
    plan=or_null(PLAN),
    signers=ascending(lambda signer: signer["address"], list_of(SIGNER)),
    steps=both(list_of(STEP, 1), counted),
)
PACK = members(
    checkpoint=text,
    consistency=ascending(
        lambda proof: proof["size"], list_of(members(path=list_of(NODE), size=integer))
    ),
    core=CORE,
    events=list_of(members(body=coded(), index=integer, path=list_of(NODE), salt=coded(16)), 1),
    format=text,
    key=coded(32),
)
BODY = members(
    action=text,
    actor=members(
        id=or_null(text), kind=one_of("member", "api_key", "worker", "operator", "payments")
    ),
    api_version=text,
    at=INSTANT,
    correlation_id=text,
    details=any_object,
    id=an_id("evt"),
    live=boolean,
    organisation=an_id("org"),
    request_id=or_null(text),
    schema=lambda value, where: _must(value == 1 and not isinstance(value, bool), where, 1, value),
    sequence=integer,
    subject=text,
)

_ATTEMPT = at_least(
    frozenset({"broadcast_at"}),
    broadcast_at=text,
    fee_cap=scalar,
    number=integer,
    origin=text,
    role=text,
    signed_at=text,
    transaction_id=text,
)
_INCLUSION = at_least(block=any_object, cost=scalar, succeeded=boolean, transaction_id=text)
_SIGNED = at_least(attempt=_ATTEMPT, step=integer)
_FOUND = at_least(frozenset({"slot"}), slot=at_least(number=integer))
_SENT = at_least(at=text, step=integer, transaction_id=text)
_SEEN = at_least(inclusion=_INCLUSION, step=integer)
_MOVE = at_least(frozenset({"state", "state_before"}), state=text, state_before=text)
_POSTING = at_least(amount=integer, credit=text, debit=text, hold=an_id("hold"))
#: What is looked at in the details of events; what else is in them is nobody's concern here.
DETAILS: dict[str, Check] = {
    "deployment.queued": at_least(
        frozenset({"issue"}),
        credits=integer,
        issue=or_null(at_least(decimals=integer, supply=DIGITS)),
        kind=text,
        network=text,
    ),
    "deployment.slot_reserved": at_least(slot=at_least(number=integer), step=integer),
    "deployment.submitted": _SIGNED,
    "deployment.replaced": _SIGNED,
    "deployment.slot_filling": _SIGNED,
    "deployment.step_signed": _SIGNED,
    "deployment.effect_found": both(_SIGNED, _FOUND),
    "deployment.pending": _SENT,
    "deployment.sent_again": _SENT,
    "deployment.step_sent": _SENT,
    "deployment.rejected": at_least(step=integer, transaction_id=text),
    "deployment.included": _SEEN,
    "deployment.block_vanished": at_least(step=integer),
    "deployment.step_confirmed": _SEEN,
    "deployment.confirmed": both(_SEEN, at_least(token=text)),
    "deployment.indexed": at_least(token=text),
    "deployment.completed": at_least(credits=integer),
    "deployment.slot_spent": at_least(slot_state=text, step=integer),
    "deployment.failed": at_least(reason=text, without_effect=boolean),
    "deployment.retry_requested": at_least(frozenset({"hold"}), hold=text),
    "credits.held": _POSTING,
    "evidence.issued": at_least(digest=text, format=text),
    "checkpoint.anchored": at_least(
        block=BLOCK, network=NETWORK, origin=text, root=HASH, size=integer, transaction_id=NAME
    ),
}


def told(body: Json, where: str) -> None:
    """The details of an event, which has the shape of a body."""
    details, place = body["details"], f"{where}.details"
    DETAILS.get(body["action"], any_object)(details, place)
    if body["action"].startswith("deployment."):
        _MOVE(details, place)
    elif body["action"].startswith("credits.") and "hold" in details:
        _POSTING(details, place)
