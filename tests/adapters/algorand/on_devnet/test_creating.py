"""Assets as they come to be: every kind, who pays what, and who signs."""

import base64

import pytest
from algosdk import encoding, transaction
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.algorand.group import fields_of
from domain.errors import Refusal
from domain.operation import AttemptRole, Draft, Final, Postponed, Verdict, WaitReason
from tests.adapters.algorand.on_devnet.world import (
    ALGO,
    CEILING,
    FRACTIONAL,
    FUNGIBLE,
    PARAMETERS,
    UNIQUE,
    Account,
    a_world,
)

DEPOSIT = 100_000
ELSEWHERE = "GIMN3RFDRRWFD7KIFSVRMXC4JXYD5ZXKT7KSN57OG4RAZPPC3L3YDM46NQ"
OPTIONS = {
    "url": "https://example.com/h",
    "metadata_hash": "11" * 32,
    "default_frozen": True,
    "manager": ELSEWHERE,
    "reserve": None,
    "freeze": "issuer",
    "clawback": None,
}


def solvent(world, account):
    state = world.nodes.ledger.account(account.address)
    return state.microalgos >= state.min_balance


def rekeyed(world, account, to):
    """*account* is ruled by the key of *to* from now on."""
    params = world.chain._reader.parameters()
    sp = transaction.SuggestedParams(
        1000, params.last_round + 1, params.last_round + 100, params.genesis_hash, flat_fee=True
    )
    txn = transaction.PaymentTxn(account.address, sp, account.address, 0, rekey_to=to.address)
    _, signature = account.sign(txn.bytes_to_sign())
    signed = transaction.SignedTransaction(txn, base64.b64encode(signature.raw).decode())
    world.chain._reader.send(base64.b64decode(encoding.msgpack_encode(signed)))
    world.nodes.mine()
    world.keys[to.address] = to


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["plain", "options"])
@pytest.mark.parametrize("kind", [FUNGIBLE, UNIQUE, FRACTIONAL])
def test_every_kind_comes_to_be_as_it_was_planned(world, kind, options):
    intent = world.intent(world.token(kind, **options))
    slot = world.deployed(intent)
    outcome = world.chain.outcome(slot)
    assert isinstance(outcome, Final)
    assert world.chain.read_back(intent, outcome.token) == ()
    (asset,) = world.nodes.ledger.assets()
    assert str(asset.id) == outcome.token
    assert asset.creator == world.issuer.address
    assert world.chain.effect_of(intent).token == outcome.token


def test_names_may_be_as_long_and_strange_as_the_protocol_allows(world):
    token = world.token(name="\u20ac" * 10 + "ab", unit_name="\U0001f333" * 2, url="u" * 96)
    intent = world.intent(token)
    outcome = world.chain.outcome(world.deployed(intent))
    assert world.chain.read_back(intent, outcome.token) == ()


def test_the_most_there_can_be_of_an_asset(world):
    intent = world.intent(world.token(total=str(2**64 - 1), decimals=19))
    outcome = world.chain.outcome(world.deployed(intent))
    assert world.chain.read_back(intent, outcome.token) == ()


# Who pays.


def test_a_new_issuer_is_brought_into_being_and_pays_nothing(world):
    before = world.balance(world.treasury)
    outcome = world.chain.outcome(world.deployed(world.intent()))
    assert world.balance(world.issuer) == 2 * DEPOSIT
    assert outcome.inclusion.cost == 2 * DEPOSIT + 2_000
    assert before - world.balance(world.treasury) == outcome.inclusion.cost


def test_an_issuer_that_exists_is_given_what_one_more_asset_locks_up(world):
    world.deployed(world.intent())
    held = world.balance(world.issuer)
    outcome = world.chain.outcome(world.deployed(world.intent()))
    assert world.balance(world.issuer) - held == DEPOSIT
    assert outcome.inclusion.cost == DEPOSIT + 2_000


