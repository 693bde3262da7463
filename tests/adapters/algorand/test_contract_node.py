"""Applications and boxes as a node tells them that is rude or mad."""

from uuid import UUID

import pytest
from algosdk.logic import get_application_address
from attrs import evolve

from adapters.algorand import connect
from adapters.algorand.identity import lease_of, note_of
from adapters.algorand.standards import kinds
from application.ports.chain import ChainUnavailableError
from application.ports.nodes import Endpoint
from domain.errors import Refusal
from domain.identifiers import InstallationId, OperationId, OrganisationId
from domain.operation import Intent, NoEffect, Postponed, WaitReason
from domain.token import Action, TokenState
from tests.adapters.algorand.canned import (
    GENESIS,
    HASH,
    ID,
    NETWORK,
    account,
    application,
    box_question,
)
from tests.adapters.algorand.on_devnet.world import MINTABLE, Account, a_network
from tests.adapters.algorand.on_devnet.world import PARAMETERS as TOKENS
from tests.adapters.algorand.test_node import NONSENSE, fails, packed

INSTALLATION = InstallationId(UUID(int=1))
TREASURY, ISSUER = Account(), Account()
PLACE = 7
VAULT = get_application_address(PLACE)
APPLICATION = f"GET /v2/applications/{PLACE}"
SIMULATE = "POST /v2/transactions/simulate"
NOT_FOUND = 404, {"message": "application does not exist"}
NO_BOX = 404, {"message": "box not found"}


@pytest.fixture
def chain(node):
    return connect(a_network(NETWORK, GENESIS, window=150), node.endpoint, INSTALLATION)


def a_token(chain):
    return chain.token(MINTABLE, TOKENS[MINTABLE])


@pytest.fixture
def intent(chain):
    """Of the bootstrap."""
    return Intent(
        organisation=OrganisationId(UUID(int=2)),
        operation=OperationId(UUID(int=3)),
        step=2,
        token=a_token(chain),
        owner=ISSUER.address,
        sender=TREASURY.address,
        place=str(PLACE),
    )


def told(**changes):
    """The token as it was planned."""
    state = {
        "n": b"Voucher".ljust(32, b"\0"), "s": b"VCH".ljust(8, b"\0"), "d": 2, "p": 0, "r": 1,
        "t": (1000).to_bytes(32, "big"), "c": (5000).to_bytes(32, "big"),
        "w": ISSUER.public_key.raw,
    }  # fmt: skip
    return {"params": application(ISSUER.address, kinds()[MINTABLE].programs, **state | changes)}


@pytest.fixture
def good(node, chain, intent):
    """A node that answers everything as it should."""
    box = f"{APPLICATION}/box"
    note = note_of(intent, INSTALLATION)
    operation = lease_of(intent, INSTALLATION, NETWORK)
    call = {"snd": ISSUER.public_key.raw, "type": "appl", "apid": PLACE, "note": note}
    call["apaa"] = [b"boot", operation]
    for address in (TREASURY.address, ISSUER.address, VAULT):
        node.answers[f"GET /v2/accounts/{address}"] = account(10**9)
    node.answers |= {
        APPLICATION: told(),
        box: {"value": "AAAAAAAAAAU="},
        "GET /v2/blocks/5": packed(rnd=5, txns=[{"txn": call}]),
        "GET /v2/blocks/5/txids": {"blockTxids": [ID]},
        "GET /v2/blocks/5/hash": {"blockHash": HASH},
        "GET /v2/blocks/100/hash": {"blockHash": HASH},
        SIMULATE: {"txn-groups": [{}]},
    }
    return dict(node.answers)


def ordered(chain, intent):
    order = chain.order(intent.token, Action.MINT, {"amount": "5"})
    return evolve(intent, order=order, step=1)


QUESTIONS = {
    "effect_of": lambda chain, intent: chain.effect_of(intent),
    "state": lambda chain, intent: chain.state(intent.token, str(PLACE)),
    "read_back": lambda chain, intent: chain.read_back(intent, str(PLACE)),
    "preflight": lambda chain, intent: chain.preflight(intent, 10_000),
    "plan": lambda chain, intent: chain.plan(intent),
    "order": lambda chain, intent: chain.preflight(ordered(chain, intent), 10_000),
}


