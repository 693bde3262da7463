"""Who was who, which token had which supply, what there was of credits: as of any instant.

The histories of the house, photographed after every step; at their end, and restored backups
included, the trail alone tells each photograph.
"""

import random
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant

from application.audit.as_of import StateAsOf
from domain.token import Action
from tests.application.house import PROVING, House
from tests.application.test_token_histories import ByNonces, ByWindows
from tests.as_of import A_MOMENT, Album, by_the_tables, by_the_trail
from tests.catalogue import FREE, UNLIMITED
from tests.contract.subjects import memory, postgres

SEEDS = 200 if PROVING else 6


class Photographed(ByNonces):
    @property
    def album(self):
        organisation = self.house.registered.organisation.id
        return self.__dict__.setdefault("_album", Album(self.house.store, organisation))

    @invariant()
    def a_photograph_is_taken(self):
        self.album.photograph(self.house.clock.now())
        self.house.pass_time(A_MOMENT)
        if self.backup is None:
            self.pages = len(self.album)

    def restored(self):
        super().restored()
        self.album.forget_since(self.pages)

    def teardown(self):
        super().teardown()
        if "house" in self.__dict__:
            self.a_photograph_is_taken()
            self.album.compare()


class PhotographedByWindows(Photographed, ByWindows):
    """The same over leases with windows."""

    sort = ByWindows.sort
    world = ByWindows.world
    befall = ByWindows.befall
    calm_down = ByWindows.calm_down

    def restored(self):
        ByWindows.restored(self)
        self.album.forget_since(self.pages)


for machine in (Photographed, PhotographedByWindows):
    machine.TestCase.settings = settings(
        max_examples=8 * (20 if PROVING else 1), stateful_step_count=20, deadline=None
    )
TestByNonces = Photographed.TestCase
TestByWindows = PhotographedByWindows.TestCase


class StoredHouse(House):
    """The house over a store that is given."""

    def __init__(self, store):
        super().__init__(ready=False)
        self.store = store
        self.move_in()
        self.chain.fund(self.signer.address, 10**15)


@pytest.mark.parametrize("store", [memory.store, postgres.store], ids=["memory", "postgres"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_history_of_tokens_tariffs_and_credits(store, seed):
    chance = random.Random(seed)
    with store() as opened:
        house = StoredHouse(opened)
        organisation = house.registered.organisation.id
        album = Album(opened, organisation)
        house.set_tariff(organisation, UNLIMITED, "no quota")
        house.grant(200)
        tokens = [house.issue()]
        for _ in range(15):
            _something(house, chance, tokens)
            album.photograph(house.clock.now())
            house.pass_time(A_MOMENT)
        told = by_the_trail(opened, organisation, house.clock.now())["tokens"]
        assert len(told) >= len(tokens)
        album.compare()


def _something(house, chance, tokens):
    token = chance.choice(tokens)
    acts = ["issue", "mint", "mint", "burn", "pause", "wait", "ask", "tariff", "grant"]
    match chance.choice(acts):
        case "issue":
            tokens.append(house.issue())
        case "mint":
            house.operate(token.id, amount=str(chance.randint(1, 400)))
            house.work_until_done()
        case "burn":
            house.operate(token.id, Action.BURN, amount=str(chance.randint(1, 9)))
            house.work_until_done()
        case "pause":
            # Left paused, or not; a mint of a paused token waits until somebody ends it.
            for action in (Action.PAUSE, Action.UNPAUSE, Action.PAUSE)[: chance.randint(1, 3)]:
                house.operate(token.id, action)
                house.work_until_done()
            tokens.remove(token)
            tokens.append(house.issue())
        case "wait":
            house.pass_time(timedelta(days=chance.randint(0, 40)))
        case "ask":
            house.cancel(house.deploy().id)
        case "tariff":
            tariff = chance.choice([FREE, UNLIMITED])
            assert house.set_tariff(house.registered.organisation.id, tariff, "asked") is None
            house.set_tariff(house.registered.organisation.id, UNLIMITED, "no quota")
        case "grant":
            house.grant(chance.randint(1, 9))


def test_before_the_first_event_there_is_nothing():
    house = House()
    born = house.registered.organisation.created_at
    state = StateAsOf(store=house.store)(house.registered.organisation.id, born - A_MOMENT)
    assert (state.sequence, state.members, state.tokens, state.tariff) == (0, (), (), None)
    assert state.credits.available == 0


def test_what_comes_after_an_event_that_is_too_late_does_not_count():
    """Two machines' clocks differ: of a trail whose instants go back, a beginning is told."""
    house = House()
    organisation = house.registered.organisation.id
    before = house.clock.now()
    house.pass_time(timedelta(seconds=5))
    house.grant(3)
    house.pass_time(timedelta(seconds=-4))
    house.grant(4)
    between = house.clock.now() + timedelta(seconds=1)
    available = by_the_trail(house.store, organisation, before)["credits"][0]
    assert by_the_trail(house.store, organisation, between)["credits"][0] == available
    later = house.clock.now() + timedelta(seconds=9)
    assert by_the_trail(house.store, organisation, later)["credits"][0] == available + 7


def test_another_organisations_trail_tells_nothing_of_it():
    house = House()
    neighbour = house.neighbour()
    neighbour.grant(50)
    now = house.clock.now()
    for each in (house, neighbour):
        organisation = each.registered.organisation.id
        told = by_the_trail(each.store, organisation, now)
        assert told == by_the_tables(each.store, organisation)
