"""What is done with a token, on a real node: the treasury funds, the issuer acts, once."""

import json

import pytest
from attrs import evolve
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from adapters.evm import factory
from adapters.evm.development import fund
from application.ports.chain import ChainUnavailableError, Forecast
from domain.errors import MisuseError, Refusal
from domain.identifiers import InstallationId
from domain.operation import (
    AttemptRole,
    Draft,
    Effect,
    Final,
    NoEffect,
    Postponed,
    SlotLost,
    WaitReason,
)
from domain.token import Action, Power
from tests.adapters.evm.on_anvil.world import CEILING, FACTORY, PREMINTED, Treasury

HOLDER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
ORDERS = [
    (Action.MINT, {"to": HOLDER, "amount": "5"}),
    (Action.MINT, {"amount": "5"}),
    (Action.BURN, {"amount": "400"}),
    (Action.PAUSE, {}),
    (Action.UNPAUSE, {}),
]


def view(world, place, signature, *arguments):
    """A word of a view, by a call of the test's own."""
    types = signature[signature.index("(") + 1 : -1].split(",") if arguments else []
    data = keccak(text=signature)[:4] + encode(types, arguments)
    answer = world.anvil.call("eth_call", {"to": place, "data": "0x" + data.hex()}, "latest")
    return int(answer, 16)


def balance(world, address):
    return int(world.anvil.call("eth_getBalance", address, "latest"), 16)


@pytest.mark.parametrize(("action", "parameters"), ORDERS)
def test_an_issuer_without_coin_has_its_orders_carried_out(either_world, action, parameters):
    world, chain = either_world, either_world.chain
    made = world.issued()
    if action is Action.UNPAUSE:
        world.carried_out(world.ordered(made, Action.PAUSE))
    first = world.ordered(made, action, **parameters)
    second = world.second(first)
    place = chain.predicted(made)
    assert chain.predicted(first) == chain.predicted(second) == place
    before = balance(world, world.owner)
    forecast = chain.plan(first)
    assert isinstance(forecast, Forecast)
    for step in (first, second):
        assert isinstance(chain.effect_of(step), NoEffect)
    assert chain.preflight(first, CEILING) is None

    funding, funded_by = world.sent(first)
    world.finalise()

    assert isinstance(chain.outcome(funding), Final)
    found = chain.effect_of(first)
    assert isinstance(found, Effect)
    assert (found.token, found.transaction_id) == (place, funded_by.id)
    assert isinstance(chain.effect_of(second), NoEffect)
    assert balance(world, world.owner) > before
    assert chain.preflight(second, CEILING) is None

    acting, acted_by = world.sent(second)
    world.finalise()

    outcome = chain.outcome(acting)
    assert isinstance(outcome, Final)
    assert outcome.inclusion.succeeded
    assert chain.effect_of(second) == Effect(
        token=place,
        transaction_id=acted_by.id,
        raw=acted_by.raw,
        block=outcome.inclusion.block,
        is_final=True,
        cost=outcome.inclusion.cost,
    )
    assert chain.read_back(second, place) == ()
    used = [
        int(world.anvil.call("eth_getTransactionReceipt", each.id)["gasUsed"], 16)
        for each in (funded_by, acted_by)
    ]
    assert sum(used) <= forecast.gas
    change = {Action.MINT: 5, Action.BURN: -400}.get(action, 0)
    assert view(world, place, "totalSupply()") == 400 + change
    assert view(world, place, "paused()") == (action is Action.PAUSE)
    if action is Action.MINT:
        to = parameters.get("to", world.owner)
        held = 5 + (400 if to == world.owner else 0)
        assert view(world, place, "balanceOf(address)", to.lower()) == held


# Never twice


