"""Where an anchor is looked for: in which blocks, how often, and what counts as one."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from algosdk.encoding import encode_address
from attrs import define, evolve, field

from adapters.algorand.anchor import AnchorDeed, AnchorKind
from adapters.algorand.deed import Sight
from adapters.algorand.effect import CLOCKS_DIFFER, Origins
from adapters.algorand.reads import Entry, Parameters
from adapters.algorand.searches import Searches
from adapters.algorand.sought import AT_ONCE
from application.ports.chain import ChainUnavailableError, HistoryUnavailableError
from domain.anchor import Anchor
from domain.checkpoint import Checkpoint
from domain.identifiers import INSTALLATION
from domain.network import Block
from domain.operation import Effect, Intent, NoEffect

TREASURY, STRANGER = bytes([1]) * 32, bytes([2]) * 32
BORN = datetime(2026, 11, 21, 12, tzinfo=UTC)
ANCHOR = Anchor(Checkpoint(origin="example.com/audit/x/1", size=100, root=bytes(range(32))))
SAID = {"type": "pay", "snd": TREASURY, "rcv": TREASURY, "note": ANCHOR.content, "fee": 1_000}
#: Rounds a minute.
PACE = 20


@define
class Blocks:
    """A node's chain: one transaction in some rounds, nothing in most."""

    last_round: int
    entries_at: dict[int, dict] = field(factory=dict)
    #: The oldest round that it has kept.
    oldest: int = 1
    #: In which the operation came to be.
    birth: int = 1
    read: list[int] = field(factory=list)

    def parameters(self):
        return Parameters(
            genesis_id="g", genesis_hash="h", consensus="future", last_round=self.last_round,
            min_fee=1_000, fee_per_byte=0,
        )  # fmt: skip

    def instant(self, number):
        self._require(number)
        return BORN + timedelta(minutes=1) * (number - self.birth) / PACE

    def counter(self, number):
        return 7 if self.oldest <= number <= self.last_round else None

    def transaction_ids(self, number):
        self._require(number)
        self.read.append(number)
        return ["ID"] if number in self.entries_at else []

    def entries(self, number):
        self._require(number)
        return [Entry(id="ID", fields=self.entries_at[number], created=None)]

    def existing_block(self, number):
        self._require(number)
        return Block(number=number, hash=f"block {number}")

    def _require(self, number):
        if not self.oldest <= number <= self.last_round:
            raise HistoryUnavailableError(f"round {number} is not there")


def sight(blocks, **changes):
    intent = Intent(
        organisation=INSTALLATION,
        operation=ANCHOR.operation("algorand:x", BORN),
        step=1,
        token=ANCHOR.as_token(),
        owner=encode_address(TREASURY),
        sender=encode_address(TREASURY),
    )
    return evolve(
        Sight(
            reader=blocks,
            origins=Origins(),
            searches=Searches(),
            intent=intent,
            note=b"",
            lasting_from=0,
            operation=bytes(32),
        ),
        **changes,
    )


def looked(seen):
    return AnchorDeed(ANCHOR).effect(seen)


def test_it_is_found_in_its_block_with_what_it_cost():
    found = looked(sight(Blocks(9, {4: SAID})))
    assert found == Effect(
        token=encode_address(TREASURY),
        transaction_id="ID",
        raw=None,
        block=Block(number=4, hash="block 4"),
        is_final=True,
        cost=1_000,
    )


@pytest.mark.parametrize(
    "lookalike",
    [
        pytest.param({"snd": STRANGER}, id="paid by a stranger"),
        pytest.param({"rcv": STRANGER}, id="paid to a stranger"),
        pytest.param({"amt": 1}, id="with money"),
        pytest.param({"type": "axfer"}, id="of an asset"),
        pytest.param({"note": ANCHOR.content + b"\0"}, id="with a byte more"),
        pytest.param({"note": ANCHOR.subject + bytes(32)}, id="of another root"),
        pytest.param({"note": b""}, id="without a note"),
    ],
)
def test_what_looks_like_it_is_none(lookalike):
    nothing = looked(sight(Blocks(9, {4: SAID | lookalike})))
    assert nothing == NoEffect(Block(number=9, hash="block 9"))


