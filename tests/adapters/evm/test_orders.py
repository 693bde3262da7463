"""Orders: what may be asked for, and the bytes that ask for it, derived a second time here."""

from uuid import UUID

import pytest
from attrs import evolve
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from adapters.evm import factory, orders
from adapters.evm.standards import kinds
from domain.errors import MisuseError, Refusal
from domain.identifiers import InstallationId, OperationId, OrganisationId
from domain.operation import Intent, Party
from domain.token import ORDERED, Action, Order, TokenKind
from tests.adapters.json_schema import faults as schema_faults

MINTABLE, PREMINTED = kinds()[TokenKind("erc20_mintable")], kinds()[TokenKind("erc20_preminted")]
MAX = 2**256 - 1
TOKENS = {
    MINTABLE.name: {"name": "Hazel", "symbol": "HZL", "initial_supply": "400", "cap": "1000"},
    PREMINTED.name: {"name": "Willow", "symbol": "WLW", "supply": "1"},
}
HOLDER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
OWNER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SENDER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
PLACE = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
INSTALLATION = InstallationId(UUID("01930000-0000-7000-8000-00000000000a"))
ORGANISATION = OrganisationId(UUID("01930000-0000-7000-8000-00000000000b"))
OPERATION = OperationId(UUID("01930000-0000-7000-8000-00000000000c"))
#: The 16 bytes of each id, behind the label.
ID = keccak(b"tallystick.v1" + INSTALLATION.bytes + ORGANISATION.bytes + OPERATION.bytes)


def ordered(action, kind=MINTABLE, **parameters):
    return kind.order(kind.token(TOKENS[kind.name]), action, parameters)


def intent_of(action, step=2, **parameters):
    return Intent(
        organisation=ORGANISATION,
        operation=OPERATION,
        step=step,
        token=MINTABLE.token(TOKENS[MINTABLE.name]),
        owner=OWNER,
        sender=SENDER,
        order=ordered(action, **parameters),
        place=PLACE,
    )


def call_of(action, step=2, **parameters):
    return orders.step_of(intent_of(action, step, **parameters), MINTABLE, INSTALLATION)


def faults(action, **parameters):
    refusal = ordered(action, **parameters)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid_order"
    return {(fault.pointer, fault.code) for fault in refusal.faults}


# What may be asked for


def test_mintable_tokens_have_four_actions_and_preminted_ones_none():
    assert list(MINTABLE.description.actions) == list(ORDERED)
    assert PREMINTED.description.actions == {}
    for action in Action:
        refusal = ordered(action, PREMINTED)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "action_not_offered"


def test_an_order_is_complete_and_in_its_canonical_spelling():
    spelled = ordered(Action.MINT, to=HOLDER.lower(), amount="5")
    assert spelled == Order(action=Action.MINT, parameters={"to": HOLDER, "amount": "5"})
    assert ordered(Action.MINT, amount="5").parameters == {"to": None, "amount": "5"}
    assert ordered(Action.BURN, amount="5").parameters == {"amount": "5"}
    assert ordered(Action.PAUSE).parameters == ordered(Action.UNPAUSE).parameters == {}


@pytest.mark.parametrize("action", [Action.MINT, Action.BURN])
@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "out_of_range"),
        (str(MAX + 1), "out_of_range"),
        ("9" * 100, "out_of_range"),
        ("-1", "not_an_amount"),
        ("1.0", "not_an_amount"),
        ("01", "not_an_amount"),
        ("", "not_an_amount"),
        (1, "wrong_type"),
        (True, "wrong_type"),
        (None, "wrong_type"),
    ],
)
def test_an_amount_is_one_or_more_base_units(action, amount, code):
    assert faults(action, amount=amount) == {("/amount", code)}


def test_every_fault_is_told_at_once():
    assert faults(Action.MINT, to="0x12", colour="red") == {
        ("/to", "not_an_address"),
        ("/amount", "missing"),
        ("/colour", "unknown_field"),
    }
    assert faults(Action.PAUSE, amount="5") == {("/amount", "unknown_field")}
    assert faults(Action.BURN, amount="5", to=HOLDER) == {("/to", "unknown_field")}
    wrong = HOLDER.replace("BC", "bC")
    assert faults(Action.MINT, amount="5", to=wrong) == {("/to", "not_an_address")}
    assert faults(Action.MINT, amount="5", to="0x" + "0" * 40) == {("/to", "not_an_address")}


@pytest.mark.parametrize("action", ORDERED)
def test_the_schema_of_an_action_takes_what_its_rules_take(action):
    schema = MINTABLE.description.actions[action]
    (example,) = schema["examples"]
    assert schema_faults(example, schema) == []
    order = ordered(action, **example)
    assert isinstance(order, Order)
    assert schema_faults(dict(order.parameters), schema) == []
    for name in schema["required"]:
        less = {key: value for key, value in example.items() if key != name}
        assert schema_faults(less, schema) == [f"/{name}"]
        assert faults(action, **less) == {(f"/{name}", "missing")}
    for field in schema["properties"].values():
        assert field["description"].endswith(".")


