"""What goes on chain of a checkpoint, byte by byte, and when the next one is due."""

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from domain.anchor import ANCHOR_BYTES, Anchor, NewestAnchor, is_due, is_late
from domain.checkpoint import Checkpoint
from domain.errors import MisuseError
from domain.identifiers import NetworkId, instant_of
from domain.token import TokenKind

ORIGIN = "example.com/audit/ins_00000000000000000000000001/1"
CHECKPOINT = Checkpoint(origin=ORIGIN, size=20852163, root=bytes(range(32)))
#: By hand: printf '%s' "$ORIGIN" | sha256sum; printf '%016x' 20852163.
KNOWN = (
    "746c6f672f31"
    "cfd0735a25143853228315ceef753106a4216ecc1c9189eebb35df4be2bdbcdb"
    "00000000013e2dc3"
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BASE, VOI = NetworkId("eip155:8453"), NetworkId("algorand:r20fSQI8gWe_kFZziNonSPCXLwcQmH_n")

checkpoints = st.builds(
    Checkpoint,
    origin=st.from_regex(r"[a-z0-9./_]{1,80}", fullmatch=True),
    size=st.integers(0, 2**63 - 1),
    root=st.binary(min_size=32, max_size=32),
)


def test_an_anchor_has_the_bytes_that_are_written_down() -> None:
    assert Anchor(CHECKPOINT).content.hex() == KNOWN


@given(checkpoints)
def test_an_anchor_says_magic_log_size_and_root_in_78_bytes(checkpoint: Checkpoint) -> None:
    content = Anchor(checkpoint).content
    assert len(content) == ANCHOR_BYTES == 6 + 32 + 8 + 32
    magic, log, size, root = struct.unpack(">6s32sQ32s", content)
    assert magic == b"tlog/1"
    assert log == hashlib.sha256(checkpoint.origin.encode()).digest()
    assert (size, root) == (checkpoint.size, checkpoint.root)


@given(checkpoints)
def test_an_anchor_survives_being_stored(checkpoint: Checkpoint) -> None:
    token = Anchor(checkpoint).as_token()
    assert Anchor.of(token).checkpoint == checkpoint
    assert all(isinstance(value, str) for value in token.parameters.values())


def test_nothing_else_is_taken_for_an_anchor() -> None:
    with pytest.raises(MisuseError):
        Anchor.of(evolve(Anchor(CHECKPOINT).as_token(), kind=TokenKind("asa_ft")))


def test_the_same_anchor_is_the_same_operation_and_every_other_another() -> None:
    anchor = Anchor(CHECKPOINT)
    id = anchor.operation(BASE, NOW)
    assert Anchor(evolve(CHECKPOINT)).operation(BASE, NOW) == id
    others = {
        anchor.operation(VOI, NOW),
        anchor.operation(BASE, NOW + timedelta(milliseconds=1)),
        Anchor(evolve(CHECKPOINT, size=1)).operation(BASE, NOW),
        Anchor(evolve(CHECKPOINT, root=bytes(32))).operation(BASE, NOW),
        Anchor(evolve(CHECKPOINT, origin=ORIGIN + "1")).operation(BASE, NOW),
    }
    assert len(others | {id}) == 6


@given(st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1)), checkpoints)  # noqa: DTZ001
def test_an_operations_id_is_of_the_instant_of_the_signature(
    naive: datetime, checkpoint: Checkpoint
) -> None:
    signed_at = naive.replace(tzinfo=UTC)
    id = Anchor(checkpoint).operation(BASE, signed_at)
    assert id.variant == "specified in RFC 4122"
    carried = instant_of(id)
    assert carried is not None
    assert timedelta(0) <= signed_at - carried < timedelta(milliseconds=1)


# When.


def due(size: int, last: NewestAnchor | None, now: datetime = NOW, written: int = 0) -> bool:
    return is_due(size=size, last=last, written=written, every=HOUR, now=now)


def anchored(size: int, ago: timedelta, *, is_open: bool = False) -> NewestAnchor:
    return NewestAnchor(size=size, requested_at=NOW - ago, is_open=is_open)


def test_the_first_anchor_is_due_as_soon_as_there_is_something() -> None:
    assert not due(0, None)
    assert due(1, None)


def test_the_next_one_is_due_an_interval_after_the_last_was_asked_for() -> None:
    assert not due(20, anchored(10, HOUR - timedelta(microseconds=1)))
    assert due(20, anchored(10, HOUR))


def test_a_tree_that_did_not_grow_is_not_anchored_again() -> None:
    assert not due(10, anchored(10, 1000 * HOUR))
    assert due(11, anchored(10, 1000 * HOUR))


def test_what_anchoring_itself_wrote_is_no_growth() -> None:
    assert not due(17, anchored(10, HOUR), written=7)
    assert due(18, anchored(10, HOUR), written=7)


def test_while_an_anchor_is_under_way_there_is_no_other() -> None:
    assert not due(1_000, anchored(10, 1000 * HOUR, is_open=True))


@given(st.lists(st.integers(1, 600), min_size=1, max_size=40), st.integers(1, 500))
def test_one_anchor_makes_up_for_any_time_in_which_nobody_looked(
    looks: list[int], growth: int
) -> None:
    """Never two within an interval, and none for nothing, whenever somebody looks."""
    now, size, last, asked = NOW, 0, None, []
    for minutes in looks:
        now += timedelta(minutes=minutes)
        size += growth
        if due(size, last, now):
            last = NewestAnchor(size=size, requested_at=now, is_open=False)
            asked.append(now)
            assert not due(size, last, now)
    assert asked[0] == NOW + timedelta(minutes=looks[0])
    assert all(later - earlier >= HOUR for earlier, later in pairwise(asked))


def test_an_anchor_is_late_when_growth_has_waited_for_several_intervals() -> None:
    def late(size: int, ago: timedelta, written: int = 0) -> bool:
        return is_late(
            size=size, covered=10, written=written, since=NOW - ago, every=HOUR, now=NOW
        )

    assert not late(11, 3 * HOUR - timedelta(seconds=1))
    assert late(11, 3 * HOUR)
    assert not late(10, 100 * HOUR)
    assert not late(17, 100 * HOUR, written=7)