def test_no_block_is_read_twice_nor_one_from_before_it_was_asked_for():
    birth = 5_000
    blocks = Blocks(5_100, birth=birth)
    seen = sight(blocks)
    looked(seen)
    first = birth - CLOCKS_DIFFER // timedelta(minutes=1) * PACE
    assert blocks.read == list(range(first, first + AT_ONCE))
    looked(seen)
    assert blocks.read == list(range(first, blocks.last_round + 1))
    blocks.last_round += 2
    blocks.entries_at[5_101] = SAID
    assert isinstance(looked(seen), Effect)
    assert blocks.read == list(range(first, 5_102))
    assert isinstance(looked(seen), Effect)
    assert blocks.read == list(range(first, 5_102))


def test_a_long_search_tells_how_far_it_came():
    """So that nothing is signed for a window before which it has not been seen to be absent."""
    blocks = Blocks(3 * AT_ONCE - 1)
    seen = sight(blocks)
    reached = [looked(seen).at.number for _ in range(4)]
    assert reached == [AT_ONCE, 2 * AT_ONCE, 3 * AT_ONCE - 1, 3 * AT_ONCE - 1]


def test_what_lies_behind_the_first_stretch_is_found_later():
    seen = sight(Blocks(2 * AT_ONCE, {AT_ONCE + 1: SAID}))
    assert isinstance(looked(seen), NoEffect)
    assert isinstance(looked(seen), Effect)


def test_blocks_that_the_node_has_not_kept_are_not_looked_for():
    blocks = Blocks(50, {10: SAID, 45: SAID}, oldest=40)
    found = looked(sight(blocks))
    assert isinstance(found, Effect)
    assert found.block.number == 45
    assert min(blocks.read) == 40


def test_a_search_goes_on_where_blocks_are_left():
    """The node has thrown away what it was to read next."""
    blocks = Blocks(20)
    seen = sight(blocks)
    looked(seen)
    blocks.last_round, blocks.oldest, blocks.entries_at = 90, 60, {70: SAID}
    assert isinstance(looked(seen), Effect)


def test_a_node_that_is_behind_the_operation_says_how_far_it_is():
    blocks = Blocks(100, birth=90_000)
    assert looked(sight(blocks)) == NoEffect(Block(number=100, hash="block 100"))
    assert blocks.read == []


def test_absence_is_lasting_where_that_of_other_effects_is():
    assert not looked(sight(Blocks(9), lasting_from=10)).is_lasting
    assert looked(sight(Blocks(10), lasting_from=10)).is_lasting


def test_two_anchors_are_looked_for_apart():
    blocks, searches = Blocks(9, {4: SAID}), Searches()
    assert isinstance(looked(sight(blocks, searches=searches)), Effect)
    other = Anchor(evolve(ANCHOR.checkpoint, size=101))
    assert isinstance(AnchorDeed(other).effect(sight(blocks, searches=searches)), NoEffect)


def test_an_operation_whose_id_tells_no_time_is_looked_for_from_the_beginning():
    blocks = Blocks(9, {1: SAID}, birth=5_000)
    intent = evolve(sight(blocks).intent, operation=uuid.uuid4())
    assert isinstance(looked(sight(blocks, intent=intent)), Effect)


# Reading back.


def test_it_is_read_back_by_finding_it():
    kind, seen = AnchorKind(), sight(Blocks(9, {4: SAID}))
    assert kind.differences(seen, encode_address(TREASURY)) == ()
    assert kind.differences(seen, encode_address(STRANGER))


def test_a_node_that_has_not_come_as_far_says_nothing():
    with pytest.raises(ChainUnavailableError, match="round 3"):
        AnchorKind().differences(sight(Blocks(3)), encode_address(TREASURY))


def test_an_anchor_is_no_token():
    kind = AnchorKind()
    assert kind.deed(sight(Blocks(1)).intent, b"").locked == 0
    assert kind.stored_token(ANCHOR.parameters) == ANCHOR.as_token()
