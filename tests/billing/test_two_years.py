"""Two years of organisations on Stripe's clock: every credit is accounted for.

What was given is read from the loopback's objects and the calendar; what was spent and is held,
from what the driver did; what became of the rest, from lots, holds and journal, each against the
others.  A world has twenty organisations; a proof has fifty worlds.
"""

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid5

import pytest
from attrs import define, field

from application.audit.trail import Trail
from application.credits.allowance import GiveAllowances
from application.credits.post import post
from application.ports.storage.work import Scope
from domain.audit import WORKER
from domain.errors import Refusal
from domain.identifiers import HoldId, OrganisationId
from domain.ledger import (
    Capture,
    Correct,
    Hold,
    HoldCredits,
    HoldState,
    JournalEntry,
    LedgerAccount,
    Lot,
    Release,
)
from entrypoints.devnet.stripe import loopback
from tests.application.house import PROVING
from tests.billing.histories import DAY, OF_MONEY, History
from tests.billing.house import BillingHouse
from tests.billing.truth import Truth

ORGANISATIONS, WORLDS = 20, 50 if PROVING else 1
DAYS = 731
#: What takes credits out of a lot beside holds.
_LEAVES = {"credits.clawed_back", "credits.debt_paid"}
#: Credits of the free tariff's month (spec/credits.md).
FREE = 25


@define(eq=False)
class Spending:
    """What the driver knows of one organisation's credits, having asked for it."""

    holds: list[HoldId] = field(factory=list)
    open: dict[HoldId, int] = field(factory=dict)
    captured: dict[HoldId, int] = field(factory=dict)
    free_months: set[str] = field(factory=set)


