"""Tokens that are applications, as they come to be: in two steps, each paid for exactly."""

import base64

import pytest
from algosdk import encoding, logic, transaction
from attrs import evolve

from adapters.algorand.group import fields_of
from application.ports.chain import ChainUnavailableError
from domain.errors import Refusal
from domain.fields import UINT256_MAX
from domain.operation import AttemptRole, Draft, Effect, Final, NoEffect, WaitReason
from domain.token import Action, Power, differences
from tests.adapters.algorand.on_devnet.client import Client, balance_box, list_box, partition_box
from tests.adapters.algorand.on_devnet.world import (
    ALGO,
    CEILING,
    CONTRACTS,
    MINTABLE,
    PARAMETERS,
    PREMINTED,
    SECURITY,
    Account,
)

#: Microalgos, counted by hand from the contracts' docstrings: what the application locks up in its
#: creator's name, and the boxes of its bootstrap, the operation's included.
LOCKED = {
    MINTABLE: 100_000 * 1 + 28_500 * 3 + 50_000 * 5,
    PREMINTED: 100_000 * 1 + 28_500 * 2 + 50_000 * 4,
    SECURITY: 100_000 * 2 + 28_500 * 8 + 50_000 * 6,
}
OPERATION_BOX = 2_500 + 400 * (33 + 8)
BALANCE_BOX = 2_500 + 400 * (33 + 32)
BOXES = {
    MINTABLE: OPERATION_BOX + BALANCE_BOX,
    PREMINTED: OPERATION_BOX + BALANCE_BOX,
    SECURITY: OPERATION_BOX + 3 * BALANCE_BOX,
}


def created(world, kind=MINTABLE, **changes):
    """The intent of the second step, the first one done."""
    intent = world.intent(world.token(kind, **changes))
    outcome = world.chain.outcome(world.deployed(intent))
    assert isinstance(outcome, Final)
    return evolve(intent, step=2, place=outcome.token)


def vault(intent):
    return logic.get_application_address(int(intent.place))


def state_of(world, intent):
    return world.nodes.ledger.application(int(intent.place)).state


def account_of(world, address):
    return world.nodes.ledger.account(address)


# What comes to be.


@pytest.mark.parametrize("kind", CONTRACTS)
def test_a_token_comes_to_be_as_it_was_planned(world, kind):
    made = world.issued(world.token(kind))
    application = world.nodes.ledger.application(int(made.place))
    assert encoding.encode_address(application.creator) == world.issuer.address
    assert world.chain.read_back(made, made.place) == ()
    planned, shown = world.chain.planned(made), world.shown(made)
    # Whose right it is to burn is not in the state: the program is.
    assert evolve(shown, at=None, holders_may_burn=planned.holders_may_burn) == planned
    assert planned.holders_may_burn == (kind == SECURITY)
    assert differences(planned, shown) == ()
    boxes = world.nodes.ledger.boxes(int(made.place))
    assert int.from_bytes(boxes[balance_box(world.issuer.address)], "big") == 1000
    name, symbol = (PARAMETERS[kind][each].encode() for each in ("name", "symbol"))
    assert application.state[b"n"] == name + bytes(32 - len(name))
    assert application.state[b"s"] == symbol + bytes(8 - len(symbol))
    assert application.state[b"w"] == world.issuer.public_key.raw


def test_what_an_ordinary_token_is(world):
    state = world.shown(world.issued(world.token(MINTABLE)))
    assert (state.name, state.symbol, state.decimals) == ("Voucher", "VCH", 2)
    assert (state.supply, state.cap, state.paused) == (1000, 5000, False)
    everything = (Power.MANAGE, Power.MINT, Power.BURN, Power.PAUSE)
    assert state.powers == dict.fromkeys(everything, (world.issuer.address,))


def test_a_supply_that_is_fixed_is_in_nobodys_power(world):
    state = world.shown(world.issued(world.token(PREMINTED)))
    assert (state.supply, state.cap, dict(state.powers)) == (1000, None, {})


@pytest.mark.parametrize("kind", CONTRACTS)
def test_names_and_amounts_at_their_edges(world, kind):
    amounts = {"initial_supply": str(UINT256_MAX)}
    if kind == PREMINTED:
        amounts = {"supply": str(UINT256_MAX)}
    if kind == MINTABLE:
        amounts["cap"] = str(UINT256_MAX)
    token = world.token(
        kind, name="\u20ac" * 10 + "ab", symbol="\U0001f333" * 2, decimals=255, **amounts
    )
    made = world.issued(token)
    assert world.chain.read_back(made, made.place) == ()
    state = world.shown(made)
    assert (state.name, state.symbol) == ("\u20ac" * 10 + "ab", "\U0001f333" * 2)
    assert (state.decimals, state.supply) == (255, UINT256_MAX)


