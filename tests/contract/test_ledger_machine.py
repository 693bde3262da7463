"""Any history of grants, holds, captures and releases, on every store.

The model knows a lot as [priority, expiry, remaining] and a hold as a list of (lot, amount); what
it says by adding and subtracting, the store must say.  Numbers as in the list of invariants:
I1 nothing is overdrawn · I2 available = what remains in lots = the journal's sum · I3 held = open
holds = the journal's sum · I4 everything sums to zero · I5 the journal has no gap · I6 a hold
closes once · I7 captured ≤ amount · I8 the same hold again changes nothing · I9 a fact grants once
· I10 burn order, and back in reverse · I11 a refusal changes no balance · I12 nobody else is
touched · I13 what was written stays.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random
from uuid import uuid4

from attrs import define, field
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from application.ports.storage.work import Store
from domain.errors import Refusal
from domain.identifiers import HoldId
from domain.ledger import (
    Capture,
    Command,
    Event,
    HoldCredits,
    HoldState,
    JournalEntry,
    LedgerAccount,
    Release,
    Wallet,
)
from tests.contract.tenants import NOW, Tenant, a_grant, a_hold, a_tenant, act
from tests.strategies import examples

amounts = st.integers(1, 30)


@define(eq=False)
class ALot:
    place: int
    priority: int
    expires: datetime | None
    remaining: int


@define(eq=False)
class AHold:
    command: HoldCredits
    taken: list[tuple[ALot, int]]
    #: None while it is open; then what was captured.
    captured: int | None = None
    is_released: bool = False


@define(eq=False)
class Model:
    """Obviously right, because it only adds and subtracts."""

    now: datetime = NOW
    lots: list[ALot] = field(factory=list)
    holds: dict[HoldId, AHold] = field(factory=dict)
    granted: int = 0
    spent: int = 0
    expired: int = 0

    @property
    def available(self) -> int:
        return sum(lot.remaining for lot in self.lots)

    @property
    def held(self) -> int:
        return sum(
            amount
            for hold in self.holds.values()
            if hold.captured is None
            for _, amount in hold.taken
        )

    def is_over(self, lot: ALot) -> bool:
        return lot.expires is not None and lot.expires <= self.now

    def expire(self) -> None:
        for lot in self.lots:
            if self.is_over(lot):
                self.expired += lot.remaining
                lot.remaining = 0

    def take(self, amount: int) -> list[tuple[ALot, int]]:
        """I10: lower priority number first, then what expires first, then the older one."""
        never = datetime.max.replace(tzinfo=NOW.tzinfo)
        taken = []
        for lot in sorted(
            self.lots, key=lambda lot: (lot.priority, lot.expires or never, lot.place)
        ):
            part = min(lot.remaining, amount)
            if part:
                lot.remaining -= part
                amount -= part
                taken.append((lot, part))
        return taken

    def close(self, hold: AHold, captured: int) -> None:
        hold.captured = captured
        self.spent += captured
        for lot, amount in hold.taken:
            used = min(amount, captured)
            captured -= used
            if self.is_over(lot):
                self.expired += amount - used
            else:
                lot.remaining += amount - used


class LedgerHistory(RuleBasedStateMachine):
    store: Store
    holds = Bundle("holds")
    facts = Bundle("facts")

    @initialize()
    def register(self) -> None:
        self.tenant, self.bystander = a_tenant(self.store), a_tenant(self.store, granted=7)
        self.model = Model()
        self.journal: list[JournalEntry] = []

    def ask(self, command: Command) -> tuple[Event, ...] | Refusal:
        with self.store.begin(self.tenant.scope) as work:
            held = work.ledger.balance().held
            answer = act(work, command, self.model.now)
            self.model.expire()
            if isinstance(answer, Refusal):
                # I11: but for what expired meanwhile, which is recorded all the same.
                after = work.ledger.balance()
                assert (after.available, after.held) == (self.model.available, held)
            return answer

    @rule(
        target=facts,
        amount=amounts,
        priority=st.sampled_from([10, 20, 30]),
        days=st.none() | st.integers(1, 6),
    )
    def grant(self, amount: int, priority: int, days: int | None) -> str:
        expires = None if days is None else self.model.now + timedelta(days=days)
        command = a_grant(amount, priority=priority, expires_at=expires)
        assert not isinstance(self.ask(command), Refusal)
        # The store breaks ties by id; the model by place.  Fresh ids grow in no order.
        self.model.lots.append(ALot(command.lot.id.int, priority, expires, amount))
        self.model.granted += amount
        return command.lot.fact

    @rule(fact=facts, amount=amounts)
    def grant_again_i9(self, fact: str, amount: int) -> None:
        assert self.ask(a_grant(amount, fact=fact)) == ()

    @rule(target=holds, amount=amounts)
    def hold(self, amount: int) -> HoldId:
        command = a_hold(amount)
        answer = self.ask(command)
        if amount > self.model.available:
            assert isinstance(answer, Refusal)
            assert answer.code == "insufficient_credits"
        else:
            assert not isinstance(answer, Refusal)
            self.model.holds[command.id] = AHold(command, self.model.take(amount))
        return command.id

    @rule(id=holds, is_same=st.booleans())
    def hold_again_i8(self, id: HoldId, is_same: bool) -> None:
        known = self.model.holds.get(id)
        if known is None:
            return
        if is_same:
            assert self.ask(known.command) == ()
            return
        other = HoldCredits(id=id, subject=uuid4(), amount=known.command.amount)
        answer = self.ask(other)
        assert isinstance(answer, Refusal)
        assert answer.code == "hold_conflict"

    @rule(id=holds, share=st.none() | st.integers(0, 40))
    def capture(self, id: HoldId, share: int | None) -> None:
        known = self.model.holds.get(id)
        answer = self.ask(Capture(id=id, amount=share))
        if known is None:
            self.refused(answer, "hold_not_found")
            return
        wanted = known.command.amount if share is None else share
        if known.captured is not None:
            # I6: closed is closed; the same once more is no error.
            if not known.is_released and known.captured == wanted:
                assert answer == ()
            else:
                self.refused(answer, "hold_closed")
        elif wanted > known.command.amount:
            self.refused(answer, "exceeds_hold")  # I7
        else:
            assert not isinstance(answer, Refusal)
            self.model.close(known, wanted)

    @rule(id=holds)
    def release(self, id: HoldId) -> None:
        known = self.model.holds.get(id)
        answer = self.ask(Release(id=id))
        if known is None:
            self.refused(answer, "hold_not_found")
        elif known.captured is None:
            assert not isinstance(answer, Refusal)
            self.model.close(known, 0)
            known.is_released = True
        elif known.is_released:
            assert answer == ()
        else:
            self.refused(answer, "hold_closed")

    @rule(days=st.integers(1, 3))
    def time_passes(self, days: int) -> None:
        self.model.now += timedelta(days=days)

    @rule()
    def what_is_over_is_noticed(self) -> None:
        self.refused(self.ask(Release(id=HoldId(uuid4()))), "hold_not_found")

    @staticmethod
    def refused(answer: object, code: str) -> None:
        assert isinstance(answer, Refusal)
        assert answer.code == code

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
                is_open = hold.captured is None
                assert (stored.state is HoldState.HELD) is is_open
                assert stored.captured == (hold.captured or 0) <= stored.amount
                assert [p.amount for p in stored.portions] == [part for _, part in hold.taken]
                assert [p.lot.int for p in stored.portions] == [lot.place for lot, _ in hold.taken]
        assert (wallet.available, wallet.held) == (model.available, model.held)
        assert open_holds == sum(hold.captured is None for hold in model.holds.values())
        assert {lot.id.int: lot.remaining for lot in wallet.lots} == {
            lot.place: lot.remaining for lot in model.lots if lot.remaining
        }
        entries = list(reversed(page.items))
        assert entries[: len(self.journal)] == self.journal  # I13
        self.journal = entries
        totals = sums(wallet, entries)
        assert totals[LedgerAccount.SPENT] == model.spent
        assert totals[LedgerAccount.EXPIRED] == model.expired
        assert totals[LedgerAccount.ISSUED_PLAN] == -model.granted
        # Nothing comes from nowhere, and nothing goes there.
        assert model.granted == model.available + model.held + model.spent + model.expired

    @invariant()
    def nobody_else_is_touched_i12(self) -> None:
        with self.store.begin(self.bystander.scope) as work:
            wallet = work.ledger.balance()
        assert (wallet.available, wallet.held, wallet.version) == (7, 0, 1)


def sums(wallet: Wallet, entries: list[JournalEntry]) -> Counter[LedgerAccount]:
    """What each account has by the journal; and I1 to I5, which hold for any wallet."""
    totals: Counter[LedgerAccount] = Counter()
    for entry in entries:
        totals[entry.posting.debit] -= entry.posting.amount
        totals[entry.posting.credit] += entry.posting.amount
    assert wallet.available >= 0  # I1
    assert wallet.held >= 0
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
            stateful_step_count=30,
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


def some_history(
    store: Store, tenants: list[Tenant], shared: list[HoldCredits], random: Random
) -> Counter[object]:
    """Draws commands, mostly about holds that the other threads use too; counts its grants."""
    granted: Counter[object] = Counter()
    for _ in range(25):
        tenant, hold = random.choice(tenants), random.choice(shared)
        command = random.choice(
            [
                a_grant(3),
                a_hold(random.randint(1, 9)),
                hold,
                hold,
                Capture(id=hold.id),
                Capture(id=hold.id, amount=2),
                Release(id=hold.id),
            ]
        )
        with store.begin(tenant.scope) as work:
            answer = act(work, command)
        if hasattr(command, "lot"):
            assert answer
            granted[tenant.organisation] += 1
    return granted
