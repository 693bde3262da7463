"""Checkpoints on a real database and a real node: one transaction each, whatever dies."""

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from uuid import uuid4

import psycopg
import pytest
from attrs import evolve
from eth_utils.crypto import keccak

from adapters.evm.factory import ADDRESS
from adapters.postgres import seal_store
from domain.anchor import Anchor
from domain.deployment import State
from domain.network import Finality
from domain.operation import AttemptOrigin
from tests.application.anchoring import Anchoring
from tests.application.house import PROVING
from tests.application.mortal import AFTER, DEATHS, Fate
from tests.contract.subjects.postgres import sealer_url
from tests.postgres_and_anvil.house import RealHouse, a_house
from tests.postgres_house import time_runs, workers

#: Calls of a healthy worker's life; a test asserts that it is no other number.
CALLS = 36
DEPTH = 4
#: No size twice, for the houses of a module share a node; and each has grown by more than anchors.
SIZES = iter(range(1_000, 10**9, 100))


class AnchoringOnAnvil(Anchoring, RealHouse):
    """Its eyes are SQL as the superuser, and JSON-RPC to the node."""

    def _sealing(self):
        return seal_store(sealer_url(self.url)).session()

    def fresh(self):
        """An anchor of a size that none had before."""
        return self.anchor(next(SIZES))

    def logs_of(self, anchor: Anchor, salt: bytes | None):
        """What `eth_getLogs` tells a stranger who knows the log and who sends."""
        topics = [
            "0x" + keccak(text="Funded(address,bytes32,address,uint256)").hex(),
            "0x" + self.signer.address[2:].lower().rjust(64, "0"),
            None if salt is None else "0x" + salt.hex(),
            "0x"
            + hashlib.sha256(anchor.checkpoint.origin.encode())
            .digest()[-20:]
            .hex()
            .rjust(64, "0"),
        ]
        wanted = {"fromBlock": "0x0", "toBlock": "latest", "address": ADDRESS, "topics": topics}
        return self.anvil.call("eth_getLogs", wanted)

    def times_on_chain(self, operation) -> int:
        anchor = Anchor.of(operation.token)
        logs = self.logs_of(anchor, hashlib.sha256(anchor.content[:46]).digest())
        found = [
            self.anvil.call("eth_getTransactionByHash", log["transactionHash"]) for log in logs
        ]
        assert all(each["input"].endswith(anchor.content.hex()) for each in found)
        return len(found)

    def mine_if_asked(self):
        if self.chain.network.finality.depth:
            self.anvil.call("anvil_mine", hex(DEPTH + 1))

    def lives_once(self, fate):
        super().lives_once(fate)
        self.mine_if_asked()

    def is_sent_once(self, operation, before):
        self.is_anchored_once(operation.id)
        assert self.nonces_used() == before + 1


@pytest.fixture(scope="module")
def house(anvil, server_url):
    with a_house(anvil, house=AnchoringOnAnvil) as made:
        yield made


def outlives(house, schedule):
    before, operation = house.nonces_used(), house.fresh()
    fate = Fate(schedule)
    house.lives(fate)
    house.is_sent_once(operation, before)
    return fate


def test_a_healthy_worker_makes_the_calls_that_the_sweep_counts_on(house):
    fate = outlives(house, {})
    assert len(fate.calls) == CALLS
    assert {"begin", "commit", "submit", "sign", "outcome", "read_back"} <= set(fate.calls)


