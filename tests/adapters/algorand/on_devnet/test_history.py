"""What is found on chain: by nodes that forget, lag, lie still or keep everything."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from algosdk import encoding, transaction
from attrs import evolve

from adapters.algorand import connect
from adapters.algorand.effect import Origins
from adapters.memory.clock import MemoryClock
from adapters.system import SystemIdentifiers
from application.ports.chain import (
    ChainUnavailableError,
    HistoryUnavailableError,
    WrongChainError,
)
from application.ports.nodes import Endpoint
from domain.identifiers import OperationId
from domain.operation import (
    AttemptRole,
    Effect,
    Expired,
    Final,
    InPool,
    NoEffect,
    NotSeen,
    Postponed,
    Verdict,
)
from tests.adapters.algorand.on_devnet.world import ALGO, Account, a_world


@pytest.fixture
def two():
    """The first node keeps 30 rounds, the second one all."""
    with a_world(nodes=2, kept_rounds=[30, None]) as made:
        yield made


def send(world, account, make):
    """Something of *account*'s own: *make* is given the SDK's parameters."""
    now = world.chain._reader.parameters()
    sp = transaction.SuggestedParams(
        1000, now.last_round + 1, now.last_round + 100, now.genesis_hash, flat_fee=True
    )
    txn = make(sp)
    _, signature = account.sign(txn.bytes_to_sign())
    signed = transaction.SignedTransaction(txn, base64.b64encode(signature.raw).decode())
    world.chain._reader.send(base64.b64decode(encoding.msgpack_encode(signed)))
    world.nodes.mine()


def twin(world, token, note=b"", **changes):
    """An asset of the issuer's own making that is like *token*."""
    account, owner = world.issuer, world.issuer.address
    roles = dict.fromkeys(("manager", "reserve", "freeze", "clawback"), owner)
    send(
        world,
        account,
        lambda sp: transaction.AssetCreateTxn(
            owner,
            sp,
            total=token.supply,
            decimals=token.decimals,
            default_frozen=False,
            asset_name=token.name,
            unit_name=token.symbol,
            note=note,
            **roles | changes,
        ),
    )
    return str(world.nodes.ledger.assets()[-1].id)


# Whose asset it is.


def test_a_twin_without_our_note_is_not_ours(world):
    world.nodes.fund(world.issuer.address, ALGO)
    intent = world.intent()
    for note in (b"", b"tallystick:j{}"):
        twin(world, intent.token, note)
        assert isinstance(world.chain.effect_of(intent), NoEffect)
    token = world.chain.outcome(world.deployed(intent)).token
    twin(world, intent.token)
    assert world.chain.effect_of(intent).token == token


def test_our_note_on_another_asset_is_not_the_effect(world):
    world.nodes.fund(world.issuer.address, ALGO)
    intent = world.intent()
    other = evolve(intent, token=world.token(name="Silver"))
    world.deployed(other)
    assert isinstance(world.chain.effect_of(other), Effect)
    assert isinstance(world.chain.effect_of(intent), NoEffect)


def test_organisations_operations_steps_installations_and_issuers_are_told_apart(world):
    intent = world.intent()
    world.deployed(intent)
    assert isinstance(world.chain.effect_of(intent), Effect)
    endpoint = Endpoint(url=world.nodes.nodes[0].url)
    elsewhere = connect(world.network, endpoint, type(world.installation)(int=7))
    assert isinstance(elsewhere.effect_of(intent), NoEffect)
    for stranger in (
        world.intent(intent.token),
        evolve(intent, organisation=world.intent().organisation),
        evolve(intent, step=2),
        evolve(intent, owner=Account().address),
    ):
        assert isinstance(world.chain.effect_of(stranger), NoEffect)