def test_a_forecast_is_what_it_costs(world):
    intent = world.intent()
    forecast = world.chain.plan(intent)
    cost = world.chain.outcome(world.deployed(intent)).inclusion.cost
    assert forecast.gas * forecast.gas_price + forecast.deposit == cost


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_an_issuer_stays_solvent_in_whatever_order_groups_land(blocks, chance):
    """Drafted together for an account that does not exist yet, mined as chance will have it."""
    with a_world() as world:
        intents = [world.intent() for _ in blocks]
        attempts = [world.attempted(intent)[1] for intent in intents]
        chance.shuffle(attempts)
        for transaction_, pause in zip(attempts, blocks, strict=True):
            assert world.chain.submit(transaction_).verdict is Verdict.ACCEPTED
            world.nodes.mine(pause)
            assert world.balance(world.issuer) == 0 or solvent(world, world.issuer)
        world.nodes.mine()
        assert len(world.nodes.ledger.assets()) == len(intents)
        assert solvent(world, world.issuer)


def test_an_issuer_may_pay_for_itself(world):
    world.nodes.fund(world.issuer.address, ALGO)
    intent = world.intent(sender=world.issuer.address)
    forecast = world.chain.plan(intent)
    assert (forecast.gas, forecast.gas_price, forecast.deposit) == (1, 1000, DEPOSIT)
    assert world.chain.preflight(intent, CEILING) is None
    outcome = world.chain.outcome(world.deployed(intent))
    assert outcome.inclusion.cost == 1_000
    assert world.balance(world.issuer) == ALGO - 1_000
    assert world.chain.effect_of(intent).cost == 1_000
    assert world.chain.read_back(intent, outcome.token) == ()


@pytest.mark.parametrize("lacking", [0, 1])
def test_the_treasury_keeps_its_own_minimum(world, lacking):
    treasury = Account()
    world.keys[treasury.address] = treasury
    world.nodes.fund(treasury.address, 2 * DEPOSIT + 2_000 + 100_000 - lacking)
    intent = world.intent(sender=treasury.address)
    answer = world.chain.preflight(intent, CEILING)
    assert (answer is None) == (not lacking)
    assert not isinstance(world.chain.plan(intent), Refusal)
    if lacking:
        assert answer.reason is WaitReason.TREASURY_EMPTY
    else:
        world.deployed(intent)
        assert world.balance(treasury) == 100_000


@pytest.mark.parametrize("lacking", [0, 1])
def test_an_issuer_that_pays_for_itself_keeps_its_minimum(world, lacking):
    world.nodes.fund(world.issuer.address, 100_000 + DEPOSIT + 1_000 - lacking)
    intent = world.intent(sender=world.issuer.address)
    answer = world.chain.preflight(intent, CEILING)
    if lacking:
        assert isinstance(answer, Postponed)
        assert answer.reason is WaitReason.TREASURY_EMPTY
    else:
        assert answer is None
        world.deployed(intent)


# The price.


def test_a_congested_pool_is_paid_what_it_asks_for_each_transaction(world):
    """It asks its price of every transaction by itself: fees are not pooled there."""
    world.nodes.congest(5)
    intent = world.intent(world.token(**OPTIONS))
    draft = world.drafted(intent, world.slot(intent))
    assert 1_000 < draft.fee_cap < 5_000
    before = world.balance(world.treasury)
    outcome = world.chain.outcome(world.deployed(intent))
    assert isinstance(outcome, Final)
    assert before - world.balance(world.treasury) == outcome.inclusion.cost
    assert world.balance(world.issuer) == 2 * DEPOSIT
    forecast = world.chain.plan(world.intent(world.token(**OPTIONS)))
    assert forecast.gas_price == draft.fee_cap


def test_a_congested_pool_is_paid_by_rekeyed_accounts_too(world):
    guardian = Account()
    world.nodes.fund(world.issuer.address, ALGO)
    rekeyed(world, world.issuer, guardian)
    rekeyed(world, world.treasury, guardian)
    world.nodes.congest(7)
    assert isinstance(world.chain.outcome(world.deployed(world.intent())), Final)


