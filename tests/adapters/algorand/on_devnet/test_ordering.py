"""Orders on tokens that are applications: each once, paid for exactly, told by its box."""

import pytest
from algosdk import encoding, logic
from attrs import evolve

from adapters.algorand import connect
from adapters.algorand.group import fields_of
from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from application.ports.nodes import Endpoint
from domain.errors import Refusal
from domain.operation import (
    AttemptRole,
    Draft,
    Effect,
    Final,
    NoEffect,
    Postponed,
    Verdict,
    WaitReason,
)
from domain.token import Action, Power
from tests.adapters.algorand.on_devnet.client import NOBODY, balance_box, list_box, partition_box
from tests.adapters.algorand.on_devnet.test_issuing import (
    BALANCE_BOX,
    OPERATION_BOX,
    account_of,
    the_issuer,
)
from tests.adapters.algorand.on_devnet.world import (
    ALGO,
    CEILING,
    MINTABLE,
    PREMINTED,
    SECURITY,
    Account,
    a_world,
)

KINDS = (MINTABLE, SECURITY)
EVERYTHING = (
    (Action.MINT, {"amount": "5"}),
    (Action.BURN, {"amount": "4"}),
    (Action.PAUSE, {}),
    (Action.UNPAUSE, {}),
)


@pytest.fixture(params=KINDS)
def made(world, request):
    """The intent of a token that is there."""
    return world.issued(world.token(request.param))


def vault(made):
    return logic.get_application_address(int(made.place))


def boxes(world, made):
    return world.nodes.ledger.boxes(int(made.place))


def units(world, made, holder):
    return int.from_bytes(boxes(world, made).get(balance_box(holder), b""), "big")


def is_exact(world, made):
    """Nobody has more than it must, nor less."""
    for address in (world.issuer.address, vault(made)):
        account = account_of(world, address)
        assert account.microalgos == account.min_balance


# What they do.


def test_all_of_them_one_after_the_other(world, made):
    supply = 1000
    for action, fields in EVERYTHING:
        intent = world.ordered(made, action, **fields)
        (step,) = world.chain.steps(made.token, intent.order)
        assert step.name == action.value
        forecast = world.chain.plan(intent)
        before = world.balance(world.treasury)
        slot = world.deployed(intent)
        outcome = world.chain.outcome(slot)
        assert isinstance(outcome, Final)
        cost = before - world.balance(world.treasury)
        assert outcome.inclusion.cost == cost
        assert cost == forecast.gas * forecast.gas_price + forecast.deposit
        assert cost == OPERATION_BOX + 2_000
        effect = world.chain.effect_of(intent)
        assert (effect.token, effect.transaction_id) == (
            made.place, outcome.inclusion.transaction_id,
        )  # fmt: skip
        assert (effect.cost, effect.block) == (cost, outcome.inclusion.block)
        assert world.chain.read_back(intent, made.place) == ()
        supply += intent.order.supply_change
        state = world.shown(made)
        assert (state.supply, state.paused) == (supply, action is Action.PAUSE)
        assert units(world, made, world.issuer.address) == supply
        is_exact(world, made)


def test_a_fixed_supply_takes_no_orders(world):
    made = world.issued(world.token(PREMINTED))
    for action, fields in EVERYTHING:
        refusal = world.chain.order(made.token, action, fields)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "action_not_offered"


def test_a_mint_to_somebody_new_pays_for_the_boxes(world, made):
    holder = Account().address
    before = world.balance(world.treasury)
    world.deployed(world.ordered(made, Action.MINT, amount="7", to=holder))
    number = 1 if made.token.kind == MINTABLE else 3
    assert before - world.balance(world.treasury) == OPERATION_BOX + number * BALANCE_BOX + 2_000
    assert units(world, made, holder) == 7
    is_exact(world, made)


