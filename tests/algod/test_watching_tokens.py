"""What an issuer does on Algorand outside of us is seen, whatever a single node says."""

import base64
import urllib.request

import pytest
from algosdk import account, encoding, transaction
from algosdk.abi import Method

from adapters import algorand, pool
from adapters.algorand.application_kind import NOBODY
from adapters.algorand.standards.arc1400 import balance_box, list_box, partition_box
from application.ports.nodes import Endpoint
from domain.deployment import State
from domain.signing import Purpose
from domain.token import Action, TokenKind
from tests.algod.house import INSTALLATION_ID
from tests.application.mortal import Fate
from tests.application.watching import EVERY, Interfered, alarms, look, told, watch, watched
from tests.catalogue import UNLIMITED

#: Enough for any fee and minimum balance.
PLENTY = 10**7
ARC200 = {"name": "Hazel Voucher", "symbol": "HZV", "decimals": 2, "initial_supply": "1000"}


def issue(house, **changes):
    id = house.deploy(**changes).id
    for _ in range(12):
        house.lives_once(Fate({}))
    issued = house.get(id)
    assert issued.state is State.COMPLETED, (issued.state, issued.waiting, issued.failure)
    return issued


def arc200(house):
    token = house.chain.token(TokenKind("arc200_mintable"), ARC200 | {"cap": "100000"})
    return issue(house, token=token)


def by_the_issuer(house, build):
    """A transaction that its account signs, built by the SDK and sent past us."""
    issuer = house.prepare_account()
    house.devnet.fund(issuer.address, PLENTY)
    now = house.devnet.round
    parameters = transaction.SuggestedParams(
        fee=1_000, first=now, last=now + 100, gh=house.devnet.genesis_hash, flat_fee=True
    )
    unsigned = build(issuer.address, parameters)
    message = b"TX" + base64.b64decode(encoding.msgpack_encode(unsigned))
    signing = house.custodian.sign(issuer.key, message, Purpose.ALGORAND_TRANSACTION)
    signed = transaction.SignedTransaction(
        unsigned, base64.b64encode(signing.signature.raw).decode()
    )
    request = urllib.request.Request(  # noqa: S310 - a node of the test
        f"{house.devnet.nodes[0].url}/v2/transactions",
        base64.b64decode(encoding.msgpack_encode(signed)),
        {"Content-Type": "application/x-binary"},
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - as above
    house.devnet.mine()


def changed_manager(token, manager):
    def build(issuer, parameters):
        return transaction.AssetConfigTxn(
            issuer, parameters, index=int(token.result), manager=manager, reserve=issuer,
            freeze=issuer, clawback=issuer,
        )  # fmt: skip

    return build


def test_an_assets_manager_that_moved_is_named(house):
    token = issue(house)
    assert look(house) == 1
    assert watched(house, token.id).checked_at is not None
    assert told(house, token.id) == []
    _, eve = account.generate_account()
    by_the_issuer(house, changed_manager(token, eve))
    look(house)
    difference = f"power to manage: expected {token.owner}, found {eve}"
    assert told(house, token.id) == [("token.drifted", [difference])]
    assert alarms(house) == [difference]


def test_an_asset_that_was_destroyed_is_gone(house):
    token = issue(house)
    by_the_issuer(
        house,
        lambda issuer, parameters: transaction.AssetDestroyTxn(
            issuer, parameters, int(token.result)
        ),
    )
    look(house)
    assert told(house, token.id) == [("token.drifted", [f"there is nothing at {token.result}"])]


def test_an_application_that_was_handed_over_names_its_new_owner(house):
    token = arc200(house)
    look(house)
    assert told(house, token.id) == []
    _, eve = account.generate_account()
    method = Method.from_signature("transfer_ownership(address)void")

    def hand_over(issuer, parameters):
        return transaction.ApplicationNoOpTxn(
            issuer, parameters, int(token.result),
            [method.get_selector(), encoding.decode_address(eve)],
        )  # fmt: skip

    by_the_issuer(house, hand_over)
    look(house)
    ((action, differences),) = told(house, token.id)
    assert action == "token.drifted"
    assert f"power to mint: expected {token.owner}, found {eve}" in differences
    assert f"power to manage: expected {token.owner}, found {eve}" in differences
    assert not [each for each in differences if not each.startswith("power to ")]


def test_what_was_minted_and_paused_through_us_is_no_difference(house):
    token = arc200(house)
    for action, parameters in (
        (Action.MINT, {"amount": "5", "to": None}),
        (Action.PAUSE, {}),
    ):
        operation = house.operate(token.id, action, **parameters)
        for _ in range(8):
            house.lives_once(Fate({}))
        assert house.get(operation.id).state is State.COMPLETED
        look(house)
    assert told(house, token.id) == []
    assert watched(house, token.id).checked_at is not None


def test_what_a_holder_of_shares_redeems_is_its_right(house):
    kind = TokenKind("arc1400_mintable")
    shares = {"name": "Elm Street", "symbol": "ELM", "decimals": 0, "initial_supply": "1000"}
    house.set_tariff(house.registered.organisation.id, UNLIMITED, "for the test")
    token = issue(house, token=house.chain.token(kind, shares))
    redeem = Method.from_signature("arc1594_redeem(uint256,byte[])void")

    def give_back(issuer, parameters):
        app = int(token.result)
        # ARC-4: a dynamic array begins with its length.
        arguments = [redeem.get_selector(), (300).to_bytes(32, "big"), bytes(2)]
        boxes = [balance_box(issuer), partition_box(issuer, NOBODY), list_box(issuer)]
        return transaction.ApplicationNoOpTxn(
            issuer, parameters, app, arguments, boxes=[(app, box) for box in boxes]
        )

    by_the_issuer(house, give_back)
    seen = house.chain.state(token.token, token.result)
    assert seen is not None
    assert seen.supply == 700
    look(house)
    assert told(house, token.id) == []
    assert watched(house, token.id).checked_at is not None


# Two nodes must agree.


def one_lies(house, number, *, is_gone):
    """The house's two nodes, one of which shows every token otherwise."""
    members = []
    for place, node in enumerate(house.devnet.nodes):
        endpoint = Endpoint(url=node.url, token=house.devnet.token, archival=True)
        chain = algorand.connect(house.chain.network, endpoint, INSTALLATION_ID)
        if place == number:
            chain = Interfered(chain)
            chain.changes, chain.is_gone = {"supply": 10**9}, is_gone
        members.append((endpoint, chain))
    return pool.connect(house.chain.network, members, house.clock.seconds)


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("is_gone", [False, True], ids=["richer", "gone"])
def test_a_difference_that_one_of_two_nodes_shows_is_not_believed(house, liar, is_gone):
    token = issue(house)
    honest = house.chain
    house.chain = one_lies(house, liar, is_gone=is_gone)
    look(house)
    assert told(house, token.id) == []
    assert alarms(house) == []
    assert watched(house, token.id).checked_at is None
    house.chain = honest
    house.pass_time(EVERY)
    watch(house)
    assert told(house, token.id) == []
    assert watched(house, token.id).checked_at == house.clock.now()


@pytest.mark.parametrize("silent", [0, 1])
def test_one_node_alone_proves_no_difference(house, silent):
    token = issue(house)
    _, eve = account.generate_account()
    by_the_issuer(house, changed_manager(token, eve))
    house.devnet.nodes[silent].fault("unavailable", times=None)
    look(house)
    assert told(house, token.id) == []
    house.heal()
    look(house)
    assert [action for action, _ in told(house, token.id)] == ["token.drifted"]