def test_a_stranger_reads_it_with_a_checkpoint_and_the_treasurys_address(house):
    operation = house.fresh()
    house.lives(Fate({}))
    checkpoint = Anchor.of(operation.token).checkpoint
    log = hashlib.sha256(checkpoint.origin.encode()).digest()
    said = b"tlog/1" + log + checkpoint.size.to_bytes(8, "big") + checkpoint.root
    assert len(said) == 78
    inclusion = house.get(operation.id).step.inclusion
    found = house.anvil.call("eth_getTransactionByHash", inclusion.transaction_id)
    assert found["from"].lower() == house.signer.address.lower()
    assert (found["to"].lower(), found["value"]) == (ADDRESS.lower(), "0x0")
    data = bytes.fromhex(found["input"][2:])
    assert (len(data), data[-78:]) == (4 + 32 + 32 + 78, said)
    # Every anchor of the log, by the log's name alone.
    anchor = Anchor(checkpoint)
    mine = {log["transactionHash"] for log in house.logs_of(anchor, None)}
    assert inclusion.transaction_id in mine
    # And that this size is anchored, by the newest state alone.
    salt = hashlib.sha256(said[:46]).digest()
    asked = keccak(text="isFunded(address,bytes32)")[:4].hex()
    asked += house.signer.address[2:].lower().rjust(64, "0") + salt.hex()
    call = {"to": ADDRESS, "data": "0x" + asked}
    assert int(house.anvil.call("eth_call", call, "latest"), 16) == 1