@pytest.mark.parametrize("step", [1, 2])
def test_a_step_that_is_repeated_in_another_nonce_is_refused_by_its_contract(world, step):
    """Whoever has forgotten everything, and does not look first, still does it once only."""
    made = world.issued()
    first = world.ordered(made, Action.MINT, to=HOLDER, amount="5")
    if step == 2:
        world.deployed(first)
        # As if the account had plenty.
        fund(world.anvil.url, world.owner, 10**18)
        world.finalise()
    intent = evolve(first, step=step)
    signer = world.signer_of(intent)
    twice = [world.attempted(intent, world.slot(signer=signer)) for _ in range(2)]
    for _, transaction in twice:
        world.chain.submit(transaction)
    world.finalise()

    ends = [world.chain.outcome(slot).inclusion.succeeded for slot, _ in twice]
    assert ends == [True, False]
    found = world.chain.effect_of(intent)
    assert isinstance(found, Effect)
    assert found.transaction_id == twice[0][1].id
    minted = view(world, world.chain.predicted(made), "balanceOf(address)", HOLDER.lower())
    assert minted == (5 if step == 2 else 0)


def test_what_was_done_waits_to_be_found_and_is_neither_refused_nor_done_again(world):
    made = world.issued()
    intent = world.ordered(made, Action.MINT, amount="5")
    world.carried_out(intent)
    for step in (intent, world.second(intent)):
        waits = world.chain.preflight(step, CEILING)
        assert isinstance(waits, Postponed)
        assert waits.reason is WaitReason.UNKNOWN_OUTCOME


def test_two_installations_do_not_use_up_each_others_ids(world):
    made = world.issued()
    intent = world.ordered(made, Action.MINT, amount="5")
    ids = {
        factory.salt_of(intent, each)
        for each in (world.installation, InstallationId(made.operation))
    }
    assert len(ids) == 2


def test_the_first_step_is_no_effect_of_the_second_and_another_operation_is_none_of_either(world):
    made = world.issued()
    intent = world.ordered(made, Action.MINT, amount="5")
    world.carried_out(intent)
    other = world.ordered(made, Action.MINT, amount="5")
    for step in (other, world.second(other)):
        assert isinstance(world.chain.effect_of(step), NoEffect)
    assert world.chain.preflight(other, CEILING) is None


def test_an_effect_that_is_not_final_is_one_already(world):
    made = world.issued()
    intent = world.ordered(made, Action.PAUSE)
    world.deployed(intent)
    _, transaction = world.sent(world.second(intent))
    world.mine()
    found = world.chain.effect_of(world.second(intent))
    assert isinstance(found, Effect)
    assert (found.is_final, found.transaction_id) == (False, transaction.id)
    world.reorg(1)
    assert isinstance(world.chain.effect_of(world.second(intent)), NoEffect)


# Money


def test_any_number_of_one_issuers_orders_may_be_under_way(world):
    """Each brings its own fee money, at the ceiling, whatever the account holds by then."""
    made = world.issued()
    intents = [world.ordered(made, Action.MINT, to=HOLDER, amount="5") for _ in range(3)]
    for intent in intents:
        assert world.chain.preflight(intent, CEILING) is None
        world.sent(intent)
    world.finalise()
    world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(CEILING - 2 * 10**6))
    world.mine()
    world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(CEILING - 2 * 10**6))
    for intent in map(world.second, intents):
        assert world.chain.preflight(intent, CEILING) is None
        world.sent(intent)
    world.finalise()
    for intent in map(world.second, intents):
        assert isinstance(world.chain.effect_of(intent), Effect)
    place = world.chain.predicted(made)
    assert view(world, place, "balanceOf(address)", HOLDER.lower()) == 15


