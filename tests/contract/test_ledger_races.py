"""Pairs of commands that meet, with real threads: whichever comes first, all credits are there.

Each pair is tried many times, and whoever wins, what may come of it is a short list.
(Capture against the lease's end and release against capture have tests of their own where holds
are metered; gifts and licences where these are.)
"""

import json
from collections import Counter
from collections.abc import Callable
from threading import Barrier

import pytest

from adapters.memory.clock import MemoryClock
from adapters.system import SystemIdentifiers
from application.operator.credits import SetTariff
from application.ports.storage.work import Store
from domain.catalogue import TariffName
from domain.errors import Refusal
from domain.identifiers import HoldId
from domain.ledger import (
    Adjust,
    Capture,
    Clawback,
    Command,
    Correct,
    EndLot,
    Event,
    Hold,
    LedgerAccount,
    Release,
    Wallet,
)
from tests.catalogue import ENTERPRISE, FOR_TESTS, FREE, PROFESSIONAL, STARTER
from tests.contract.tenants import NOW, Tenant, a_grant, a_hold, a_tenant, act, at_once
from tests.contract.test_ledger_machine import sums
from tests.strategies import examples

Answer = tuple[Event, ...] | Refusal


@pytest.fixture
def tenant(store: Store) -> Tenant:
    return a_tenant(store)


def do(store: Store, tenant: Tenant, *commands: Command) -> list[Answer]:
    answers = []
    for command in commands:
        with store.begin(tenant.scope) as work:
            answers.append(act(work, command))
    return answers


def race(store: Store, tenant: Tenant, *commands: Command) -> list[Answer]:
    """Each in a thread and a transaction of its own, as close together as can be."""
    start = Barrier(len(commands))

    def runner(command: Command) -> Callable[[], Answer]:
        def run() -> Answer:
            start.wait()
            with store.begin(tenant.scope) as work:
                return act(work, command)

        return run

    return at_once([runner(command) for command in commands])


def wallet_of(store: Store, tenant: Tenant) -> tuple[Wallet, Counter[LedgerAccount]]:
    """And what each account has; I1 to I5 hold."""
    with store.begin(tenant.scope) as work:
        wallet = work.ledger.balance()
        entries = list(reversed(work.ledger.journal(before=None, limit=1_000).items))
    return wallet, sums(wallet, entries)


def hold_of(store: Store, tenant: Tenant, id: HoldId) -> Hold:
    with store.begin(tenant.scope) as work:
        hold = work.ledger.hold(id)
    assert hold is not None
    return hold


def code(answer: Answer) -> str | None:
    return answer.code if isinstance(answer, Refusal) else None


ROUNDS = range(examples(10))


def test_the_same_fact_granted_twice_at_once_grants_once_i9(store, tenant):
    for number in ROUNDS:
        grants = [a_grant(7, fact=f"pack:{number}") for _ in range(3)]
        answers = race(store, tenant, *grants)
        assert sorted(len(answer) for answer in answers) == [0, 0, 1]
        wallet, _ = wallet_of(store, tenant)
        assert wallet.available == 7 * (number + 1)


def test_a_clawback_against_a_capture_takes_back_all_of_it(store, tenant):
    """What comes back of the hold pays what is owed: the order does not matter."""
    for number in ROUNDS:
        hold = a_hold(6)
        do(store, tenant, a_grant(10, fact=f"pack:{number}"), hold)
        captured, clawed = race(
            store, tenant, Capture(id=hold.id, amount=4), Clawback(fact=f"pack:{number}", total=10)
        )
        assert not isinstance(captured, Refusal)
        assert not isinstance(clawed, Refusal)
        wallet, totals = wallet_of(store, tenant)
        # Ten were granted and ten taken back; four are spent, so four are owed.
        assert (wallet.available, wallet.held, wallet.debt) == (0, 0, 4)
        assert totals[LedgerAccount.ISSUED_PLAN] == 0
        tenant = a_tenant(store)


