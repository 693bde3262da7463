"""/v1/billing: pay for packs and tariffs at the payment provider's; what the provider tells."""

from litestar import Response, get, post
from litestar.params import RawBody

from application.access.caller import Caller
from application.billing.checkout import Item, StartCheckout
from application.billing.customer_pages import ListInvoices, OpenPortal
from application.billing.receive import ReceivePaymentEvent
from application.billing.unsettled import UnsettledError
from application.ports.payments import Invoice, PaymentsUnavailableError
from application.ports.storage.billing import Checkout
from application.ports.storage.idempotency import IdempotencyKey
from domain.audit import timestamp
from domain.catalogue import PackName, TariffName
from domain.errors import FieldFault
from domain.organisation import Permission
from entrypoints.http.answers import Json, answer, bad_cursor, page, read_cursor
from entrypoints.http.authentication import require
from entrypoints.http.decoding import AnyRequest, Field, Shape
from entrypoints.http.deployment_requests import fingerprint, idempotency_key
from entrypoints.http.operations import NOTHING, Operation
from entrypoints.http.problems import granted, invalid, refused
from entrypoints.http.pursued import CURSOR, KEYED, LIMIT, PAGE
from entrypoints.http.rules import Text
from entrypoints.http.services import Given

#: An invoice of many lines makes a long event.
WEBHOOK_BYTES = 512 * 1024

PACK = Field("pack", Text(most=40), "Name of a pack; else a tariff.", example="small")
TARIFF = Field("tariff", Text(most=40), "Name of a tariff; else a pack.")
CHECKOUT = Shape("CheckoutRequest", (PACK, TARIFF), exclusive=((TARIFF, PACK),), least=1)

_PROVIDER = ("billing_not_configured", "payments_unavailable")


@post(
    "/v1/billing/checkout",
    sync_to_thread=True,
    opt=Operation(
        id="create_checkout", tag="billing", summary="Open a page to pay for a pack or a tariff",
        description="The page is the payment provider's and is open until `expires_at`. Credits "
        "come when the provider has the money, whatever the payer's browser does. A repeat with "
        "the same Idempotency-Key leads to the same page.",
        body=CHECKOUT, answers="Checkout", status=201, needs_idempotency_key=True,
        codes=(*_PROVIDER, *KEYED, "validation_failed", "item_not_sold", "item_not_published",
               "payments_refused", "subscription_exists", "mode_mismatch"),
    ).opt,
    status_code=201,
)  # fmt: skip
def create_checkout(
    request: AnyRequest,
    body: RawBody,
    caller: Given[Caller],
    start_checkout: Given[StartCheckout],
) -> Response[bytes]:
    require(caller, Permission.WRITE_BILLING)
    key = idempotency_key(request)
    asked = CHECKOUT.decode(request, body)
    pack, tariff = asked.get(PACK), asked.get(TARIFF)
    if pack is None and tariff is None:
        raise invalid([FieldFault("/pack", "missing", "name a pack or a tariff, one of the two")])
    item = Item(pack=PackName(pack)) if pack is not None else Item(tariff=TariffName(tariff or ""))
    named = IdempotencyKey(live=False, route="POST /v1/billing/checkout", key=key)
    started = granted(
        start_checkout(caller, item, named, fingerprint(caller, request, asked.body))
    )
    headers = {"Idempotent-Replayed": "true"} if started.replayed else {}
    return answer(_checkout(started.value), 201, headers)


@post(
    "/v1/billing/portal",
    sync_to_thread=True,
    opt=Operation(
        id="create_portal_page", tag="billing",
        summary="Open a page to change card and subscription",
        description="The page is the payment provider's, and good for some minutes only.",
        body=NOTHING, answers="PortalPage", status=201,
        codes=(*_PROVIDER, "payments_refused", "nothing_paid_yet", "mode_mismatch"),
    ).opt,
    status_code=201,
)  # fmt: skip
def create_portal_page(
    request: AnyRequest,
    body: RawBody,
    caller: Given[Caller],
    open_portal: Given[OpenPortal],
) -> Response[bytes]:
    require(caller, Permission.WRITE_BILLING)
    NOTHING.decode(request, body)
    return answer({"url": granted(open_portal(caller))}, 201)


@get(
    "/v1/billing/invoices",
    sync_to_thread=True,
    opt=Operation(
        id="list_invoices", tag="billing", summary="Invoices, newest first",
        description="As the payment provider has them; amounts in minor units of `currency`.",
        query=PAGE, answers="InvoicePage",
        codes=(*_PROVIDER, "payments_refused", "validation_failed"),
    ).opt,
)  # fmt: skip
def list_invoices(
    request: AnyRequest, caller: Given[Caller], find_invoices: Given[ListInvoices]
) -> Response[bytes]:
    require(caller, Permission.READ_BILLING)
    asked = PAGE.query(request)
    cursor = asked.get(CURSOR)
    after = read_cursor(cursor) if cursor else None
    found, has_more = granted(find_invoices(caller, asked.get(LIMIT) or 20, after))
    if cursor and not found:
        raise bad_cursor()
    last = found[-1].id if found else None
    return answer(page([_invoice(each) for each in found], has_more=has_more, last=last))


@post(
    "/v1/billing/stripe/webhook",
    sync_to_thread=True,
    request_max_body_size=WEBHOOK_BYTES,
    opt=Operation(
        id="receive_stripe_event", tag="billing", summary="For Stripe only",
        description="Events that are signed with one of the endpoint's secrets. Answered with "
        "200 when the event and its effect are recorded; otherwise Stripe tells it again.",
        answers="PaymentEventTaken", is_public=True, is_limited=False,
        codes=("billing_not_configured", "signature_invalid", "event_of_other_mode",
               "payment_event_not_recorded", "body_too_large"),
    ).opt,
    status_code=200,
)  # fmt: skip
def receive_stripe_event(
    request: AnyRequest, body: RawBody, receive: Given[ReceivePaymentEvent]
) -> Response[bytes]:
    try:
        settled = granted(receive(body, request.headers.get("Stripe-Signature", "")))
    except (UnsettledError, PaymentsUnavailableError) as error:
        raise refused(
            "payment_event_not_recorded", "what it is about could not be looked at"
        ) from error
    return answer({"outcome": settled.outcome.value})


HANDLERS = (create_checkout, create_portal_page, list_invoices, receive_stripe_event)


def _checkout(each: Checkout) -> Json:
    return {
        "url": each.url,
        "expires_at": timestamp(each.expires_at),
        "item": each.item,
        "created_at": timestamp(each.created_at),
    }


def _invoice(each: Invoice) -> Json:
    return {
        "id": each.id,
        "number": each.number,
        "state": each.state,
        "total_minor": each.total_minor,
        "currency": each.currency,
        "created_at": timestamp(each.created_at),
        "period_start": timestamp(each.period_start),
        "period_end": timestamp(each.period_end),
        "url": each.url,
    }
