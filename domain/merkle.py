"""The Merkle tree of RFC 6962: what a log of leaves is, in 32 bytes, and how little proves it.

Leaves are hashed as ``SHA-256(0x00 ‖ leaf)``, nodes as ``SHA-256(0x01 ‖ left ‖ right)``, and a
tree of *n* > 1 leaves splits at the largest power of two below *n* (RFC 6962, 2.1; RFC 9162 keeps
the rules).  A *complete* node, at (level, index), is over the 2^level leaves that begin with leaf
index · 2^level; once all of these are there it never changes, so complete nodes are what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from attrs import field, frozen

from domain.errors import MisuseError

HASH_BYTES = 32

#: The root over no leaves.
EMPTY_ROOT = sha256(b"").digest()

#: The hash of a complete node, by level and index.
Hashes = Callable[[int, int], bytes]


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root(size: int, hashes: Hashes) -> bytes:
    """The root over the first *size* leaves."""
    return _hash_of(0, size, hashes) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, hashes: Hashes) -> tuple[bytes, ...]:
    """The path of leaf *index* in the tree of *size* leaves (RFC 9162, 2.1.3.1).

    Raises: MisuseError: there is no such leaf in that tree.
    """
    if not 0 <= index < size:
        raise MisuseError(f"a tree of {size} leaves has no leaf {index}")
    path: list[bytes] = []
    first, last = 0, size
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            path.append(_hash_of(middle, last, hashes))
            last = middle
        else:
            path.append(_hash_of(first, middle, hashes))
            first = middle
    return tuple(reversed(path))


def consistency_proof(old: int, new: int, hashes: Hashes) -> tuple[bytes, ...]:
    """That the tree of *old* leaves is the beginning of that of *new* (RFC 9162, 2.1.4.1).

    Raises: MisuseError: *old* is 0 or above *new*.
    """
    if not 0 < old <= new:
        raise MisuseError(f"no proof leads from {old} leaves to {new}")
    path: list[bytes] = []
    first, last = 0, new
    #: Whether the part that is looked at is a whole tree of the old one's: its root is known.
    is_known = True
    while old != last:
        middle = first + _split(last - first)
        if old <= middle:
            path.append(_hash_of(middle, last, hashes))
            last = middle
        else:
            path.append(_hash_of(first, middle, hashes))
            first, is_known = middle, False
    if not is_known:
        path.append(_hash_of(first, last, hashes))
    return tuple(reversed(path))


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Whether *leaf*, a leaf's hash, is number *index* under *root* (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    number, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if number & 1 or number == last:
            found = node_hash(sibling, found)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the tree of *old* leaves is the beginning of that of *new* (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    # Where the old tree is a complete one its root is the first hash, and is left out.
    hashes = [old_root, *path] if old & (old - 1) == 0 else [*path]
    if not hashes:
        return False
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    found_old = found_new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            found_old = node_hash(sibling, found_old)
            found_new = node_hash(sibling, found_new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            found_new = node_hash(found_new, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and found_old == old_root and found_new == new_root


@frozen
class Node:
    """A complete node that has come into being."""

    level: int
    index: int
    hash: bytes


@frozen
class Frontier:
    """The right edge of a tree: all that appending needs to know of what is there."""

    size: int = 0
    #: Roots of the complete trees that the leaves fall into, the largest first: one for each bit
    #: that is set in *size*.
    peaks: tuple[bytes, ...] = field(default=())

    @peaks.validator
    def _has_one_for_each_bit(self, _attribute: object, value: tuple[bytes, ...]) -> None:
        if len(value) != self.size.bit_count():
            raise MisuseError(f"{len(value)} peaks are no edge of {self.size} leaves")

    @property
    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        *others, found = self.peaks
        for peak in reversed(others):
            found = node_hash(peak, found)
        return found

    def appended(self, leaves: Iterable[bytes]) -> tuple[Frontier, tuple[Node, ...]]:
        """The edge behind *leaves*, which are hashes of leaves, and every node now complete."""
        size, peaks, nodes = self.size, [*self.peaks], []
        for leaf in leaves:
            found, level, index = leaf, 0, size
            nodes.append(Node(level, index, found))
            while index & 1:
                found = node_hash(peaks.pop(), found)
                level, index = level + 1, index >> 1
                nodes.append(Node(level, index, found))
            peaks.append(found)
            size += 1
        return Frontier(size, tuple(peaks)), tuple(nodes)

    @classmethod
    def of(cls, size: int, hashes: Hashes) -> Frontier:
        return cls(size, tuple(hashes(level, index) for level, index in _complete(0, size)))


def _split(size: int) -> int:
    """The largest power of two below *size*, which is above 1."""
    return 1 << (size - 1).bit_length() - 1


def _complete(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The complete nodes that leaves *first* to *last* fall into, from the left.

    *first* is a multiple of a power of two that is at least as large as the range.
    """
    while first < last:
        level = (last - first).bit_length() - 1
        yield level, first >> level
        first += 1 << level


def _hash_of(first: int, last: int, hashes: Hashes) -> bytes:
    *others, found = [hashes(level, index) for level, index in _complete(first, last)]
    for left in reversed(others):
        found = node_hash(left, found)
    return found