@pytest.mark.parametrize("kind", [MINTABLE, SECURITY])
def test_nothing_may_exist_from_the_start(world, kind):
    made = world.issued(world.token(kind, initial_supply="0"))
    assert world.chain.read_back(made, made.place) == ()
    assert world.shown(made).supply == 0


@pytest.mark.parametrize("kind", CONTRACTS)
def test_the_initial_supply_goes_to_whom_it_is_meant_for(world, kind):
    holder = Account().address
    made = world.issued(world.token(kind, initial_holder=holder))
    boxes = world.nodes.ledger.boxes(int(made.place))
    assert int.from_bytes(boxes[balance_box(holder)], "big") == 1000
    assert balance_box(world.issuer.address) not in boxes
    if kind == SECURITY:
        assert int.from_bytes(boxes[partition_box(holder)], "big") == 1000
        assert boxes[list_box(holder)] == bytes(32)


@pytest.mark.parametrize(
    ("controller", "controllable"),
    [("issuer", True), ("somebody", True), ("issuer", False), ("somebody", False), (None, False)],
)
def test_a_controller_is_who_may_claw_back(world, controller, controllable):
    somebody = Account().address
    named = somebody if controller == "somebody" else controller
    made = world.issued(
        world.token(
            SECURITY,
            controller=named,
            controllable=controllable,
            require_justification=False,
            min_action_interval=77,
        )
    )
    assert world.chain.read_back(made, made.place) == ()
    state = state_of(world, made)
    key = {"issuer": world.issuer.public_key.raw, None: bytes(32)}.get(
        controller, encoding.decode_address(somebody)
    )
    assert (state[b"k"], state[b"e"], state[b"j"], state[b"m"]) == (key, controllable, 0, 77)
    expected = (world.issuer.address if controller == "issuer" else somebody,)
    assert world.shown(made).powers.get(Power.CLAWBACK) == (expected if controllable else None)


def test_it_is_a_step_each_and_nothing_works_in_between(world):
    intent = created(world)
    assert [each.name for each in world.chain.steps(intent.token)] == ["create", "bootstrap"]
    assert isinstance(world.chain.effect_of(intent), NoEffect)
    early = world.chain.preflight(world.ordered(intent, Action.MINT, amount="1"), CEILING)
    assert isinstance(early, Refusal)
    assert early.code == "order_would_revert"
    assert "not bootstrapped" in early.detail
    assert world.chain.preflight(intent, CEILING) is None


def test_a_second_bootstrap_is_refused_whoever_orders_it(world):
    made = world.issued(world.token(MINTABLE))
    other = world.intent(made.token, step=2, place=made.place)
    refusal = world.chain.preflight(other, CEILING)
    assert refusal.code == "deployment_would_revert"
    assert "already bootstrapped" in refusal.detail
    assert "operation consumed" in world.chain.plan(made).detail
    assert world.chain.preflight(made, CEILING).reason is WaitReason.UNKNOWN_OUTCOME


def test_a_stranger_cannot_bootstrap(world):
    intent = evolve(created(world), owner=Account().address)
    refusal = world.chain.preflight(intent, CEILING)
    assert "owner only" in refusal.detail


# Who pays what.


@pytest.mark.parametrize("kind", CONTRACTS)
def test_a_new_issuer_pays_nothing_and_is_left_exactly_solvent(world, kind):
    before = world.balance(world.treasury)
    made = world.issued(world.token(kind))
    issuer, treasury = account_of(world, world.issuer.address), world.balance(world.treasury)
    assert issuer.microalgos == issuer.min_balance
    inside = account_of(world, vault(made))
    assert inside.microalgos == inside.min_balance == 100_000 + BOXES[kind]
    assert issuer.min_balance == 100_000 + LOCKED[kind]
    assert before - treasury == issuer.microalgos + inside.microalgos + 4_000


@pytest.mark.parametrize("kind", CONTRACTS)
@pytest.mark.parametrize("is_own", [False, True])
def test_a_forecast_is_what_both_steps_cost(world, kind, is_own):
    payer = world.issuer if is_own else world.treasury
    world.nodes.fund(world.issuer.address, 10 * ALGO)
    intent = world.intent(world.token(kind), sender=payer.address)
    forecast = world.chain.plan(intent)
    before = world.balance(payer)
    costs = []
    for step in (1, 2):
        slot = world.deployed(evolve(intent, step=step))
        outcome = world.chain.outcome(slot)
        costs.append(outcome.inclusion.cost)
        effect = world.chain.effect_of(evolve(intent, step=step))
        assert effect.cost == costs[-1]
        intent = evolve(intent, place=effect.token)
    assert before - world.balance(payer) == sum(costs)
    locked = account_of(world, world.issuer.address).min_balance - 100_000 if is_own else 0
    assert forecast.gas * forecast.gas_price + forecast.deposit == sum(costs) + locked


