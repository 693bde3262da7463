"""From a specification to a token that is read back, on a real node, under both finality rules."""

import pytest
from attrs import evolve
from eth_utils.crypto import keccak

from application.ports.chain import ChainUnavailableError, Forecast
from domain.errors import Refusal
from domain.operation import Effect, Final, NoEffect, Postponed, WaitReason
from domain.token import TokenKind
from tests.adapters.evm.on_anvil.world import (
    CEILING,
    FACTORY,
    MINTABLE,
    PREMINTED,
    Treasury,
)


@pytest.mark.parametrize("kind", [MINTABLE, PREMINTED])
def test_a_token_is_planned_sent_settled_found_and_read_back(either_world, kind):
    world, chain = either_world, either_world.chain
    intent = world.intent(world.token(kind))
    assert isinstance(chain.effect_of(intent), NoEffect)
    forecast = chain.plan(intent)
    assert isinstance(forecast, Forecast)
    assert chain.preflight(intent, CEILING) is None

    slot, transaction = world.sent(intent)
    world.finalise()

    outcome = chain.outcome(slot)
    assert isinstance(outcome, Final)
    assert outcome.inclusion.succeeded
    assert outcome.inclusion.transaction_id == transaction.id
    receipt = world.anvil.call("eth_getTransactionReceipt", transaction.id)
    used, price = (int(receipt[f], 16) for f in ("gasUsed", "effectiveGasPrice"))
    assert outcome.inclusion.cost == used * price
    assert used <= forecast.gas
    predicted = chain.predicted(intent)
    assert chain.effect_of(intent) == Effect(
        token=predicted,
        transaction_id=transaction.id,
        raw=transaction.raw,
        block=outcome.inclusion.block,
        is_final=True,
        cost=used * price,
    )
    assert len(world.code(predicted)) > 2
    assert chain.read_back(intent, predicted) == ()


@pytest.mark.parametrize("decimals", [0, 255])
def test_the_limits_of_the_specification_can_be_deployed(world, decimals):
    most = str(2**256 - 1)
    token = world.token(
        MINTABLE,
        name="\U0001f333" * 50,
        symbol="\u00c4" * 10,
        decimals=decimals,
        initial_supply=most,
        cap=most,
    )
    intent = world.intent(token)
    world.deployed(intent)
    assert world.chain.read_back(intent, world.chain.predicted(intent)) == ()


def test_the_initial_holder_gets_the_supply_and_the_owner_the_roles(world):
    holder = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
    intent = world.intent(world.token(MINTABLE, initial_holder=holder))
    world.deployed(intent)
    token = world.chain.predicted(intent)
    balance = world.anvil.call(
        "eth_call",
        {"to": token, "data": "0x70a08231" + "0" * 24 + holder[2:].lower()},
        "latest",
    )
    assert int(balance, 16) == 400
    assert world.chain.read_back(intent, token) == ()


def test_the_factory_is_an_operation_like_any_other(world):
    intent = world.intent(world.chain.stored_token(FACTORY, {}))
    effect = world.chain.effect_of(intent)
    assert isinstance(effect, Effect)
    assert effect.token == world.chain.predicted(intent)
    assert effect.is_final
    assert effect.transaction_id == "0x" + keccak(effect.raw).hex()
    assert world.chain.read_back(intent, effect.token) == ()
    assert FACTORY not in {kind.kind for kind in world.chain.kinds()}


def test_without_the_factory_a_plan_is_refused_and_a_step_waits(world):
    intent = world.intent()
    factory = world.chain.predicted(world.intent(world.chain.stored_token(FACTORY, {})))
    world.anvil.call("anvil_setCode", factory, "0x")
    world.mine()
    refusal = world.chain.plan(intent)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "network_not_ready"
    waits = world.chain.preflight(intent, CEILING)
    assert isinstance(waits, Postponed)
    assert waits.reason is WaitReason.OPERATOR


