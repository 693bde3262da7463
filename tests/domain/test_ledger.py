"""The ledger's decider, command by command and for any commands at all."""

from datetime import timedelta
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import MisuseError, Refusal
from domain.identifiers import HoldId, LotId, OrganisationId
from domain.ledger import (
    Broken,
    Capture,
    Captured,
    Closed,
    Command,
    Expired,
    Grant,
    Granted,
    Hold,
    HoldCredits,
    HoldState,
    LedgerAccount,
    Lot,
    Portion,
    Posting,
    Release,
    Returned,
    Source,
    Wallet,
    decide,
    expire,
    fold,
    posted,
    postings,
)
from tests.contract.tenants import NOW
from tests.strategies import examples

DAY = timedelta(days=1)


def a_lot(number: int, amount: int = 10, **changes: object) -> Lot:
    lot = Lot(
        id=LotId(UUID(int=number)),
        source=Source.PLAN,
        priority=10,
        amount=amount,
        remaining=amount,
        effective_at=NOW,
        fact=f"plan:{number}",
    )
    return evolve(lot, **changes)


def a_wallet(*lots: Lot) -> Wallet:
    wallet = Wallet(organisation=OrganisationId(UUID(int=1)))
    for lot in lots:
        wallet = fold(wallet, Granted(lot=lot))
    return wallet


def after(wallet: Wallet, command: Command, now=NOW) -> Wallet:
    events = decide(wallet, command, now)
    assert not isinstance(events, Refusal)
    for event in events:
        wallet = fold(wallet, event)
    return wallet


def hold(amount: int, number: int = 1) -> HoldCredits:
    return HoldCredits(id=HoldId(UUID(int=number)), subject=UUID(int=number), amount=amount)


def portions(wallet: Wallet, number: int = 1) -> list[tuple[int, int]]:
    found = wallet.hold(HoldId(UUID(int=number)))
    assert found is not None
    return [(portion.lot.int, portion.amount) for portion in found.portions]