def fresh(node):
    return connect(a_network(NETWORK, GENESIS, window=150), node.endpoint, INSTALLATION)


@pytest.mark.parametrize("answer", NONSENSE, ids=lambda each: f"{each[0]} {each[1][:20]!r}")
@pytest.mark.parametrize("question", QUESTIONS)
def test_nonsense_is_no_answer(node, intent, good, question, answer):
    """Whichever of the questions behind it the nonsense is said to."""
    node.answers, before = dict(good), len(node.asked)
    QUESTIONS[question](fresh(node), intent)
    asked = sorted(set(node.asked[before:]))
    assert len(asked) > 1
    for each in asked:
        node.answers = good | {each: answer}
        with pytest.raises(ChainUnavailableError):
            QUESTIONS[question](fresh(node), intent)


UNREADABLE = [
    {"approval-program": 5},
    {"approval-program": "!"},
    {"approval-program": None},
    {"creator": None},
    {"global-state-schema": {"num-uint": "3"}},
    {"global-state-schema": {"num-uint": True}},
    {"extra-program-pages": "0"},
    {"global-state": [{"key": "!", "value": {"type": 2, "uint": 1}}]},
    {"global-state": [{"key": "cg=="}]},
    {"global-state": [{"key": "cg==", "value": {"type": 2, "uint": "1"}}]},
    {"global-state": [{"key": "cg==", "value": {"type": 1, "bytes": 5}}]},
    {"global-state": [7]},
    {"global-state": {"key": 1}},
    {"global-state": 7},
]


@pytest.mark.parametrize("change", UNREADABLE, ids=repr)
@pytest.mark.parametrize("question", ["state", "read_back"])
def test_an_application_that_cannot_be_read_is_no_application(
    node, intent, good, question, change
):
    node.answers[APPLICATION] = {"params": told()["params"] | change}
    with pytest.raises(ChainUnavailableError):
        QUESTIONS[question](fresh(node), intent)


@pytest.mark.parametrize(
    "value", [None, 7, "", "!", "AAAA", "AAAAAAAAAAAF", "AAAAAAAAAAUA", ["AAAAAAAAAAU="]]
)
def test_a_box_that_holds_no_round_says_nothing(node, chain, intent, good, value):
    node.answers[f"{APPLICATION}/box"] = {"value": value}
    with pytest.raises(ChainUnavailableError):
        chain.effect_of(intent)


def test_a_box_that_is_not_there_is_an_absence(node, chain, intent, good):
    node.answers[f"{APPLICATION}/box"] = NO_BOX
    found = chain.effect_of(intent)
    assert isinstance(found, NoEffect)
    assert found.at.number == 100
    with pytest.raises(ChainUnavailableError):
        chain.read_back(ordered(chain, intent), str(PLACE))


def test_an_application_that_is_not_there_is_one_whose_block_the_node_lacks(
    node, chain, intent, good
):
    """To whom it was told that it is."""
    node.answers[APPLICATION] = NOT_FOUND
    node.answers["GET /v2/blocks/100"] = packed(rnd=100, tc=PLACE - 1)
    for question in ("preflight", "plan", "order", "read_back"):
        with pytest.raises(ChainUnavailableError):
            QUESTIONS[question](chain, intent)
    assert chain.state(intent.token, str(PLACE)) is None
    node.answers["GET /v2/blocks/100"] = packed(rnd=100, tc=PLACE)
    assert chain.read_back(intent, str(PLACE)) == (f"there is no application {PLACE}",)


@pytest.mark.parametrize(
    "change",
    [
        {"note": b"tallystick:j{}"}, {"note": None}, {"apid": PLACE + 1}, {"apid": None},
    ],
    ids=repr,
)  # fmt: skip
def test_a_block_without_the_call_that_its_box_tells_of_is_not_believed(
    node, chain, intent, good, change
):
    call = {
        "snd": ISSUER.public_key.raw,
        "type": "appl",
        "apid": PLACE,
        "note": note_of(intent, INSTALLATION),
    } | change
    call = {name: value for name, value in call.items() if value is not None}
    node.answers["GET /v2/blocks/5"] = packed(rnd=5, txns=[{"txn": call}])
    with pytest.raises(ChainUnavailableError, match="round 5"):
        chain.effect_of(intent)