def test_the_value_follows_the_ceiling_and_a_replacement_carries_the_same(world):
    made = world.issued()
    intent = world.ordered(made, Action.PAUSE)
    values = {}
    for ceiling in (CEILING // 2, CEILING):
        draft = world.chain.prepare(intent, world.slot(0), AttemptRole.EFFECT, ceiling)
        assert isinstance(draft, Draft)
        values[ceiling] = value_of(draft.body)
    assert values[CEILING] == 2 * values[CEILING // 2] > 0
    slot, _ = world.attempted(intent, world.slot())
    slot, _ = world.attempted(intent, slot)
    first, second = (value_of(each.body) for each in slot.attempts)
    assert first == second == values[CEILING]
    assert slot.attempts[1].fee_cap > slot.attempts[0].fee_cap


def value_of(body):
    return int(json.loads(body)["value"], 16)


def test_a_treasury_that_cannot_pay_for_both_steps_waits_and_can_still_plan(world):
    made = world.issued()
    world.treasury = Treasury()
    intent = evolve(world.ordered(made, Action.PAUSE), sender=world.sender)
    assert isinstance(world.chain.plan(intent), Forecast)
    # Enough for its own gas at the ceiling, and not for what it has to pass on.
    fund(world.anvil.url, world.sender, 140_000 * CEILING)
    world.mine()
    waits = world.chain.preflight(intent, CEILING)
    assert isinstance(waits, Postponed)
    assert waits.reason is WaitReason.TREASURY_EMPTY
    assert world.sender in waits.detail


def test_what_an_issuer_has_left_need_only_do_at_todays_price(world):
    """After a revert there is less than one attempt at the ceiling would take."""
    made = world.issued()
    intent = world.second(world.ordered(made, Action.PAUSE))
    world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(CEILING // 100))
    world.mine()
    fund(world.anvil.url, world.owner, 200_000 * CEILING // 40)
    world.mine()
    assert world.chain.preflight(intent, CEILING) is None
    world.deployed(intent)
    assert isinstance(world.chain.effect_of(intent), Effect)


def test_an_issuer_that_was_given_too_little_waits_for_money(world):
    made = world.issued()
    intent = world.second(world.ordered(made, Action.PAUSE))
    waits = world.chain.preflight(intent, CEILING)
    assert isinstance(waits, Postponed)
    assert waits.reason is WaitReason.TREASURY_EMPTY
    assert world.owner in waits.detail


# What cannot work


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        (Action.MINT, {"amount": "601"}),
        (Action.BURN, {"amount": "401"}),
        (Action.UNPAUSE, {}),
    ],
)
def test_what_would_revert_is_refused_before_anybody_pays_for_it(world, action, parameters):
    intent = world.ordered(world.issued(), action, **parameters)
    answers = [world.chain.plan(intent), world.chain.preflight(intent, CEILING)]
    answers.append(world.chain.preflight(world.second(intent), CEILING))
    for refusal in answers:
        assert isinstance(refusal, Refusal)
        assert refusal.code == "order_would_revert"


def test_a_second_step_that_works_no_longer_is_refused_and_works_again(world):
    made = world.issued()
    intent = world.ordered(made, Action.MINT, amount="5")
    world.deployed(intent)
    world.carried_out(world.ordered(made, Action.PAUSE))
    refusal = world.chain.preflight(world.second(intent), CEILING)
    assert isinstance(refusal, Refusal)
    slot = world.slot(world._next[world.owner], world.owner)
    unsigned = world.chain.prepare(world.second(intent), slot, AttemptRole.EFFECT, CEILING)
    assert isinstance(unsigned, Postponed)
    assert unsigned.reason is WaitReason.UNKNOWN_OUTCOME
    world.carried_out(world.ordered(made, Action.UNPAUSE))
    assert world.chain.preflight(world.second(intent), CEILING) is None


def test_without_the_token_or_the_factory_a_step_waits_for_the_operator(world):
    made = world.issued()
    intent = world.ordered(made, Action.PAUSE)
    home = world.chain.predicted(world.intent(world.chain.stored_token(FACTORY, {})))
    for address in (home, intent.place):
        code = world.code(address)
        world.anvil.call("anvil_setCode", address, "0x")
        world.mine()
        waits = world.chain.preflight(intent, CEILING)
        assert isinstance(waits, Postponed)
        assert waits.reason is WaitReason.OPERATOR
        assert address in waits.detail
        world.anvil.call("anvil_setCode", address, code)


def test_a_contract_that_knows_no_ids_is_no_proof_of_anything(world):
    intent = world.second(world.ordered(world.issued(), Action.PAUSE))
    world.anvil.call("anvil_setCode", intent.place, "0x5f5ffd")
    world.finalise()
    with pytest.raises(ChainUnavailableError):
        world.chain.effect_of(intent)


# Slots of the issuing account


def test_a_step_is_sent_by_whoever_it_is_for(world):
    made = world.issued()
    intent = world.ordered(made, Action.PAUSE)
    with pytest.raises(MisuseError):
        world.chain.prepare(intent, world.slot(0, world.owner), AttemptRole.EFFECT, CEILING)
    with pytest.raises(MisuseError):
        world.chain.prepare(world.second(intent), world.slot(0), AttemptRole.EFFECT, CEILING)


def test_the_terms_of_a_slot_are_those_of_its_signers_line(world):
    made = world.issued()
    intent = world.ordered(made, Action.PAUSE)
    world.deployed(intent)
    ours = world.chain.signer_state(world.sender).next_sequence
    assert world.chain.slot_terms(intent).taken == ours > 0
    assert world.chain.slot_terms(world.second(intent)).taken == 0


def test_a_slot_of_the_issuer_is_filled_by_the_issuer(world):
    made = world.issued()
    intent = world.ordered(made, Action.PAUSE)
    world.deployed(intent)
    second = world.second(intent)
    world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(CEILING - 2 * 10**6))
    world.mine()
    world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(CEILING - 2 * 10**6))
    slot, fill = world.sent(second, role=AttemptRole.FILL)
    world.finalise()
    outcome = world.chain.outcome(slot)
    assert isinstance(outcome, Final)
    sent = world.anvil.call("eth_getTransactionByHash", fill.id)
    assert sent["from"] == sent["to"] == world.owner.lower()
    assert int(sent["value"], 16) == 0
    assert isinstance(world.chain.effect_of(second), NoEffect)
    # What it was given is enough for the next nonce, too, and that at the ceiling.
    world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(CEILING - 2 * 10**6))
    world.mine()
    world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(CEILING - 2 * 10**6))
    assert world.chain.preflight(second, CEILING) is None
    world.deployed(second)
    assert isinstance(world.chain.effect_of(second), Effect)


