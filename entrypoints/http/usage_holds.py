"""/v1/usage/holds: how another service spends an organisation's credits.

Whoever spends waits for a turn, on the loop: no thread is held meanwhile (ADR 52).
"""

from datetime import timedelta

from litestar import Response, get, post
from litestar.params import FromPath, RawBody

from application.access.caller import Caller
from application.metered.spend import SpendCredits
from application.metered.usage import (
    LEASE,
    LONGEST_LEASE,
    ROUTE,
    Answer,
    CaptureUsage,
    HoldUsage,
    ReleaseUsage,
    RenewUsage,
    Usage,
    mode_refusal,
)
from application.ports.storage.idempotency import IdempotencyKey
from domain.errors import Refusal
from domain.identifiers import HoldId, Prefix, parse_id
from domain.organisation import Permission
from entrypoints.http import representations
from entrypoints.http.answers import answer
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Decoded, Field, Shape
from entrypoints.http.deployment_requests import fingerprint, idempotency_key
from entrypoints.http.operations import Operation
from entrypoints.http.problems import RefusedError, granted
from entrypoints.http.pursued import KEYED
from entrypoints.http.rules import Flag, Text, Whole
from entrypoints.http.services import AClock, AStore, Given

_LONGEST_LEASE_SECONDS = LONGEST_LEASE // timedelta(seconds=1)

OPERATION = Field(
    "operation", Text(most=40, ascii_only=True), "A metered operation of GET /v1/catalogue.",
    required=True, example="premium_call",
)  # fmt: skip
UNITS = Field(
    "units", Whole(least=1, most=1_000), "How many times its price is held; 1 by default.",
    example=1,
)  # fmt: skip
OUTPUT_UNITS = Field(
    "output_units", Whole(least=0, most=10**9),
    "The most that the call may put out; the installation has a limit.",
)  # fmt: skip
LEASE_SECONDS = Field(
    "lease_seconds", Whole(least=1, most=_LONGEST_LEASE_SECONDS),
    "When the hold frees itself unless it is renewed; 30 by default.", example=30,
)  # fmt: skip
AMOUNT = Field(
    "amount", Whole(least=0, most=1_000_000),
    "Credits to spend, of those that are held; the rest is given back. All of them by default.",
)  # fmt: skip
FAILED = Field(
    "failed", Flag(),
    "The operation failed on our side: what would have expired meanwhile lives another day.",
)  # fmt: skip

HOLD = Shape("UsageHoldRequest", (OPERATION, UNITS, OUTPUT_UNITS, LEASE_SECONDS))
RENEW = Shape("UsageRenewal", (LEASE_SECONDS,))
CAPTURE = Shape("UsageCapture", (AMOUNT,))
RELEASE = Shape("UsageRelease", (FAILED,))

_OF_ONE = (
    "validation_failed", "hold_not_found", "hold_closed", "hold_expired", "mode_mismatch",
)  # fmt: skip


@post(
    "/v1/usage/holds",
    opt=Operation(
        id="create_usage_hold", tag="usage", summary="Hold credits for a metered operation",
        description="They are spent by capture, given back by release, and free themselves when "
        "the lease is over. The Idempotency-Key names the hold for ever: repeating the request "
        "answers with the same hold as it is now.",
        body=HOLD, answers="UsageHold", status=201, needs_idempotency_key=True,
        codes=(
            *KEYED, "validation_failed", "unknown_operation", "tariff_too_low",
            "tariff_not_in_catalogue", "licence_premium_off", "licence_core_off",
            "insufficient_credits", "debt_outstanding", "too_soon",
            "too_many_credits", "too_much_output", "spending_blocked", "spending_frozen",
            "quota_exceeded",
        ),
    ).opt,
)  # fmt: skip
async def create_usage_hold(
    request: AnyRequest, body: RawBody, caller: Given[Caller], spend: Given[SpendCredits]
) -> Response[bytes]:
    require(caller, Permission.WRITE_USAGE)
    key = idempotency_key(request)
    asked = HOLD.decode(request, body)
    live = bool(caller.live)
    usage = HoldUsage(
        key=IdempotencyKey(live=live, route=ROUTE, key=key),
        fingerprint=fingerprint(caller, request, asked.body),
        operation=asked[OPERATION],
        units=asked.get(UNITS) or 1,
        output_units=asked.get(OUTPUT_UNITS),
        lease=_lease(asked),
    )
    return _answered(await spend.soon(caller, usage, live=live), 201)