@pytest.mark.parametrize("lacking", [0, 1])
@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("is_own", [False, True])
def test_a_step_is_begun_where_it_can_be_paid_for_and_not_where_a_microalgo_lacks(
    world, lacking, step, is_own
):
    """As exactly as the chain itself would judge it: what may be begun lands."""
    payer = world.issuer if is_own else Account()
    world.keys[payer.address] = payer
    intent = world.intent(world.token(MINTABLE), sender=payer.address)
    needed = LOCKED[MINTABLE]
    needed += 1_000 if is_own else 100_000 + 2_000
    if step == 2:
        world.nodes.fund(payer.address, 100_000 + needed)
        place = world.chain.outcome(world.deployed(intent)).token
        intent = evolve(intent, step=2, place=place)
        needed = 100_000 + BOXES[MINTABLE] + 2_000
    else:
        needed += 100_000
    world.nodes.fund(payer.address, needed - lacking)
    answer = world.chain.preflight(intent, CEILING)
    assert (answer is None) == (not lacking), answer
    if not lacking:
        world.deployed(intent)
        assert isinstance(world.chain.effect_of(intent), Effect)


def test_whoever_funded_the_applications_account_before_is_not_paid_back_by_it(world):
    """Nothing that others bring is counted on, but that the account exists."""
    intent = created(world)
    world.nodes.fund(vault(intent), ALGO)
    world.deployed(intent)
    assert world.balance(world.issuer) == account_of(world, world.issuer.address).min_balance
    assert account_of(world, vault(intent)).microalgos == ALGO + BOXES[MINTABLE]


@pytest.mark.parametrize("brought", [1, 99_999, 100_000])
def test_an_account_that_somebody_brought_into_being_gets_what_it_lacks(world, brought):
    """An account of less than 100,000 cannot be, but by the end of a group."""
    intent = created(world)
    if brought < 100_000:
        draft = world.drafted(intent, world.slot(intent))
        assert fields_of(draft.body)[0]["amt"] == 100_000 + BOXES[MINTABLE]
        return
    world.nodes.fund(vault(intent), brought)
    world.deployed(intent)
    inside = account_of(world, vault(intent))
    assert inside.microalgos == inside.min_balance


# What is in the bytes.


@pytest.mark.parametrize("kind", CONTRACTS)
def test_a_creation_has_programs_arguments_and_nothing_besides(world, kind):
    _, sent = world.attempted(world.intent(world.token(kind)))
    payment, creation = fields_of(sent.raw)
    assert payment["rcv"] == world.issuer.public_key.raw
    assert creation["type"] == "appl"
    assert creation.keys() <= {
        "type", "snd", "fv", "lv", "gen", "gh", "grp", "lx", "note", "apap", "apsu", "apgs",
        "apaa", "apep",
    }  # fmt: skip
    assert "fee" not in creation


@pytest.mark.parametrize("kind", CONTRACTS)
@pytest.mark.parametrize("fee_per_byte", [0, 5])
def test_a_bootstrap_is_a_payment_to_the_application_and_the_call(world, kind, fee_per_byte):
    intent = created(world, kind)
    world.nodes.congest(fee_per_byte)
    slot, sent = world.attempted(intent)
    *payments, call = fields_of(sent.raw)
    to = {encoding.encode_address(each["rcv"]): each["amt"] for each in payments}
    fee = world.drafted(intent, slot).fee_cap
    brought = {vault(intent): 100_000 + BOXES[kind]}
    if fee_per_byte:
        # Each pays for itself, the issuer out of what it is brought.
        assert to == {world.issuer.address: fee} | brought
        assert [each["fee"] for each in (*payments, call)] == [fee] * 3
    else:
        assert to == brought
        assert [each.get("fee", 0) for each in (*payments, call)] == [2_000, 0]
    assert call["lx"] == slot.lease
    assert call["apid"] == int(intent.place)
    assert all("lx" not in each for each in payments)
    before = world.balance(world.treasury)
    world.chain.submit(sent)
    world.nodes.mine()
    outcome = world.chain.outcome(slot)
    assert isinstance(outcome, Final)
    assert before - world.balance(world.treasury) == outcome.inclusion.cost
    issuer = account_of(world, world.issuer.address)
    assert issuer.microalgos == issuer.min_balance


