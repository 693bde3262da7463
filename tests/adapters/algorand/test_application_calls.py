"""Which call in a block is ours, and what a node that lies about an application can cost."""

import uuid

import pytest
from algosdk.encoding import encode_address
from attrs import define, field

from adapters.algorand.application_deeds import ApplicationCall, Box
from adapters.algorand.deed import Sight
from adapters.algorand.effect import Origins
from adapters.algorand.reads import Account, Entry, Parameters
from adapters.algorand.searches import Searches
from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from domain.identifiers import OperationId, OrganisationId
from domain.network import Block
from domain.operation import Intent

APPLICATION = 77
OPERATION = bytes(range(32))
NOTE = b'tallystick:j{"o":"op_1","s":1}'
ARGUMENTS = (b"mint", OPERATION, b"5")
ISSUER, STRANGER = bytes([1]) * 32, bytes([9]) * 32
ROUND = 9


@define
class Chain:
    """One round with calls, as a node tells it."""

    entries_told: list[Entry] = field(factory=list)
    keeps_history: bool = True
    amount: int = 0
    min_balance: int = 0
    name: str = "node.example"

    @property
    def node(self):
        return self

    def application(self, id):
        return object() if id == APPLICATION else None

    def account(self, address):
        return Account(
            address=address,
            round=ROUND,
            amount=self.amount,
            min_balance=self.min_balance,
            signer=address,
        )

    def box(self, application, name):
        assert application == APPLICATION
        return ROUND.to_bytes(8, "big") if name == b"o" + OPERATION and self.entries_told else None

    def entries(self, number):
        if not self.keeps_history:
            raise HistoryUnavailableError(f"round {number} is gone")
        return self.entries_told

    def parameters(self):
        return Parameters(
            genesis_id="g", genesis_hash="h", last_round=20, min_fee=1_000, fee_per_byte=0,
            consensus="c",
        )  # fmt: skip

    def existing_block(self, number):
        return Block(number=number, hash=f"block {number}")


def a_call(id="OURS", **changes):
    fields = {
        "type": "appl", "apid": APPLICATION, "snd": ISSUER, "note": NOTE,
        "apaa": list(ARGUMENTS), "fee": 0,
    }  # fmt: skip
    return Entry(id=id, fields=fields | changes, created=None)


def the_call(*boxes):
    return ApplicationCall(
        application=APPLICATION, arguments=ARGUMENTS, operation=OPERATION, boxes=boxes
    )


def sight(chain):
    intent = Intent(
        organisation=OrganisationId(uuid.uuid4()),
        operation=OperationId(uuid.uuid4()),
        step=1,
        token=None,
        owner=encode_address(ISSUER),
        sender=encode_address(bytes([3]) * 32),
    )
    return Sight(
        reader=chain,
        origins=Origins(),
        searches=Searches(),
        intent=intent,
        note=NOTE,
        lasting_from=0,
        operation=OPERATION,
    )


@pytest.mark.parametrize(
    "lookalike",
    [
        pytest.param({"snd": STRANGER}, id="of a stranger who has read our note"),
        pytest.param({"snd": STRANGER, "apaa": [b"name"]}, id="of a stranger, to a free method"),
        pytest.param({"apaa": [b"name"]}, id="of the issuer, without an operation"),
        pytest.param({"apaa": [b"mint", STRANGER, b"5"]}, id="of another operation"),
        pytest.param({"apid": APPLICATION + 1}, id="to another application"),
        pytest.param({"note": b"another"}, id="without our note"),
    ],
)
def test_ours_is_the_issuers_under_our_id_whoever_copies_the_note(lookalike):
    chain = Chain([a_call("THEIRS", **lookalike), a_call()])
    assert the_call().differences(sight(chain)) == ()
    assert the_call().effect(sight(chain)).transaction_id == "OURS"


def test_a_round_without_our_call_is_no_answer():
    chain = Chain([a_call("THEIRS", snd=STRANGER)])
    with pytest.raises(ChainUnavailableError):
        the_call().effect(sight(chain))


def test_what_was_carried_out_otherwise_than_ordered_is_told():
    chain = Chain([a_call(apaa=[b"mint", OPERATION, b"6"])])
    (difference,) = the_call().differences(sight(chain))
    assert "not what was ordered" in difference


def test_an_order_whose_block_nobody_has_kept_is_taken_for_carried_out():
    """Its box is there, and nobody else has signed anything under its id."""
    chain = Chain([a_call()], keeps_history=False)
    assert the_call().differences(sight(chain)) == ()
    with pytest.raises(HistoryUnavailableError):
        the_call().effect(sight(chain))


BOX = Box(b"b" + STRANGER, 32)
#: 2,500 + 400 for each byte of name and value.
OPERATIONS_BOX, BALANCE_BOX = 2_500 + 400 * (33 + 8), 2_500 + 400 * (33 + 32)


@pytest.mark.parametrize(
    ("amount", "min_balance", "needed"),
    [
        (0, 0, 100_000),
        (100_000, 100_000, 0),
        (99_999, 100_000, 1),
        (500_000, 100_000, 0),
        (200_000, 300_000, 100_000),
    ],
)
def test_an_application_is_given_its_boxes_and_what_it_lacks(amount, min_balance, needed):
    chain = Chain(amount=amount, min_balance=min_balance)
    deposit = the_call(BOX).deposit(chain)
    assert deposit.amount == needed + OPERATIONS_BOX + BALANCE_BOX


@pytest.mark.parametrize(("amount", "min_balance"), [(0, 100_001), (100_000, 900_000_000_000)])
def test_no_node_talks_the_treasury_into_more(amount, min_balance):
    with pytest.raises(ChainUnavailableError, match="cannot be"):
        the_call(BOX).deposit(Chain(amount=amount, min_balance=min_balance))