@pytest.mark.parametrize("arguments", ["text", 7, {b"a": 1}])
def test_arguments_that_are_none_are_no_difference_but_no_answer(
    node, chain, intent, good, arguments
):
    call = {
        "snd": ISSUER.public_key.raw,
        "type": "appl",
        "apid": PLACE,
        "note": note_of(ordered(chain, intent), INSTALLATION),
        "apaa": arguments,
    }
    node.answers["GET /v2/blocks/5"] = packed(rnd=5, txns=[{"txn": call}])
    with pytest.raises(ChainUnavailableError):
        chain.read_back(ordered(chain, intent), str(PLACE))


def test_what_is_told_of_a_stranger_can_be_read(node, chain, intent, good):
    """Whatever somebody else's program keeps under our keys."""
    node.answers[APPLICATION] = told(
        n=b"\xff" * 40, s=7, d=b"x", t=b"", c=1, w=b"short", p=b"1", r=b""
    )
    state = chain.state(intent.token, str(PLACE))
    assert isinstance(state, TokenState)
    assert (state.symbol, state.decimals, state.supply, state.cap) == ("", 0, 0, None)
    assert dict(state.powers) == {}


def test_what_a_simulation_says_is_explained_by_its_place_in_our_source(node, chain, intent, good):
    for place, meaning in kinds()[MINTABLE].programs.meanings.items():
        said = f"transaction T: logic eval error: assert failed pc={place}. Details: app=7"
        node.answers[SIMULATE] = fails(said)
        node.answers[f"{APPLICATION}/box"] = NO_BOX
        refusal = chain.preflight(ordered(chain, intent), 10_000)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "order_would_revert"
        assert f"{meaning} ({said})" in refusal.detail
    node.answers[SIMULATE] = fails("logic eval error: pc=99999")
    assert chain.plan(ordered(chain, intent)).detail.endswith("logic eval error: pc=99999")


def test_a_box_is_asked_for_by_its_own_name(node, chain, intent, good):
    node.answers[f"{APPLICATION}/box"] = NO_BOX
    lease = chain._lease(intent)
    node.answers[box_question(PLACE, b"o" + lease)] = {"value": "AAAAAAAAAAU="}
    assert chain.effect_of(intent).transaction_id == ID
    assert isinstance(
        chain.effect_of(evolve(intent, operation=OperationId(UUID(int=9)))), NoEffect
    )


@pytest.mark.parametrize("step", [2, 1])
def test_nothing_is_handed_to_an_application_with_other_programs(node, intent, good, step):
    """Neither a bootstrap nor an order: what another release made is for a person to look at."""
    chain = fresh(node)
    wanted = evolve(intent, step=step) if step == 2 else ordered(chain, intent)
    answer = told()
    answer["params"]["approval-program"] = "CoEBQw=="
    node.answers[APPLICATION] = answer
    waits = chain.preflight(wanted, 10_000)
    assert isinstance(waits, Postponed)
    assert waits.reason is WaitReason.OPERATOR
    assert "other programs" in waits.detail


def test_what_a_node_found_is_told_in_words_fit_to_be_kept(node, intent, good):
    key = "0123456789abcdef0123456789abcdef"
    there = Endpoint(url=node.url.replace("//", f"//who:{key}@"))
    creator = {"creator": f"bad\0{key}" + "x" * 10_000}
    node.answers[APPLICATION] = {"params": told()["params"] | creator}
    chain = connect(a_network(NETWORK, GENESIS, window=150), there, INSTALLATION)
    (difference,) = chain.read_back(intent, str(PLACE))
    assert difference.startswith(f"creator: planned {ISSUER.address}, found bad……xxx")
    assert len(difference) == 500