def test_a_clawback_against_a_hold_leaves_nothing_held_on_credit(store):
    for _ in ROUNDS:
        tenant, hold = a_tenant(store), a_hold(6)
        do(store, tenant, a_grant(6, fact="pack:1"))
        held, clawed = race(store, tenant, hold, Clawback(fact="pack:1", total=6))
        assert not isinstance(clawed, Refusal)
        wallet, _ = wallet_of(store, tenant)
        if isinstance(held, Refusal):
            assert held.code == "insufficient_credits"
            assert (wallet.available, wallet.held, wallet.debt) == (0, 0, 0)
        else:
            assert (wallet.available, wallet.held, wallet.debt) == (0, 6, 6)


def test_a_correction_against_a_release_undoes_a_capture_or_nothing(store):
    for _ in ROUNDS:
        tenant, open_hold, spent = a_tenant(store), a_hold(5), a_hold(3)
        do(store, tenant, a_grant(10), open_hold, spent, Capture(id=spent.id))
        released, refused, corrected = race(
            store,
            tenant,
            Release(id=open_hold.id),
            Correct(id=open_hold.id),
            Correct(id=spent.id, amount=2),
        )
        assert not isinstance(released, Refusal)
        assert code(refused) == "exceeds_capture"
        assert not isinstance(corrected, Refusal)
        wallet, totals = wallet_of(store, tenant)
        assert (wallet.available, wallet.held) == (9, 0)
        assert totals[LedgerAccount.SPENT] == 1


def test_two_corrections_at_once_give_back_no_more_than_was_captured(store):
    for _ in ROUNDS:
        tenant, hold = a_tenant(store), a_hold(5)
        do(store, tenant, a_grant(5), hold, Capture(id=hold.id))
        answers = race(store, tenant, Correct(id=hold.id, amount=3), Correct(id=hold.id, amount=3))
        assert sorted(map(str, map(code, answers))) == ["None", "exceeds_capture"]
        assert hold_of(store, tenant, hold.id).corrected == 3
        assert wallet_of(store, tenant)[0].available == 3


def test_an_adjustment_against_a_hold_never_takes_the_same_credits(store):
    for _ in ROUNDS:
        tenant, hold = a_tenant(store), a_hold(6)
        do(store, tenant, a_grant(6), a_grant(3))
        held, adjusted = race(store, tenant, hold, Adjust(amount=5))
        assert sorted(map(str, map(code, (held, adjusted)))) == ["None", "insufficient_credits"]
        wallet, totals = wallet_of(store, tenant)
        if isinstance(held, Refusal):
            assert (wallet.available, wallet.held) == (4, 0)
            assert totals[LedgerAccount.ADJUST] == 5
        else:
            assert (wallet.available, wallet.held) == (3, 6)


def test_the_end_of_a_lot_against_a_release_loses_what_was_held_of_it_either_way(store):
    for _ in ROUNDS:
        tenant, hold = a_tenant(store), a_hold(4)
        do(store, tenant, a_grant(10, fact="plan:1"), hold)
        race(store, tenant, Release(id=hold.id), EndLot(fact="plan:1"))
        wallet, totals = wallet_of(store, tenant)
        assert (wallet.available, wallet.held) == (0, 0)
        assert totals[LedgerAccount.EXPIRED] == 10


# Tariffs, which change under the wallet's lock too.


def test_of_operators_who_set_a_tariff_at_once_each_tells_what_was_before(store: Store):
    tenant, number = a_tenant(store), 6
    tariffs = [STARTER, PROFESSIONAL, ENTERPRISE] * 2
    clock = MemoryClock(NOW)
    command = SetTariff(
        store=store,
        catalogue=FOR_TESTS,
        clock=clock,
        identifiers=SystemIdentifiers(clock),
    )
    start = Barrier(number)

    def setter(tariff: TariffName) -> Callable[[], Refusal | None]:
        def run() -> Refusal | None:
            start.wait()
            return command(tenant.organisation, tariff, "asked for")

        return run

    assert at_once([setter(tariff) for tariff in tariffs]) == [None] * number
    with store.begin(tenant.scope) as work:
        events = work.audit.all(limit=1_000)
        organisation = work.organisations.get()
    told = [json.loads(e.body)["details"] for e in events if e.action == "operator.set_tariff"]
    after = [each["tariff"] for each in told]
    assert [each["tariff_before"] for each in told] == [FREE, *after[:-1]]
    assert organisation is not None
    assert organisation.tariff == after[-1]
