"""The ledger's rows, in every store; its histories are in ``test_ledger_machine``."""

from datetime import date, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from attrs import evolve

from application.ports.storage.work import Scope, Store, Work
from domain.catalogue import KindClass
from domain.errors import LockOrderError, MisuseError, Refusal
from domain.identifiers import HoldId, LotId, OrganisationId
from domain.ledger import (
    Capture,
    Clawback,
    Closed,
    Correct,
    Event,
    Granted,
    Held,
    Hold,
    HoldState,
    LedgerAccount,
    Portion,
    Posting,
    Release,
    Renew,
    Source,
    expire,
    fold,
)
from tests.contract.tenants import NOW, a_grant, a_hold, a_tenant, act, an_event, at_once


def test_a_lot_round_trips_with_all_it_knows(store: Store):
    tenant = a_tenant(store)
    grants = [
        a_grant(
            5,
            source=source,
            priority=priority,
            expires_at=None if priority % 20 else NOW + timedelta(days=1, microseconds=1),
            unit_cost_micros=priority and 58_000,
            currency="USD" if priority else None,
        )
        for priority, source in enumerate(Source, start=0)
    ]
    with store.begin(tenant.scope) as work:
        for grant in grants:
            act(work, grant)
    expected = sorted((grant.lot for grant in grants), key=lambda lot: lot.id)
    with store.begin(tenant.scope) as work:
        assert sorted(work.ledger.balance().lots, key=lambda lot: lot.id) == expected
        wallet = work.ledger.lock()
        assert sorted(wallet.lots, key=lambda lot: lot.id) == expected
        assert (wallet.available, wallet.held, wallet.version) == (20, 0, 4)
        assert all(work.ledger.is_granted(grant.lot.fact) for grant in grants)
        assert not work.ledger.is_granted("plan:other")


def test_a_hold_round_trips_through_its_life(store: Store):
    tenant = a_tenant(store, granted=10)
    with store.begin(tenant.scope) as work:
        act(work, a_grant(10, priority=5))
        command = a_hold(15)
        act(work, command)
        held = work.ledger.hold(command.id)
    assert held is not None
    assert (held.id, held.subject, held.amount) == (command.id, command.subject, 15)
    assert [portion.amount for portion in held.portions] == [10, 5]
    with store.begin(tenant.scope) as work:
        assert work.ledger.hold(command.id) == held
        assert work.ledger.open_holds() == 1
        assert work.ledger.held() == [held]
        # With the lots it took from, also those that are empty now.
        wallet = work.ledger.lock(command.id, HoldId(uuid4()))
        assert wallet.holds == (held,)
        assert {portion.lot for portion in held.portions} <= {lot.id for lot in wallet.lots}
        assert [lot.remaining for lot in work.ledger.balance().lots] == [5]
    with store.begin(tenant.scope) as work:
        act(work, Capture(id=command.id, amount=12))
    with store.begin(tenant.scope) as work:
        assert work.ledger.hold(command.id) == evolve(held, state=HoldState.CAPTURED, captured=12)
        assert work.ledger.open_holds() == 0
        assert work.ledger.held() == []
        assert work.ledger.balance().available == 8


def test_lines_are_counted_by_days_in_utc(store: Store):
    tenant, day = a_tenant(store), timedelta(days=1)
    # Half past midnight of the 2nd, in UTC.
    late = datetime(2026, 6, 1, 23, 30, tzinfo=timezone(timedelta(hours=-1)))
    with store.begin(a_tenant(store).scope) as work:
        act(work, a_grant(1))
    with store.begin(tenant.scope) as work:
        assert work.ledger.lines_by_day() == {}
        for later in (timedelta(0), day, day):
            wallet = work.ledger.lock()
            work.ledger.record(
                wallet, (Granted(lot=a_grant(1).lot),), late + later, "operator", None
            )
    with store.begin(tenant.scope) as work:
        assert work.ledger.lines_by_day() == {date(2026, 6, 2): 1, date(2026, 6, 3): 2}