def test_roles_that_were_given_away_since_hide_nothing(world):
    """Else a restored backup would not find the token, and make a second one."""
    intent = world.intent()
    token = world.chain.outcome(world.deployed(intent)).token
    world.nodes.fund(world.issuer.address, ALGO)
    owner, other = world.issuer.address, Account().address
    send(
        world,
        world.issuer,
        lambda sp: transaction.AssetConfigTxn(
            owner, sp, index=int(token), manager=owner, reserve=other,
            freeze=None, clawback=None, strict_empty_address_check=False,
        ),
    )  # fmt: skip
    assert world.nodes.ledger.assets()[0].parameters.reserve != world.issuer.public_key.raw
    assert world.chain.effect_of(intent).token == token
    assert world.seen_through().effect_of(intent).token == token
    # It was as planned when it was made.
    assert world.chain.read_back(intent, token) == ()


def test_every_difference_is_named(world):
    world.nodes.fund(world.issuer.address, ALGO)
    intent = world.intent()
    token = twin(world, intent.token, manager=None)
    told = world.chain.read_back(intent, token)
    assert told[0] == f"manager: planned {world.issuer.address}, found nobody"
    assert told[1].startswith("note: ")
    assert len(told) == 2
    planned = {
        "name": {"name": "Silver"},
        "unit name": {"unit_name": "SLV"},
        "total": {"total": "7"},
        "decimals": {"decimals": 3},
        "url": {"url": "https://example.com"},
        "metadata hash": {"metadata_hash": "11" * 32},
        "default frozen": {"default_frozen": True},
        "manager": {"manager": Account().address},
        "reserve": {"reserve": None},
        "freeze": {"freeze": None},
        "clawback": {"clawback": Account().address},
    }
    deployed = world.chain.outcome(world.deployed(intent)).token
    for name, change in planned.items():
        changed = evolve(intent, token=world.token(**change))
        (difference,) = world.chain.read_back(changed, deployed)
        assert difference.startswith(f"{name}: planned ")
    (difference,) = world.chain.read_back(
        evolve(intent, owner=world.treasury.address, token=intent.token), deployed
    )[:1]
    assert difference.startswith("creator: planned ")
    assert world.chain.read_back(intent, "77") == ("there is no asset 77",)
    assert world.chain.read_back(intent, "0x12") == ("there is no asset 0x12",)


def test_a_node_that_has_not_counted_so_far_cannot_say_that_there_is_nothing(world):
    intent = world.intent()
    token = world.chain.outcome(world.deployed(intent)).token
    world.nodes.nodes[0].fault("lag", rounds=1)
    with pytest.raises(ChainUnavailableError):
        world.chain.read_back(intent, token)
    world.nodes.nodes[0].heal()
    assert world.chain.read_back(intent, token) == ()


# Where it was made.


@pytest.mark.parametrize("before", [0, 1, 7])
@pytest.mark.parametrize("after", [0, 1, 40])
def test_the_block_that_made_it_is_found_wherever_it_lies(world, before, after):
    for _ in range(before):
        world.deployed(world.intent())
        world.nodes.advance(3)
    intent = world.intent()
    final = world.chain.outcome(world.deployed(intent))
    for _ in range(after):
        world.nodes.mine()
    found = world.seen_through().effect_of(intent)
    assert found.token == final.token
    assert found.block == final.inclusion.block
    assert found.transaction_id == final.inclusion.transaction_id
    assert found.cost == final.inclusion.cost


def test_several_assets_of_one_block_are_told_apart(world):
    intents = [world.intent() for _ in range(5)]
    for intent in intents:
        world.sent(intent)
    world.nodes.mine()
    fresh = world.seen_through()
    found = [fresh.effect_of(intent) for intent in intents]
    assert len({effect.token for effect in found}) == 5
    assert len({effect.transaction_id for effect in found}) == 5
    for intent, effect in zip(intents, found, strict=True):
        assert fresh.read_back(intent, effect.token) == ()


def test_a_pruned_node_finds_what_is_in_the_blocks_it_has(two):
    two.nodes.advance(100)
    intent = two.intent()
    final = two.chain.outcome(two.deployed(intent))
    two.nodes.advance(25)
    assert two.seen_through(0).effect_of(intent).block == final.inclusion.block