def test_i10_burn_order_is_priority_then_expiry_then_age():
    wallet = a_wallet(
        a_lot(6, 1, priority=20, expires_at=NOW + DAY),
        a_lot(5, 1),
        a_lot(4, 1, expires_at=NOW + 2 * DAY),
        a_lot(3, 1, expires_at=NOW + DAY),
        a_lot(2, 1, expires_at=NOW + DAY),
        a_lot(1, 1, priority=20),
    )
    held = after(wallet, hold(6))
    assert portions(held) == [(2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (1, 1)]


def test_a_lot_is_good_from_its_first_instant_until_before_its_last():
    wallet = a_wallet(a_lot(1, effective_at=NOW, expires_at=NOW + DAY))
    early = decide(wallet, hold(1), NOW - timedelta(microseconds=1))
    assert isinstance(early, Refusal)
    after(wallet, hold(1), NOW)
    after(wallet, hold(1), NOW + DAY - timedelta(microseconds=1))
    assert isinstance(decide(wallet, hold(1), NOW + DAY), Refusal)
    assert expire(wallet, NOW + DAY - timedelta(microseconds=1)) == ()
    assert expire(wallet, NOW + DAY) == (Expired(lot=LotId(UUID(int=1)), amount=10),)


def test_a_refused_hold_says_what_is_missing():
    refusal = decide(a_wallet(a_lot(1, 4)), hold(5), NOW)
    assert refusal == Refusal(
        code="insufficient_credits", detail="5 credits are needed and 4 are available"
    )


def test_a_release_gives_back_in_reverse_and_a_capture_spends_from_the_front():
    wallet = after(a_wallet(a_lot(1, 4), a_lot(2, 4)), hold(7))
    id = HoldId(UUID(int=1))
    assert decide(wallet, Release(id=id), NOW) == (
        Returned(
            hold=id,
            portions=(
                Portion(lot=LotId(UUID(int=2)), amount=3),
                Portion(lot=LotId(UUID(int=1)), amount=4),
            ),
        ),
        Closed(hold=id, state=HoldState.RELEASED, captured=0),
    )
    assert decide(wallet, Capture(id=id, amount=5), NOW) == (
        Captured(hold=id, amount=5),
        Returned(hold=id, portions=(Portion(lot=LotId(UUID(int=2)), amount=2),)),
        Closed(hold=id, state=HoldState.CAPTURED, captured=5),
    )


def test_what_expired_while_held_does_not_come_back():
    wallet = after(a_wallet(a_lot(1, 4, expires_at=NOW + DAY), a_lot(2, 4)), hold(6))
    id = HoldId(UUID(int=1))
    assert decide(wallet, Release(id=id), NOW + DAY) == (
        Returned(hold=id, portions=(Portion(lot=LotId(UUID(int=2)), amount=2),)),
        Broken(hold=id, portions=(Portion(lot=LotId(UUID(int=1)), amount=4),)),
        Closed(hold=id, state=HoldState.RELEASED, captured=0),
    )


def test_a_capture_of_nothing_is_a_capture():
    wallet = after(a_wallet(a_lot(1)), hold(3))
    closed = after(wallet, Capture(id=HoldId(UUID(int=1)), amount=0))
    assert (closed.available, closed.held) == (10, 0)
    assert closed.holds[0].state is HoldState.CAPTURED


@pytest.mark.parametrize("amount", [-1, 4])
def test_i7_no_more_than_was_held_is_captured_and_nothing_less_than_nothing(amount: int):
    wallet = after(a_wallet(a_lot(1)), hold(3))
    refusal = decide(wallet, Capture(id=HoldId(UUID(int=1)), amount=amount), NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "exceeds_hold"


def test_i6_a_hold_closes_once_and_saying_so_again_is_no_error():
    wallet = after(a_wallet(a_lot(1)), hold(3))
    id = HoldId(UUID(int=1))
    captured = after(wallet, Capture(id=id))
    assert decide(captured, Capture(id=id), NOW) == ()
    assert decide(captured, Capture(id=id, amount=3), NOW) == ()
    for command in (Release(id=id), Capture(id=id, amount=2), Capture(id=id, amount=9)):
        refusal = decide(captured, command, NOW)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "hold_closed"
    released = after(wallet, Release(id=id))
    assert decide(released, Release(id=id), NOW) == ()
    assert isinstance(decide(released, Capture(id=id), NOW), Refusal)
    assert isinstance(decide(released, Capture(id=id, amount=0), NOW), Refusal)


def test_i8_the_same_hold_again_is_the_same_hold_and_another_is_refused():
    wallet = after(a_wallet(a_lot(1)), hold(3))
    assert decide(wallet, hold(3), NOW) == ()
    for other in (hold(4), evolve(hold(3), subject=UUID(int=9))):
        refusal = decide(wallet, other, NOW)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "hold_conflict"


def test_i9_a_fact_that_was_granted_grants_nothing():
    assert decide(a_wallet(), Grant(lot=a_lot(1), is_granted_before=True), NOW) == ()


def test_a_hold_that_nobody_knows_is_refused():
    for command in (Capture(id=HoldId(UUID(int=9))), Release(id=HoldId(UUID(int=9)))):
        refusal = decide(a_wallet(), command, NOW)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "hold_not_found"


def test_a_wallet_that_was_loaded_without_the_holds_lots_is_a_bug():
    wallet = after(a_wallet(a_lot(1)), hold(3))
    with pytest.raises(MisuseError):
        decide(evolve(wallet, lots=()), Release(id=HoldId(UUID(int=1))), NOW)


def test_a_posting_moves_between_two_accounts():
    with pytest.raises(ValueError):
        Posting(
            debit=LedgerAccount.HELD, credit=LedgerAccount.HELD, amount=1, action="credits.held"
        )
    with pytest.raises(ValueError):
        Posting(
            debit=LedgerAccount.HELD, credit=LedgerAccount.SPENT, amount=0, action="credits.held"
        )


def test_values_that_contradict_themselves_cannot_exist():
    with pytest.raises(ValueError):
        a_lot(1, 5, remaining=6)
    with pytest.raises(ValueError):
        a_lot(1, 0)
    with pytest.raises(ValueError):
        Hold(
            id=HoldId(UUID(int=1)),
            subject=UUID(int=1),
            amount=5,
            portions=(Portion(lot=LotId(UUID(int=1)), amount=4),),
        )


commands = st.lists(
    st.one_of(
        st.tuples(
            st.just("grant"), st.integers(1, 20), st.sampled_from([10, 20]), st.integers(0, 5)
        ),
        st.tuples(st.just("hold"), st.integers(1, 5), st.integers(1, 25)),
        st.tuples(st.just("capture"), st.integers(1, 5), st.none() | st.integers(0, 25)),
        st.tuples(st.just("release"), st.integers(1, 5)),
        st.tuples(st.just("wait")),
    ),
    max_size=30,
)


@given(commands)
@settings(max_examples=examples(200))
def test_any_commands_keep_the_invariants(history: list[tuple]):
    wallet, now, grants = a_wallet(), NOW, 0
    totals = dict.fromkeys(LedgerAccount, 0)
    for name, *arguments in history:
        command: Command | None = None
        match name, arguments:
            case "grant", (amount, priority, days):
                grants += 1
                expires_at = now + days * DAY if days else None
                lot = a_lot(
                    grants, amount, priority=priority, effective_at=now, expires_at=expires_at
                )
                command = Grant(lot=lot, is_granted_before=False)
            case "hold", (number, amount):
                command = hold(amount, number)
            case "capture", (number, amount):
                command = Capture(id=HoldId(UUID(int=number)), amount=amount)
            case "release", (number,):
                command = Release(id=HoldId(UUID(int=number)))
            case _:
                now += DAY
        events = list(expire(wallet, now))
        for event in events:
            wallet = fold(wallet, event)
        answer = decide(wallet, command, now) if command else ()
        if isinstance(answer, Refusal):
            answer = ()
        at_once, lines = posted(wallet, answer)
        assert lines == tuple(line for event in answer for line in postings(event))
        version = wallet.version
        for event in answer:
            wallet = fold(wallet, event)
        assert wallet == at_once
        for event in [*events, *answer]:
            for posting in postings(event):
                totals[posting.debit] -= posting.amount
                totals[posting.credit] += posting.amount
        assert wallet.version == version + sum(len(postings(event)) for event in answer)
        open_holds = [h for h in wallet.holds if h.state is HoldState.HELD]
        assert wallet.available == sum(lot.remaining for lot in wallet.lots)  # I2
        assert wallet.available == totals[LedgerAccount.AVAILABLE]
        assert wallet.held == sum(h.amount for h in open_holds) == totals[LedgerAccount.HELD]  # I3
        assert sum(totals.values()) == 0  # I4
        assert all(lot.remaining == 0 for lot in wallet.lots if lot.is_expired(now))
        assert totals[LedgerAccount.SPENT] == sum(h.captured for h in wallet.holds)
