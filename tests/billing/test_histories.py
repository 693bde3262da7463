"""The same pack is never granted twice and never lost, however badly the news of it comes."""

import os
import random

import pytest

from application.ports.storage.work import Store
from entrypoints.devnet.stripe import KINDS, loopback
from entrypoints.devnet.stripe.outages import KINDS as OUTAGES
from tests.application.house import PROVING
from tests.billing.histories import History, Met
from tests.billing.house import BillingHouse
from tests.contract.subjects import postgres

#: Of each half: in a proof each kind of fault has to be met a hundred times.
COUNT, AT_LEAST = (5_000, 100) if PROVING else (250, 5)
ON_POSTGRES = 200 if PROVING else 10


@pytest.mark.parametrize("half", ["first", "second"])
def test_what_was_paid_is_given_once_and_what_went_back_is_taken_back(
    half, record_property, capsys
):
    # TALLYSTICK_SEED=<seed> repeats the histories.
    seed = _seed(half)
    with capsys.disabled():
        print(f"\nStripe: {COUNT} histories, seed {seed}")
    met = Met()
    for number in range(COUNT):
        _live(met, BillingHouse(stripe=loopback(seed=f"{seed} {number}")), f"{seed} {number}")
    _record(record_property, met, seed)
    assert met.with_several * 5 >= met.histories
    kinds = (*KINDS, *(f"api_{kind}" for kind in OUTAGES))
    assert {kind for kind in kinds if met.faults[kind] < AT_LEAST} == set(), met.faults


def test_the_same_on_postgresql(record_property, capsys):
    seed = _seed("on PostgreSQL")
    with capsys.disabled():
        print(f"\nStripe on PostgreSQL: {ON_POSTGRES} histories, seed {seed}")
    met = Met()
    for number in range(ON_POSTGRES):
        with postgres.store() as store:
            _live(met, _on(store, f"{seed} {number}"), f"{seed} {number}")
    _record(record_property, met, seed)


def _live(met: Met, house: BillingHouse, seed: str) -> None:
    history = History(house, random.Random(seed))
    try:
        met.add(history.live(), history.acts)
        history.verify()
    except BaseException:
        print(f"history {seed}: {history.told}")
        raise


def _on(store: Store, seed: str) -> BillingHouse:
    return BillingHouse(stripe=loopback(seed=seed), store=store)


def _seed(what: str) -> str:
    return os.environ.get("TALLYSTICK_SEED") or f"{what} {random.SystemRandom().randrange(2**32)}"


def _record(record_property, met: Met, seed: str) -> None:
    record_property("seed", seed)
    record_property("histories", met.histories)
    record_property("histories_with_several", met.with_several)
    for kind, times in sorted((met.faults + met.acts).items()):
        record_property(kind, times)