def test_a_partition_more_makes_the_list_of_a_known_holder_grow(world):
    made = world.issued(world.token(SECURITY))
    partitions = [Account().address for _ in range(3)]
    for number, partition in enumerate(partitions, start=2):
        before = world.balance(world.treasury)
        intent = world.ordered(made, Action.MINT, amount="7", partition=partition, data="\u20ac")
        world.deployed(intent)
        # 32 bytes more in the list, and a balance.
        cost = OPERATION_BOX + BALANCE_BOX + 400 * 32 + 2_000
        assert before - world.balance(world.treasury) == cost
        found = boxes(world, made)
        assert len(found[list_box(world.issuer.address)]) == 32 * number
        assert int.from_bytes(found[partition_box(world.issuer.address, partition)], "big") == 7
        is_exact(world, made)
    before = world.balance(world.treasury)
    world.deployed(world.ordered(made, Action.BURN, amount="3", partition=partitions[0]))
    assert before - world.balance(world.treasury) == OPERATION_BOX + 2_000
    assert units(world, made, world.issuer.address) == 1018
    is_exact(world, made)


@pytest.mark.parametrize("partitions", ["the same", "two"])
def test_two_mints_to_somebody_new_may_land_in_any_order(world, made, partitions):
    """Drafted before either has landed, so each pays for all that is missing."""
    holder = Account().address
    fields = [{}, {}]
    if made.token.kind == SECURITY and partitions == "two":
        fields = [{"partition": Account().address}, {}]
    intents = [world.ordered(made, Action.MINT, amount="7", to=holder, **each) for each in fields]
    sent = [world.attempted(intent)[1] for intent in intents]
    for each in reversed(sent):
        assert world.chain.submit(each).verdict is Verdict.ACCEPTED
        world.nodes.mine()
        inside = account_of(world, vault(made))
        assert inside.microalgos >= inside.min_balance
    assert units(world, made, holder) == 14
    assert all(isinstance(world.chain.effect_of(each), Effect) for each in intents)


def test_an_issuer_may_pay_for_its_orders_itself(world, made):
    world.nodes.fund(world.issuer.address, ALGO)
    before = world.balance(world.issuer)
    intent = world.ordered(
        evolve(made, sender=world.issuer.address), Action.MINT, amount="7", to=Account().address
    )
    forecast = world.chain.plan(intent)
    slot = world.deployed(intent)
    cost = world.chain.outcome(slot).inclusion.cost
    assert before - world.balance(world.issuer) == cost == world.chain.effect_of(intent).cost
    assert cost == forecast.gas * forecast.gas_price + forecast.deposit


@pytest.mark.parametrize("is_own", [False, True])
def test_a_congested_pool_is_paid_what_it_asks_for_each_transaction(world, made, is_own):
    payer = world.issuer if is_own else world.treasury
    world.nodes.fund(payer.address, ALGO)
    world.nodes.congest(7)
    intent = world.ordered(evolve(made, sender=payer.address), Action.MINT, amount="1")
    slot, sent = world.attempted(intent)
    *payments, call = fields_of(sent.raw)
    receivers = [encoding.encode_address(each["rcv"]) for each in payments]
    assert receivers == ([] if is_own else [world.issuer.address]) + [vault(made)]
    fees = {each["fee"] for each in (*payments, call)}
    (fee,) = fees
    assert fee > 1_000
    if not is_own:
        assert payments[0]["amt"] == fee
    before = world.balance(payer)
    assert world.chain.submit(sent).verdict is Verdict.ACCEPTED
    world.nodes.mine()
    cost = world.chain.outcome(slot).inclusion.cost
    assert before - world.balance(payer) == cost == OPERATION_BOX + fee * len((*payments, call))


def test_an_application_that_has_more_than_it_needs_is_given_what_each_order_costs(world, made):
    world.nodes.fund(vault(made), ALGO)
    before = account_of(world, vault(made))
    world.deployed(world.ordered(made, Action.MINT, amount="1"))
    after = account_of(world, vault(made))
    assert after.microalgos - before.microalgos == OPERATION_BOX
    assert after.min_balance - before.min_balance == OPERATION_BOX


# What they cannot do.


def test_what_cannot_work_is_told_in_the_contracts_own_words(world, made):
    def detail(action, **fields):
        answer = world.chain.preflight(world.ordered(made, action, **fields), CEILING)
        assert isinstance(answer, Refusal)
        assert answer.code == "order_would_revert"
        return answer.detail

    short = "balance too small"
    assert short in detail(Action.BURN, amount="1001")
    assert "already so" in detail(Action.UNPAUSE)
    if made.token.kind == MINTABLE:
        assert "above the cap" in detail(Action.MINT, amount="4001")
    else:
        nowhere = Account().address
        assert "no such partition" in detail(Action.BURN, amount="1", partition=nowhere)
    world.deployed(world.ordered(made, Action.PAUSE))
    assert "paused (" in detail(Action.MINT, amount="1")
    assert "paused (" in detail(Action.BURN, amount="1")
    assert "already so" in detail(Action.PAUSE)