def test_a_higher_fee_in_the_issuers_line_replaces_and_lands_once(world):
    made = world.issued()
    intent = world.ordered(made, Action.MINT, to=HOLDER, amount="5")
    world.deployed(intent)
    second = world.second(intent)
    slot, first = world.sent(second)
    slot, dearer = world.attempted(second, slot)
    assert world.chain.submit(dearer).verdict.value == "accepted"
    world.finalise()
    outcome = world.chain.outcome(slot)
    assert isinstance(outcome, Final)
    assert outcome.inclusion.transaction_id == dearer.id != first.id
    place = world.chain.predicted(made)
    assert view(world, place, "balanceOf(address)", HOLDER.lower()) == 5


def test_a_nonce_of_the_issuer_that_a_stranger_used_is_lost(world):
    made = world.issued()
    intent = world.ordered(made, Action.PAUSE)
    world.deployed(intent)
    slot, _ = world.attempted(world.second(intent), world.slot(0, world.owner))
    world.anvil.call("anvil_impersonateAccount", world.owner)
    world.send(world.owner, HOLDER, "0x", value=1, nonce="0x0", gas="0x5208")
    world.finalise()
    assert isinstance(world.chain.outcome(slot), SlotLost)


# Read back


def test_another_call_under_the_same_id_is_told(world):
    """What somebody with the issuer's key did under our id is not what was ordered."""
    made = world.issued()
    intent = world.ordered(made, Action.MINT, to=HOLDER, amount="5")
    more = evolve(intent, order=world.ordered(made, Action.MINT, to=HOLDER, amount="6").order)
    world.carried_out(more)
    (difference,) = world.chain.read_back(world.second(intent), intent.place)
    assert difference.startswith("order: planned the call 0x")
    assert world.chain.read_back(world.second(more), intent.place) == ()
    elsewhere = "0x" + "Aa" * 20
    (difference,) = world.chain.read_back(world.second(more), elsewhere)
    assert difference.startswith("address: ")