def test_the_journal_says_what_was_posted_newest_first_i5(store: Store):
    tenant = a_tenant(store)
    hold = a_hold(4)
    subject = uuid4()
    with store.begin(tenant.scope) as work:
        act(work, a_grant(10))
        act(work, hold)
        act(work, Release(id=hold.id))
        wallet = work.ledger.lock()
        later = NOW + timedelta(seconds=1)
        grant = a_grant(1)
        (entry,) = work.ledger.record(
            wallet, (Granted(lot=grant.lot),), later, "operator", subject
        )
    assert (entry.sequence, entry.at, entry.actor, entry.subject) == (
        4,
        later,
        "operator",
        subject,
    )
    with store.begin(tenant.scope) as work:
        page = work.ledger.journal(before=None, limit=3)
        rest = work.ledger.journal(before=page.items[-1].sequence, limit=3)
    assert [each.sequence for each in page.items] == [4, 3, 2]
    assert page.has_more
    assert page.items[0] == entry
    assert [each.sequence for each in rest.items] == [1]
    assert not rest.has_more
    assert page.items[1].posting == Posting(
        debit=LedgerAccount.HELD,
        credit=LedgerAccount.AVAILABLE,
        amount=4,
        action="credits.released",
        hold=hold.id,
    )


def test_i9_a_fact_grants_once_even_to_a_caller_who_did_not_ask(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        act(work, a_grant(5, fact="pack:pi_1"))
        assert act(work, a_grant(5, fact="pack:pi_1")) == ()
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        record(work, Granted(lot=a_grant(5, fact="pack:pi_1").lot))
    other = a_tenant(store)
    with store.begin(other.scope) as work:
        assert act(work, a_grant(5, fact="pack:pi_1")) != ()


def test_i9_of_many_who_grant_one_fact_at_once_one_does(store: Store):
    tenant = a_tenant(store)

    def grant() -> None:
        with store.begin(tenant.scope) as work:
            act(work, a_grant(5, fact="pack:pi_1"))

    at_once([grant] * 6)
    with store.begin(tenant.scope) as work:
        assert work.ledger.balance().available == 5


def test_i6_no_store_closes_a_hold_twice(store: Store):
    tenant = a_tenant(store, granted=10)
    hold = a_hold(4)
    with store.begin(tenant.scope) as work:
        act(work, hold)
        act(work, Release(id=hold.id))
    again = Closed(hold=hold.id, state=HoldState.CAPTURED, captured=0)
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        record(work, again, hold.id)


@pytest.mark.parametrize("amount", [2, 5])
def test_no_store_writes_what_the_wallet_does_not_have(store: Store, amount: int):
    tenant = a_tenant(store, granted=3)
    lot = LotId(uuid4())
    invented = Hold(
        id=HoldId(uuid4()),
        subject=uuid4(),
        amount=amount,
        portions=(Portion(lot=lot, amount=amount),),
    )
    with pytest.raises((MisuseError, ValueError)), store.begin(tenant.scope) as work:
        record(work, Held(hold=invented))
    with store.begin(tenant.scope) as work:
        assert work.ledger.balance().available == 3
        assert work.ledger.hold(invented.id) is None


def record(work: Work, event: Event, *holds: HoldId) -> None:
    work.ledger.record(work.ledger.lock(*holds), (event,), NOW, "worker")


def test_a_wallet_that_is_not_locked_is_not_recorded_on(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        stale = work.ledger.balance()
    with store.begin(tenant.scope) as work:
        act(work, a_grant(5))
    with pytest.raises(MisuseError), store.begin(tenant.scope) as work:
        work.ledger.record(stale, (Granted(lot=a_grant(5).lot),), NOW, "worker")


def test_whoever_stands_in_line_is_alone_until_the_end(store: Store):
    tenant = a_tenant(store)

    def count() -> None:
        for _ in range(4):
            with store.begin(tenant.scope) as work:
                work.ledger.stand_in_line()
                # Nothing else keeps two from reading the same.
                work.accounts.choose(f"{work.accounts.chosen() or ''}x")

    at_once([count] * 6)
    with store.begin(tenant.scope) as work:
        assert work.accounts.chosen() == "x" * 24


def test_whoever_has_stood_in_line_decides_about_what_is_there(store: Store):
    tenant = a_tenant(store, granted=1)
    with store.begin(tenant.scope) as work:
        assert work.ledger.balance().available == 1
        with store.begin(tenant.scope) as other:
            act(other, a_grant(5))
        work.ledger.stand_in_line()
        wallet = work.ledger.lock()
        assert (wallet.available, sum(lot.remaining for lot in wallet.lots)) == (6, 6)
        act(work, a_hold(6))
        work.ledger.stand_in_line()
        assert work.ledger.lock().available == 0


def test_the_line_has_its_place_among_the_locks_and_is_an_organisations(store: Store):
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        work.audit.append(an_event(tenant))
        with pytest.raises(LockOrderError):
            work.ledger.stand_in_line()
    for scope in (Scope(), Scope(organisation=OrganisationId(uuid4()))):
        with pytest.raises(MisuseError), store.begin(scope) as work:
            work.ledger.stand_in_line()


def test_i1_concurrent_holds_never_overdraw(store: Store):
    tenant = a_tenant(store, granted=50)

    def hold() -> list[bool]:
        answers = []
        for _ in range(3):
            with store.begin(tenant.scope) as work:
                answers.append(not isinstance(act(work, a_hold(4)), Refusal))
        return answers

    answers = [answer for answers in at_once([hold] * 6) for answer in answers]
    assert answers.count(True) == 12
    with store.begin(tenant.scope) as work:
        wallet = work.ledger.balance()
        assert (wallet.available, wallet.held) == (2, 48)
        assert work.ledger.open_holds() == 12


def test_amounts_beyond_32_bits_are_kept(store: Store):
    tenant = a_tenant(store, granted=2**53)
    with store.begin(tenant.scope) as work:
        act(work, a_hold(2**53 - 1))
    with store.begin(tenant.scope) as work:
        wallet = work.ledger.balance()
        assert (wallet.available, wallet.held) == (1, 2**53 - 1)


def test_a_lease_a_debt_and_a_correction_are_kept(store: Store):
    tenant = a_tenant(store)
    grant = a_grant(10, expires_at=NOW + timedelta(days=1), source=Source.PACK)
    leased = evolve(
        a_hold(3),
        lease_until=NOW + timedelta(hours=1),
        operation="premium_call",
        kind_class=KindClass.PREMIUM,
        member="mem_1",
    )
    spent = a_hold(4)
    with store.begin(tenant.scope) as work:
        for command in (
            grant,
            leased,
            spent,
            Capture(id=spent.id),
            Correct(id=spent.id, amount=1),
        ):
            assert not isinstance(act(work, command), Refusal)
        until = NOW + timedelta(hours=2)
        act(work, Renew(id=leased.id, lease_until=until))
        kept = work.ledger.hold(leased.id)
        corrected = work.ledger.hold(spent.id)
    assert kept is not None
    assert (kept.operation, kept.kind_class, kept.member) == (
        "premium_call",
        KindClass.PREMIUM,
        "mem_1",
    )
    assert kept.lease_until == until
    assert corrected is not None
    assert (corrected.captured, corrected.corrected) == (4, 1)
    with store.begin(tenant.scope) as work:
        assert work.ledger.balance(until - timedelta(microseconds=1)).holds == ()
        seen = work.ledger.balance(until)
        assert seen.holds == (kept,)
        for event in expire(seen, until):
            seen = fold(seen, event)
        assert (seen.available, seen.held) == (7, 0)
        locked = work.ledger.lock(facts=[grant.lot.fact], lots=[grant.lot.id], now=until)
        assert locked.holds == (kept,)
        assert not isinstance(act(work, Clawback(fact=grant.lot.fact, total=10), until), Refusal)
    with store.begin(tenant.scope) as work:
        wallet = work.ledger.balance()
        assert (wallet.available, wallet.held, wallet.debt) == (0, 0, 3)
        (lot,) = work.ledger.lock(facts=[grant.lot.fact]).lots
        assert (lot.remaining, lot.clawed_back) == (0, 10)
        closed = work.ledger.hold(leased.id)
        assert closed is not None
        assert closed.state is HoldState.EXPIRED


def test_facts_tell_what_they_granted(store: Store):
    tenant, other = a_tenant(store), a_tenant(store)
    with store.begin(tenant.scope) as work:
        act(work, a_grant(25, fact="plan:a"))
        act(work, a_grant(225, fact="plan:b"))
    with store.begin(other.scope) as work:
        act(work, a_grant(7, fact="plan:c"))
    with store.begin(tenant.scope) as work:
        asked = ["plan:a", "plan:b", "plan:c", "plan:d"]
        assert work.ledger.granted(asked) == {"plan:a": 25, "plan:b": 225}
        assert work.ledger.granted([]) == {}