def test_the_cap_is_reached_and_not_passed(world):
    made = world.issued(world.token(MINTABLE))
    assert world.chain.preflight(world.ordered(made, Action.MINT, amount="4000"), CEILING) is None
    world.deployed(world.ordered(made, Action.MINT, amount="4000"))
    assert world.shown(made).supply == 5000
    answer = world.chain.preflight(world.ordered(made, Action.MINT, amount="1"), CEILING)
    assert "above the cap" in answer.detail


def test_an_order_that_was_carried_out_is_refused_a_second_time(world, made):
    intent = world.ordered(made, Action.MINT, amount="5")
    world.deployed(intent)
    world.nodes.advance(60)
    assert "operation consumed" in world.chain.plan(intent).detail
    # Its effect is looked for, as that of what never failed.
    assert world.chain.preflight(intent, CEILING).reason is WaitReason.UNKNOWN_OUTCOME
    # Even if somebody signs and sends it.
    _, sent = world.attempted(intent)
    submission = world.chain.submit(sent)
    assert submission.verdict is Verdict.UNKNOWN
    world.nodes.mine()
    assert world.shown(made).supply == 1005


def test_nothing_is_signed_for_a_chain_that_does_not_run_it_any_more(world, made):
    """However it came to have a slot."""
    order = world.ordered(made, Action.MINT, amount="5")
    bootstrap = evolve(made, operation=order.operation)
    slots = [(each, world.slot(each)) for each in (order, bootstrap)]
    world.nodes.claim("of-tomorrow")
    for intent, slot in slots:
        answer = world.chain.prepare(intent, slot, AttemptRole.EFFECT, CEILING)
        assert isinstance(answer, Postponed)
        assert answer.reason is WaitReason.OPERATOR
        assert world.chain.preflight(intent, CEILING).reason is WaitReason.OPERATOR
        assert world.chain.plan(intent).code == "network_not_ready"
    world.nodes.claim(None)
    assert isinstance(world.chain.prepare(*slots[0], AttemptRole.EFFECT, CEILING), Draft)


# What is found.


def test_an_order_is_found_by_those_who_remember_nothing(world, made):
    intents = [world.ordered(made, action, **fields) for action, fields in EVERYTHING]
    for intent in intents:
        world.deployed(intent)
    world.nodes.advance(50)
    world.nodes.nodes[0].fault("forget")
    fresh = world.seen_through()
    found = [fresh.effect_of(intent) for intent in intents]
    assert all(isinstance(each, Effect) for each in found)
    assert len({each.transaction_id for each in found}) == len(found)
    for intent, effect in zip(intents, found, strict=True):
        assert effect.token == made.place
        assert fresh.read_back(intent, made.place) == ()


def test_operations_organisations_and_installations_are_told_apart(world, made):
    intent = world.ordered(made, Action.MINT, amount="5")
    world.deployed(intent)
    for other in (
        world.ordered(made, Action.MINT, amount="5"),
        evolve(intent, organisation=world.intent().organisation),
        evolve(intent, step=2),
    ):
        assert isinstance(world.chain.effect_of(other), NoEffect)
    endpoint = Endpoint(url=world.nodes.nodes[0].url)
    elsewhere = connect(world.network, endpoint, type(world.installation)(int=7))
    assert isinstance(elsewhere.effect_of(intent), NoEffect)


