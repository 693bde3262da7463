"""Bring our books to what the payment provider's are, one object at a time.

Whatever the news was, the object it is about is fetched whole, outside of any transaction, and
applied in one: the event's row, facts, tariff, licence, credits and audit events together.  A
version drawn before fetching tells an answer that was overtaken by a later one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum

from attrs import frozen

from application.audit.trail import Trail
from application.credits.licence import follow_licence
from application.credits.post import Order, post_all
from application.ports.alarms import Alarms
from application.ports.clock import Clock
from application.ports.identifiers import Identifiers
from application.ports.payments import Payments
from application.ports.storage.work import Scope, Store, Work
from domain.audit import PAYMENTS, JsonValue
from domain.catalogue import Catalogue, Pack
from domain.identifiers import INSTALLATION, LotId, OrganisationId, Prefix, public_id
from domain.ledger import PRIORITIES, Clawback, Command, Grant, Lot, Source
from domain.payment import (
    Dispute,
    PaidPeriod,
    PaymentEvent,
    Subject,
    Subscription,
    taken_back,
    unit_cost_micros,
)
from domain.settlement import (
    Mismatch,
    PackFacts,
    PackState,
    State,
    SubscriptionState,
    moneys,
    of_pack,
    of_subscription,
)


class Outcome(Enum):
    """What became of news."""

    DONE = "done"
    #: It was recorded before.
    KNOWN = "known"
    #: A later state had been applied already.
    OVERTAKEN = "overtaken"
    #: It concerns none of our organisations.
    FOREIGN = "foreign"


@frozen
class Settled:
    outcome: Outcome
    #: How many lots it granted.
    granted: int = 0


@frozen(kw_only=True)
class Settle:
    store: Store
    payments: Payments
    catalogue: Catalogue
    alarms: Alarms
    clock: Clock
    identifiers: Identifiers

    def __call__(self, subject: Subject | None, event: PaymentEvent | None = None) -> Settled:
        """Settle *subject*, which *event* told of; without an event, because we looked.

        Raises: PaymentsRefusedError, PaymentsUnavailableError, StoreUnavailableError: nothing is
            recorded, and it is to be done again.
        """
        with self.store.begin(Scope()) as work:
            if event is not None and work.billing.is_recorded(event.id):
                return Settled(Outcome.KNOWN)
            version = work.billing.draw()
        state = self.payments.state_of(subject) if subject is not None else None
        organisation = self._payer(state)
        with self.store.begin(Scope(organisation=organisation or INSTALLATION)) as work:
            work.billing.lock()
            if organisation is not None:
                # Whoever waited for the wallet is later than who had it.
                work.ledger.stand_in_line()
            now = self.clock.now()
            if event is not None and not work.billing.record(event, now):
                return Settled(Outcome.KNOWN)
            if organisation is None or state is None:
                settled, mismatches = Settled(Outcome.FOREIGN), self._unassigned(state)
                refused: Sequence[Mismatch] = ()
            else:
                deed = _Deed(
                    settle=self,
                    work=work,
                    organisation=organisation,
                    now=now,
                    version=version,
                    event=event,
                )
                settled, mismatches, refused = deed.settle_state(state)
        # After the commit: an alarm that is lost with us is sounded again by reconciliation.
        for each in mismatches:
            self.alarms.sound("payment_mismatch", each.subject, each.detail)
        for each in refused:
            self.alarms.sound("settlement_refused", each.subject, each.detail)
        return settled

    def _payer(self, state: State | None) -> OrganisationId | None:
        """Whose it is, as our own table says; what the provider has written down is not asked."""
        if state is None or state.customer is None:
            return None
        with self.store.begin(Scope()) as work:
            return work.billing.organisation_of(state.customer)

    def _unassigned(self, state: State | None) -> Sequence[Mismatch]:
        """Money for something of ours from a customer who is nobody's."""
        if not isinstance(state, PackState) or state.money is None:
            return ()
        keys = {self.catalogue.pack_key(name) for name in self.catalogue.packs}
        if state.price.key not in keys:
            return ()
        detail = f"{state.price.key} was paid for by {state.customer}, who is no organisation's"
        return (Mismatch(subject=state.money.payment, detail=detail),)