@define(eq=False)
class TwoYears(History):
    size: int = ORGANISATIONS
    spending: dict[OrganisationId, Spending] = field(factory=lambda: defaultdict(Spending))

    def live(self) -> Counter[str]:
        end = self.house.stripe.account.now + DAYS * DAY
        month = ""
        while self.house.stripe.account.now < end:
            self._sweep()
            for organisation in self.organisations:
                self._spends_some(organisation)
                if self.chance.random() < 0.25:
                    self.does(self.chance.choice(OF_MONEY), organisation)
            self.house.stripe.control.advance(self.chance.randint(8, 20) * DAY)
            # What was dropped is repaired once a month; in between it is late.
            if (now := f"{self.house.clock.now():%Y-%m}") != month:
                month = now
                self.house.reconcile()
        self.house.stripe.control.finish()
        self.house.reconcile()
        self._sweep()
        return Counter(self.endpoint.counts)

    def _sweep(self) -> None:
        """What the worker's timers do, and whom the calendar owes a month."""
        self.house.reconcile()
        self.house.leave_ended()
        GiveAllowances(
            store=self.house.store,
            catalogue=self.house.catalogue,
            clock=self.house.clock,
            identifiers=self.house.identifiers,
        )()
        month = f"{self.house.clock.now():%Y-%m}"
        for organisation in self.organisations:
            if not self._pays_for_periods(organisation):
                self.spending[organisation].free_months.add(month)

    def _pays_for_periods(self, organisation: OrganisationId) -> bool:
        """A subscription that goes on, or one that was ended before what it paid for was over.

        What went back to the payer altogether paid for nothing.
        """
        account = self.house.stripe.account
        customer = self._truth.customer(organisation)
        paid_until: dict[str, int] = {}
        for invoice in account.all("invoice"):
            if invoice["customer"] != customer or invoice["status"] != "paid":
                continue
            is_kept = not self._truth.is_refunded(invoice)
            for line in invoice["lines"]["data"] if invoice["parent"] else ():
                if line["amount"] > 0:
                    name = invoice["parent"]["subscription_details"]["subscription"]
                    until = line["period"]["end"] if is_kept else 0
                    paid_until[name] = max(paid_until.get(name, 0), until)
        return any(
            each["id"] in paid_until
            and (not each["ended_at"] or paid_until[each["id"]] > account.now)
            for each in account.all("subscription")
        )

    def _spends_some(self, organisation: OrganisationId) -> None:
        mine, now = self.spending[organisation], self.house.clock.now()
        trail = Trail(identifiers=self.house.identifiers, organisation=organisation, actor=WORKER)
        with self.house.store.begin(Scope(organisation=organisation)) as work:

            def does(command: Any) -> Refusal | None:
                return post(work, trail, command, now)

            for id, amount in list(mine.open.items()):
                match self.chance.randrange(5):
                    case 0 | 1:
                        part = self.chance.randint(0, amount)
                        assert does(Capture(id=id, amount=part)) is None
                        mine.captured[id] = part
                        del mine.open[id]
                    case 2:
                        is_ours = self.chance.random() < 0.5
                        assert does(Release(id=id, is_ours=is_ours)) is None
                        del mine.open[id]
                    case _:
                        pass
            available = work.ledger.lock().available
            amount = self.chance.randint(1, 10 + available // 3)
            id = HoldId(self.house.identifiers.next())
            lease = now + timedelta(days=1) if self.chance.random() < 0.1 else None
            hold = HoldCredits(id=id, subject=id, amount=amount, lease_until=lease)
            if does(hold) is None:
                mine.holds.append(id)
                # A lease of a day is over when the driver comes back: nobody has to end it.
                if lease is None:
                    mine.open[id] = amount
            captured = [id for id, part in mine.captured.items() if part]
            if captured and self.chance.random() < 0.02:
                wrong = self.chance.choice(captured)
                assert does(Correct(id=wrong)) is None
                mine.captured[wrong] = 0
            trail.write(work)

    def verify(self) -> None:
        for organisation in self.organisations:
            _Books(self, organisation).verify()


class _Books:
    """Everything of one organisation, each part held against the others."""

    def __init__(self, world: TwoYears, organisation: OrganisationId) -> None:
        self.truth = Truth(world.house.stripe.account)
        self.organisation, self.mine = organisation, world.spending[organisation]
        self.now = world.house.clock.now()
        with world.house.store.begin(Scope(organisation=organisation)) as work:
            self.entries: list[JournalEntry] = []
            before = None
            while page := work.ledger.journal(before=before, limit=500).items:
                self.entries += page
                before = page[-1].sequence
            named = {e.posting.lot for e in self.entries if e.posting.lot is not None}
            self.wallet = work.ledger.lock(*self.mine.holds, lots=named)
        self.lots: dict[Any, Lot] = {lot.id: lot for lot in self.wallet.lots}
        self.holds: list[Hold] = list(self.wallet.holds)
        self.sums: Counter[LedgerAccount] = Counter()
        for entry in self.entries:
            self.sums[entry.posting.credit] += entry.posting.amount
            self.sums[entry.posting.debit] -= entry.posting.amount

    def verify(self) -> None:
        self._what_was_given()
        self._what_was_done_with_it()
        self._every_lot()

    def _what_was_given(self) -> None:
        """By what was paid for, what went back, and the calendar."""
        packs = self.truth.packs(self.organisation).values()
        periods = self.truth.periods(self.organisation).values()
        free = FREE * len(self.mine.free_months)
        assert -self.sums[LedgerAccount.ISSUED_PACK] == sum(
            each.given - each.taken_back for each in packs
        )
        assert -self.sums[LedgerAccount.ISSUED_PLAN] == free + sum(
            each.given - each.taken_back for each in periods
        )
        facts = [lot.fact.split(":") for lot in self.lots.values()]
        months = [fact[3] for fact in facts if fact[:2] == ["plan", "free"]]
        assert sorted(months) == sorted(self.mine.free_months)

    def _what_was_done_with_it(self) -> None:
        wallet, sums = self.wallet, self.sums
        assert sums[LedgerAccount.SPENT] == sum(self.mine.captured.values())
        open_holds = {hold.id: hold.amount for hold in self.holds if hold.is_open}
        leased = {hold.id for hold in self.holds if hold.lease_until is not None}
        assert {id: n for id, n in open_holds.items() if id not in leased} == self.mine.open
        assert sums[LedgerAccount.HELD] == wallet.held == sum(open_holds.values())
        assert sums[LedgerAccount.AVAILABLE] == wallet.available
        assert wallet.available == sum(lot.remaining for lot in self.lots.values())
        assert -sums[LedgerAccount.DEBT] == wallet.debt
        assert sums[LedgerAccount.EXPIRED] == sum(lot.lapsed for lot in self.lots.values())
        assert sum(sums.values()) == 0
        assert [e.sequence for e in reversed(self.entries)] == list(range(1, wallet.version + 1))

    def _every_lot(self) -> None:
        """Each credit of each lot is in one place, and nothing is left of what is over."""
        gone: Counter[Any] = Counter()
        for hold in self.holds:
            spent = hold.captured - hold.corrected
            for portion in hold.portions:
                part = min(portion.amount, spent)
                spent -= part
                gone[portion.lot] += portion.amount if hold.is_open else part
                if hold.state is HoldState.HELD:
                    assert part == 0
        for entry in self.entries:
            posting = entry.posting
            there = {LedgerAccount.AVAILABLE, LedgerAccount.EXPIRED}
            # What is owed stays where it was spent.
            if posting.action in _LEAVES and posting.debit in there:
                gone[posting.lot] += posting.amount
            elif posting.action == "credits.graced":
                gone[self._graced_from(entry)] += posting.amount
        for id, lot in self.lots.items():
            assert lot.amount == lot.remaining + lot.lapsed + gone[id], lot
            if lot.is_expired(self.now - timedelta(days=21)):
                assert lot.remaining == 0

    def _graced_from(self, entry: JournalEntry) -> Any:
        """The lot whose credits a grace lot goes on with: its id follows from that one's."""
        (hold,) = (hold for hold in self.holds if hold.id == entry.posting.hold)
        assert entry.posting.lot is not None
        grace = self.lots[entry.posting.lot]
        (old,) = (p.lot for p in hold.portions if uuid5(p.lot, grace.fact) == grace.id)
        return old


@pytest.mark.parametrize("world", range(WORLDS))
def test_two_years_of_twenty_organisations(world, record_property):
    seed = f"two years {world}"
    house = BillingHouse(stripe=loopback(seed=seed))
    years = TwoYears(house, random.Random(seed))
    struck = years.live()
    years.verify()
    record_property("organisations", len(years.organisations))
    record_property("until", str(datetime.fromtimestamp(house.stripe.account.now, UTC)))
    for kind, times in sorted((years.acts + struck).items()):
        record_property(kind, times)
    assert {"subscribes", "buys_a_pack", "is_refunded", "disputes"} <= set(years.acts)