def test_a_call_under_our_id_that_does_not_say_that_it_is_ours_is_not_adopted(world):
    """Only the issuer's key can consume an id; whoever uses it by other means says no note."""
    made = world.issued(world.token(MINTABLE))
    intent = world.ordered(made, Action.MINT, amount="5")
    issuer = the_issuer(world)
    issuer.application = int(made.place)
    operation = world.chain._lease(intent)
    issuer.call(
        "mint(byte[32],address,uint256)void",
        operation,
        world.issuer.address,
        6,
        boxes=[b"o" + operation, balance_box(world.issuer.address)],
        funds=OPERATION_BOX,
    )
    assert world.shown(made).supply == 1006
    with pytest.raises(ChainUnavailableError, match="does not tell"):
        world.chain.effect_of(intent)
    (difference,) = world.chain.read_back(intent, made.place)
    assert difference.startswith("order: ")


@pytest.mark.parametrize(
    "change", [{"amount": "6"}, {"to": NOBODY}, {"data": "x"}, {"partition": "other"}]
)
def test_what_was_carried_out_is_compared_with_what_was_ordered(world, change):
    made = world.issued(world.token(SECURITY))
    intent = world.ordered(made, Action.MINT, amount="5")
    world.deployed(intent)
    told = {name: Account().address if name in {"to", "partition"} else value
            for name, value in change.items()}  # fmt: skip
    other = evolve(
        intent, order=world.chain.order(made.token, Action.MINT, {"amount": "5"} | told)
    )
    (difference,) = world.chain.read_back(other, made.place)
    assert difference.startswith("order: ")


def test_an_order_that_is_not_there_yet_is_not_read_back(world, made):
    intent = world.ordered(made, Action.MINT, amount="5")
    with pytest.raises(ChainUnavailableError, match="not in"):
        world.chain.read_back(intent, made.place)


def test_without_its_block_an_order_is_known_to_be_and_not_by_which_transaction():
    with a_world(nodes=2, kept_rounds=[30, None]) as world:
        made = world.issued(world.token(MINTABLE))
        intent = world.ordered(made, Action.MINT, amount="5")
        world.deployed(intent)
        world.nodes.advance(40)
        with pytest.raises(HistoryUnavailableError, match="archival"):
            world.seen_through(0).effect_of(intent)
        assert isinstance(world.seen_through(1).effect_of(intent), Effect)
        # That it is not there needs no history.
        other = world.ordered(made, Action.MINT, amount="5")
        assert isinstance(world.seen_through(0).effect_of(other), NoEffect)


def test_a_lagging_node_says_nothing_beyond_its_round(world, made):
    intent = world.ordered(made, Action.MINT, amount="5")
    world.deployed(intent)
    world.nodes.nodes[0].fault("lag", rounds=1)
    found = world.chain.effect_of(intent)
    assert isinstance(found, NoEffect)
    assert found.at.number == world.nodes.round - 1
    with pytest.raises(ChainUnavailableError):
        world.chain.read_back(intent, made.place)
    world.nodes.nodes[0].heal()
    assert isinstance(world.chain.effect_of(intent), Effect)
    assert world.chain.read_back(intent, made.place) == ()


# What a token is.


def test_powers_go_with_the_ownership(world, made):
    other = Account().address
    signature = {
        MINTABLE: "transfer_ownership(address)void",
        SECURITY: "arc88_transfer_ownership(address)void",
    }[made.token.kind]
    issuer = the_issuer(world)
    issuer.application = int(made.place)
    issuer.call(signature, other)
    powers = dict(world.shown(made).powers)
    clawback = powers.pop(Power.CLAWBACK, None)
    assert clawback == ((world.issuer.address,) if made.token.kind == SECURITY else None)
    everything = (Power.MANAGE, Power.MINT, Power.BURN, Power.PAUSE)
    assert powers == dict.fromkeys(everything, (other,))
    answer = world.chain.preflight(world.ordered(made, Action.PAUSE), CEILING)
    assert "owner only" in answer.detail


def test_powers_that_were_given_up_are_nobodys(world):
    made = world.issued(world.token(SECURITY))
    issuer = the_issuer(world)
    issuer.application = int(made.place)
    issuer.call("arc1644_set_controllable(bool)void", False)
    issuer.call("arc88_renounce_ownership()void")
    assert dict(world.shown(made).powers) == {}


def test_a_state_is_of_a_block_that_is_there(world, made):
    state = world.shown(made)
    assert state.at.number == world.nodes.round
    world.nodes.advance(3)
    later = world.shown(made)
    assert later.at.number == state.at.number + 3
    assert evolve(later, at=state.at) == state
