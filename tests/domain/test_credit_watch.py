"""When it is told that credits run low."""

from datetime import timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.identifiers import HoldId, LotId, OrganisationId
from domain.ledger import (
    Capture,
    Clawback,
    Command,
    CreditWatch,
    Grant,
    HoldCredits,
    Lot,
    Release,
    Source,
    Threshold,
    Wallet,
    Watched,
    decide,
    fold,
    watched,
)
from tests.contract.tenants import NOW
from tests.strategies import examples

DAY = timedelta(days=1)


class Watching:
    """A wallet and what was told of it."""

    def __init__(self) -> None:
        self.wallet = Wallet(organisation=OrganisationId(UUID(int=1)))
        self.now = NOW
        self.told: list[Threshold] = []
        self.number = 0

    def do(self, command: Command) -> None:
        events = decide(self.wallet, command, self.now)
        assert isinstance(events, tuple)
        watch, threshold = watched(self.wallet, events, self.now)
        for event in (*events, Watched(watch=watch)):
            self.wallet = fold(self.wallet, event)
        if threshold is not None:
            self.told.append(threshold)

    def grant(self, amount: int, source: Source = Source.PLAN, fact: str | None = None) -> None:
        self.number += 1
        lot = Lot(
            id=LotId(UUID(int=self.number)),
            source=source,
            priority=10,
            amount=amount,
            remaining=amount,
            effective_at=self.now,
            fact=fact or f"{source}:{self.number}",
        )
        self.do(Grant(lot=lot, is_granted_before=False))

    def hold(self, amount: int) -> HoldId:
        self.number += 1
        id = HoldId(UUID(int=self.number))
        self.do(HoldCredits(id=id, subject=UUID(int=0), amount=amount))
        return id


def test_each_threshold_is_told_once_when_it_is_reached():
    it = Watching()
    it.grant(100)
    for amount, told in ((79, []), (1, [20]), (1, [20]), (13, [20]), (1, [20, 5]), (4, [20, 5])):
        it.hold(amount)
        assert it.told == told, amount
    it.hold(1)
    assert it.told == [20, 5, 0]
    assert [each.action for each in it.told] == ["balance.low", "balance.low", "balance.exhausted"]


def test_of_several_at_once_the_lowest_is_told():
    it = Watching()
    it.grant(100)
    it.hold(96)
    assert it.told == [5]
    it.hold(4)
    assert it.told == [5, 0]


def test_what_comes_back_of_a_hold_does_not_arm_it_again():
    it = Watching()
    it.grant(100)
    for _ in range(3):
        hold = it.hold(90)
        it.do(Release(id=hold))
    assert it.told == [20]


def test_a_capture_changes_nothing():
    it = Watching()
    it.grant(100)
    it.do(Capture(id=it.hold(80)))
    assert it.told == [20]


def test_a_grant_that_lifts_it_above_arms_it_again():
    it = Watching()
    it.grant(100)
    it.hold(80)
    # 81 of 161, then 32 of them, a fifth.
    it.grant(61, Source.PACK)
    it.hold(48)
    assert it.told == [20]
    it.hold(1)
    assert it.told == [20, 20]


def test_a_grant_that_does_not_lift_it_above_arms_nothing():
    it = Watching()
    it.grant(100)
    it.hold(85)
    it.grant(1, Source.PACK)
    it.hold(2)
    assert it.told == [20]


def test_a_grant_that_lifts_it_above_five_percent_only_arms_that_one():
    it = Watching()
    it.grant(100)
    it.hold(97)
    assert it.told == [5]
    it.grant(10, Source.PACK)
    assert it.told == [5]
    it.hold(8)
    assert it.told == [5, 5]
    assert it.wallet.watch == CreditWatch(granted=110, since=NOW, told=5)


def test_a_new_period_counts_anew():
    it = Watching()
    it.grant(100)
    it.hold(100)
    it.now += 30 * DAY
    it.grant(50)
    assert it.wallet.watch == CreditWatch(granted=50, since=it.now)
    it.hold(40)
    assert it.told == [0, 20]


def test_without_a_tariffs_credits_a_month_is_a_period():
    it = Watching()
    it.grant(1_000, Source.PACK)
    it.hold(800)
    it.now += 31 * DAY - timedelta(microseconds=1)
    it.hold(1)
    assert it.told == [20]
    it.now += timedelta(microseconds=1)
    it.hold(100)
    assert it.told == [20]
    it.hold(60)
    assert it.told == [20, 20]


def test_what_is_taken_back_was_not_granted():
    it = Watching()
    it.grant(100, Source.PACK, "pack:a")
    it.grant(100, Source.PACK, "pack:b")
    it.do(Clawback(fact="pack:b", total=100))
    it.hold(79)
    assert it.told == []
    it.hold(1)
    assert it.told == [20]


def test_who_never_had_any_is_told_of_nothing():
    wallet = Wallet(organisation=OrganisationId(UUID(int=1)))
    assert watched(wallet, (), NOW) == (CreditWatch(granted=0, since=NOW), None)


@settings(max_examples=examples(100), deadline=None)
@given(amounts=st.lists(st.integers(1, 40), max_size=20), granted=st.integers(1, 300))
def test_without_grants_no_threshold_is_told_twice_and_never_too_late(
    amounts: list[int], granted: int
):
    it = Watching()
    it.grant(granted)
    for amount in amounts:
        if amount <= it.wallet.available:
            it.hold(amount)
        below = [each for each in Threshold if it.wallet.available <= granted * each / 100]
        assert (min(below) in it.told) if below else not it.told
    assert len(it.told) == len(set(it.told))