# Whose application it is.


def foreign(world, kind=MINTABLE, *, person=None, note=None, programs=None, boot=True, **said):
    """An application of somebody's own making, with our programs unless said otherwise."""
    plan = world.intent(world.token(kind))
    deed = world.chain._deed(plan)
    approval, clear = programs or (deed.programs.approval, deed.programs.clear)
    schema = transaction.StateSchema(deed.programs.uints, deed.programs.byte_strings)
    person = person or Client(world.nodes, 0)
    told = person.confirm(
        transaction.ApplicationCreateTxn(
            person.address, person.parameters(), transaction.OnComplete.NoOpOC, approval, clear,
            schema, transaction.StateSchema(0, 0), app_args=said.get("args", deed.arguments),
            extra_pages=deed.programs.extra_pages, note=note,
        )
    )  # fmt: skip
    return str(told["application-index"])


def the_issuer(world):
    """As one who uses its key by other means than ours."""
    world.nodes.fund(world.issuer.address, 10 * ALGO)
    key = base64.b64encode(bytes(world.issuer._key) + world.issuer.public_key.raw).decode()
    return Client(world.nodes, 0, key=key, address=world.issuer.address)


def note_of(world, intent):
    _, sent = world.attempted(intent)
    return fields_of(sent.raw)[-1]["note"]


@pytest.mark.parametrize("kind", CONTRACTS)
def test_an_application_of_somebody_else_is_not_ours_whatever_its_note(world, kind):
    intent = world.intent(world.token(kind))
    foreign(world, kind, note=note_of(world, intent))
    assert isinstance(world.chain.effect_of(intent), NoEffect)


@pytest.mark.parametrize("kind", CONTRACTS)
def test_an_application_without_our_note_is_not_ours_whoever_made_it(world, kind):
    issuer, intent = the_issuer(world), world.intent(world.token(kind))
    for note in (None, b"tallystick:j{}", note_of(world, world.intent(intent.token))):
        foreign(world, kind, person=issuer, note=note)
        assert isinstance(world.chain.effect_of(intent), NoEffect)
    ours = world.chain.outcome(world.deployed(intent)).token
    foreign(world, kind, person=issuer)
    assert world.chain.effect_of(intent).token == ours


def test_our_note_on_another_program_is_neither_the_effect_nor_its_absence(world):
    """Another release may have made it.  Not even one that is as long is taken for ours."""
    issuer, intent = the_issuer(world), world.intent(world.token(PREMINTED))
    programs = world.chain._deed(intent).programs
    # Pushes 1 and returns it, many times over.
    approves = bytes([programs.approval[0], 0x81, 1, 0x43])
    as_long = approves.ljust(len(programs.approval), b"\x43")
    for approval in (approves, as_long):
        foreign(
            world,
            PREMINTED,
            person=issuer,
            note=note_of(world, intent),
            programs=(approval, programs.clear),
        )
        with pytest.raises(ChainUnavailableError, match="other programs"):
            world.chain.effect_of(intent)


@pytest.mark.parametrize("step", [1, 2])
def test_organisations_operations_steps_installations_and_issuers_are_told_apart(world, step):
    made = world.issued(world.token(MINTABLE))
    found = evolve(made, step=step)
    assert world.chain.effect_of(found).token == made.place
    for stranger in (
        evolve(found, operation=world.intent().operation),
        evolve(found, organisation=world.intent().organisation),
    ):
        assert isinstance(world.chain.effect_of(stranger), NoEffect)
    assert isinstance(
        world.chain.effect_of(evolve(made, step=1, owner=Account().address)), NoEffect
    )


@pytest.mark.parametrize("kind", CONTRACTS)
def test_both_steps_are_found_by_those_who_remember_nothing(world, kind):
    made = world.issued(world.token(kind))
    world.nodes.advance(30)
    world.nodes.nodes[0].fault("forget")
    for step in (1, 2):
        found = world.seen_through().effect_of(evolve(made, step=step))
        assert isinstance(found, Effect)
        assert (found.token, found.is_final) == (made.place, True)
        assert found == world.chain.effect_of(evolve(made, step=step))
    assert world.seen_through().read_back(made, made.place) == ()


# What is not as it was planned.