def test_a_pruned_node_does_not_say_whose_an_old_asset_is(two):
    intent = two.intent()
    final = two.chain.outcome(two.deployed(intent))
    two.nodes.advance(40)
    pruned, archival = two.seen_through(0), two.seen_through(1)
    for asked in (intent, two.intent()):
        with pytest.raises(HistoryUnavailableError, match="archival"):
            pruned.effect_of(asked)
    assert archival.effect_of(intent).block == final.inclusion.block
    assert isinstance(archival.effect_of(two.intent()), NoEffect)
    # What is unlike the plan needs no history.
    assert isinstance(pruned.effect_of(two.intent(two.token(name="Silver"))), NoEffect)


def asked_at(instant):
    """An operation's id of that instant."""
    return OperationId(SystemIdentifiers(MemoryClock(instant)).next())


def oldest_kept(two):
    """When the oldest block was made that the first node has."""
    reader = two.seen_through(0)._reader
    have = [r for r in range(two.nodes.round + 1) if reader.counter(r) is not None]
    assert len(have) == 30
    return reader.instant(have[0])


@pytest.mark.parametrize(
    ("seconds", "is_ours_impossible"), [(600, True), (599.999, False), (0, False), (3_600, True)]
)
def test_what_is_older_than_the_operation_is_not_its_effect(two, seconds, is_ours_impossible):
    """Else an issuer's second, equal token waits for ever where no node has an archive."""
    two.deployed(two.intent())
    two.nodes.advance(40)
    instant = oldest_kept(two) + timedelta(seconds=seconds)
    second = two.intent(operation=asked_at(instant))
    pruned = two.seen_through(0)
    if is_ours_impossible:
        assert isinstance(pruned.effect_of(second), NoEffect)
        slot, sent = two.attempted(second)
        assert pruned.submit(sent).verdict is Verdict.ACCEPTED
        two.nodes.mine()
        assert pruned.effect_of(second).token == pruned.outcome(slot).token
    else:
        with pytest.raises(HistoryUnavailableError, match="archival"):
            pruned.effect_of(second)


def test_what_is_ours_is_found_before_what_nobody_can_tell(two):
    two.deployed(two.intent())
    two.nodes.advance(40)
    intent = two.intent()
    two.deployed(intent)
    assert isinstance(two.seen_through(0).effect_of(intent), Effect)
    with pytest.raises(HistoryUnavailableError):
        two.seen_through(0).effect_of(two.intent())


def test_our_own_asset_is_never_too_old_to_be_ours(two):
    """Two of them, the older one of another operation, long after both."""
    two.deployed(two.intent())
    intent = two.intent(operation=asked_at(datetime.now(UTC)))
    two.deployed(intent)
    two.nodes.advance(40)
    with pytest.raises(HistoryUnavailableError):
        two.seen_through(0).effect_of(intent)
    assert isinstance(two.seen_through(1).effect_of(intent), Effect)


def test_the_block_at_the_edge_of_what_a_node_has(two):
    """The one before it is needed to know that the asset is not older."""
    intent = two.intent()
    made = two.chain.outcome(two.deployed(intent)).inclusion.block.number
    two.nodes.advance(made + 28 - two.nodes.round)
    assert isinstance(two.seen_through(0).effect_of(intent), Effect)
    two.nodes.advance(1)
    with pytest.raises(HistoryUnavailableError):
        two.seen_through(0).effect_of(intent)


def test_what_was_found_once_is_remembered(two):
    intent = two.intent()
    two.deployed(intent)
    found = two.chain.effect_of(intent)
    two.nodes.advance(40)
    assert two.chain.effect_of(intent) == found
    # Without its history the asset's values are read back all the same.
    assert two.seen_through(0).read_back(intent, found.token) == ()


