"""Open a page of the payment provider's where a pack or a tariff can be paid for.

What it is paid with, and whether, we hear from the provider.  A crash anywhere leads a repeat with
the same key to the same page: what goes out carries keys that are derived from the request's.
"""

import hashlib
from datetime import timedelta

from attrs import field, frozen

from application.access.caller import Caller
from application.once import IN_FLIGHT, Answered, Once
from application.ports.alarms import Alarms
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.payments import (
    NotPublishedError,
    Order,
    Page,
    Payments,
    PaymentsRefusedError,
    PaymentsUnavailableError,
    RequestChangedError,
)
from application.ports.storage.billing import Checkout
from application.ports.storage.idempotency import IdempotencyKey, RequestInFlightError
from application.ports.storage.work import Scope, Store, Work
from domain.catalogue import Catalogue, PackName, TariffName
from domain.errors import Refusal
from domain.identifiers import OrganisationId, Prefix, public_id
from domain.organisation import Permission
from domain.payment import CustomerId

NOT_CONFIGURED = Refusal(
    code="billing_not_configured", detail="this installation takes no money: ask its operator"
)
UNAVAILABLE = Refusal(
    code="payments_unavailable",
    detail="the payment provider did not answer",
    retry_after=timedelta(seconds=5),
)
_NOT_PUBLISHED = Refusal(
    code="item_not_published",
    detail="the payment provider does not sell this; the operator has been told",
    retry_after=timedelta(minutes=5),
)
_REFUSED = Refusal(
    code="payments_refused",
    detail="the payment provider refused; the operator has been told why",
    retry_after=timedelta(minutes=5),
)
_REUSED = Refusal(
    code="idempotency_key_reused",
    detail="this idempotency key was used before, for a different request",
)


@frozen
class Item:
    """What is to be paid for: one of the two."""

    pack: PackName | None = None
    tariff: TariffName | None = field(default=None)

    @tariff.validator
    def _is_the_one(self, _: object, value: TariffName | None) -> None:
        if (value is None) is (self.pack is None):
            raise ValueError("a pack or a tariff")

    @property
    def name(self) -> str:
        return f"pack:{self.pack}" if self.pack is not None else f"tariff:{self.tariff}"


@frozen(kw_only=True)
class StartCheckout:
    store: Store
    payments: Payments
    catalogue: Catalogue
    alarms: Alarms
    clock: Clock
    identifiers: Identifiers
    #: Where a payer goes on afterwards.
    return_url: str

    def __call__(
        self, caller: Caller, item: Item, key: IdempotencyKey, fingerprint: bytes
    ) -> Answered[Checkout] | Refusal:
        if self.payments.live is None:
            return NOT_CONFIGURED
        if refusal := caller.refusal(Permission.WRITE_BILLING, live=self.payments.live):
            return refusal
        answer: Page | Refusal
        try:
            with self.store.begin(caller.scope) as work:
                is_known = work.idempotency.take(key, self.clock.now()) is not None
                refusal = None if is_known else self._gate(work, item)
        except RequestInFlightError:
            return IN_FLIGHT
        if is_known or refusal is not None:
            answer = refusal or IN_FLIGHT
        else:
            answer = self._open(caller, item, key)
        if answer is _REUSED:
            # The first request's answer is the one to be remembered.
            return _REUSED
        once = Once[Checkout](
            store=self.store,
            clock=self.clock,
            act=lambda work: (
                answer if isinstance(answer, Refusal) else self._keep(work, caller, item, answer)
            ),
            id_of=lambda checkout: checkout.id,
            again=lambda work, id: work.billing.checkout(id),
        )
        # Somebody may have sent the same request meanwhile; the provider gave both one page.
        return once(caller.scope, key, fingerprint)

    def _gate(self, work: Work, item: Item) -> Refusal | None:
        if item.pack is not None:
            if item.pack in self.catalogue.packs:
                return None
            return _not_sold(f"there is no pack {item.pack}")
        tariff = self.catalogue.tariffs.get(item.tariff) if item.tariff is not None else None
        if tariff is None:
            return _not_sold(f"there is no tariff {item.tariff}")
        if not tariff.price_minor:
            return _not_sold(f"the tariff {tariff.name} costs nothing")
        if tariff.is_price_least:
            return _not_sold(f"the price of {tariff.name} is agreed upon in each case")
        if work.billing.facts().is_charged(self.clock.now()):
            return Refusal(
                code="subscription_exists",
                detail="a second subscription would be charged as well; change the running one "
                "through the portal",
            )
        return None

    def _open(self, caller: Caller, item: Item, key: IdempotencyKey) -> Page | Refusal:
        derived = _derived(caller.organisation, key)
        try:
            customer = customer_of(
                self.store, self.payments, caller.organisation, self.clock, f"{derived}-customer"
            )
            return self.payments.checkout(self._order(caller, item, customer), derived)
        except RequestChangedError:
            return _REUSED
        except PaymentsUnavailableError:
            return UNAVAILABLE
        except PaymentsRefusedError as error:
            self.alarms.sound("payments_refused", item.name, str(error))
            return _NOT_PUBLISHED if isinstance(error, NotPublishedError) else _REFUSED

    def _order(self, caller: Caller, item: Item, customer: CustomerId) -> Order:
        if item.pack is not None:
            price = self.catalogue.pack_key(item.pack)
        else:
            price = self.catalogue.tariff_key(item.tariff or TariffName(""))
        return Order(
            customer=customer,
            price=price,
            is_recurring=item.tariff is not None,
            reference=public_id(Prefix.ORGANISATION, caller.organisation),
            success_url=f"{self.return_url}?checkout=done",
            cancel_url=f"{self.return_url}?checkout=left",
        )

    def _keep(self, work: Work, caller: Caller, item: Item, page: Page) -> Checkout:
        now = self.clock.now()
        checkout = Checkout(
            id=self.identifiers.next(),
            item=item.name,
            session=page.id,
            url=page.url,
            expires_at=page.expires_at,
            created_at=now,
        )
        work.billing.add_checkout(checkout)
        trail = caller.trail(self.identifiers)
        trail.add(
            "billing.checkout_started",
            public_id(Prefix.ORGANISATION, caller.organisation),
            now,
            live=self.payments.live is True,
            details={"item": item.name, "session": page.id},
        )
        trail.write(work)
        return checkout


def customer_of(
    store: Store, payments: Payments, organisation: OrganisationId, clock: Clock, key: str
) -> CustomerId:
    """The provider's customer that pays for *organisation*; made and bound where there is none.

    One that was made and not bound pays for nothing: a page is opened for a bound one only.
    """
    scope = Scope(organisation=organisation)
    with store.begin(scope) as work:
        known, owner = work.billing.customer(), work.organisations.get()
    if known is not None:
        return known
    reference = public_id(Prefix.ORGANISATION, organisation)
    name = owner.name if owner is not None else reference
    made = payments.create_customer(reference, name, key)
    with store.begin(scope) as work:
        bound = work.billing.lock()
        if bound is None:
            work.billing.bind(made, clock.now())
    return bound or made


def _derived(organisation: OrganisationId, key: IdempotencyKey) -> str:
    """Ours and the client's key in one, of a length that every provider takes."""
    named = f"{organisation}\n{key.live}\n{key.route}\n{key.key}".encode()
    return f"tallystick-checkout-{hashlib.sha256(named).hexdigest()}"


def _not_sold(detail: str) -> Refusal:
    return Refusal(code="item_not_sold", detail=detail)
