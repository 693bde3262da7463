"""Any history of the ledger's commands, on every store.

The model (`ledger_model.py`) only adds and subtracts: the store must say what it says.  Numbers as
in the list of invariants (facts/ledger.md, 7): I1 nothing is overdrawn · I2 available = what
remains in lots = the journal's sum · I3 held = open holds = the journal's sum · I4 everything sums
to zero · I5 the journal has no gap · I6 a hold closes once · I7 captured ≤ amount, and not after
the lease · I8 the same hold again changes nothing · I9 a fact grants once · I10 burn order, and
back in reverse · I11 a refusal changes no balance · I12 nobody else is touched · I13 what was
written stays · I14 a balance as of an instant is the sum of the lines up to it.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random
from uuid import UUID, uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from application.ports.storage.work import Store
from domain.errors import Refusal
from domain.identifiers import HoldId, LotId
from domain.ledger import (
    Adjust,
    Capture,
    Clawback,
    Command,
    Correct,
    EndLot,
    Event,
    GiftBack,
    Gifted,
    GiftOut,
    Graced,
    HoldCredits,
    HoldState,
    JournalEntry,
    LedgerAccount,
    Portion,
    Reinstated,
    Release,
    Renew,
    Source,
    Wallet,
)
from tests.contract.ledger_model import CAPTURED, EXPIRED, HELD, RELEASED, ALot, Model
from tests.contract.tenants import NOW, Tenant, a_grant, a_hold, a_tenant, act
from tests.strategies import examples

#: Of grants: small, so that holds take from several.
few = st.integers(3, 9)
amounts = st.integers(1, 20)
lives = st.none() | st.integers(1, 6)
mostly = st.sampled_from([True, True, True, False])
#: Few, so that what ends and what happens often meet at the very instant.
hours = st.sampled_from([1, 5, 24, 48])
Answer = tuple[Event, ...] | Refusal


class LedgerHistory(RuleBasedStateMachine):
    store: Store
    holds = Bundle("holds")
    facts = Bundle("facts")

    @initialize(
        target=facts,
        lots=st.lists(
            st.tuples(few, st.sampled_from(list(Source)), lives), min_size=3, max_size=5
        ),
    )
    def register(self, lots: list[tuple[int, Source, int | None]]) -> MultipleResults[str]:
        self.tenant, self.bystander = a_tenant(self.store), a_tenant(self.store, granted=7)
        self.model = Model()
        #: Ids decide who burns first: a history that is lived again has to have the same.
        self.chance = Random(0)
        self.journal: list[JournalEntry] = []
        #: What was available and held when, after everything of that instant (I14).
        self.balances: dict[datetime, tuple[int, int]] = {}
        return multiple(*(self.grant(amount, 10, source, days) for amount, source, days in lots))

    def fresh(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128))

    def ask(self, command: Command) -> Answer:
        with self.store.begin(self.tenant.scope) as work:
            answer = act(work, command, self.model.now)
            self.model.time_ends()
            if isinstance(answer, Refusal):
                # I11: but for what time has ended meanwhile, which is recorded all the same.
                after = work.ledger.balance()
                assert (after.available, after.held) == (self.model.available, self.model.held)
            return answer

    def done(self, answer: Answer) -> tuple[Event, ...]:
        assert not isinstance(answer, Refusal), answer
        return answer

    @staticmethod
    def refused(answer: Answer, code: str) -> None:
        assert isinstance(answer, Refusal), answer
        assert answer.code == code

    # What comes in.

    @rule(
        target=facts,
        amount=few,
        priority=st.sampled_from([10, 20, 30]),
        source=st.sampled_from(list(Source)),
        days=lives,
    )
    def grant(self, amount: int, priority: int, source: Source, days: int | None) -> str:
        expires = None if days is None else self.model.now + timedelta(days=days)
        id = LotId(self.fresh())
        command = a_grant(
            amount,
            id=id,
            fact=f"plan:{id}",
            priority=priority,
            source=source,
            expires_at=expires,
            unit_cost_micros=7,
        )
        self.done(self.ask(command))
        lot = command.lot
        # The store breaks ties by id; the model by place.  Fresh ids grow in no order.
        self.model.grant(
            ALot(
                place=lot.id.int,
                source=source.value,
                priority=priority,
                effective=lot.effective_at,
                expires=expires,
                amount=amount,
                remaining=amount,
                fact=lot.fact,
            )
        )
        self.model.pay()
        return lot.fact

    @rule(fact=facts, amount=amounts)
    def grant_again_i9(self, fact: str, amount: int) -> None:
        assert self.ask(a_grant(amount, fact=fact)) == ()

    # Holds.

    @rule(target=holds, amount=amounts, hours=st.none() | hours, is_modest=mostly)
    def hold(
        self, amount: int, hours: int | None, is_modest: bool
    ) -> HoldId | MultipleResults[HoldId]:
        if is_modest:
            amount = min(amount, max(self.model.available, 1))
        lease = None if hours is None else self.model.now + timedelta(hours=hours)
        command = a_hold(amount, id=HoldId(self.fresh()), lease_until=lease)
        answer = self.ask(command)
        if self.model.debt:
            self.refused(answer, "debt_outstanding")
        elif amount > self.model.available:
            self.refused(answer, "insufficient_credits")
        else:
            self.done(answer)
            self.model.hold(command)
            return command.id
        return multiple()

    @rule(target=holds, amount=amounts, share=st.integers(0, 8), is_captured=mostly)
    def use(self, amount: int, share: int, is_captured: bool) -> HoldId | MultipleResults[HoldId]:
        """What becomes of most holds, at once."""
        id = self.hold(amount, 48, is_modest=True)
        if isinstance(id, UUID) and is_captured:
            self.capture(HoldId(id), share)
        elif isinstance(id, UUID):
            self.release(HoldId(id), is_ours=True)
        return id

    @rule(id=holds, is_same=st.booleans())
    def hold_again_i8(self, id: HoldId, is_same: bool) -> None:
        known = self.model.holds.get(id)
        if known is None:
            return
        if is_same:
            assert self.ask(known.command) == ()
            return
        other = HoldCredits(id=id, subject=uuid4(), amount=known.command.amount)
        self.refused(self.ask(other), "hold_conflict")

    @rule(id=holds, hours=hours)
    def renew(self, id: HoldId, hours: int) -> None:
        until = self.model.now + timedelta(hours=hours)
        answer = self.ask(Renew(id=id, lease_until=until))
        known = self.model.holds.get(id)
        if known is None:
            self.refused(answer, "hold_not_found")
        elif known.state != HELD:
            self.refused(answer, "hold_expired" if known.state == EXPIRED else "hold_closed")
        elif known.lease is None:
            self.refused(answer, "hold_has_no_lease")
        else:
            assert bool(self.done(answer)) is (until > known.lease)
            known.lease = max(until, known.lease)

    @rule(id=holds, share=st.none() | st.integers(0, 21))
    def capture(self, id: HoldId, share: int | None) -> None:
        known = self.model.holds.get(id)
        if known is not None and share is not None and share > known.command.amount:
            share = known.command.amount + 1
        answer = self.ask(Capture(id=id, amount=share))
        if known is None:
            self.refused(answer, "hold_not_found")
            return
        wanted = known.command.amount if share is None else share
        if known.state == CAPTURED and known.captured == wanted:
            assert answer == ()  # I6: closed is closed; the same once more is no error.
        elif known.state != HELD:
            self.refused(answer, "hold_expired" if known.state == EXPIRED else "hold_closed")  # I7
        elif wanted > known.command.amount:
            self.refused(answer, "exceeds_hold")  # I7
        else:
            self.done(answer)
            self.model.close(known, CAPTURED, wanted)
            self.model.pay()

    @rule(id=holds, is_ours=st.booleans())
    def release(self, id: HoldId, is_ours: bool) -> None:
        answer = self.ask(Release(id=id, is_ours=is_ours))
        known = self.model.holds.get(id)
        if known is None:
            self.refused(answer, "hold_not_found")
        elif known.state == HELD:
            graces = made_by(self.done(answer))
            self.model.close(known, RELEASED, graces=graces if is_ours else None)
            self.model.pay()
            assert is_ours or not graces
        elif known.state == CAPTURED:
            self.refused(answer, "hold_closed")
        else:
            assert answer == ()

    @rule(id=holds, amount=st.none() | st.integers(1, 12))
    def correct(self, id: HoldId, amount: int | None) -> None:
        answer = self.ask(Correct(id=id, amount=amount))
        known = self.model.holds.get(id)
        if known is None:
            self.refused(answer, "hold_not_found")
            return
        left = known.captured - known.corrected
        wanted = left if amount is None else amount
        if known.state != CAPTURED or not 0 < wanted <= left:
            self.refused(answer, "exceeds_capture")
        else:
            self.model.correct(known, wanted, made_by(self.done(answer)))
            self.model.pay()

    @rule(amount=st.integers(1, 9))
    def correct_what_took_most_lots(self, amount: int) -> None:
        """Several times, if it is drawn so: each goes on where the one before stopped."""
        spent = [hold for hold in self.model.holds.values() if hold.captured > hold.corrected]
        if spent:
            most = max(spent, key=lambda hold: (len(hold.taken), hold.captured))
            self.correct(most.command.id, min(amount, most.captured - most.corrected))

    # What goes out.

    @rule(fact=facts, total=st.integers(0, 10))
    def claw_back(self, fact: str, total: int) -> None:
        answer = self.ask(Clawback(fact=fact, total=total))
        lot = self.model.lot(fact)
        if total > lot.amount:
            self.refused(answer, "exceeds_grant")
        elif total < lot.taken_back:
            (place,) = made_by(self.done(answer))
            self.model.reinstate(lot, total, place)
            self.model.pay()
        else:
            self.done(answer)
            self.model.claw_back(lot, total)

    @rule(amount=st.sampled_from([1, 30]))
    def adjust(self, amount: int) -> None:
        answer = self.ask(Adjust(amount=amount))
        if amount > self.model.available:
            self.refused(answer, "insufficient_credits")
        else:
            self.done(answer)
            self.model.take(self.model.lots, amount, "adjust")

    @rule(amount=st.integers(1, 5))
    def give_away(self, amount: int) -> None:
        gift = self.fresh()
        answer = self.ask(GiftOut(gift=gift, amount=amount))
        paid = [lot for lot in self.model.lots if lot.source == "pack"]
        if self.model.debt:
            self.refused(answer, "debt_outstanding")
        elif amount > sum(lot.remaining for lot in paid):
            self.refused(answer, "insufficient_credits")
        else:
            taken = self.model.take(paid, amount, "transit")
            (event,) = self.done(answer)
            assert isinstance(event, Gifted)
            assert [(each.lot.int, each.amount) for each in event.portions] == [
                (lot.place, part) for lot, part in taken
            ]
            self.model.gifts[gift] = taken

    @rule(which=st.integers(0, 5))
    def give_back(self, which: int) -> None:
        if which >= len(self.model.gifts):
            return
        gift = list(self.model.gifts)[which]
        portions = tuple(
            Portion(lot=LotId(UUID(int=lot.place)), amount=part)
            for lot, part in self.model.gifts[gift]
        )
        self.done(self.ask(GiftBack(gift=gift, portions=portions)))
        self.model.gift_back(gift)
        self.model.pay()

    @rule(fact=facts)
    def end_lot(self, fact: str) -> None:
        answer = self.done(self.ask(EndLot(fact=fact)))
        lot = self.model.lot(fact)
        assert bool(answer) is not self.model.is_over(lot)
        if answer:
            self.model.end(lot)

    # Time.

    @rule(hours=hours)
    def time_passes(self, hours: int) -> None:
        with self.store.begin(self.tenant.scope) as work:
            wallet = work.ledger.balance()
        self.balances[self.model.now] = (wallet.available, wallet.held)
        self.model.now += timedelta(hours=hours)

    @rule(command=st.sampled_from([Release, Capture, Correct]))
    def what_is_over_is_noticed(self, command: type[Release | Capture | Correct]) -> None:
        self.refused(self.ask(command(id=HoldId(uuid4()))), "hold_not_found")

    # What holds at all times.

    @invariant()
    def the_store_agrees_with_the_model(self) -> None:
        model = self.model
        with self.store.begin(self.tenant.scope) as work:
            wallet = work.ledger.balance()
            page = work.ledger.journal(before=None, limit=10_000)
            open_holds = work.ledger.open_holds()
            for id, hold in model.holds.items():
                stored = work.ledger.hold(id)
                assert stored is not None
                assert stored.state is HoldState(hold.state)
                assert (stored.captured, stored.corrected) == (hold.captured, hold.corrected)
                assert stored.corrected <= stored.captured <= stored.amount  # I7
                assert stored.lease_until == hold.lease
                assert [(p.lot.int, p.amount) for p in stored.portions] == [
                    (lot.place, part) for lot, part in hold.taken
                ]  # I10
            lots = work.ledger.lock(facts=[lot.fact for lot in model.lots]).lots
        assert (wallet.available, wallet.held) == (model.available, model.held)
        assert wallet.debt == model.debt
        assert open_holds == sum(hold.state == HELD for hold in model.holds.values())
        assert {lot.id.int: lot.remaining for lot in wallet.lots} == {
            lot.place: lot.remaining for lot in model.lots if lot.remaining
        }
        told = {lot.place: (lot.remaining, lot.lapsed, lot.taken_back) for lot in model.lots}
        for lot in lots:
            assert (lot.remaining, lot.lapsed, lot.clawed_back) == told[lot.id.int]
            assert lot.unit_cost_micros == 7
        entries = list(reversed(page.items))
        assert entries[: len(self.journal)] == self.journal  # I13
        self.journal = entries
        totals = sums(wallet, entries)
        assert {account.value: total for account, total in totals.items() if total} == {
            account: total for account, total in model.accounts.items() if total
        }
        for instant, balance in self.balances.items():
            assert as_of(entries, instant) == balance  # I14

    @invariant()
    def nobody_else_is_touched_i12(self) -> None:
        with self.store.begin(self.bystander.scope) as work:
            wallet = work.ledger.balance()
        assert (wallet.available, wallet.held, wallet.version) == (7, 0, 1)


def made_by(events: tuple[Event, ...]) -> list[int]:
    """Ids of the lots that came to be by the way: names, which the model cannot think of."""
    return [event.lot.id.int for event in events if isinstance(event, Graced | Reinstated)]


def as_of(entries: list[JournalEntry], instant: datetime) -> tuple[int, int]:
    totals: Counter[LedgerAccount] = Counter()
    for entry in entries:
        if entry.at <= instant:
            totals[entry.posting.debit] -= entry.posting.amount
            totals[entry.posting.credit] += entry.posting.amount
    return totals[LedgerAccount.AVAILABLE], totals[LedgerAccount.HELD]


def sums(wallet: Wallet, entries: list[JournalEntry]) -> Counter[LedgerAccount]:
    """What each account has by the journal; and I1 to I5, which hold for any wallet."""
    totals: Counter[LedgerAccount] = Counter()
    for entry in entries:
        totals[entry.posting.debit] -= entry.posting.amount
        totals[entry.posting.credit] += entry.posting.amount
        for account in (LedgerAccount.AVAILABLE, LedgerAccount.HELD, LedgerAccount.DEBT):
            sign = -1 if account is LedgerAccount.DEBT else 1
            assert sign * totals[account] >= 0  # I1, at every line
    assert wallet.available >= 0  # I1
    assert wallet.held >= 0
    assert wallet.debt == -totals[LedgerAccount.DEBT] >= 0
    assert wallet.available == sum(lot.remaining for lot in wallet.lots)  # I2
    assert wallet.available == totals[LedgerAccount.AVAILABLE]
    assert wallet.held == totals[LedgerAccount.HELD]  # I3
    assert sum(totals.values()) == 0  # I4
    assert [e.sequence for e in entries] == list(range(1, wallet.version + 1))  # I5
    return totals


def test_any_history_of_the_ledger(store: Store):
    history = type("History", (LedgerHistory,), {"store": store})
    run_state_machine_as_test(
        history,
        settings=settings(
            max_examples=examples(25),
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_schedule_of_threads_keeps_the_invariants(store: Store):
    """The same commands from many threads: no model says in which order, the invariants hold."""
    for seed in range(examples(2)):
        tenants = [a_tenant(store, granted=60) for _ in range(2)]
        shared = [a_hold(5) for _ in range(6)]
        with ThreadPoolExecutor(6) as threads:
            histories = [
                threads.submit(some_history, store, tenants, shared, Random(100 * seed + n))
                for n in range(6)
            ]
            answered = sum((history.result() for history in histories), Counter())
        for tenant in tenants:
            with store.begin(tenant.scope) as work:
                wallet = work.ledger.balance()
                entries = list(reversed(work.ledger.journal(before=None, limit=10_000).items))
                totals = sums(wallet, entries)
                for hold in shared:
                    closings = [
                        entry
                        for entry in entries
                        if entry.posting.hold == hold.id
                        and entry.posting.debit is LedgerAccount.HELD
                    ]
                    stored = work.ledger.hold(hold.id)
                    closed = stored is not None and stored.state is not HoldState.HELD
                    # I6: everything that was held left it once, or nothing did yet.
                    assert sum(e.posting.amount for e in closings) == (5 if closed else 0)
            assert -totals[LedgerAccount.ISSUED_PLAN] == 60 + 3 * answered[tenant.organisation]
            # I9: four facts of two credits each, however often they were granted or taken back.
            assert 0 <= -totals[LedgerAccount.ISSUED_PACK] <= 8


def some_history(
    store: Store, tenants: list[Tenant], shared: list[HoldCredits], random: Random
) -> Counter[object]:
    """Draws commands, mostly about what the other threads use too; counts its grants."""
    granted: Counter[object] = Counter()
    for number in range(25):
        tenant, hold = random.choice(tenants), random.choice(shared)
        mine = a_grant(3, expires_at=NOW + timedelta(hours=random.randint(1, 9)))
        pack = a_grant(2, fact=f"pack:{random.randint(1, 4)}", source=Source.PACK)
        command = random.choice(
            [
                mine,
                a_hold(random.randint(1, 9)),
                a_hold(2, lease_until=NOW + timedelta(hours=random.randint(0, 3))),
                hold,
                hold,
                Capture(id=hold.id),
                Capture(id=hold.id, amount=2),
                Release(id=hold.id, is_ours=True),
                Correct(id=hold.id, amount=1),
                pack,
                Clawback(fact=pack.lot.fact, total=random.randint(0, 2)),
                GiftOut(gift=uuid4(), amount=1),
                Adjust(amount=1),
                EndLot(fact=pack.lot.fact),
            ]
        )
        with store.begin(tenant.scope) as work:
            answer = act(work, command, NOW + timedelta(minutes=10 * number))
        if command is mine:
            assert answer
            granted[tenant.organisation] += 1
    return granted