def test_what_would_revert_is_refused_before_anything_is_signed(world):
    # A cap below the supply passes no validation; here it stands for a chain that says no.
    token = world.token()
    token = evolve(token, parameters=dict(token.parameters) | {"cap": "399"})
    intent = world.intent(token)
    for refusal in (world.chain.plan(intent), world.chain.preflight(intent, CEILING)):
        assert isinstance(refusal, Refusal)
        assert refusal.code == "deployment_would_revert"


def test_what_is_there_already_waits_to_be_found_instead_of_being_refused(world):
    intent = world.intent()
    world.deployed(intent)
    waits = world.chain.preflight(intent, CEILING)
    assert isinstance(waits, Postponed)
    assert waits.reason is WaitReason.UNKNOWN_OUTCOME


def test_an_empty_treasury_waits_for_money_and_can_still_plan(world):
    world.treasury = Treasury()
    intent = world.intent()
    assert isinstance(world.chain.plan(intent), Forecast)
    waits = world.chain.preflight(intent, CEILING)
    assert isinstance(waits, Postponed)
    assert waits.reason is WaitReason.TREASURY_EMPTY


def test_a_base_fee_above_the_ceiling_is_waited_out_and_warned_of(world):
    world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(2 * CEILING))
    world.mine()
    intent = world.intent()
    forecast = world.chain.plan(intent)
    assert isinstance(forecast, Forecast)
    assert len(forecast.warnings) == 1
    waits = world.chain.preflight(intent, CEILING)
    assert isinstance(waits, Postponed)
    assert waits.reason is WaitReason.FEE_ABOVE_CEILING


def test_an_unknown_kind_is_refused(world):
    refusal = world.chain.token(TokenKind("erc721"), {})
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid_token"


# Read back


def test_a_token_that_lies_is_seen_through(world):
    """Another contract at the token's address: the differences are listed, each by its name."""
    intent, other = world.intent(), world.intent(world.token(PREMINTED))
    world.deployed(other)
    lie = world.code(world.chain.predicted(other))
    token = world.chain.predicted(intent)
    world.anvil.call("anvil_setCode", token, lie)
    world.finalise()
    found = {line.partition(":")[0] for line in world.chain.read_back(intent, token)}
    assert found == {
        "code",
        "name",
        "symbol",
        "decimals",
        "totalSupply",
        "balanceOf",
        "cap",
        "paused",
        "DEFAULT_ADMIN_ROLE",
        "MINTER_ROLE",
        "PAUSER_ROLE",
    }


def test_a_token_somewhere_else_is_not_the_planned_one(world):
    intent, other = world.intent(), world.intent()
    world.deployed(other)
    elsewhere = world.chain.predicted(other)
    assert world.chain.read_back(intent, elsewhere) == (
        f"address: planned {world.chain.predicted(intent)}, found {elsewhere}",
    )


def test_what_the_owner_did_since_is_no_difference(world):
    intent = world.intent()
    world.deployed(intent)
    token = world.chain.predicted(intent)
    stranger = "3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".lower()
    minter = keccak(text="MINTER_ROLE").hex()
    for call in (
        "40c10f19" + stranger.rjust(64, "0") + f"{5:064x}",  # mint
        "2f2ff15d" + minter + stranger.rjust(64, "0"),  # grantRole
        "8456cb59",  # pause
    ):
        world.send(world.owner, token, "0x" + call)
        world.mine()
    world.finalise()
    supply = world.anvil.call("eth_call", {"to": token, "data": "0x18160ddd"}, "latest")
    assert int(supply, 16) == 405
    assert world.chain.read_back(intent, token) == ()


def test_a_node_that_does_not_have_the_token_yet_proves_nothing(world):
    intent = world.intent()
    world.sent(intent)
    world.mine()
    with pytest.raises(ChainUnavailableError):
        world.chain.read_back(intent, world.chain.predicted(intent))
