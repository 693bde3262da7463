"""An account on an EVM network moves to another custodian, and its tokens go with it, each once.

Whose a token is, who holds it and who sent what is asked of the node itself, in plain JSON-RPC.
"""

import re
import time
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from eth_utils.crypto import keccak

from domain.deployment import State
from domain.key_change import KeyAction, KeyChangeState
from domain.network import Finality
from domain.token import Action
from tests.application.keys import ELSEWHERE, KeyedHouse
from tests.application.mortal import AFTER, DEATHS, Fate
from tests.application.test_windows import sampled
from tests.architecture.house import ROOT
from tests.catalogue import UNLIMITED
from tests.postgres_and_anvil.house import a_house
from tests.postgres_and_anvil.order_house import OrderHouse
from tests.postgres_house import GRANTED

ROLES = (bytes(32), keccak(text="MINTER_ROLE"), keccak(text="PAUSER_ROLE"))
DEPTH = 4


class MovingHouse(KeyedHouse, OrderHouse):
    """A database, a node, and two custodians; whoever comes next is a new organisation."""

    def somebody_new(self):
        self.registered = self.register(f"{uuid4().hex}@example.com")
        self.prepare_account()
        self.set_tariff(self.registered.organisation.id, UNLIMITED, "for the test")
        self.grant(GRANTED)
        return self.account

    # Eyes of our own.

    def owners(self, token):
        """Who has each role: one, or it says so."""
        found = []
        for role in ROLES:
            count = self.view(token, "getRoleMemberCount(bytes32)", role)
            first = self.view(token, "getRoleMember(bytes32,uint256)", role, 0)
            found.append((count, f"0x{first:040x}"))
        return found

    def belongs_to(self, token, address, held):
        assert self.owners(token) == [(1, address.lower())] * 3
        assert self.view(token, "balanceOf(address)", address.lower()) == held

    def sender_of(self, operation, step):
        """Who sent what took effect, by the node's word."""
        id = operation.steps[step].inclusion.transaction_id
        found = self.anvil.call("eth_getTransactionByHash", id)
        receipt = self.anvil.call("eth_getTransactionReceipt", id)
        assert receipt["status"] == "0x1"
        return found["from"]


@pytest.fixture(scope="module")
def house(anvil, server_url):
    with a_house(anvil, house=MovingHouse) as made:
        yield made


@pytest.fixture
def first(house):
    return house.somebody_new()


def is_moved(house, first, change, *tokens, held=1000):
    """Our records and the chain's, and who signs from now on."""
    ended, after = house.changed(change.id), house.account
    assert ended.state is KeyChangeState.COMPLETED, (ended.state, ended.code)
    assert after.key == ended.key != first.key
    handed = {each.of: each for each in house.hand_overs()}
    assert set(handed) == {token.id for token in tokens}
    for token in tokens:
        operation = handed[token.id]
        assert operation.state is State.COMPLETED, (operation.waiting, operation.failure)
        house.belongs_to(token, after.address, held)
        assert house.view(token, "balanceOf(address)", first.address.lower()) == 0
        assert house.sender_of(operation, 0) == house.signer.address.lower()
        assert house.sender_of(operation, 1) == first.address.lower()
    # The first key has sent nothing but what was its to send.
    assert house.nonces_of(first.address) == len(tokens)
    minted = house.minting(tokens[0])
    house.lives(Fate({}))
    ended = house.get(minted.id)
    assert ended.state is State.COMPLETED, (ended.waiting, ended.failure)
    assert house.sender_of(ended, 1) == after.address.lower()
    assert house.minted(tokens[0]) == 5
    assert {
        receipt["key"]
        for event in house.events(minted.id)
        for receipt in event.content()["details"].get("receipts", [])
    } == {after.key, house.signer.key}
    house.is_captured_once(minted)
    house.books_are_right()


def test_an_account_that_moves_takes_its_tokens_along_and_the_new_key_mints(house, first):
    tokens = [house.issued(), house.issued()]
    for token in tokens:
        house.belongs_to(token, first.address, 1000)
    change = house.move()
    house.lives(Fate({}))
    assert house.account.custodian == ELSEWHERE
    signed = [
        (event.action, receipt["signer"], receipt["key"])
        for each in house.hand_overs()
        for event in house.events(each.id)
        for receipt in event.content()["details"].get("receipts", [])
    ]
    treasury = ("hand_over.submitted", house.signer.address, house.signer.key)
    assert signed == [treasury, ("hand_over.step_signed", first.address, first.key)] * 2
    is_moved(house, first, change, *tokens)
    # What was lent to the first address for it, and not used, stays there with its key.
    assert house.chain.signer_state(first.address).balance > 0
    assert house.account.find(first.key).is_enabled