def test_no_more_is_remembered_than_there_is_room_for(world):
    intents = [world.intent() for _ in range(4)]
    for intent in intents:
        world.deployed(intent)
    origins, reader = Origins(2), world.chain._reader
    for asset in world.nodes.ledger.assets():
        origins.of(reader, asset.id, world.nodes.round)
    assert len(origins._known) == 2


def test_a_pruned_node_proves_no_window_empty(two):
    slot, _ = two.attempted(two.intent())
    two.pass_window(slot)
    assert isinstance(two.chain.outcome(slot), Expired)
    two.nodes.advance(40)
    with pytest.raises(HistoryUnavailableError, match="archival"):
        two.seen_through(0).outcome(slot)
    assert isinstance(two.seen_through(1).outcome(slot), Expired)


def test_an_empty_slot_needs_no_history(two):
    slot = two.slot(two.intent())
    two.nodes.advance(100)
    assert isinstance(two.seen_through(0).outcome(slot), Expired)


# Nodes that go wrong.


def test_a_lagging_node_neither_ends_a_window_nor_denies_an_effect_beyond_its_round(world):
    intent = world.intent()
    slot, _ = world.attempted(intent)
    world.pass_window(slot)
    world.nodes.nodes[0].fault("lag", rounds=1)
    assert world.chain.outcome(slot) == NotSeen()
    assert world.chain.effect_of(intent).at.number == world.nodes.round - 1
    world.nodes.nodes[0].heal()
    assert isinstance(world.chain.outcome(slot), Expired)


def test_a_stalled_node_says_what_it_knew(world):
    slot, _ = world.sent(world.intent())
    world.nodes.nodes[0].fault("stall")
    world.nodes.mine()
    assert isinstance(world.chain.outcome(slot), InPool)
    world.nodes.nodes[0].heal()
    assert isinstance(world.chain.outcome(slot), Final)


def test_an_answer_that_is_lost_after_the_bytes_were_taken(world):
    intent = world.intent()
    slot, sent = world.attempted(intent)
    world.nodes.nodes[0].fault("accept_then_drop")
    assert world.chain.submit(sent).verdict is Verdict.UNKNOWN
    assert world.chain.outcome(slot) == InPool(sent.id)
    assert world.chain.submit(sent).verdict is Verdict.ALREADY_KNOWN
    world.nodes.mine()
    assert isinstance(world.chain.outcome(slot), Final)


@pytest.mark.parametrize("fault", ["drop_before", "truncate", "unavailable"])
def test_a_submission_without_an_answer_is_unknown(world, fault):
    _, sent = world.attempted(world.intent())
    world.nodes.nodes[0].fault(fault, route="submit")
    assert world.chain.submit(sent).verdict is Verdict.UNKNOWN
    assert world.chain.submit(sent).verdict in {Verdict.ACCEPTED, Verdict.ALREADY_KNOWN}


def test_a_node_that_takes_the_bytes_and_forgets_them(world):
    intent = world.intent()
    slot, sent = world.attempted(intent)
    world.nodes.nodes[0].fault("deaf")
    assert world.chain.submit(sent).verdict is Verdict.ACCEPTED
    world.nodes.mine()
    assert world.chain.outcome(slot) == NotSeen()
    assert world.chain.submit(sent).verdict is Verdict.ACCEPTED


def test_a_node_that_moves_to_another_chain(world):
    slot, sent = world.attempted(world.intent())
    world.nodes.nodes[0].fault("wrong_genesis")
    intent = world.intent()
    for question in (
        lambda: world.seen_through().head(),
        lambda: world.seen_through().submit(sent),
        lambda: world.seen_through().outcome(slot),
        lambda: world.seen_through().effect_of(intent),
        lambda: world.chain.slot_terms(intent),
    ):
        with pytest.raises(WrongChainError):
            question()


def test_a_network_with_another_grid_signs_nothing_in_an_old_slot(world):
    intent = world.intent()
    slot = world.slot(intent)
    other = world.seen_through(window=33)
    answer = other.prepare(intent, slot, AttemptRole.EFFECT, 10_000)
    assert isinstance(answer, Postponed)