def test_no_single_death_of_the_worker_changes_the_outcome(house):
    everything = [(call, death) for call in range(CALLS) for death in DEATHS]
    # All of them take minutes; a run that proves nothing takes another third each time.
    chosen = everything if PROVING else random.sample(everything, len(everything) // 3)
    for call, death in chosen:
        outlives(house, {call: death})


def test_a_pair_of_deaths_changes_nothing_either(house):
    pairs = [(one, two) for one in range(CALLS) for two in range(one + 1, CALLS)]
    for one, two in random.sample(pairs, len(pairs) if PROVING else 10):
        outlives(house, {one: AFTER, two: AFTER})


def test_many_who_ask_at_once_and_several_workers_anchor_once(house):
    house.checkpoint(next(SIZES))
    before = house.nonces_used()
    with time_runs(house):
        with ThreadPoolExecutor(16) as pool:
            ask = house.request_anchor()
            asked = list(pool.map(lambda _: ask(house.network), range(32)))
        assert len({each.id for each in asked}) == 1
        workers(house, 3, until=house.is_over)
    house.is_sent_once(asked[0], before)


def asked_since(house, known):
    """Among the newest hundred, which is what one is told of."""
    before = {each.id for each in known}
    return [each for each in house.anchors() if each.id not in before]


def test_many_workers_that_look_whether_it_is_time_ask_for_one(house):
    for _ in range(3):
        house.pass_time(house.when_due().every)
        house.checkpoint(next(SIZES))
        before, known = house.nonces_used(), house.anchors()
        with ThreadPoolExecutor(8) as pool:
            looks = [pool.submit(house.when_due()) for _ in range(16)]
        assert sum(look.result() for look in looks) == 1
        assert len(asked_since(house, known)) == 1
        house.lives(Fate({}))
        house.is_sent_once(house.anchors()[0], before)


class Hesitating:
    """Passes everything on; before it adds an operation, something else happens."""

    def __init__(self, whole, before):
        self._whole, self._before = whole, before

    def __getattr__(self, name):
        found = getattr(self._whole, name)
        if name == "deployments":
            return Hesitating(found, self._before)
        if name == "add":
            self._before()
        return found

    @contextmanager
    def begin(self, scope):
        with self._whole.begin(scope) as work:
            yield Hesitating(work, self._before)


def test_of_two_workers_that_know_of_different_sizes_one_asks(house):
    """The log has grown between their looks, so their operations have different ids."""
    house.pass_time(house.when_due().every)
    house.checkpoint(next(SIZES))
    before, known = house.nonces_used(), house.anchors()
    with ThreadPoolExecutor(1) as pool:
        looks = []

        def another_looks():
            house.checkpoint(next(SIZES))
            looks.append(pool.submit(house.when_due()))
            with suppress(TimeoutError):
                looks[0].result(timeout=1)

        slow = house.when_due()
        ask = house.request_anchor(Hesitating(house.store, another_looks))
        assert evolve(slow, request=ask)() + looks[0].result() == 1
    assert len(asked_since(house, known)) == 1
    house.lives(Fate({}))
    house.is_sent_once(house.anchors()[0], before)


# Backups.


@contextmanager
def forgotten(house):
    """What happens inside to anchors is gone from the database, as after a restore."""
    tables = ("operations", "deployments", "steps", "slots", "attempts", "signers", "audit_heads",
              "audit_events")  # fmt: skip
    with psycopg.connect(house.url) as connection:
        connection.execute("SET session_replication_role = replica")
        for table in tables:
            connection.execute(f"CREATE TEMP TABLE kept_{table} AS TABLE {table}")
        connection.commit()
        yield
        connection.execute("SET session_replication_role = replica")
        for table in tables:
            connection.execute(f"DELETE FROM {table}")
            connection.execute(f"INSERT INTO {table} TABLE kept_{table}")
        connection.commit()


@pytest.mark.parametrize("call", range(0, CALLS, 4))
def test_a_backup_from_between_two_calls_leads_to_the_same_anchor(house, call):
    before, operation = house.nonces_used(), house.fresh()
    house.life(Fate({call: AFTER}))
    house.leases_run_out()
    with forgotten(house):
        house.lives(Fate({}))
        assert house.get(operation.id).state is State.COMPLETED
    house.lives(Fate({}))
    house.is_anchored_once(operation.id)
    # A slot that was forgotten with the backup may have to be filled.
    assert before + 1 <= house.nonces_used() <= before + 2


def test_a_backup_from_before_it_was_asked_for_finds_it(house):
    house.checkpoint(next(SIZES))
    before = house.nonces_used()
    with forgotten(house):
        first = house.request_anchor()(house.network)
        house.lives(Fate({}))
        house.is_sent_once(first, before)
    operation = house.request_anchor()(house.network)
    assert operation.id == first.id
    house.lives(Fate({}))
    house.is_sent_once(operation, before)
    (attempt,) = house.get(operation.id).step.attempts
    assert attempt.origin is AttemptOrigin.FOUND


def test_another_root_for_a_size_that_is_anchored_is_told_to_a_person(house):
    """Whoever signed for another history cannot put it beside the first one."""
    size = next(SIZES)
    first = house.anchor(size)
    house.lives(Fate({}))
    with psycopg.connect(house.url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM audit_checkpoints WHERE size = %s", (size,))
    house.pass_time(house.when_due().every)
    fork = house.anchor(size, root=uuid4().bytes * 2)
    assert fork.id != first.id
    house.lives(Fate({}))
    ended = house.get(fork.id)
    assert (ended.state, ended.failure.without_effect) == (State.FAILED, False)
    assert Anchor.of(first.token).content.hex() in ended.failure.detail
    assert house.alarms.sounded[-1][0] == "anchor_differs"
    assert house.times_on_chain(first) == 1


# Blocks that vanish.


@pytest.fixture(scope="module")
def hard_house(hard_anvil, server_url):
    finality = Finality(depth=DEPTH)
    with a_house(hard_anvil, house=AnchoringOnAnvil, finality=finality) as made:
        yield made


def test_a_reorg_before_finality_only_opens_the_watch_again(hard_house):
    house = hard_house
    before, operation = house.nonces_used(), house.fresh()
    for _ in range(100):
        house.life(Fate({}))
        house.leases_run_out()
        house.pass_time(house.chain.network.poll * 100)
        if house.get(operation.id).step.inclusion is not None:
            break
        house.anvil.call("anvil_mine", "0x1")
    inclusion = house.get(operation.id).step.inclusion
    latest = int(house.anvil.call("eth_blockNumber"), 16)
    house.anvil.call("anvil_reorg", latest - inclusion.block.number + 1, [])
    assert house.times_on_chain(operation) == 0, "gone with its block"
    assert not [each for each in house.told() if each.subject == operation.named]
    house.lives(Fate({}))
    house.is_sent_once(operation, before)
    assert "anchor.block_vanished" in [each.action for each in house.events(operation.id)]
