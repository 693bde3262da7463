"""A bit that is flipped anywhere in a pack is refused."""

import pytest

from tallystick_verifier import verify
from tests.application.house import PROVING
from tests.verifier.packs import ALGORAND, ETHEREUM, STORIES, canonical

PARTS = 8


def pack(name):
    story = STORIES[name]()
    story.anchored = [(8, ALGORAND), (None, ETHEREUM)]
    return canonical(story.sealed())


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", ["evm", "algorand"] if PROVING else ["evm"])
def test_every_byte_of_a_pack_is_covered(name, part):
    """One bit of each, another one from byte to byte; all of them where it is to be proven."""
    raw = pack(name)
    assert verify(raw).refused is None
    believed = []
    for at in range(part, len(raw), PARTS):
        for bit in range(8) if PROVING else [at // PARTS % 8]:
            flipped = bytearray(raw)
            flipped[at] ^= 1 << bit
            if verify(bytes(flipped)).refused is None:
                believed.append((at, bit))
    assert not believed


@pytest.mark.parametrize("name", STORIES)
def test_a_part_of_a_pack_is_refused(name):
    story = STORIES[name]()
    raw = canonical(story.sealed())
    for length in range(0, len(raw), 37):
        assert verify(raw[:length]).refused is not None
    assert verify(raw + raw).refused is not None
    assert verify(b"\xef\xbb\xbf" + raw).refused is not None