def test_every_difference_is_named(world):
    made = world.issued(world.token(SECURITY))
    elsewhere = Account().address
    planned = {
        "name": {"name": "Silver"},
        "symbol": {"symbol": "SLV"},
        "decimals": {"decimals": 3},
        "supply": {"initial_supply": "7"},
        "powers": {"controller": elsewhere},
    }
    for name, change in planned.items():
        other = evolve(made, token=world.token(SECURITY, **change))
        told = world.chain.read_back(other, made.place)
        assert [each.partition(":")[0] for each in told] == [name]
    told = world.chain.read_back(evolve(made, owner=elsewhere), made.place)
    assert [each.partition(":")[0] for each in told] == ["creator", "powers"]


def test_another_cap_is_a_difference(world):
    made = world.issued(world.token(MINTABLE))
    other = evolve(made, token=world.token(MINTABLE, cap="5001"))
    assert world.chain.read_back(other, made.place) == ("cap: planned 5001, found 5000",)


def test_another_program_is_a_difference_and_nothing_to_wait_for(world):
    intent = created(world, PREMINTED)
    other = evolve(intent, token=world.token(MINTABLE))
    told = world.chain.read_back(other, intent.place)
    assert "code" in [each.partition(":")[0] for each in told]
    stranger = foreign(world, programs=(bytes([10, 0x81, 1]), bytes([10, 0x81, 1])), args=[])
    told = world.chain.read_back(other, stranger)
    assert {"code", "creator", "name"} <= {each.partition(":")[0] for each in told}


def test_a_token_that_is_not_bootstrapped_is_waited_for(world):
    """It was seen to be, by another node: this one is behind."""
    intent = created(world)
    with pytest.raises(ChainUnavailableError, match="bootstrapped"):
        world.chain.read_back(intent, intent.place)
    world.deployed(intent)
    assert world.chain.read_back(intent, intent.place) == ()


def test_there_is_nothing_where_nothing_was_made(world):
    made = world.issued(world.token(MINTABLE))
    world.deployed(world.intent())
    (asset,) = world.nodes.ledger.assets()
    for place in (str(asset.id), "3", "0x12", ""):
        assert world.chain.read_back(made, place) == (f"there is no application {place}",)
        assert world.chain.state(made.token, place) is None


def test_what_was_done_with_it_since_is_no_difference(world):
    """A backup from before the end of its deployment may be read back long after it."""
    made = world.issued(world.token(SECURITY))
    world.deployed(world.ordered(made, Action.MINT, amount="5"))
    world.deployed(world.ordered(made, Action.PAUSE))
    issuer, other = the_issuer(world), Account().address
    issuer.application = int(made.place)
    issuer.call("arc1644_set_controller(address)void", other)
    issuer.call("arc88_transfer_ownership(address)void", other)
    state = world.shown(made)
    assert (state.supply, state.paused) == (1005, True)
    assert set(state.powers.values()) == {(other,)}
    assert world.chain.read_back(made, made.place) == ()
    assert world.seen_through().read_back(made, made.place) == ()
    told = world.chain.read_back(
        evolve(made, token=world.token(SECURITY, initial_supply="7")), made.place
    )
    assert "supply" in [each.partition(":")[0] for each in told]


def test_a_node_that_lags_is_behind_and_not_the_proof_of_nothing(world):
    made = world.issued(world.token(MINTABLE))
    world.nodes.nodes[0].fault("lag", rounds=1)
    assert isinstance(world.chain.effect_of(made), NoEffect)
    assert world.chain.effect_of(made).at.number == world.nodes.round - 1
    with pytest.raises(ChainUnavailableError):
        world.chain.read_back(made, made.place)
    world.nodes.nodes[0].fault("lag", rounds=2)
    with pytest.raises(ChainUnavailableError):
        world.chain.read_back(made, made.place)
    assert world.chain.state(made.token, made.place) is None


def test_a_node_that_has_not_heard_of_the_application_refuses_nothing(world):
    """Its simulation would fail, and mean nothing."""
    made = world.issued(world.token(MINTABLE))
    order = world.ordered(made, Action.MINT, amount="5")
    slot = world.slot(order)
    world.nodes.nodes[0].fault("lag", rounds=world.nodes.round - 1)
    for question in (
        lambda: world.chain.preflight(order, CEILING),
        lambda: world.chain.plan(order),
        lambda: world.chain.preflight(evolve(made, operation=order.operation), CEILING),
        lambda: world.chain.prepare(order, slot, AttemptRole.EFFECT, CEILING),
    ):
        with pytest.raises(ChainUnavailableError):
            question()
    world.nodes.nodes[0].heal()
    assert world.chain.preflight(order, CEILING) is None
    assert isinstance(world.chain.prepare(order, slot, AttemptRole.EFFECT, CEILING), Draft)
