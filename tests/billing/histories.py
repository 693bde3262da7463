"""Random histories of paying: what customers, banks and operators do, and how the news comes.

A history is made from a seed, so that it can be told and lived again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from attrs import define, field

from adapters.stripe.webhooks import KINDS as EVENTS
from application.audit.trail import Trail
from application.billing.checkout import Item
from application.credits.post import post
from application.once import Answered
from application.ports.payments import PaymentsUnavailableError
from application.ports.storage.work import Scope
from domain.audit import WORKER
from domain.catalogue import PackName, TariffName
from domain.identifiers import HoldId, OrganisationId
from domain.ledger import Capture, HoldCredits
from entrypoints.devnet.stripe import Deliverer, Plan, RefusedError
from entrypoints.devnet.stripe.outages import KINDS as OUTAGES
from tests.as_of import Album
from tests.billing.house import BillingHouse
from tests.billing.sdk import SECRET
from tests.billing.truth import Truth

Record = dict[str, Any]
HOUR, DAY = 3_600, 86_400


@define
class Met:
    """What the histories of a run have met."""

    histories: int = 0
    #: With two kinds of faults or more.
    with_several: int = 0
    faults: Counter[str] = field(factory=Counter)
    acts: Counter[str] = field(factory=Counter)

    def add(self, faults: Counter[str], acts: Counter[str]) -> None:
        struck = Counter({kind: times for kind, times in faults.items() if times})
        self.histories += 1
        self.with_several += len(struck) > 1
        self.faults += struck
        self.acts += acts


Act = Callable[["History", OrganisationId], bool]


@define(eq=False)
class History:
    """One installation, a few organisations, and an endpoint that is served badly."""

    house: BillingHouse
    chance: random.Random
    size: int = 2
    organisations: list[OrganisationId] = field(init=False)
    endpoint: Deliverer = field(init=False)
    acts: Counter[str] = field(factory=Counter)
    told: list[str] = field(factory=list)
    #: Pages that were opened and not paid; those whose money is on its way.
    open_pages: list[str] = field(factory=list)
    on_their_way: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.organisations = [self.house.register() for _ in range(self.size)]
        plan = Plan(
            seed=self.chance.randrange(2**32), likelihood=self.chance.choice((0.1, 0.3, 0.6))
        )
        self.endpoint = self.house.stripe.control.add_receiver(
            self.house.receive, [SECRET], types=sorted(EVENTS), plan=plan
        )

    def live(self) -> Counter[str]:
        """Tell what struck."""
        control = self.house.stripe.control
        for _ in range(self.chance.randint(3, 9)):
            while not self._does_something():
                pass
            control.advance(self.chance.choice((1, 60, HOUR, DAY)))
        control.finish()
        self.house.stripe.api.outages._planned.clear()
        self._repair()
        struck = Counter(self.endpoint.counts)
        struck.update({f"api_{kind}": times for kind, times in self._outages().items()})
        assert self.endpoint.forgeries_accepted == []
        return struck

    def _does_something(self) -> bool:
        return self.does(self.chance.choice(_ACTS), self.chance.choice(self.organisations))

    def does(self, act: Act, organisation: OrganisationId) -> bool:
        """Whether *organisation* could do it now."""
        try:
            is_done = act(self, organisation)
        except RefusedError:
            # What cannot be done now is not done: a charge that is disputed, an ended plan.
            return False
        if is_done:
            self.acts[act.__name__.strip("_")] += 1
            self.told.append(act.__name__)
        return is_done

    def verify(self) -> None:
        """Our books are what Stripe's say they must be, and what our own trail says they are."""
        for organisation in self.organisations:
            verify(self.house, organisation)
            # That they registered nobody told: the house has put them there.
            album = Album(self.house.store, organisation, untold=frozenset({"members"}))
            album.photograph(self.house.clock.now())
            album.compare()

    def _outages(self) -> dict[str, int]:
        return self.house.stripe.api.outages.counts

    def _repair(self) -> None:
        self.house.reconcile()
        self.house.leave_ended()

    # What people do; False: there was nothing to do it with.

    def _buys_a_pack(self, organisation: OrganisationId) -> bool:
        page = self._page(
            organisation, Item(pack=PackName(self.chance.choice(("small", "large"))))
        )
        if page is not None:
            self.house.stripe.control.pay_checkout(page)
        return page is not None

    def _leaves_a_page(self, organisation: OrganisationId) -> bool:
        page = self._page(organisation, Item(pack=PackName("small")))
        if page is not None:
            self.open_pages.append(page)
        return page is not None

    def _pays_an_old_page(self, _: OrganisationId) -> bool:
        if not self.open_pages:
            return False
        self.house.stripe.control.pay_checkout(self.open_pages.pop())
        return True

    def _promises_to_pay(self, organisation: OrganisationId) -> bool:
        page = self._page(organisation, Item(pack=PackName("large")))
        if page is not None:
            self.house.stripe.control.pay_checkout(page, later=True)
            self.on_their_way.append(page)
        return page is not None

    def _money_arrives_or_not(self, _: OrganisationId) -> bool:
        if not self.on_their_way:
            return False
        succeeded = self.chance.random() < 0.7
        self.house.stripe.control.settle_checkout(self.on_their_way.pop(), succeeded=succeeded)
        return True

    def _subscribes(self, organisation: OrganisationId) -> bool:
        if self._subscription(organisation) is not None:
            return False
        tariff = TariffName(self.chance.choice(("starter", "professional")))
        page = self._page(organisation, Item(tariff=tariff))
        if page is not None:
            self.house.stripe.control.pay_checkout(page)
        return page is not None

    def _changes_the_plan(self, organisation: OrganisationId) -> bool:
        subscription = self._subscription(organisation)
        if subscription is None:
            return False
        now = subscription["items"]["data"][0]["price"]["product"]
        (price,) = [
            each["id"]
            for each in self.house.stripe.account.all("price")
            if each["recurring"] and each["product"] != now
        ]
        self.house.stripe.control.change_price(subscription["id"], price)
        return True

    def _a_month_passes(self, _: OrganisationId) -> bool:
        # Looked at every week, as an operator's daily comparison would.
        for _week in range(self.chance.randint(2, 6)):
            self.house.stripe.control.advance(7 * DAY)
            with suppress(PaymentsUnavailableError):
                self._repair()
        return True

    def _the_card_fails(self, organisation: OrganisationId) -> bool:
        customer = self._truth.customer(organisation)
        if customer is None:
            return False
        self.house.stripe.control.decline_payments(customer, self.chance.choice((1, 2, None)))
        return True

    def _the_card_works(self, organisation: OrganisationId) -> bool:
        customer = self._truth.customer(organisation)
        if customer is None:
            return False
        self.house.stripe.control.accept_payments(customer)
        for invoice in self.house.stripe.account.all("invoice"):
            if invoice["customer"] == customer and invoice["status"] == "open":
                self.house.stripe.control.pay_invoice(invoice["id"])
        return True

    def _cancels(self, organisation: OrganisationId) -> bool:
        subscription = self._subscription(organisation)
        if subscription is None:
            return False
        self.house.stripe.control.cancel_subscription(
            subscription["id"], at_period_end=self.chance.random() < 0.6
        )
        return True

    def _thinks_again(self, organisation: OrganisationId) -> bool:
        subscription = self._subscription(organisation)
        if subscription is None or not subscription["cancel_at_period_end"]:
            return False
        self.house.stripe.control.resume_subscription(subscription["id"])
        return True

    # What banks and operators do.

    def _is_refunded(self, organisation: OrganisationId) -> bool:
        charge = self._charge(organisation)
        if charge is None:
            return False
        left = charge["amount"] - charge["amount_refunded"]
        amount = self.chance.choice((None, left, max(1, left // 3), min(left, 1)))
        self.house.stripe.control.refund(charge["payment_intent"], amount)
        return True

    def _a_refund_fails(self, _: OrganisationId) -> bool:
        refunds = [
            each
            for each in self.house.stripe.account.all("refund")
            if each["status"] == "succeeded"
        ]
        if not refunds:
            return False
        self.house.stripe.control.fail_refund(self.chance.choice(refunds)["id"])
        return True

    def _disputes(self, organisation: OrganisationId) -> bool:
        charge = self._charge(organisation)
        if charge is None:
            return False
        self.house.stripe.control.dispute(charge["payment_intent"])
        return True

    def _the_bank_decides(self, _: OrganisationId) -> bool:
        disputes = [
            each
            for each in self.house.stripe.account.all("dispute")
            if each["status"] not in {"won", "lost"}
        ]
        if not disputes:
            return False
        chosen = self.chance.choice(disputes)["id"]
        self.house.stripe.control.close_dispute(chosen, won=self.chance.random() < 0.5)
        return True

    def _the_api_fails(self, _: OrganisationId) -> bool:
        kind = self.chance.choice(OUTAGES)
        self.house.stripe.control.break_requests(kind, times=self.chance.randint(1, 3))
        return True

    def _spends(self, organisation: OrganisationId) -> bool:
        now = self.house.clock.now()
        scope = Scope(organisation=organisation)
        trail = Trail(identifiers=self.house.identifiers, organisation=organisation, actor=WORKER)
        with self.house.store.begin(scope) as work:
            usable = work.ledger.lock().available
            if usable < 1:
                return False
            id = HoldId(self.house.identifiers.next())
            hold = HoldCredits(id=id, subject=id, amount=self.chance.randint(1, usable))
            refusal = post(work, trail, hold, now)
            if refusal is None and self.chance.random() < 0.8:
                post(work, trail, Capture(id=id), now)
            trail.write(work)
        return refusal is None

    # What they do it with.

    @property
    def _truth(self) -> Truth:
        return Truth(self.house.stripe.account)

    def _page(self, organisation: OrganisationId, item: Item) -> str | None:
        answer = self.house.start_checkout(organisation, item)
        return answer.value.session if isinstance(answer, Answered) else None

    def _subscription(self, organisation: OrganisationId) -> Record | None:
        customer = self._truth.customer(organisation)
        return next(
            (
                each
                for each in self.house.stripe.account.all("subscription")
                if each["customer"] == customer and not each["ended_at"]
            ),
            None,
        )

    def _charge(self, organisation: OrganisationId) -> Record | None:
        customer = self._truth.customer(organisation)
        charges = [
            each
            for each in self.house.stripe.account.all("charge")
            if each["customer"] == customer and each["status"] == "succeeded"
        ]
        return self.chance.choice(charges) if charges else None


#: What is listed twice is done twice as often.
_ACTS: list[Act] = [
    *[History._buys_a_pack] * 4,
    *[History._subscribes] * 4,
    *[History._is_refunded] * 3,
    *[History._a_month_passes] * 2,
    History._leaves_a_page,
    History._pays_an_old_page,
    History._promises_to_pay,
    *[History._money_arrives_or_not] * 2,
    *[History._changes_the_plan] * 2,
    History._the_card_fails,
    History._the_card_works,
    History._cancels,
    History._thinks_again,
    History._a_refund_fails,
    *[History._disputes] * 2,
    *[History._the_bank_decides] * 2,
    History._the_api_fails,
    History._spends,
]


#: What is done to money: neither time passing, nor the API failing, nor credits spent.
OF_MONEY = [
    act
    for act in _ACTS
    if act not in (History._a_month_passes, History._the_api_fails, History._spends)
]


def verify(house: BillingHouse, organisation: OrganisationId) -> None:
    truth = Truth(house.stripe.account)
    packs, periods = truth.packs(organisation), truth.periods(organisation)
    due = {f"pack:{payment}": each for payment, each in packs.items()}
    for (subscription, product, start), each in periods.items():
        moment = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if each.given:
            due[f"plan:{subscription}:{product}:{moment}"] = each
    with house.store.begin(Scope(organisation=organisation)) as work:
        wallet = work.ledger.lock(facts=list(due))
        facts = work.billing.facts()
    found = {
        fact: (lot.amount, lot.clawed_back)
        for fact in due
        if (lot := wallet.lot_of(fact)) is not None
    }
    assert found == {fact: (each.given, each.taken_back) for fact, each in due.items()}
    # Nothing was given beside it.
    assert house.issued(organisation) == {
        "pack": sum(each.given - each.taken_back for each in packs.values()),
        "plan": sum(each.given - each.taken_back for each in periods.values()),
    }
    paid_for = {subscription for subscription, _, _ in periods}
    assert {each.id for each in facts.subscriptions} == paid_for
    owed = {each.id for each in facts.subscriptions if each.first_failure_at is not None}
    assert owed == truth.owed(organisation) & paid_for
    disputed = {each.id for each in facts.disputes if each.closed_at is None}
    assert disputed == truth.open_disputes(organisation)
