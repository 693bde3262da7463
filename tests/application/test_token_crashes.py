"""A mint whose worker dies, whose chain misbehaves, or whose store is restored: done once.

What `test_crashes` and `test_windows` are for deployments, for an operation of two steps in two
accounts' slots, and for one of one step that two accounts sign.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.deployments.request import Accepted
from application.ports.chain import ChainUnavailableError, WrongChainError
from application.ports.storage.work import FenceLostError, LeaseLostError
from domain.deployment import Reason
from tests.application import test_crashes as counting
from tests.application import test_windows as windows
from tests.application.house import LEASE_IS_OVER, House, State, examples, states
from tests.application.mortal import DEATHS, Death, Fate, MortalStore
from tests.application.test_windows import WindowedHouse, sampled

#: Few deaths, anywhere.
deaths = st.dictionaries(st.integers(0, 100), st.sampled_from(DEATHS), max_size=3)
WAY = ["Submitted", "Pending", "Confirmed", "Indexed", "Completed"]
HOUSES = pytest.mark.parametrize("sort", [House, WindowedHouse], ids=["counting", "windows"])


def a_house(sort):
    """With a token; whatever is asked of it comes next."""
    house = sort(instant=True)
    house.gold = house.issue()
    return house


def with_a_mint(sort):
    house = a_house(sort)
    return house, house.operate(house.gold.id).id


def is_minted_once(house, id, before=1_000):
    house.is_intact()
    ended = house.get(id)
    assert ended.state is State.COMPLETED, (ended.state, ended.waiting, ended.failure)
    assert house.effects(ended) == 1
    assert house.supply(house.gold) == before + 250
    assert house.credits == (19, 0, 6)
    assert house.open_holds == 0


def is_minted_once_or_never(house, id):
    ended = house.get(id)
    if ended.state is State.COMPLETED:
        is_minted_once(house, id)
        return
    house.is_intact()
    assert ended.state is State.FAILED, (ended.state, ended.waiting)
    assert ended.may_retry
    assert ended.failure.reason in {
        Reason.DEPLOYMENT_VALIDATION_FAILED,
        Reason.TRANSACTION_SUBMISSION_FAILED,
        Reason.TRANSACTION_REVERTED,
    }
    assert house.effects(ended) == 0
    assert house.supply(house.gold) == 1_000
    assert house.credits == (20, 0, 5)


def sent_once(house):
    """Not even a transaction that the chain would have had to refuse."""
    if isinstance(house, WindowedHouse):
        assert sum(len(each.landed) for each in house.chain.node.rounds) == 2
        return
    assert len(house.chain.node.mined) == 3
    assert house.signer_now().next_sequence == 2
    assert house.signer_now(house.gold.owner).next_sequence == 1


def calls_of(sort):
    house, id = with_a_mint(sort)
    healthy = Fate({})
    house.lives(healthy)
    is_minted_once(house, id)
    assert {"begin", "commit", "submit", "sign", "outcome", "read_back"} <= set(healthy.calls)
    return len(healthy.calls)


# Deaths of the worker.


@HOUSES
def test_no_single_death_of_the_worker_mints_twice(sort):
    for call in range(calls_of(sort)):
        for death in DEATHS:
            house, id = with_a_mint(sort)
            house.lives(Fate({call: death}))
            is_minted_once(house, id)
            sent_once(house)
            assert states(house.events(id)) == WAY


@HOUSES
@examples(40)
@given(schedule=deaths)
def test_a_mint_reaches_the_chain_once_however_often_the_worker_dies(sort, schedule):
    house, id = with_a_mint(sort)
    house.lives(Fate(schedule))
    is_minted_once(house, id)
    sent_once(house)


@pytest.mark.parametrize("event", counting.WORLD)
def test_no_single_misfortune_at_any_call_mints_twice_by_nonces(event):
    for call in sampled(range(calls_of(House)), 4):
        house, id = with_a_mint(House)
        house.lives(Fate({call: event}, lambda e, house=house: counting.befall(house, e)))
        is_minted_once_or_never(house, id)
        if not event.startswith("rejected"):
            assert house.get(id).state is State.COMPLETED, call


@pytest.mark.parametrize("event", windows.WORLD)
def test_no_single_misfortune_at_any_call_mints_twice_by_windows(event):
    for call in sampled(range(calls_of(WindowedHouse)), 4):
        house, id = with_a_mint(WindowedHouse)
        windows.runs(house, Fate({call: event}, lambda e, house=house: windows.WORLD[e](house)))
        house.everything_lands()
        is_minted_once_or_never(house, id)
        if event not in windows.MAY_FAIL:
            assert house.get(id).state is State.COMPLETED, call


@examples(80)
@given(
    st.dictionaries(st.integers(0, 100), st.sampled_from((*DEATHS, *counting.WORLD)), max_size=4)
)
def test_whatever_the_chain_does_a_mint_is_done_once_or_never(schedule):
    house, id = with_a_mint(House)
    fate = Fate(schedule, lambda event: counting.befall(house, event))
    house.lives(fate, rounds=120)
    is_minted_once_or_never(house, id)
    # Nobody stands behind a hole, neither of the treasury's nor of the issuer's.
    house.chain.behave()
    house.chain.gas_price = 1_000
    following = house.operate(house.gold.id)
    house.lives(Fate({}))
    assert house.get(following.id).state is State.COMPLETED


@pytest.mark.parametrize("death", DEATHS)
def test_a_foreign_nonce_of_the_issuers_halts_it_whatever_call_the_worker_dies_at(death):
    for call in range(40):
        house = House(instant=False)
        house.gold = house.issue_by_hand()
        id = house.operate(house.gold.id).id
        while house.get(id).steps[1].open_slot is None:
            house.chain.mine()
            house.work()
        for sent in list(house.chain.node.pool.values()):
            house.chain.evict(sent.id)
        house.chain.foreign_transaction(house.gold.owner)
        house.chain.finalise()
        fate = Fate({call: death})
        for _ in range(4):
            house.life(fate)
            house.pass_time(LEASE_IS_OVER)
        assert house.signer_now(house.gold.owner).halted, call
        assert house.signer_now().halted is None
        house.chain.instant = True
        house.lives(Fate({}))
        is_minted_once(house, id)


# Restored backups.


@HOUSES
def test_a_backup_from_before_any_call_does_not_mint_again(sort):
    for call in range(calls_of(sort)):
        house, id = with_a_mint(sort)
        backups = []
        fate = Fate({call: "backup"}, lambda _, h=house, b=backups: b.append(h.backup()))
        house.lives(fate)
        is_minted_once(house, id)
        house.chain.mine(3)
        restored(house, backups[0])
        house.lives(Fate({}))
        is_minted_once(house, id)


@HOUSES
def test_a_mint_that_a_backup_has_forgotten_stays_done_and_the_next_one_is_another(sort):
    house = a_house(sort)
    backup = house.backup()
    house.operate(house.gold.id)
    house.lives(Fate({}))
    assert house.supply(house.gold) == 1_250
    house.chain.mine(3)
    restored(house, backup)
    again = house.operate(house.gold.id).id
    house.lives(Fate({}))
    is_minted_once(house, again, before=1_250)


def restored(house, backup):
    if isinstance(house, WindowedHouse):
        house.restored(backup)
    else:
        house.restore(backup)


# Deaths of the API, and several at once.


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("call", range(2))
def test_a_request_that_died_is_done_once_when_it_is_repeated(call, death):
    house = a_house(House)
    order = house.order(house.gold.id)
    dying = MortalStore(house.store, Fate({call: death}))
    with pytest.raises(Death):
        house.ask(house.gold.id, order, key="one", store=dying)
    first, second = (house.ask(house.gold.id, order, key="one") for _ in range(2))
    assert isinstance(first, Accepted)
    assert second.deployment.id == first.deployment.id
    assert house.credits == (19, 1, 5)
    house.lives(Fate({}))
    is_minted_once(house, first.deployment.id)


@examples(60)
@given(deaths, st.integers(0, 80))
def test_a_cancellation_in_the_middle_of_a_mint_wins_or_comes_too_late(schedule, call):
    house, id = with_a_mint(House)
    answers = []

    def cancel(_):
        answers.append(house.cancel(id))

    house.lives(Fate({**schedule, call: "cancel"}, cancel))
    if answers and getattr(answers[0], "state", None) is State.CANCELLED:
        house.is_intact()
        assert house.supply(house.gold) == 1_000
        assert house.credits == (20, 0, 5)
        return
    is_minted_once(house, id)


@HOUSES
@pytest.mark.parametrize("_", range(5))
def test_four_threads_and_two_mints_of_one_issuer_make_two(sort, _):
    house = a_house(sort)
    mints = [house.operate(house.gold.id).id for _ in range(2)]

    def worker(_):
        for _ in range(40):
            for claim in house.claims(limit=1):
                try:
                    house.advance()(claim)
                except (LeaseLostError, FenceLostError, ChainUnavailableError, WrongChainError):
                    continue
                house.give_back([claim])
            house.pass_time(LEASE_IS_OVER / 4)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(worker, range(4)))
    house.lives(Fate({}))
    house.is_intact()
    assert [house.get(id).state for id in mints] == [State.COMPLETED] * 2
    assert [house.effects(house.get(id)) for id in mints] == [1, 1]
    assert house.supply(house.gold) == 1_500
    assert house.credits == (18, 0, 7)
    assert not house.is_halted