# Calls

#: keccak of the signatures, first four bytes, as any block explorer shows them.
SELECTORS = {
    "fundOnce(bytes32,address)": "11edeb5c",
    "mintOnce(bytes32,address,uint256)": "4b13f0d6",
    "burnOnce(bytes32,uint256)": "c8ba7bda",
    "pauseOnce(bytes32)": "abb0cc98",
    "unpauseOnce(bytes32)": "fd4e4c89",
    "handOverOnce(bytes32,address)": "77ed0695",
}


def by_hand(signature, *arguments):
    types = signature[signature.index("(") + 1 : -1].split(",")
    return bytes.fromhex(SELECTORS[signature]) + encode(types, arguments)


@pytest.mark.parametrize(
    ("action", "parameters", "signature", "arguments"),
    [
        (
            Action.MINT,
            {"to": HOLDER, "amount": "5"},
            "mintOnce(bytes32,address,uint256)",
            (HOLDER, 5),
        ),
        (
            Action.MINT,
            {"amount": str(MAX)},
            "mintOnce(bytes32,address,uint256)",
            (OWNER, MAX),
        ),
        (Action.BURN, {"amount": "7"}, "burnOnce(bytes32,uint256)", (7,)),
        (Action.PAUSE, {}, "pauseOnce(bytes32)", ()),
        (Action.UNPAUSE, {}, "unpauseOnce(bytes32)", ()),
    ],
)
def test_the_second_step_is_the_issuers_own_call_of_its_token(
    action, parameters, signature, arguments
):
    call = call_of(action, **parameters)
    assert call.data == by_hand(signature, ID, *arguments)
    assert (call.sender, call.through, call.place) == (OWNER, PLACE, PLACE)
    assert call.topics == (
        "0x" + keccak(text="OperationDone(address,bytes32,bytes32)").hex(),
        "0x" + "0" * 24 + OWNER[2:].lower(),
        "0x" + ID.hex(),
    )
    assert call.funds is None


def test_a_token_is_handed_over_by_its_owner_and_by_nobodys_order():
    assert PREMINTED.handing_over(HOLDER) is None
    assert ordered(Action.HAND_OVER, to=HOLDER).code == "action_not_offered"
    order = MINTABLE.handing_over(HOLDER)
    assert order == Order(action=Action.HAND_OVER, parameters={"to": HOLDER})
    intent = evolve(intent_of(Action.PAUSE), order=order)
    call = orders.step_of(intent, MINTABLE, INSTALLATION)
    assert call.data == by_hand("handOverOnce(bytes32,address)", ID, HOLDER)
    assert (call.sender, call.through) == (OWNER, PLACE)
    fund, act = orders.outlines(order)
    assert (fund.slot_of, act.name, act.slot_of) == (Party.SENDER, "hand_over", Party.OWNER)


@pytest.mark.parametrize("action", ORDERED)
def test_the_first_step_is_the_treasurys_call_of_the_factory(action):
    parameters = {"amount": "5"} if action in {Action.MINT, Action.BURN} else {}
    call = call_of(action, 1, **parameters)
    assert call.data == by_hand("fundOnce(bytes32,address)", ID, OWNER)
    assert (call.sender, call.through, call.place) == (SENDER, factory.ADDRESS, PLACE)
    assert call.topics == (
        "0x" + keccak(text="Funded(address,bytes32,address,uint256)").hex(),
        "0x" + "0" * 24 + SENDER[2:].lower(),
        "0x" + ID.hex(),
        "0x" + "0" * 24 + OWNER[2:].lower(),
    )
    assert call.funds == call_of(action, 2, **parameters)


@given(st.uuids(), st.uuids(), st.uuids())
def test_other_ids_are_other_calls(installation, organisation, operation):
    asked = intent_of(Action.PAUSE)
    other = evolve(asked, organisation=organisation, operation=operation)
    for step in (1, 2):
        call = orders.step_of(evolve(other, step=step), MINTABLE, InstallationId(installation))
        assert call.data != call_of(Action.PAUSE, step).data


def test_the_steps_are_signed_by_whoever_makes_the_call():
    fund, act = orders.outlines(ordered(Action.MINT, amount="5"))
    assert (fund.name, fund.signed_by, fund.slot_of) == ("fund", (Party.SENDER,), Party.SENDER)
    assert (act.name, act.signed_by, act.slot_of) == ("mint", (Party.OWNER,), Party.OWNER)


@pytest.mark.parametrize(
    "changes",
    [{"step": 3}, {"step": 0}, {"place": None}],
)
def test_what_no_order_can_be_is_misuse(changes):
    with pytest.raises(MisuseError):
        orders.step_of(evolve(intent_of(Action.PAUSE), **changes), MINTABLE, INSTALLATION)


def test_a_kind_without_the_action_has_no_call_for_it():
    token = PREMINTED.token(TOKENS[PREMINTED.name])
    intent = evolve(intent_of(Action.PAUSE), token=token)
    with pytest.raises(MisuseError):
        orders.step_of(intent, PREMINTED, INSTALLATION)