@get(
    "/v1/usage/holds/{id:str}",
    sync_to_thread=True,
    opt=Operation(
        id="get_usage_hold", tag="usage", summary="A hold, as it is now",
        answers="UsageHold", codes=("hold_not_found", "mode_mismatch"),
    ).opt,
)  # fmt: skip
def get_usage_hold(
    id: FromPath[str], caller: Given[Caller], store: AStore, clock: AClock
) -> Response[bytes]:
    require(caller, Permission.READ_CREDITS)
    with store.begin(caller.scope) as work:
        hold = work.ledger.hold(_id_of(id))
    if hold is None or hold.lease_until is None:
        raise _not_found()
    if refusal := mode_refusal(caller, hold.id):
        raise RefusedError(refusal)
    return answer(representations.usage_hold(hold, clock.now()))


@post(
    "/v1/usage/holds/{id:str}/renew",
    opt=Operation(
        id="renew_usage_hold", tag="usage", summary="Prolong the lease, from now on",
        description="Never shortens it.", body=RENEW, answers="UsageHold", codes=_OF_ONE,
    ).opt,
    status_code=200,
)  # fmt: skip
async def renew_usage_hold(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    spend: Given[SpendCredits],
) -> Response[bytes]:
    require(caller, Permission.WRITE_USAGE)
    asked = RENEW.decode(request, body)
    return await _ended(caller, spend, RenewUsage(id=_id_of(id), lease=_lease(asked)))


@post(
    "/v1/usage/holds/{id:str}/capture",
    opt=Operation(
        id="capture_usage_hold", tag="usage", summary="Spend what is held, or a part of it",
        description="After the lease is over nothing is captured.",
        body=CAPTURE, answers="UsageHold", codes=(*_OF_ONE, "exceeds_hold"),
    ).opt,
    status_code=200,
)  # fmt: skip
async def capture_usage_hold(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    spend: Given[SpendCredits],
) -> Response[bytes]:
    require(caller, Permission.WRITE_USAGE)
    asked = CAPTURE.decode(request, body)
    return await _ended(caller, spend, CaptureUsage(id=_id_of(id), amount=asked.get(AMOUNT)))


@post(
    "/v1/usage/holds/{id:str}/release",
    opt=Operation(
        id="release_usage_hold", tag="usage", summary="Give back what is held",
        body=RELEASE, answers="UsageHold", codes=_OF_ONE,
    ).opt,
    status_code=200,
)  # fmt: skip
async def release_usage_hold(
    request: AnyRequest,
    body: RawBody,
    id: FromPath[str],
    caller: Given[Caller],
    spend: Given[SpendCredits],
) -> Response[bytes]:
    require(caller, Permission.WRITE_USAGE)
    asked = RELEASE.decode(request, body)
    usage = ReleaseUsage(id=_id_of(id), failed=asked.get(FAILED) or False)
    return await _ended(caller, spend, usage)


async def _ended(caller: Caller, spend: SpendCredits, usage: Usage) -> Response[bytes]:
    return _answered(await spend.soon(caller, usage, live=bool(caller.live)), 200)


def _answered(given: Answer, status: int) -> Response[bytes]:
    served = granted(given)
    shown = representations.usage_hold(served.hold, served.at)
    headers = {}
    if status == 201:
        headers["Location"] = f"/v1/usage/holds/{shown['id']}"
        if served.replayed:
            headers["Idempotent-Replayed"] = "true"
    return answer(shown, status, headers)


def _lease(asked: Decoded) -> timedelta:
    seconds = asked.get(LEASE_SECONDS)
    return LEASE if seconds is None else timedelta(seconds=seconds)


def _id_of(text: str) -> HoldId:
    """Raises: RefusedError: *text* is no hold's id."""
    id = parse_id(Prefix.HOLD, text)
    if id is None:
        raise _not_found()
    return HoldId(id)


def _not_found() -> RefusedError:
    return RefusedError(Refusal(code="hold_not_found", detail="there is no such metered hold"))


HANDLERS = (
    create_usage_hold,
    get_usage_hold,
    renew_usage_hold,
    capture_usage_hold,
    release_usage_hold,
)