def test_what_became_of_the_token_since_is_no_difference(world):
    made = world.issued()
    intent = world.ordered(made, Action.PAUSE)
    world.carried_out(intent)
    world.carried_out(world.ordered(made, Action.UNPAUSE))
    assert world.chain.read_back(world.second(intent), intent.place) == ()


def test_a_node_that_has_not_seen_the_order_yet_proves_nothing(world):
    made = world.issued()
    intent = world.second(world.ordered(made, Action.PAUSE))
    with pytest.raises(ChainUnavailableError):
        world.chain.read_back(intent, intent.place)


# State


def test_a_new_token_is_what_it_was_planned_to_be(either_world):
    world = either_world
    made = world.issued()
    seen = world.chain.state(made.token, world.chain.predicted(made))
    assert seen.at == world.chain.head().final
    planned = world.chain.planned(made)
    # What holders may do is in the plan, and in the code: nothing on chain tells it.
    assert evolve(seen, at=None, holders_may_burn=planned.holders_may_burn) == planned
    assert (planned.name, planned.supply, planned.cap) == ("Hazel", 400, 1000)
    assert planned.powers == {
        Power.MANAGE: (world.owner,),
        Power.MINT: (world.owner,),
        Power.PAUSE: (world.owner,),
    }


def test_a_new_preminted_token_is_nobodys(world):
    intent = world.intent(world.token(PREMINTED))
    world.deployed(intent)
    seen = world.chain.state(intent.token, world.chain.predicted(intent))
    assert evolve(seen, at=None) == world.chain.planned(intent)
    assert (seen.powers, seen.cap, seen.supply) == ({}, None, 1000)


def test_the_state_follows_what_happens_once_it_is_final(world):
    made = world.issued()
    place = world.chain.predicted(made)
    world.carried_out(world.ordered(made, Action.MINT, amount="5"))
    world.carried_out(world.ordered(made, Action.PAUSE))
    assert world.chain.state(made.token, place).paused
    world.anvil.call("anvil_impersonateAccount", world.owner)
    minter = keccak(text="MINTER_ROLE").hex()
    grant = "0x2f2ff15d" + minter + HOLDER[2:].lower().rjust(64, "0")
    world.send(world.owner, place, grant)
    world.mine()
    assert world.chain.state(made.token, place).powers[Power.MINT] == (world.owner,)
    world.finalise()
    seen = world.chain.state(made.token, place)
    assert (seen.supply, seen.paused) == (405, True)
    assert seen.powers[Power.MINT] == tuple(sorted([world.owner, HOLDER]))
    assert seen.code == world.chain.planned(made).code


def test_other_code_is_told_with_whatever_can_be_read(world):
    made, other = world.issued(), world.intent(world.token(PREMINTED))
    world.deployed(other)
    place = world.chain.predicted(made)
    world.anvil.call("anvil_setCode", place, world.code(world.chain.predicted(other)))
    world.finalise()
    seen = world.chain.state(made.token, place)
    assert seen.code != world.chain.planned(made).code
    assert (seen.cap, seen.powers) == (None, {})
    world.anvil.call("anvil_setCode", place, "0x5f5ffd")
    world.finalise()
    assert world.chain.state(made.token, place).name == ""
    world.anvil.call("anvil_setCode", place, "0x")
    world.finalise()
    assert world.chain.state(made.token, place) is None


def test_a_token_that_is_not_final_is_not_there_yet(world):
    intent = world.intent()
    world.sent(intent)
    world.mine()
    assert world.chain.state(intent.token, world.chain.predicted(intent)) is None