def test_a_paused_token_is_handed_over_with_what_its_owner_holds(house, first):
    token = house.issued()
    house.operated(token, Action.PAUSE)
    house.lives(Fate({}))
    house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    house.belongs_to(token, house.account.address, 1000)
    assert house.view(token, "paused()") == 1
    house.operated(token, Action.UNPAUSE)
    house.lives(Fate({}))
    assert house.view(token, "paused()") == 0


def test_an_order_of_before_the_move_is_given_by_whoever_owns_the_token_then(house, first):
    token = house.issued()
    begun = house.paid_for(token)
    waiting = house.minting(token)
    house.move()
    house.change_keys_of_everybody()
    late = house.minting(token)
    house.lives(Fate({}))
    house.belongs_to(token, house.account.address, 1000)
    assert house.minted(token) == 15
    assert house.sender_of(house.get(begun.id), 1) == first.address.lower()
    for each in (waiting, late):
        house.is_captured_once(each)
    assert house.sender_of(house.get(late.id), 1) == house.account.address.lower()
    house.books_are_right()


def test_no_single_death_of_the_worker_changes_whose_a_token_is(house):
    first = house.somebody_new()
    token, healthy = house.issued(), Fate({})
    change = house.move()
    house.lives(healthy)
    is_moved(house, first, change, token)
    assert healthy.calls.count("submit") == 2
    everything = [(call, death) for call in range(len(healthy.calls)) for death in DEATHS]
    for call, death in sampled(everything, 20):
        first = house.somebody_new()
        token = house.issued()
        change = house.move()
        house.lives(Fate({call: death}))
        is_moved(house, first, change, token)


def test_no_pair_of_deaths_does_either(house):
    for pair in ((17, 18), (25, 60)):
        first = house.somebody_new()
        token = house.issued()
        change = house.move()
        house.lives(Fate(dict.fromkeys(pair, AFTER)))
        is_moved(house, first, change, token)


@pytest.mark.parametrize("lives", [0, 1, 3, 5])
def test_a_restored_backup_adopts_what_was_handed_over(house, first, lives):
    """From before the change was begun with, or from some moment in the middle of it."""
    token = house.issued()
    change = house.move()
    for _ in range(lives):
        house.lives_once(Fate({}))
    with house.forgetting():
        house.lives(Fate({}))
        moved = house.account
        house.belongs_to(token, moved.address, 1000)
    house.leases_run_out()
    house.lives(Fate({}))
    assert (house.account.key, house.account.address) == (moved.key, moved.address)
    is_moved(house, first, change, token)


def is_forgotten(house, token):
    """The account rotates, its token goes to the new key, and none of it is in the database.

    Tells the account of then, and the rows of its keys.
    """
    with house.forgetting():
        house.change(KeyAction.ROTATE)
        house.lives(Fate({}))
        moved = house.account
        house.belongs_to(token, moved.address, 1000)
        rows = house.sql("SELECT organisation_id, name, wrapping, ciphertext FROM sealed_secrets")
    house.leases_run_out()
    return moved, rows


def test_a_key_that_was_in_the_database_is_lost_with_what_went_to_it(house, first):
    """As docs/restoring.md says: asked again, the custodian makes another one."""
    token = house.issued()
    moved, _ = is_forgotten(house, token)
    change = house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    assert house.account.address not in {first.address, moved.address}
    assert house.changed(change.id).code == "hand_over_failed"
    house.belongs_to(token, moved.address, 1000)


def test_it_is_not_where_the_rows_of_its_keys_are_put_back(house, first):
    """By the statements of docs/restoring.md."""
    token = house.issued()
    moved, rows = is_forgotten(house, token)
    page = (ROOT / "docs/restoring.md").read_text("utf-8")
    create = re.search(r"CREATE TEMPORARY TABLE saved [^\"]+", page)
    insert = re.search(r"INSERT INTO sealed_secrets [^\"]+", page)
    with psycopg.connect(house.url) as connection:
        connection.execute(create[0])
        for row in rows:
            connection.execute("INSERT INTO saved VALUES (%s, %s, %s, %s)", row)
        connection.execute(insert[0])
    change = house.change(KeyAction.ROTATE)
    house.lives(Fate({}))
    assert (house.account.key, house.account.address) == (moved.key, moved.address)
    is_moved(house, first, change, token)