@frozen(kw_only=True)
class _Deed:
    """One transaction under the organisation's billing lock."""

    settle: Settle
    work: Work
    organisation: OrganisationId
    now: datetime
    version: int
    event: PaymentEvent | None

    def settle_state(self, state: State) -> tuple[Settled, Sequence[Mismatch], Sequence[Mismatch]]:
        """What was done, what the catalogue does not explain, and what the ledger refused."""
        trail = Trail(
            identifiers=self.settle.identifiers, organisation=self.organisation, actor=PAYMENTS
        )
        before = self.work.billing.facts()
        if isinstance(state, PackState):
            outcome, mismatches, commands = self._pack(state, trail)
        else:
            outcome, mismatches, commands = self._subscription(state, trail)
        if outcome is Outcome.OVERTAKEN:
            return Settled(outcome), (), ()
        if self.work.billing.facts() != before:
            follow_licence(self.work, trail, self.now)
        orders = [
            Order(trail=trail, command=command, correlation=self._name) for command in commands
        ]
        posted = post_all(self.work, orders, self.now)
        for each in mismatches:
            self._tell(trail, "billing.mismatched", {"payment": each.subject})
        trail.write(self.work)
        granted = sum(
            isinstance(order.command, Grant) and bool(done.events)
            for order, done in zip(orders, posted, strict=True)
        )
        refused = [
            Mismatch(subject=self._name, detail=f"{done.refusal.code}: {done.refusal.detail}")
            for done in posted
            if done.refusal is not None
        ]
        return Settled(outcome, granted), mismatches, refused

    def _pack(
        self, state: PackState, trail: Trail
    ) -> tuple[Outcome, Sequence[Mismatch], list[Command]]:
        billing = self.work.billing
        known = billing.purchase(state.money.payment) if state.money is not None else None
        if known is not None and known.version > self.version:
            return Outcome.OVERTAKEN, (), []
        found = of_pack(state, self.settle.catalogue, known, self.version)
        if isinstance(found, Mismatch):
            return Outcome.DONE, (found,), []
        if found is None:
            return Outcome.DONE, (), []
        purchase = found.purchase
        billing.put_purchase(purchase)
        disputes = self._disputes(state, trail)
        commands: list[Command] = []
        if found.pack is not None:
            commands.append(self._grant(_pack_lot(self._lot_id(), found, found.pack, self.now)))
            self._tell(trail, "billing.paid", {"pack": purchase.pack, "payment": purchase.payment})
        if known is not None and known.refunded_minor != purchase.refunded_minor:
            self._tell_refund(trail, purchase.payment, purchase.refunded_minor)
        total = taken_back(
            purchase.credits, purchase.amount_minor, purchase.refunded_minor, disputes
        )
        commands.append(Clawback(fact=purchase.fact, total=total))
        return Outcome.DONE, (), commands

    def _subscription(
        self, state: SubscriptionState, trail: Trail
    ) -> tuple[Outcome, Sequence[Mismatch], list[Command]]:
        billing = self.work.billing
        known = billing.subscription(state.id)
        if known is not None and known.version > self.version:
            return Outcome.OVERTAKEN, (), []
        periods = billing.periods(state.id)
        found = of_subscription(state, self.settle.catalogue, known, periods, self.version)
        if found.subscription is None:
            return Outcome.DONE, found.mismatches, []
        billing.put_subscription(found.subscription)
        self._disputes(state, trail)
        # Of what was not looked at nothing new is known.
        looked_at = {money.payment for money in moneys(state)}
        commands: list[Command] = []
        for period in found.periods:
            if period not in periods:
                billing.put_period(period)
            if period.fact in found.asked:
                commands += self._begun(period, found.asked[period.fact], trail)
            if period.credits and (period not in periods or period.payment in looked_at):
                commands.append(self._taken_back(period))
        self._tell_changes(trail, known, found.subscription)
        self._follow(known, found.subscription, trail)
        return Outcome.DONE, found.mismatches, commands

    def _begun(self, period: PaidPeriod, asked_minor: int, trail: Trail) -> list[Command]:
        self._tell(
            trail,
            "billing.paid",
            {
                "subscription": period.subscription,
                "tariff": period.tariff,
                "until": period.end.isoformat(),
            },
        )
        if not period.credits:
            return []
        return [self._grant(_plan_lot(self._lot_id(), period, asked_minor, self.now))]

    def _taken_back(self, period: PaidPeriod) -> Command:
        disputes = self.work.billing.disputes(period.payment) if period.payment else ()
        return Clawback(fact=period.fact, total=period.taken_back(disputes))

    def _disputes(self, state: State, trail: Trail) -> list[Dispute]:
        """Keep the disputes of what was looked at."""
        kept = []
        for money in moneys(state):
            known = self.work.billing.disputes(money.payment)
            for each in money.disputes:
                dispute = each.fact(money.payment, known, self.now)
                kept.append(dispute)
                if dispute in known:
                    continue
                self.work.billing.put_dispute(dispute)
                action = "opened" if dispute.closed_at is None else "closed"
                details: dict[str, JsonValue] = {"dispute": dispute.id, "payment": money.payment}
                if dispute.is_won is not None:
                    details["is_won"] = dispute.is_won
                self._tell(trail, f"billing.dispute_{action}", details)
        return kept

    def _follow(self, known: Subscription | None, now: Subscription, trail: Trail) -> None:
        """The organisation's tariff is that of what it has paid for."""
        if known is not None and known.tariff == now.tariff and known.left_at == now.left_at:
            return
        running = self.work.billing.facts().running(self.now)
        organisation = self.work.organisations.get()
        if running is None or organisation is None or organisation.tariff == running.tariff:
            return
        self.work.organisations.set_tariff(running.tariff)
        self._tell(
            trail,
            "billing.tariff_changed",
            {"tariff": running.tariff, "tariff_before": organisation.tariff},
        )

    def _tell_changes(self, trail: Trail, known: Subscription | None, now: Subscription) -> None:
        failure, ends = (known.first_failure_at, known.ends_at) if known else (None, None)
        if now.first_failure_at is not None and failure is None:
            self._tell(trail, "billing.payment_failed", {"subscription": now.id})
        if now.first_failure_at is None and failure is not None:
            self._tell(trail, "billing.payment_recovered", {"subscription": now.id})
        if now.ends_at is not None and ends is None:
            details: dict[str, JsonValue] = {
                "subscription": now.id,
                "ends_at": now.ends_at.isoformat(),
            }
            self._tell(trail, "billing.subscription_cancelled", details)

    def _tell_refund(self, trail: Trail, payment: str, refunded_minor: int) -> None:
        details: dict[str, JsonValue] = {"payment": payment, "refunded_minor": refunded_minor}
        self._tell(trail, "billing.refunded", details)

    def _grant(self, lot: Lot) -> Grant:
        return Grant(lot=lot, is_granted_before=self.work.ledger.is_granted(lot.fact))

    def _lot_id(self) -> LotId:
        return LotId(self.settle.identifiers.next())

    @property
    def _name(self) -> str:
        return public_id(Prefix.ORGANISATION, self.organisation)

    def _tell(self, trail: Trail, action: str, details: dict[str, JsonValue]) -> None:
        if self.event is not None:
            details = {**details, "event": self.event.id}
        live = self.settle.payments.live is True
        trail.add(action, self._name, self.now, live=live, details=details)


def _pack_lot(id: LotId, found: PackFacts, pack: Pack, now: datetime) -> Lot:
    purchase, days = found.purchase, pack.days
    return Lot(
        id=id,
        source=Source.PACK,
        priority=PRIORITIES[Source.PACK],
        amount=purchase.credits,
        remaining=purchase.credits,
        effective_at=now,
        expires_at=None if days is None else purchase.paid_at + timedelta(days=days),
        fact=purchase.fact,
        unit_cost_micros=unit_cost_micros(found.asked_minor, purchase.currency, purchase.credits),
        currency=purchase.currency,
    )


def _plan_lot(id: LotId, period: PaidPeriod, asked_minor: int, now: datetime) -> Lot:
    return Lot(
        id=id,
        source=Source.PLAN,
        priority=PRIORITIES[Source.PLAN],
        amount=period.credits,
        remaining=period.credits,
        effective_at=now,
        expires_at=period.end,
        fact=period.fact,
        unit_cost_micros=unit_cost_micros(asked_minor, period.currency, period.credits),
        currency=period.currency,
    )
