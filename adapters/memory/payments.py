"""A payment provider in memory: what its customers, payers and banks do, a test says.

No kinder than a real one: a page that is left open grants nothing, a key that comes again with
another request is refused, money may come days later, and news carries no state that could be
trusted.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from attrs import define, evolve, field

from application.ports.payments import (
    Fee,
    Invoice,
    NotPublishedError,
    Order,
    Page,
    PaymentForgedError,
    Payments,
    PaymentsRefusedError,
    Priced,
    RequestChangedError,
)
from domain.payment import (
    About,
    CustomerId,
    DisputeId,
    PaymentEvent,
    PaymentId,
    Subject,
    SubscriptionId,
)
from domain.settlement import (
    DisputeState,
    InvoiceState,
    ItemPrice,
    Line,
    Money,
    PackState,
    Standing,
    State,
    SubscriptionState,
)

T = TypeVar("T")

#: How old news may be.
TOLERANCE = timedelta(seconds=300)
_MONTH = timedelta(days=30)
_PAGE_LIVES = timedelta(hours=24)


@define
class _Session:
    page: Page
    order: Order
    #: As it was when the page was opened.
    price: ItemPrice
    payment: PaymentId | None = None
    subscription: SubscriptionId | None = None
    is_on_its_way: bool = False


@define(eq=False)
class MemoryPayments(Payments):
    now: Callable[[], datetime]
    live: bool | None = False
    secret: bytes = field(default=b"whsec_memory", repr=False)
    prices: dict[str, Priced] = field(factory=dict)
    #: All that were published, former ones as well.
    _published: set[Priced] = field(factory=set)
    #: What was told, oldest first.
    events: list[PaymentEvent] = field(factory=list)
    fees: dict[str, Fee] = field(factory=dict)
    _keys: dict[str, tuple[object, Any]] = field(factory=dict)
    _numbers: Iterator[int] = field(factory=lambda: count(1))
    _sessions: dict[str, _Session] = field(factory=dict)
    _packs: dict[PaymentId, PackState] = field(factory=dict)
    _subscriptions: dict[SubscriptionId, SubscriptionState] = field(factory=dict)
    _customers: set[CustomerId] = field(factory=set)

    # The port.

    def create_customer(self, reference: str, name: str, key: str) -> CustomerId:
        def create() -> CustomerId:
            customer = CustomerId(self._id("cus"))
            self._customers.add(customer)
            return customer

        return self._once(key, (reference, name), create)

    def checkout(self, order: Order, key: str) -> Page:
        def create() -> Page:
            if order.customer not in self._customers:
                raise PaymentsRefusedError(f"there is no customer {order.customer}")
            if order.price not in self.prices:
                raise NotPublishedError(f"there is no price {order.price}")
            id = self._id("cs")
            url = f"https://pay.invalid/{id}"
            page = Page(id=id, url=url, expires_at=self.now() + _PAGE_LIVES)
            self._sessions[id] = _Session(page, order, self._item(order.price))
            return page

        return self._once(key, order, create)

    def portal(self, customer: CustomerId, return_url: str) -> str:
        if customer not in self._customers:
            raise PaymentsRefusedError(f"there is no customer {customer}")
        return f"https://pay.invalid/portal/{customer}?return={return_url}"

    def invoices(
        self, customer: CustomerId, limit: int, after: str | None
    ) -> tuple[Sequence[Invoice], bool]:
        mine = [
            _shown(invoice, each)
            for each in self._subscriptions.values()
            if each.customer == customer
            for invoice in each.invoices
        ]
        mine.sort(key=lambda each: (each.created_at, each.id), reverse=True)
        if after is not None:
            places = [place for place, each in enumerate(mine) if each.id == after]
            mine = mine[places[0] + 1 :] if places else []
        return mine[:limit], len(mine) > limit

    def event(self, body: bytes, signature: str, now: datetime) -> PaymentEvent:
        moment, _, mac = signature.partition(":")
        if not hmac.compare_digest(mac, self._mac(moment, body)):
            raise PaymentForgedError("not signed by us")
        if abs(now.timestamp() - float(moment)) > TOLERANCE.total_seconds():
            raise PaymentForgedError("signed too long ago")
        id = json.loads(body)["id"]
        return next(event for event in self.events if event.id == id)

    def state_of(self, subject: Subject) -> State | None:
        match subject.about:
            case About.CHECKOUT:
                return self._state_of_session(subject.id)
            case About.SUBSCRIPTION:
                return self._subscriptions.get(SubscriptionId(subject.id))
            case About.PAYMENT | About.CHARGE:
                return self._state_of_payment(PaymentId(subject.id))
            case About.INVOICE:
                return self._state_with(lambda invoice: invoice.id == subject.id)
            case About.DISPUTE:
                return self._state_of_payment(PaymentId(subject.id.partition("_of_")[2]))

    def events_since(self, since: datetime) -> Iterator[PaymentEvent]:
        return iter([event for event in self.events if event.created_at >= since])

    def paid_since(self, since: datetime) -> Iterator[Subject]:
        for id, pack in self._packs.items():
            if pack.money is not None and pack.money.paid_at >= since:
                yield Subject(About.PAYMENT, id)
        for subscription in self._subscriptions.values():
            for invoice in subscription.invoices:
                if invoice.payment and invoice.paid_at and invoice.paid_at >= since:
                    yield Subject(About.PAYMENT, invoice.payment)

    def publish(self, item: Priced) -> bool:
        is_new = self.prices.get(item.key) != item
        self.prices[item.key] = item
        self._published.add(item)
        return is_new

    def bill(self, fee: Fee, key: str) -> str:
        def create() -> str:
            id = self._id("ii")
            self.fees[id] = fee
            return id

        return self._once(key, fee, create)

    # What the payer does.

    def pay(self, session: str) -> PaymentEvent:
        """Pay on the page, with money that comes at once."""
        return self._complete(session, is_paid=True)

    def promise(self, session: str) -> PaymentEvent:
        """Pay with money that comes in some days, or never: see `arrive`."""
        self._sessions[session].is_on_its_way = True
        return self._complete(session, is_paid=False)

    def arrive(self, session: str) -> PaymentEvent:
        """The promised money is there."""
        open_session = self._sessions[session]
        if not open_session.is_on_its_way:
            raise ValueError(session)
        open_session.is_on_its_way = False
        self._settle(open_session)
        return self._tell(
            "checkout.session.async_payment_succeeded", Subject(About.CHECKOUT, session)
        )

    def refund(self, payment: PaymentId, amount_minor: int) -> PaymentEvent:
        """*amount_minor* more goes back; below 0: a refund came back to us."""
        self._change_money(
            payment,
            lambda money: evolve(money, refunded_minor=money.refunded_minor + amount_minor),
        )
        return self._tell("charge.refunded", Subject(About.CHARGE, payment))

    def dispute(self, payment: PaymentId) -> str:
        id = DisputeId(f"{self._id('dp')}_of_{payment}")
        dispute = DisputeState(id=id, opened_at=self.now())
        self._change_money(
            payment, lambda money: evolve(money, disputes=(*money.disputes, dispute))
        )
        self._tell("charge.dispute.created", Subject(About.DISPUTE, id))
        return id

    def close(self, dispute: str, *, is_won: bool) -> PaymentEvent:
        def decide(money: Money) -> Money:
            return evolve(
                money,
                disputes=tuple(
                    evolve(each, is_won=is_won) if each.id == dispute else each
                    for each in money.disputes
                ),
            )

        self._change_money(PaymentId(dispute.partition("_of_")[2]), decide)
        return self._tell("charge.dispute.closed", Subject(About.DISPUTE, dispute))

    # What happens to subscriptions.

    def renew(self, id: SubscriptionId, *, is_paid: bool = True) -> PaymentEvent:
        """The next period begins, and is paid for or owed."""
        known = self._subscriptions[id]
        start = max(line.end for invoice in known.invoices for line in invoice.lines)
        line = _line(known.price, start, start + _MONTH)
        standing = Standing.ACTIVE if is_paid else Standing.OWED
        return self._invoice(evolve(known, standing=standing), line, start, is_paid=is_paid)

    def recover(self, id: SubscriptionId) -> PaymentEvent:
        """What is owed is paid."""
        known = self._subscriptions[id]
        owed = next(each for each in known.invoices if each.failed_at is not None)
        invoices = tuple(
            self._paid(each, known) if each is owed else each for each in known.invoices
        )
        self._subscriptions[id] = evolve(known, standing=Standing.ACTIVE, invoices=invoices)
        return self._tell("invoice.paid", Subject(About.INVOICE, owed.id))

    def upgrade(self, id: SubscriptionId, price: str) -> PaymentEvent:
        """A better tariff from now on, and what it costs more until the period ends is paid."""
        known = self._subscriptions[id]
        end = max(line.end for invoice in known.invoices for line in invoice.lines)
        better = self._item(price)
        line = evolve(
            _line(better, self.now(), end),
            amount_minor=max(1, better.amount_minor - known.price.amount_minor),
            is_proration=True,
        )
        return self._invoice(evolve(known, price=better), line, self.now(), is_paid=True)

    def cancel(self, id: SubscriptionId, ends_at: datetime) -> PaymentEvent:
        known = self._subscriptions[id]
        standing = Standing.ENDED if ends_at <= self.now() else known.standing
        self._subscriptions[id] = evolve(
            known, cancelled_at=self.now(), ends_at=ends_at, standing=standing
        )
        return self._tell("customer.subscription.updated", Subject(About.SUBSCRIPTION, id))

    # What is asked for by tests.

    def signed(self, event: PaymentEvent) -> tuple[bytes, str]:
        """Body and signature, as they are delivered now."""
        body = json.dumps({"id": event.id, "type": event.kind}).encode()
        moment = str(self.now().timestamp())
        return body, f"{moment}:{self._mac(moment, body)}"

    def payment_of(self, session: str) -> PaymentId:
        found = self._sessions[session].payment
        if found is None:
            raise ValueError(session)
        return found

    def subscription_of(self, session: str) -> SubscriptionId:
        found = self._sessions[session].subscription
        if found is None:
            raise ValueError(session)
        return found

    # Inside.

    def _complete(self, session: str, *, is_paid: bool) -> PaymentEvent:
        open_session = self._sessions[session]
        if self.now() >= open_session.page.expires_at:
            raise ValueError(f"{session} has expired")
        if is_paid:
            self._settle(open_session)
        return self._tell("checkout.session.completed", Subject(About.CHECKOUT, session))

    def _settle(self, session: _Session) -> None:
        if session.payment is not None:
            raise ValueError(f"{session.page.id} is paid")
        order, item = session.order, session.price
        session.payment = PaymentId(self._id("pi"))
        if not order.is_recurring:
            self._packs[session.payment] = PackState(
                customer=order.customer,
                price=item,
                quantity=1,
                asked_minor=item.amount_minor,
                money=self._money(session.payment, item),
            )
            return
        session.subscription = SubscriptionId(self._id("sub"))
        now = self.now()
        invoice = InvoiceState(
            id=self._id("in"),
            lines=(_line(item, now, now + _MONTH),),
            paid_at=now,
            payment=session.payment,
            money=self._money(session.payment, item),
        )
        self._subscriptions[session.subscription] = SubscriptionState(
            id=session.subscription,
            customer=order.customer,
            standing=Standing.ACTIVE,
            price=item,
            invoices=(invoice,),
        )

    def _invoice(
        self, subscription: SubscriptionState, line: Line, at: datetime, *, is_paid: bool
    ) -> PaymentEvent:
        invoice = InvoiceState(
            id=self._id("in"), lines=(line,), paid_at=None, failed_at=None if is_paid else at
        )
        if is_paid:
            invoice = self._paid(invoice, subscription)
        invoices = (*subscription.invoices, invoice)
        self._subscriptions[subscription.id] = evolve(subscription, invoices=invoices)
        kind = "invoice.paid" if is_paid else "invoice.payment_failed"
        return self._tell(kind, Subject(About.INVOICE, invoice.id))

    def _paid(self, invoice: InvoiceState, of: SubscriptionState) -> InvoiceState:
        payment = PaymentId(self._id("pi"))
        asked = ItemPrice(
            key=of.price.key,
            amount_minor=sum(line.amount_minor for line in invoice.lines),
            currency=of.price.currency,
        )
        return evolve(
            invoice,
            paid_at=self.now(),
            failed_at=None,
            payment=payment,
            money=self._money(payment, asked),
        )

    def _money(self, payment: PaymentId, item: ItemPrice) -> Money:
        return Money(
            payment=payment,
            amount_minor=item.amount_minor,
            currency=item.currency,
            paid_at=self.now(),
        )

    def _change_money(self, payment: PaymentId, change: Callable[[Money], Money]) -> None:
        pack = self._packs.get(payment)
        if pack is not None and pack.money is not None:
            self._packs[payment] = evolve(pack, money=change(pack.money))
            return
        for id, subscription in self._subscriptions.items():
            self._subscriptions[id] = evolve(
                subscription,
                invoices=tuple(
                    evolve(each, money=change(each.money))
                    if each.money is not None and each.payment == payment
                    else each
                    for each in subscription.invoices
                ),
            )

    def _state_of_session(self, id: str) -> State | None:
        session = self._sessions.get(id)
        if session is None:
            return None
        if session.payment is not None:
            return self._state_of_payment(session.payment)
        if session.order.is_recurring:
            return None
        item = session.price
        return PackState(
            customer=session.order.customer,
            price=item,
            quantity=1,
            asked_minor=item.amount_minor,
            money=None,
        )

    def _state_of_payment(self, id: PaymentId) -> State | None:
        return self._packs.get(id) or self._state_with(lambda invoice: invoice.payment == id)

    def _state_with(self, is_it: Callable[[InvoiceState], bool]) -> State | None:
        return next(
            (each for each in self._subscriptions.values() if any(map(is_it, each.invoices))),
            None,
        )

    def _item(self, key: str) -> ItemPrice:
        priced = self.prices[key]
        return ItemPrice(
            key=key,
            amount_minor=priced.amount_minor,
            currency=priced.currency,
            is_published=priced in self._published,
        )

    def _once(self, key: str, request: object, create: Callable[[], T]) -> T:
        if key in self._keys:
            known, answer = self._keys[key]
            if known != request:
                raise RequestChangedError(key)
            repeated: T = answer
            return repeated
        created = create()
        self._keys[key] = (request, created)
        return created

    def _tell(self, kind: str, subject: Subject) -> PaymentEvent:
        event = PaymentEvent(
            id=self._id("evt"),
            kind=kind,
            created_at=self.now(),
            live=self.live is True,
            subject=subject,
        )
        self.events.append(event)
        return event

    def _mac(self, moment: str, body: bytes) -> str:
        return hmac.new(self.secret, moment.encode() + b"." + body, hashlib.sha256).hexdigest()

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers)}"


def _line(price: ItemPrice, start: datetime, end: datetime) -> Line:
    return Line(price=price, start=start, end=end, amount_minor=price.amount_minor)


def _shown(invoice: InvoiceState, of: SubscriptionState) -> Invoice:
    first = invoice.lines[0]
    return Invoice(
        id=invoice.id,
        number=None,
        state="open" if invoice.paid_at is None else "paid",
        total_minor=sum(line.amount_minor for line in invoice.lines),
        currency=of.price.currency,
        created_at=first.start,
        period_start=first.start,
        period_end=first.end,
    )
