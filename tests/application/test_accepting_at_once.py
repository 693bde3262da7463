"""Deployments that are asked for in the same moment, on PostgreSQL: threads, not turns."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from application.credits.spending import spenders
from application.deployments.request import Accepted
from domain.errors import Refusal
from tests.application.house import WitnessedChain
from tests.contract.subjects.postgres import database
from tests.contract.tenants import a_hold, act
from tests.postgres_house import PostgresHouse

ASKERS = 12
#: How many of them there are credits for.
AFFORDED = 5


class QuietHouse(PostgresHouse):
    """Nobody works in it."""

    def _chain(self) -> Any:
        return WitnessedChain(instant=True)

    def _fund(self, address: str) -> None:
        self.chain.fund(address, 10**18)

    def at_once(self, ask: Callable[[int], Accepted | Refusal]) -> list[Accepted | Refusal]:
        start = Barrier(ASKERS)

        def run(number: int) -> Accepted | Refusal:
            start.wait()
            return ask(number)

        with ThreadPoolExecutor(ASKERS) as askers:
            return list(askers.map(run, range(ASKERS)))


@pytest.fixture(scope="module")
def house() -> Iterator[QuietHouse]:
    with database() as url:
        made = QuietHouse(url)
        # What a month gives is there with the first of it.
        made.deploy()
        try:
            yield made
        finally:
            made.store.close()


def accepted(answers: list[Accepted | Refusal]) -> list[Accepted]:
    return [each for each in answers if isinstance(each, Accepted)]


def refused(answers: list[Accepted | Refusal]) -> set[str]:
    return {each.code for each in answers if isinstance(each, Refusal)}


def test_no_more_are_accepted_than_there_are_credits_for(house: QuietHouse) -> None:
    price = house.catalogue.deployment_credits
    with house.store.begin(house.scope) as work:
        now = house.clock.now()
        available = work.ledger.lock(now=now).available
        assert not isinstance(act(work, a_hold(available - AFFORDED * price), now), Refusal)
    answers = house.at_once(lambda number: house.request(key=f"afforded-{number}"))
    assert len(accepted(answers)) == AFFORDED
    assert refused(answers) == {"insufficient_credits"}
    with house.store.begin(house.scope) as work:
        assert work.ledger.balance().available == 0
        for each in accepted(answers):
            hold = each.deployment.hold
            assert hold is not None
            assert work.ledger.hold(hold) is not None
    again = house.at_once(lambda number: house.request(key=f"afforded-{number}"))
    assert [each.deployment.id for each in accepted(again)] == [
        each.deployment.id for each in accepted(answers)
    ]
    house.grant(1_000)


def test_one_key_is_one_deployment(house: QuietHouse) -> None:
    before = len(house.deployments())
    answers = house.at_once(lambda _: house.request(key="the same"))
    answers += [house.request(key="the same")]
    assert len({each.deployment.id for each in accepted(answers)}) == 1
    assert refused(answers) <= {"request_in_flight"}
    assert len(house.deployments()) == before + 1


def test_one_reference_is_one_deployment(house: QuietHouse) -> None:
    answers = house.at_once(
        lambda number: house.request(key=f"referred-{number}", client_reference="ours")
    )
    assert len(accepted(answers)) == 1
    assert refused(answers) == {"client_reference_used"}


def test_the_credits_of_an_hour_are_those_of_all_of_them(house: QuietHouse) -> None:
    now = house.clock.now()

    def taken() -> list[int]:
        subjects = spenders(house.caller.organisation, house.caller.counted_as)
        with house.store.begin(house.scope) as work:
            return [each.total(now) for each in work.spendings.get(subjects).values()]

    before = taken()
    answers = house.at_once(lambda number: house.request(key=f"hourly-{number}"))
    assert len(accepted(answers)) == ASKERS
    price = house.catalogue.deployment_credits
    assert taken() == [each + ASKERS * price for each in before]
