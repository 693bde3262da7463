"""What an issuer does with its ERC-20 outside of us is seen, once, by any number of workers."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from application.tokens.watch import LEASE, WatchForgotten
from domain.deployment import State
from domain.token import Action
from tests.application.mortal import DEATHS, Death, Fate, Mortal, MortalStore
from tests.application.watching import (
    EVERY,
    Interfered,
    a_watcher,
    alarms,
    look,
    told,
    watch,
    watched,
)
from tests.postgres_and_anvil.house import a_house

EVE = "0x00000000000000000000000000000000000000Ee"
MINTER_ROLE = keccak(text="MINTER_ROLE")
WORKERS = 6


@pytest.fixture
def house(anvil, server_url):
    with a_house(anvil) as made:
        made.world = Interfered(made.chain)
        yield made


def issue(house):
    id = house.deploy().id
    house.lives(Fate({}))
    issued = house.get(id)
    assert issued.state is State.COMPLETED, issued.failure
    return issued


def sent(house, sender, token, signature, *arguments):
    """A call of the token by whoever holds the sender's key; ours has no part in it."""
    types = [each for each in signature[signature.index("(") + 1 : -1].split(",") if each]
    data = keccak(text=signature)[:4] + encode(types, arguments)
    house.anvil.call("anvil_setBalance", sender, hex(10**18))
    house.anvil.call("anvil_impersonateAccount", sender)
    call = {"from": sender, "to": token.result, "data": "0x" + data.hex()}
    id = house.anvil.call("eth_sendTransaction", call)
    asked = (house.anvil.call("eth_getTransactionReceipt", id) for _ in range(5_000))
    assert next(receipt for receipt in asked if receipt)["status"] == "0x1"
    house.anvil.call("anvil_stopImpersonatingAccount", sender)


def leases_of_looks(house):
    return house.sql("SELECT count(*) FROM token_watches WHERE lease_token IS NOT NULL")


def test_powers_and_supply_that_the_issuer_changed_are_told(house):
    token = issue(house)
    assert look(house) == 1
    assert told(house, token.id) == []
    assert watched(house, token.id).checked_at is not None
    sent(house, token.owner, token, "grantRole(bytes32,address)", MINTER_ROLE, EVE.lower())
    look(house)
    ((_, (powers,)),) = told(house, token.id)
    holders = powers.removeprefix(f"power to mint: expected {token.owner}, found ")
    assert sorted(holders.lower().split(", ")) == sorted([EVE.lower(), token.owner.lower()])
    sent(house, EVE, token, "mint(address,uint256)", EVE.lower(), 7)
    look(house)
    _, (action, differences) = told(house, token.id)
    assert action == "token.drifted"
    assert differences == ["supply: expected 1000, found 1007", powers]
    assert alarms(house) == [powers, "; ".join(differences)]
    assert leases_of_looks(house) == [(0,)]


def test_what_a_holder_burns_is_its_right(house):
    token = issue(house)
    sent(house, token.owner, token, "transfer(address,uint256)", EVE.lower(), 300)
    sent(house, EVE, token, "burn(uint256)", 300)
    look(house)
    assert told(house, token.id) == []
    assert watched(house, token.id).checked_at is not None
    # Nobody has a right to what was not ordered.
    sent(house, token.owner, token, "mint(address,uint256)", EVE.lower(), 301)
    look(house)
    ((_, differences),) = told(house, token.id)
    assert differences == ["supply: expected 1000, found 1001"]


def test_what_was_minted_and_paused_through_us_is_no_difference(house):
    token = issue(house)
    for action, parameters in (
        (Action.MINT, {"amount": "5", "to": None}),
        (Action.PAUSE, {}),
    ):
        operation = house.operate(token.id, action, **parameters)
        for _ in range(20):
            house.lives_once(Fate({}))
            look(house)
        assert house.get(operation.id).state is State.COMPLETED
    assert told(house, token.id) == []
    sent(house, token.owner, token, "unpause()")
    look(house)
    assert told(house, token.id) == [("token.drifted", ["paused: expected yes, found no"])]


def test_any_number_of_workers_look_at_each_token_once(house):
    tokens = [issue(house) for _ in range(WORKERS)]
    house.world.changes = {"supply": 1007}
    house.pass_time(EVERY)
    barrier = threading.Barrier(WORKERS)

    def work(_):
        barrier.wait()
        return watch(house)

    with ThreadPoolExecutor(WORKERS) as pool:
        looked = list(pool.map(work, range(WORKERS)))
    assert sum(looked) == len(tokens)
    assert house.world.looks == {token.result: 1 for token in tokens}
    for token in tokens:
        assert told(house, token.id) == [
            ("token.drifted", ["supply: expected 1000, found 1007"]),
        ]
    house.books_are_right()


def test_no_death_of_the_watcher_loses_a_token_or_tells_twice(house):
    token, supply = issue(house), 1_000
    look(house)
    healthy = Fate({})
    house.pass_time(EVERY)
    a_watcher(house, store=MortalStore(house.store, healthy))()
    for call in range(len(healthy.calls) + 1):
        for death in DEATHS:
            supply += 1
            house.world.changes = {"supply": supply}
            known = len(told(house, token.id))
            house.pass_time(EVERY)
            fate = Fate({call: death})
            parts = {
                "store": MortalStore(house.store, fate),
                "chain": Mortal(house.world, fate),
            }
            try:
                a_watcher(house, **parts)()
            except Death:
                house.leases_run_out()
                house.pass_time(LEASE)
            look(house)
            fresh = told(house, token.id)[known:]
            difference = f"supply: expected 1000, found {supply}"
            assert fresh == [("token.drifted", [difference])], (call, death)
            assert difference in alarms(house), (call, death)
    house.books_are_right()


def test_a_token_that_was_issued_before_there_was_a_watch_is_found(house):
    token = issue(house)
    house.sql("DELETE FROM token_watches RETURNING 1")
    assert look(house) == 0
    remember = WatchForgotten(store=house.store, clock=house.clock)
    assert (remember(), remember()) == (1, 0)
    assert look(house) == 1
    assert watched(house, token.id).checked_at is not None


def test_a_lease_that_runs_out_during_a_look_costs_its_holder_the_word(house):
    token = issue(house)

    def overtaken():
        house.leases_run_out()
        house.pass_time(LEASE + timedelta(seconds=1))
        house.world.changes = {"supply": 1007}
        assert watch(house) == 1
        house.world.changes = {"supply": 999_999}

    house.world.meanwhile = [overtaken]
    house.pass_time(EVERY)
    assert a_watcher(house)()
    assert told(house, token.id) == [("token.drifted", ["supply: expected 1000, found 1007"])]
    assert alarms(house) == ["supply: expected 1000, found 1007"]
