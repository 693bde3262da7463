"""Gifts between organisations, on every store: they arrive once, or come back, whoever dies."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, timedelta
from itertools import count
from uuid import uuid4

import pytest
from attrs import define, evolve, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.clock import MemoryClock
from adapters.memory.tasks import MemoryTasks
from adapters.system import SystemIdentifiers
from application.access.caller import Caller
from application.once import Answered
from application.operator.dispatch import Dispatch
from application.operator.sweep import Sweep
from application.people.gifts import TOPIC, DeliverGift, GiftRequest, SendGift
from application.ports.storage.idempotency import IdempotencyKey
from application.ports.storage.paging import PageRequest
from application.ports.storage.work import Scope, Store
from domain.audit import Actor
from domain.errors import Refusal
from domain.gift import Direction, Gift, GiftState
from domain.identifiers import INSTALLATION, GiftId, OrganisationId, Prefix, parse_id, public_id
from domain.ledger import Clawback, LedgerAccount, Lot, Source
from domain.organisation import PERMISSIONS, Role
from domain.payment import Subscription, SubscriptionId
from tests.application.mortal import AFTER, BEFORE, DEATHS, Death, Fate, MortalStore
from tests.catalogue import STARTER
from tests.contract.tenants import NOW, Tenant, a_grant, a_hold, a_tenant, act, at_once
from tests.strategies import examples

DAY = timedelta(days=1)
CAP = 500

drawn = settings(suppress_health_check=list(HealthCheck), deadline=None)


def caller_of(tenant: Tenant, role: Role = Role.OWNER) -> Caller:
    return Caller(
        organisation=tenant.organisation,
        actor=Actor("member", public_id(Prefix.MEMBER, tenant.member)),
        permissions=PERMISSIONS[role],
        live=None,
        request_id="req_1",
        member=tenant.member,
        user=tenant.user,
    )


@define
class Post:
    """Whoever sends and delivers, and what they see."""

    store: Store
    clock: MemoryClock = field(factory=lambda: MemoryClock(NOW))
    keys: count = field(factory=count)

    def send(
        self,
        giver: Tenant,
        to: OrganisationId,
        amount: int,
        *,
        key: str | None = None,
        store: Store | None = None,
        role: Role = Role.OWNER,
        message: str | None = None,
    ) -> Answered[Gift] | Refusal:
        send = SendGift(
            store=store or self.store,
            clock=self.clock,
            identifiers=SystemIdentifiers(self.clock),
            daily_cap=CAP,
        )
        named = IdempotencyKey(live=False, route="gifts", key=key or f"key-{next(self.keys)}")
        request = GiftRequest(to=to, amount=amount, message=message)
        return send(caller_of(giver, role), request, named, f"{to}{amount}".encode())

    def sent(self, giver: Tenant, to: OrganisationId, amount: int, **more: str) -> Gift:
        answer = self.send(giver, to, amount, **more)
        assert isinstance(answer, Answered), answer
        return answer.value

    def deliver(
        self, giver: OrganisationId, id: GiftId, store: Store | None = None
    ) -> GiftState | None:
        deliver = DeliverGift(
            store=store or self.store,
            clock=self.clock,
            identifiers=SystemIdentifiers(self.clock),
        )
        return deliver(giver, id)

    def settle(self) -> None:
        """Whatever is under way gets to its end, from the rows alone."""
        with self.store.begin(Scope.installation()) as work:
            found = work.gifts.under_way(10_000)
        for giver, id in found:
            self.deliver(giver, id)

    def gift(self, tenant: Tenant, id: GiftId) -> Gift | None:
        with self.store.begin(tenant.scope) as work:
            return work.gifts.get(id)

    def available(self, tenant: Tenant) -> int:
        with self.store.begin(tenant.scope) as work:
            return work.ledger.balance().available

    def lots(self, tenant: Tenant) -> list[Lot]:
        with self.store.begin(tenant.scope) as work:
            return list(work.usage.lots(PageRequest(limit=100), NOW, is_open=False).items)

    def balances(self, tenant: Tenant) -> Counter[LedgerAccount]:
        found: Counter[LedgerAccount] = Counter()
        with self.store.begin(tenant.scope) as work:
            for entry in work.ledger.journal(before=None, limit=10_000).items:
                found[entry.posting.credit] += entry.posting.amount
                found[entry.posting.debit] -= entry.posting.amount
        return found

    def actions(self, tenant: Tenant) -> list[str]:
        with self.store.begin(tenant.scope) as work:
            return [event.action for event in work.audit.all(limit=1_000)]

    def add_up(self, *tenants: Tenant) -> None:
        """In transit of all, less what was issued as gifts, is what is under way."""
        transit = issued = under_way = 0
        for tenant in tenants:
            balances = self.balances(tenant)
            assert sum(balances.values()) == 0
            transit += balances[LedgerAccount.TRANSIT]
            issued -= balances[LedgerAccount.ISSUED_GIFT]
            with self.store.begin(tenant.scope) as work:
                gifts = work.gifts.page(PageRequest(limit=100)).items
                assert work.ledger.balance().available == balances[LedgerAccount.AVAILABLE]
            under_way += sum(
                gift.amount
                for gift in gifts
                if gift.state is GiftState.UNDER_WAY and gift.direction is Direction.SENT
            )
        assert transit - issued == under_way


def with_packs(store: Store, *amounts: int) -> Tenant:
    tenant = a_tenant(store)
    with store.begin(tenant.scope) as work:
        for number, amount in enumerate(amounts):
            act(
                work,
                a_grant(
                    amount,
                    source=Source.PACK,
                    priority=40,
                    fact=f"pack:pi_{number}",
                    unit_cost_micros=58_000 + number,
                    currency="USD",
                    expires_at=NOW + (30 + number) * DAY,
                ),
            )
    return tenant


# The way there.


def test_what_a_lease_that_is_over_gives_back_can_be_given_away(store: Store):
    post = Post(store)
    giver, receiver = a_tenant(store), a_tenant(store)
    with store.begin(giver.scope) as work:
        grant = a_grant(
            100,
            source=Source.PACK,
            fact=f"pack:{uuid4()}",
            unit_cost_micros=58_000,
            currency="USD",
        )
        act(work, grant)
        act(work, a_hold(100, lease_until=NOW + timedelta(seconds=30)))
    post.clock.advance(timedelta(minutes=5))
    gift = post.sent(giver, receiver.organisation, 60)
    assert [(each.lot, each.unit_cost_micros) for each in gift.portions] == [
        (grant.lot.id, 58_000)
    ]
    post.settle()
    assert (post.available(giver), post.available(receiver)) == (40, 60)
    post.add_up(giver, receiver)


def test_a_gift_arrives_at_its_cost_and_with_its_expiry(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 10, 20), a_tenant(store)
    gift = post.sent(ada, eve.organisation, 15, message="for the launch")
    assert (post.available(ada), post.available(eve)) == (15, 0)
    assert post.balances(ada)[LedgerAccount.TRANSIT] == 15
    post.add_up(ada, eve)
    assert post.deliver(ada.organisation, gift.id) is GiftState.DELIVERED
    assert (post.available(ada), post.available(eve)) == (15, 15)
    got = sorted(post.lots(eve), key=lambda lot: lot.fact)
    assert [
        (lot.source, lot.amount, lot.unit_cost_micros, lot.currency, lot.expires_at, lot.fact)
        for lot in got
    ] == [
        (Source.GIFT, 10, 58_000, "USD", NOW + 30 * DAY, f"gift:{gift.name}:1"),
        (Source.GIFT, 5, 58_001, "USD", NOW + 31 * DAY, f"gift:{gift.name}:2"),
    ]
    post.add_up(ada, eve)


def test_both_see_it(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 10), a_tenant(store)
    gift = post.sent(ada, eve.organisation, 4, message="for the launch")
    assert post.gift(eve, gift.id) is None
    post.clock.advance(DAY)
    post.deliver(ada.organisation, gift.id)
    sent, got = post.gift(ada, gift.id), post.gift(eve, gift.id)
    assert sent == evolve(gift, state=GiftState.DELIVERED, closed_at=NOW + DAY)
    assert got is not None
    assert (got.direction, got.other, got.amount) == (Direction.RECEIVED, ada.organisation, 4)
    assert (got.message, got.sent_at, got.closed_at) == ("for the launch", NOW, NOW + DAY)
    # Who sends it is the organisation; its people are its own.
    assert got.sent_by == public_id(Prefix.ORGANISATION, ada.organisation)
    assert post.actions(ada) == ["credits.gifted", "gift.sent", "gift.delivered"]
    assert post.actions(eve) == ["credits.granted", "gift.received"]


def test_it_is_a_task_that_is_made_again_as_long_as_it_is_under_way(store: Store):
    post, tasks = Post(store), MemoryTasks()
    ada, eve = with_packs(store, 10), a_tenant(store)
    gift = post.sent(ada, eve.organisation, 4)
    task = (TOPIC, ada.organisation, gift.name)
    Dispatch(store=store, tasks=tasks)()
    assert task in tasks.deferred
    tasks.deferred.clear()
    sweep = Sweep(store=store, tasks=tasks, clock=post.clock)
    sweep()
    assert task in tasks.deferred
    _, giver, key = task
    post.deliver(giver, GiftId(parse_id(Prefix.GIFT, key)))
    tasks.deferred.clear()
    sweep()
    assert task not in tasks.deferred


@pytest.mark.parametrize("receiver", [uuid4(), INSTALLATION], ids=["nobody", "operator"])
def test_what_nobody_can_take_comes_back_to_where_it_was(store: Store, receiver: OrganisationId):
    post = Post(store)
    ada = with_packs(store, 10, 20)
    before = post.lots(ada)
    gift = post.sent(ada, receiver, 15)
    assert post.gift(ada, gift.id).state is GiftState.UNDER_WAY
    assert post.deliver(ada.organisation, gift.id) is GiftState.RETURNED
    assert post.lots(ada) == before
    assert post.balances(ada)[LedgerAccount.TRANSIT] == 0
    assert post.actions(ada)[-1] == "gift.returned"
    post.add_up(ada)


def test_what_comes_back_too_late_has_expired(store: Store):
    post = Post(store)
    ada = with_packs(store, 10)
    gift = post.sent(ada, OrganisationId(uuid4()), 10)
    post.clock.advance(30 * DAY)
    post.deliver(ada.organisation, gift.id)
    assert post.available(ada) == 0
    assert post.balances(ada)[LedgerAccount.EXPIRED] == 10


def test_an_answer_does_not_tell_whether_there_is_a_receiver(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 10), a_tenant(store)
    somebody = post.sent(ada, eve.organisation, 1)
    nobody = post.sent(ada, OrganisationId(uuid4()), 1)
    assert evolve(somebody, id=nobody.id, other=nobody.other) == nobody


# What is refused.


def code_of(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


def test_only_what_was_paid_for_is_given_away(store: Store):
    post = Post(store)
    ada, eve = a_tenant(store, granted=100), a_tenant(store)
    with store.begin(ada.scope) as work:
        for source in (Source.GIFT, Source.PROMO):
            act(work, a_grant(100, source=source))
        act(work, a_grant(3, source=Source.PACK))
    assert code_of(post.send(ada, eve.organisation, 4)) == "insufficient_credits"
    assert post.send(ada, eve.organisation, 3)
    assert post.available(ada) == 300


def test_a_gift_cannot_be_passed_on(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 10), a_tenant(store)
    post.sent(ada, eve.organisation, 10)
    post.settle()
    assert code_of(post.send(eve, ada.organisation, 1)) == "insufficient_credits"


def test_a_day_has_a_cap(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 2_000), a_tenant(store)
    post.sent(ada, eve.organisation, CAP - 1)
    assert code_of(post.send(ada, eve.organisation, 2)) == "gift_cap_exceeded"
    back = post.sent(ada, OrganisationId(uuid4()), 1)
    assert code_of(post.send(ada, eve.organisation, 1)) == "gift_cap_exceeded"
    # What came back was not given.
    post.deliver(ada.organisation, back.id)
    post.sent(ada, eve.organisation, 1)
    assert code_of(post.send(ada, eve.organisation, 1)) == "gift_cap_exceeded"
    midnight = (NOW + DAY).astimezone(UTC).replace(hour=0, minute=0)
    post.clock.advance(midnight - NOW - timedelta(microseconds=1))
    assert code_of(post.send(ada, eve.organisation, 1)) == "gift_cap_exceeded"
    post.clock.advance(timedelta(microseconds=1))
    post.sent(ada, eve.organisation, CAP)


def test_of_many_at_once_no_more_than_the_cap_goes(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 2_000), a_tenant(store)
    answers = at_once([lambda: post.send(ada, eve.organisation, 100)] * 8)
    assert [isinstance(answer, Answered) for answer in answers].count(True) == 5


def test_a_gift_is_for_others_and_from_those_who_may(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 10), a_tenant(store)
    assert code_of(post.send(ada, ada.organisation, 1)) == "gift_to_self"
    for role in Role:
        answer = post.send(ada, eve.organisation, 1, role=role)
        may = role in {Role.OWNER, Role.BILLING}
        assert isinstance(answer, Answered) if may else code_of(answer) == "forbidden"


def test_who_owes_gives_nothing(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 10, 10), a_tenant(store)
    with store.begin(ada.scope) as work:
        act(work, a_hold(10))
        act(work, Clawback(fact="pack:pi_0", total=10))
    assert code_of(post.send(ada, eve.organisation, 1)) == "debt_outstanding"


def test_what_is_frozen_is_not_given_away(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 10), a_tenant(store)
    with store.begin(ada.scope) as work:
        work.billing.lock()
        work.billing.put_subscription(
            Subscription(
                id=SubscriptionId("sub_1"),
                tariff=STARTER,
                period_start=NOW - 40 * DAY,
                period_end=NOW - 15 * DAY,
                first_failure_at=NOW - 15 * DAY,
                version=1,
            )
        )
    assert code_of(post.send(ada, eve.organisation, 1)) == "licence_core_off"


# Once.


def test_a_repeated_request_is_the_same_gift(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 10), a_tenant(store)
    first = post.send(ada, eve.organisation, 4, key="one")
    again = post.send(ada, eve.organisation, 4, key="one")
    assert (first.value, again.value) == (again.value, first.value)
    assert (first.replayed, again.replayed) == (False, True)
    assert code_of(post.send(ada, eve.organisation, 5, key="one")) == "idempotency_key_reused"
    assert post.available(ada) == 6


def test_delivered_by_many_at_once_it_arrives_once(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 10, 10), a_tenant(store)
    gift = post.sent(ada, eve.organisation, 15)
    states = at_once([lambda: post.deliver(ada.organisation, gift.id)] * 6)
    assert set(states) == {GiftState.DELIVERED}
    assert post.available(eve) == 15
    assert post.actions(ada).count("gift.delivered") == 1
    assert post.actions(eve).count("gift.received") == 1
    assert post.deliver(ada.organisation, GiftId(uuid4())) is None
    post.add_up(ada, eve)


def test_gifts_in_opposite_directions_do_not_wait_for_each_other(store: Store):
    post = Post(store)
    tenants = [with_packs(store, 200) for _ in range(2)]

    def give(number: int) -> None:
        giver, receiver = tenants[number % 2], tenants[(number + 1) % 2]
        for _ in range(6):
            gift = post.sent(giver, receiver.organisation, 5)
            assert post.deliver(giver.organisation, gift.id) is GiftState.DELIVERED

    at_once([lambda number=number: give(number) for number in range(8)])
    for tenant in tenants:
        assert post.balances(tenant)[LedgerAccount.TRANSIT] == 24 * 5
        assert post.available(tenant) == 200
    post.add_up(*tenants)


# Deaths.


def once_and_whole(post: Post, ada: Tenant, eve: Tenant, store: Store, there: bool) -> None:
    """After whatever happened: sent at most once, and what was sent is there or back."""
    post.add_up(ada, eve)
    post.settle()
    post.settle()
    with store.begin(ada.scope) as work:
        gifts = work.gifts.page(PageRequest()).items
    assert len(gifts) == 1
    assert post.gift(ada, gifts[0].id).state is (
        GiftState.DELIVERED if there else GiftState.RETURNED
    )
    assert (post.available(ada), post.available(eve)) == ((5, 15) if there else (20, 0))
    assert post.actions(ada).count("gift.sent") == 1
    assert post.actions(eve).count("gift.received") == (1 if there else 0)
    post.add_up(ada, eve)


def lives(post: Post, ada: Tenant, to: OrganisationId, fate: Fate) -> None:
    """Sent and delivered by those who may die at it, and are replaced."""
    mortal = MortalStore(post.store, fate)
    for _ in range(len(fate.schedule) + 1):
        try:
            answer = post.send(ada, to, 15, key="one", store=mortal)
            assert isinstance(answer, Answered), answer
            post.deliver(ada.organisation, answer.value.id, mortal)
        except Death:
            continue
        return
    raise AssertionError("more deaths than were planned")


@pytest.mark.parametrize("there", [True, False], ids=["somebody", "nobody"])
def test_whoever_dies_at_any_call_it_is_given_once_or_comes_back(store: Store, there: bool):
    # Sending, and the three of delivering: each is begun and committed.
    for number in range(8):
        for death in (BEFORE, AFTER):
            post = Post(store)
            ada, eve = with_packs(store, 10, 10), a_tenant(store)
            to = eve.organisation if there else OrganisationId(uuid4())
            fate = Fate({number: death})
            lives(post, ada, to, fate)
            assert len(fate.calls) >= 8, fate.calls
            once_and_whole(post, ada, eve, store, there)


@settings(drawn, max_examples=examples(25))
@given(
    schedule=st.dictionaries(st.integers(0, 24), st.sampled_from(DEATHS), max_size=4),
    there=st.booleans(),
)
def test_however_many_die(store: Store, schedule: dict[int, str], there: bool):
    post = Post(store)
    ada, eve = with_packs(store, 10, 10), a_tenant(store)
    lives(post, ada, eve.organisation if there else OrganisationId(uuid4()), Fate(schedule))
    once_and_whole(post, ada, eve, store, there)


Step = tuple[int, int, int, bool]


@settings(drawn, max_examples=examples(15))
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(1, 40), st.booleans()),
        max_size=15,
    )
)
def test_in_any_history_transit_less_what_arrived_is_under_way(
    store: Store, steps: Sequence[Step]
):
    post = Post(store)
    tenants = [with_packs(store, 60, 60) for _ in range(3)]
    receivers = [*(tenant.organisation for tenant in tenants), OrganisationId(uuid4())]
    for giver, receiver, amount, is_delivered in steps:
        answer = post.send(tenants[giver], receivers[receiver], amount)
        if is_delivered and isinstance(answer, Answered):
            post.deliver(tenants[giver].organisation, answer.value.id)
        post.add_up(*tenants)
    post.settle()
    post.add_up(*tenants)
    assert sum(post.available(tenant) for tenant in tenants) == 360


# What became of the payment.


def test_a_pack_that_was_given_away_and_is_taken_back_is_owed_by_the_giver(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 10), a_tenant(store)
    post.sent(ada, eve.organisation, 8)
    post.settle()
    with store.begin(ada.scope) as work:
        act(work, Clawback(fact="pack:pi_0", total=10))
        wallet = work.ledger.balance()
    assert (wallet.available, wallet.debt) == (0, 8)
    assert post.available(eve) == 8
    post.add_up(ada, eve)


def test_a_gift_pays_what_its_receiver_owes_first(store: Store):
    post = Post(store)
    ada, eve = with_packs(store, 10), with_packs(store, 6)
    with store.begin(eve.scope) as work:
        act(work, a_hold(6))
        act(work, Clawback(fact="pack:pi_0", total=6))
    post.sent(ada, eve.organisation, 10)
    post.settle()
    with store.begin(eve.scope) as work:
        wallet = work.ledger.balance()
    assert (wallet.available, wallet.debt) == (4, 0)
    post.add_up(ada, eve)


@pytest.mark.parametrize("there", [True, False], ids=["somebody", "nobody"])
@pytest.mark.parametrize("call", [2, 4], ids=["before it is granted", "before it is closed"])
def test_whoever_was_faster_ended_it(store: Store, there: bool, call: int):
    post = Post(store)
    ada, eve = with_packs(store, 20), a_tenant(store)
    gift = post.sent(ada, eve.organisation if there else OrganisationId(uuid4()), 15)

    def another_delivers(_event: str) -> None:
        post.deliver(ada.organisation, gift.id)

    slower = MortalStore(store, Fate({call: "another delivers"}, another_delivers))
    expected = GiftState.DELIVERED if there else GiftState.RETURNED
    assert post.deliver(ada.organisation, gift.id, slower) is expected
    once_and_whole(post, ada, eve, store, there)