@pytest.mark.parametrize("factor", [1, 20])
def test_nothing_is_signed_above_the_ceiling(world, factor):
    world.nodes.congest(5 * factor)
    intent = world.intent()
    slot = world.slot(intent)
    asked = world.chain.prepare(intent, slot, AttemptRole.EFFECT, CEILING).fee_cap
    assert isinstance(world.chain.prepare(intent, slot, AttemptRole.EFFECT, asked), Draft)
    answer = world.chain.prepare(intent, slot, AttemptRole.EFFECT, asked - 1)
    assert isinstance(answer, Postponed)
    assert answer.reason is WaitReason.FEE_ABOVE_CEILING
    assert world.chain.preflight(intent, asked) is None
    assert world.chain.preflight(intent, asked - 1).reason is WaitReason.FEE_ABOVE_CEILING


def test_a_plan_warns_of_a_price_above_the_networks_ceiling(world):
    assert world.chain.plan(world.intent()).warnings == ()
    world.nodes.congest(1_000)
    (warning,) = world.chain.plan(world.intent()).warnings
    assert str(CEILING) in warning


# Who signs.


@pytest.mark.parametrize("who", ["issuer", "treasury"])
def test_a_rekeyed_account_is_signed_for_by_its_new_key(world, who):
    account, guardian = getattr(world, who), Account()
    world.nodes.fund(account.address, ALGO)
    rekeyed(world, account, guardian)
    intent = world.intent()
    assert world.chain.preflight(intent, CEILING) is None
    draft = world.drafted(intent, world.slot(intent))
    signers = [each.signer for each in draft.signables]
    assert guardian.address in signers
    assert account.address not in signers
    outcome = world.chain.outcome(world.deployed(intent))
    assert world.chain.read_back(intent, outcome.token) == ()


def test_a_signature_by_the_old_key_is_not_assembled(world):
    guardian = Account()
    world.nodes.fund(world.issuer.address, ALGO)
    rekeyed(world, world.issuer, guardian)
    intent = world.intent()
    draft = world.drafted(intent, world.slot(intent))
    signatures = [
        world.treasury.sign(draft.signables[0].message),
        world.issuer.sign(draft.signables[1].message),
    ]
    with pytest.raises(ValueError, match="signature"):
        world.chain.assemble(draft, signatures)


def test_a_draft_whose_parts_disagree_is_not_assembled(world):
    one, other = world.intent(), world.intent()
    draft, stranger = (world.drafted(each, world.slot(each)) for each in (one, other))
    signatures = world.sign(draft)
    with pytest.raises(ValueError):
        world.chain.assemble(evolve(draft, body=stranger.body), signatures)
    with pytest.raises(ValueError):
        world.chain.assemble(evolve(draft, body=draft.body + b"x"), signatures)


# What is in the bytes.


def test_every_transaction_is_of_the_slots_window_and_the_creation_has_its_lease(world):
    for _ in range(3):
        intent = world.intent()
        slot, transaction_ = world.attempted(intent)
        payment, creation = fields_of(transaction_.raw)
        for each in (payment, creation):
            assert each["lv"] == slot.valid_until
            assert each["fv"] == max(1, slot.valid_until - world.network.window + 1)
        assert creation["lx"] == slot.lease
        assert "lx" not in payment
        assert payment["fee"] == 2_000
        assert "fee" not in creation
        world.nodes.mine(17)


def test_parameters_that_every_account_has_are_what_was_asked_for(world):
    intent = world.intent(world.token(**OPTIONS))
    world.deployed(intent)
    (asset,) = world.nodes.ledger.assets()
    found = asset.parameters
    assert (found.name, found.unit_name) == (
        PARAMETERS[FUNGIBLE]["name"],
        PARAMETERS[FUNGIBLE]["unit_name"],
    )
    assert found.metadata_hash == b"\x11" * 32
    assert found.default_frozen
    assert not any(found.reserve)
    assert any(found.manager)
    assert found.freeze == world.issuer.public_key.raw
