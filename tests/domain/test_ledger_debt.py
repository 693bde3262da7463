"""What is taken back, owed, corrected and leased: the decider alone, on the smallest wallets."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from attrs import evolve

from domain.errors import Refusal
from domain.identifiers import HoldId, LotId, OrganisationId
from domain.ledger import (
    Adjust,
    Capture,
    Clawback,
    Command,
    Correct,
    EndLot,
    GiftBack,
    Gifted,
    GiftOut,
    Grant,
    HoldCredits,
    HoldState,
    LedgerAccount,
    Lot,
    Release,
    Renew,
    Source,
    Wallet,
    decide,
    expire,
    fold,
    postings,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Purse:
    """A wallet with its journal, as a store would keep them."""

    def __init__(self) -> None:
        self.wallet = Wallet(organisation=OrganisationId(uuid4()))
        self.sums: dict[LedgerAccount, int] = dict.fromkeys(LedgerAccount, 0)

    def do(self, command: Command, now: datetime = NOW) -> Refusal | None:
        self.take(expire(self.wallet, now))
        answer = decide(self.wallet, command, now)
        if isinstance(answer, Refusal):
            return answer
        self.take(answer)
        return None

    def take(self, events: Sequence[object]) -> None:
        for event in events:
            self.wallet = fold(self.wallet, event)
            for line in postings(event):
                self.sums[line.debit] -= line.amount
                self.sums[line.credit] += line.amount
        assert self.sums[LedgerAccount.AVAILABLE] == self.wallet.available
        assert self.sums[LedgerAccount.HELD] == self.wallet.held
        assert self.sums[LedgerAccount.DEBT] == -self.wallet.debt
        assert sum(lot.remaining for lot in self.wallet.lots) == self.wallet.available
        assert sum(self.sums.values()) == 0

    def grant(self, amount: int, fact: str = "pack:1", **changes: object) -> None:
        lot = Lot(
            id=LotId(uuid4()),
            source=Source.PACK,
            priority=10,
            amount=amount,
            remaining=amount,
            effective_at=NOW,
            fact=fact,
        )
        self.do(Grant(lot=evolve(lot, **changes), is_granted_before=False))

    def hold(self, amount: int, **changes: object) -> HoldId:
        id = HoldId(uuid4())
        assert self.do(HoldCredits(id=id, subject=id, amount=amount, **changes)) is None
        return id


def test_a_refund_takes_what_remains_first_and_the_rest_is_owed():
    purse = Purse()
    purse.grant(10)
    spent, held = purse.hold(3), purse.hold(2)
    purse.do(Capture(id=spent))
    assert purse.do(Clawback(fact="pack:1", total=10)) is None
    assert (purse.wallet.available, purse.wallet.held, purse.wallet.debt) == (0, 2, 5)
    # The same again, and an older state of the same thing's less, are the state they name.
    assert purse.do(Clawback(fact="pack:1", total=10)) is None
    assert purse.wallet.debt == 5
    # What comes back pays first.
    assert purse.do(Release(id=held)) is None
    assert (purse.wallet.available, purse.wallet.held, purse.wallet.debt) == (0, 0, 3)
    refused = purse.do(HoldCredits(id=HoldId(uuid4()), subject=uuid4(), amount=1))
    assert refused is not None
    assert refused.code == "debt_outstanding"
    purse.grant(5, "pack:2")
    assert (purse.wallet.available, purse.wallet.debt) == (2, 0)


def test_a_dispute_that_was_won_gives_everything_back():
    purse = Purse()
    purse.grant(10)
    purse.do(Capture(id=purse.hold(4)))
    purse.do(Clawback(fact="pack:1", total=10))
    assert purse.wallet.debt == 4
    purse.do(Clawback(fact="pack:1", total=0))
    assert (purse.wallet.available, purse.wallet.debt) == (6, 0)
    # And lost after all: what was given again is found.
    purse.do(Clawback(fact="pack:1", total=10))
    assert (purse.wallet.available, purse.wallet.debt) == (0, 4)
    assert purse.sums[LedgerAccount.ISSUED_PACK] == 0


def test_what_lapsed_is_taken_back_without_debt():
    purse = Purse()
    purse.grant(10, expires_at=NOW + HOUR)
    later = NOW + 2 * HOUR
    assert purse.do(Clawback(fact="pack:1", total=10), later) is None
    assert purse.wallet.debt == 0
    assert purse.sums[LedgerAccount.EXPIRED] == 0
    refused = purse.do(Clawback(fact="pack:1", total=11), later)
    assert refused is not None
    assert refused.code == "exceeds_grant"


def test_what_is_taken_with_a_lease_that_is_over_is_not_captured_at_that_instant_i7():
    """Both may be decided together, and nothing expires in between."""
    purse = Purse()
    purse.grant(10)
    id = purse.hold(4, lease_until=NOW)
    refusal = decide(purse.wallet, Capture(id=id), NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "hold_expired"
    assert purse.do(Release(id=id)) is None
    assert (purse.wallet.available, purse.wallet.held) == (10, 0)


def test_a_lease_that_is_over_frees_itself_and_cannot_be_captured_i7():
    purse = Purse()
    purse.grant(10)
    id = purse.hold(4, lease_until=NOW + HOUR)
    assert purse.do(Renew(id=id, lease_until=NOW + 2 * HOUR)) is None
    # A renewal never shortens.
    assert purse.do(Renew(id=id, lease_until=NOW + HOUR)) is None
    last = NOW + 2 * HOUR - timedelta(microseconds=1)
    purse.take(expire(purse.wallet, last))
    assert purse.wallet.held == 4
    refused = purse.do(Capture(id=id), NOW + 2 * HOUR)
    assert refused is not None
    assert refused.code == "hold_expired"
    assert (purse.wallet.available, purse.wallet.held) == (10, 0)
    hold = purse.wallet.hold(id)
    assert hold is not None
    assert hold.state is HoldState.EXPIRED
    # Given back is given back.
    assert purse.do(Release(id=id), NOW + 2 * HOUR) is None
    renewed = purse.do(Renew(id=id, lease_until=NOW + 9 * HOUR), NOW + 2 * HOUR)
    assert renewed is not None
    assert renewed.code == "hold_expired"


def test_a_deployments_hold_has_no_lease():
    purse = Purse()
    purse.grant(10)
    id = purse.hold(4)
    refused = purse.do(Renew(id=id, lease_until=NOW + HOUR))
    assert refused is not None
    assert refused.code == "hold_has_no_lease"
    purse.take(expire(purse.wallet, NOW + timedelta(days=4_000)))
    assert purse.wallet.held == 4


def test_a_failure_of_ours_gives_credits_another_day():
    for is_ours in (True, False):
        purse = Purse()
        purse.grant(10, expires_at=NOW + HOUR, unit_cost_micros=58_000, currency="USD")
        id = purse.hold(4)
        later = NOW + 2 * HOUR
        assert purse.do(Release(id=id, is_ours=is_ours), later) is None
        assert purse.sums[LedgerAccount.EXPIRED] == (6 if is_ours else 10)
        if is_ours:
            (grace,) = [lot for lot in purse.wallet.lots if lot.remaining]
            assert (grace.amount, grace.source, grace.unit_cost_micros) == (4, Source.PACK, 58_000)
            assert grace.expires_at == later + timedelta(hours=24)
        purse.take(expire(purse.wallet, later + timedelta(hours=24)))
        assert purse.wallet.available == 0


def test_a_correction_unwinds_what_was_recorded_last_taken_first_i10():
    purse = Purse()
    purse.grant(3, "pack:1", priority=1)
    purse.grant(3, "pack:2", priority=2)
    purse.grant(3, "pack:3", priority=3)
    id = purse.hold(9)
    purse.do(Capture(id=id, amount=5))

    def remaining() -> list[int]:
        return [lot.remaining for lot in purse.wallet.lots]

    assert remaining() == [0, 1, 3]
    assert purse.do(Correct(id=id, amount=1)) is None
    assert remaining() == [0, 2, 3]
    assert purse.do(Correct(id=id, amount=2)) is None
    assert remaining() == [1, 3, 3]
    refused = purse.do(Correct(id=id, amount=3))
    assert refused is not None
    assert refused.code == "exceeds_capture"
    assert purse.do(Correct(id=id)) is None
    assert remaining() == [3, 3, 3]
    assert purse.sums[LedgerAccount.SPENT] == 0
    assert isinstance(purse.do(Correct(id=id)), Refusal)


def test_a_correction_of_what_has_expired_lives_another_day():
    purse = Purse()
    purse.grant(4, expires_at=NOW + HOUR)
    id = purse.hold(4)
    purse.do(Capture(id=id))
    later = NOW + 2 * HOUR
    assert purse.do(Correct(id=id, amount=1), later) is None
    assert purse.do(Correct(id=id, amount=2), later) is None
    assert purse.wallet.available == 3
    hold = purse.wallet.hold(id)
    assert hold is not None
    assert hold.corrected == 3


def test_only_what_was_paid_for_is_given_away():
    purse = Purse()
    purse.grant(5, "plan:1", source=Source.PLAN, priority=1)
    purse.grant(5, "pack:1")
    gift = uuid4()
    refused = purse.do(GiftOut(gift=gift, amount=6))
    assert refused is not None
    assert refused.code == "insufficient_credits"
    assert purse.do(GiftOut(gift=gift, amount=4)) is None
    assert [lot.remaining for lot in purse.wallet.lots] == [5, 1]
    assert purse.sums[LedgerAccount.TRANSIT] == 4
    events = decide(purse.wallet, GiftOut(gift=gift, amount=1), NOW)
    assert not isinstance(events, Refusal)
    (gifted,) = events
    assert isinstance(gifted, Gifted)
    purse.take(events)
    assert purse.do(GiftBack(gift=gift, portions=gifted.portions)) is None
    assert purse.sums[LedgerAccount.TRANSIT] == 4
    # A pack that was refunded after it was given away is owed by the giver.
    purse.do(Clawback(fact="pack:1", total=5))
    assert (purse.wallet.available, purse.wallet.debt) == (5, 4)


def test_an_adjustment_takes_in_burn_order_and_never_too_much():
    purse = Purse()
    purse.grant(5, "pack:1", priority=9)
    purse.grant(5, "pack:2", priority=1)
    assert purse.do(Adjust(amount=7)) is None
    assert [lot.remaining for lot in purse.wallet.lots] == [3, 0]
    assert purse.sums[LedgerAccount.ADJUST] == 7
    refused = purse.do(Adjust(amount=4))
    assert refused is not None
    assert refused.code == "insufficient_credits"


def test_a_lot_that_ends_early_takes_what_is_held_with_it():
    purse = Purse()
    purse.grant(5, "plan:1")
    id = purse.hold(2)
    assert purse.do(EndLot(fact="plan:1")) is None
    assert (purse.wallet.available, purse.wallet.held) == (0, 2)
    assert purse.do(EndLot(fact="plan:1")) is None
    purse.do(Release(id=id))
    assert (purse.wallet.available, purse.wallet.held) == (0, 0)
    assert purse.sums[LedgerAccount.EXPIRED] == 5


def test_nobody_owes_what_nobody_used():
    """What was held when its payment was taken back, and lapsed unused, pays for itself."""
    purse = Purse()
    purse.grant(10, expires_at=NOW + HOUR)
    id = purse.hold(10)
    purse.do(Clawback(fact="pack:1", total=10))
    assert purse.wallet.debt == 10
    assert purse.do(Release(id=id), NOW + 2 * HOUR) is None
    assert (purse.wallet.debt, purse.sums[LedgerAccount.EXPIRED]) == (0, 0)


def test_a_lease_that_ends_after_its_lot_pays_the_debt_too():
    purse = Purse()
    purse.grant(10, expires_at=NOW + HOUR)
    purse.hold(6, lease_until=NOW + 2 * HOUR)
    purse.do(Clawback(fact="pack:1", total=10))
    assert purse.wallet.debt == 6
    purse.take(expire(purse.wallet, NOW + 3 * HOUR))
    assert (purse.wallet.debt, purse.wallet.held, purse.sums[LedgerAccount.EXPIRED]) == (0, 0, 0)


def test_a_day_of_grace_is_found_when_its_payment_is_taken_back():
    for later in (2 * HOUR, 100 * HOUR):
        purse = Purse()
        purse.grant(10, expires_at=NOW + HOUR)
        purse.do(Release(id=purse.hold(10), is_ours=True), NOW + 2 * HOUR)
        assert purse.wallet.available == 10
        assert purse.do(Clawback(fact="pack:1", total=10), NOW + later) is None
        assert (purse.wallet.available, purse.wallet.debt) == (0, 0)
        assert purse.sums[LedgerAccount.ISSUED_PACK] == 0


def test_what_was_given_again_and_lapsed_is_found_too():
    purse = Purse()
    purse.grant(10, expires_at=NOW + HOUR)
    purse.do(Clawback(fact="pack:1", total=10))
    purse.do(Clawback(fact="pack:1", total=0))
    purse.do(Clawback(fact="pack:1", total=10), NOW + 100 * HOUR)
    assert (purse.wallet.available, purse.wallet.debt) == (0, 0)


def test_grace_is_given_once():
    purse = Purse()
    purse.grant(10, expires_at=NOW + HOUR)
    at = NOW + 2 * HOUR
    purse.do(Release(id=purse.hold(10), is_ours=True), at)
    id = HoldId(uuid4())
    assert purse.do(HoldCredits(id=id, subject=id, amount=10), at) is None
    assert purse.do(Release(id=id, is_ours=True), at + timedelta(hours=24)) is None
    assert (purse.wallet.available, purse.sums[LedgerAccount.EXPIRED]) == (0, 10)