def test_a_hand_over_that_is_stuck_is_replaced_at_a_higher_fee_and_lands_once(house, first):
    token = house.issued()
    change = house.move()
    house.change_keys_of_everybody()
    (handing,) = house.hand_overs()
    house.begun(handing.id)
    house.anvil.call("evm_setAutomine", False)
    try:
        house.until(handing.id, lambda seen: seen.steps[1].attempts)
        house.pass_time(timedelta(minutes=2))
        house.until(handing.id, lambda seen: len(seen.steps[1].attempts) > 1)
        house.anvil.call("evm_mine")
    finally:
        house.anvil.call("evm_setAutomine", True)
    house.lives(Fate({}))
    assert len(house.get(handing.id).steps[1].slots) == 1
    is_moved(house, first, change, token)


def test_a_hand_over_that_a_node_has_dropped_is_sent_again(house, first):
    token = house.issued()
    change = house.move()
    house.change_keys_of_everybody()
    (handing,) = house.hand_overs()
    house.begun(handing.id)
    house.anvil.call("evm_setAutomine", False)
    try:
        seen = house.until(
            handing.id,
            lambda seen: seen.steps[1].attempts and seen.steps[1].attempts[0].broadcast_at,
        )
        sent = seen.steps[1].attempts[0].transaction_id
        assert house.anvil.call("anvil_dropTransaction", sent) == sent
        house.lives_once(Fate({}))
    finally:
        house.anvil.call("evm_setAutomine", True)
    house.anvil.call("evm_mine")
    house.lives(Fate({}))
    is_moved(house, first, change, token)


def test_a_stranger_who_took_the_token_keeps_it_and_the_change_says_so(house, first):
    """Its first owner gave every power away by itself: there is nothing of ours to hand over."""
    token = house.issued()
    house.anvil.call("anvil_setBalance", first.address, hex(10**18))
    house.anvil.call("anvil_impersonateAccount", first.address)
    stranger = "0x" + "ab" * 20
    for call in ("grantRole(bytes32,address)", "renounceRole(bytes32,address)"):
        who = stranger if call.startswith("grant") else first.address.lower()
        data = keccak(text=call)[:4] + bytes(32) + bytes(12) + bytes.fromhex(who[2:])
        house._send(first.address, token, data)
    house.anvil.call("anvil_stopImpersonatingAccount", first.address)
    change = house.move()
    house.lives(Fate({}))
    ended = house.changed(change.id)
    assert (ended.state, ended.code) == (KeyChangeState.FAILED, "hand_over_failed")
    assert house.account.key == ended.key
    assert house.owners(token)[0] == (1, stranger)
    (handing,) = house.hand_overs()
    assert handing.came_to_nothing


# Blocks that vanish.


class PatientHouse(MovingHouse):
    """Its node mines when it will."""

    def mine_if_asked(self):
        self.anvil.call("anvil_mine", hex(DEPTH + 1))


@pytest.mark.parametrize("die", [False, True])
def test_a_reorganisation_after_a_hand_over_gives_it_back_and_it_is_done_once(
    hard_anvil, server_url, die
):
    finality = Finality(depth=DEPTH)
    with a_house(hard_anvil, house=PatientHouse, finality=finality) as house:
        first = house.account
        id = house.deploy(token=house.token()).id
        lives(house, Fate({}))
        token = house.get(id)
        assert token.state is State.COMPLETED, (token.waiting, token.failure)
        change = house.move()
        house.change_keys_of_everybody()
        (handing,) = house.hand_overs()
        for _ in range(200):
            if house.get(handing.id).steps[1].inclusion is not None:
                break
            if not house.get(handing.id).has_begun:
                house.mine_if_asked()
            house.life(Fate({}))
            house.leases_run_out()
            house.pass_time(house.chain.network.poll * 100)
            time.sleep(0.1)
        inclusion = house.get(handing.id).steps[1].inclusion
        assert house.owners(token)[0] == (1, house.account.address.lower())
        latest = int(str(house.anvil.call("eth_blockNumber")), 16)
        house.anvil.call("anvil_reorg", latest - inclusion.block.number + 1, [])
        assert house.owners(token) == [(1, first.address.lower())] * 3, "gone with its block"
        assert house.changed(change.id).state is KeyChangeState.UNDER_WAY
        lives(house, Fate(dict.fromkeys((3, 9), AFTER) if die else {}))
        ended = house.changed(change.id)
        assert ended.state is KeyChangeState.COMPLETED, (ended.state, ended.code)
        assert "hand_over.block_vanished" in house.actions(handing.id)
        house.belongs_to(token, house.account.address, 1000)
        assert house.nonces_of(first.address) == 1
        house.books_are_right()


def lives(house, fate):
    """Until everything is over, on a node that has to be told to make blocks final."""
    for _ in range(80):
        house.lives_once(fate)
        house.mine_if_asked()
        if not house.open_deployments() and not house.is_waiting_for_keys():
            return
    raise AssertionError(house.open_deployments())
