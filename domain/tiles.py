"""Complete nodes of a tree in tiles of 256 hashes (C2SP tlog-tiles).

Tile number *n* of level *l* has nodes 256·n to 256·n + 255 of height 8·l; the last of a level is
shorter.  Nodes in between are computed: the hashes below each are in one tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import frozen

from domain.errors import MisuseError
from domain.merkle import HASH_BYTES, Hashes, Node, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT

#: The hashes of a tile, by level and index, one behind the other; None: there is none.
Tiles = Callable[[int, int], bytes | None]


@frozen
class Growth:
    """What is added to one tile."""

    #: How many hashes are there already.
    first: int
    hashes: bytes


def growth(nodes: Iterable[Node]) -> Mapping[tuple[int, int], Growth]:
    """What *nodes*, all that appending completes, add to each tile, by level and index."""
    found: dict[tuple[int, int], list[Node]] = {}
    for node in nodes:
        if node.level % HEIGHT == 0:
            place = (node.level // HEIGHT, node.index // WIDTH)
            found.setdefault(place, []).append(node)
    return {
        place: Growth(
            first=min(node.index for node in grown) % WIDTH,
            hashes=b"".join(node.hash for node in sorted(grown, key=lambda node: node.index)),
        )
        for place, grown in found.items()
    }


def hashes_in(tiles: Tiles) -> Hashes:
    """Any complete node.  Each tile is asked for once."""
    known: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        place = (level, index)
        if place not in known:
            known[place] = tiles(level, index) or b""
        return known[place]

    def hash_of(level: int, index: int) -> bytes:
        """Raises: MisuseError: the node is not complete."""
        row, height = divmod(level, HEIGHT)
        first = index << height
        tile, offset = divmod(first, WIDTH)
        begin, end = offset * HASH_BYTES, (offset + (1 << height)) * HASH_BYTES
        found = read(row, tile)[begin:end]
        if len(found) != end - begin:
            raise MisuseError(f"node {index} of level {level} is not complete")
        hashes = [found[at : at + HASH_BYTES] for at in range(0, len(found), HASH_BYTES)]
        while len(hashes) > 1:
            hashes = [
                node_hash(left, right)
                for left, right in zip(hashes[::2], hashes[1::2], strict=True)
            ]
        return hashes[0]

    return hash_of
