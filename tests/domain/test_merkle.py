"""The tree of RFC 6962 against its definition, read off the RFC and nothing else."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import MisuseError
from domain.merkle import (
    EMPTY_ROOT,
    Frontier,
    Hashes,
    Node,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

#: The leaves of Certificate Transparency's reference tests, and the roots over the first of them
#: (google/certificate-transparency, merkletree/merkle_tree_test.cc; Go's sumdb/tlog has them too).
LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def defined_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + defined_root(leaves[:k]) + defined_root(leaves[k:])).digest()


def defined_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if m < k:
        return [*defined_path(m, leaves[:k]), defined_root(leaves[k:])]
    return [*defined_path(m - k, leaves[k:]), defined_root(leaves[:k])]


def defined_proof(m: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2."""
    n = len(leaves)
    if m == n:
        return [] if whole else [defined_root(leaves)]
    k = 1
    while 2 * k < n:
        k *= 2
    if m <= k:
        return [*defined_proof(m, leaves[:k], whole=whole), defined_root(leaves[k:])]
    return [*defined_proof(m - k, leaves[k:], whole=False), defined_root(leaves[:k])]


def kept(leaves: Sequence[bytes]) -> tuple[Frontier, Hashes]:
    """What appending keeps of *leaves*, as it would be looked up."""
    edge, nodes = Frontier().appended(leaf_hash(leaf) for leaf in leaves)
    hashes = {(node.level, node.index): node.hash for node in nodes}
    return edge, lambda level, index: hashes[level, index]


def numbered(size: int) -> list[bytes]:
    return [number.to_bytes(4, "big") for number in range(size)]


def test_known_answers_of_leaves_and_roots() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == ROOTS[0]
    assert node_hash(leaf_hash(b""), leaf_hash(b"\x00")).hex() == ROOTS[1]
    for size in range(1, 9):
        edge, hashes = kept(LEAVES[:size])
        assert root(size, hashes).hex() == edge.root.hex() == ROOTS[size - 1]


def test_known_answers_of_proofs() -> None:
    """The paths that the reference tests list for their eight leaves."""
    _, hashes = kept(LEAVES)
    assert [each.hex() for each in inclusion_proof(5, 8, hashes)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [each.hex() for each in consistency_proof(6, 8, hashes)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_inclusion_proof_of_small_trees_is_the_defined_one_and_verifies() -> None:
    for size in range(1, 40):
        leaves = numbered(size)
        edge, hashes = kept(leaves)
        assert edge.root == defined_root(leaves)
        for index, leaf in enumerate(leaves):
            path = inclusion_proof(index, size, hashes)
            assert list(path) == defined_path(index, leaves)
            assert verify_inclusion(leaf_hash(leaf), index, size, path, edge.root)


def test_every_consistency_proof_of_small_trees_is_the_defined_one_and_verifies() -> None:
    for new in range(1, 40):
        leaves = numbered(new)
        edge, hashes = kept(leaves)
        for old in range(1, new + 1):
            path = consistency_proof(old, new, hashes)
            assert list(path) == defined_proof(old, leaves)
            assert verify_consistency(old, new, defined_root(leaves[:old]), edge.root, path)


@given(st.data())
def test_nothing_else_than_the_proof_proves(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    leaves = numbered(size)
    edge, hashes = kept(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = list(inclusion_proof(index, size, hashes))
    leaf = leaf_hash(leaves[index])
    assert verify_inclusion(leaf, index, size, path, edge.root)
    other = data.draw(st.integers(0, size + 8).filter(lambda each: each != index))
    assert not verify_inclusion(leaf, other, size, path, edge.root)
    assert not verify_inclusion(leaf_hash(b"another"), index, size, path, edge.root)
    assert not verify_inclusion(leaf, index, size, [*path, edge.root], edge.root)
    if path:
        assert not verify_inclusion(leaf, index, size, path[:-1], edge.root)
        place = data.draw(st.integers(0, len(path) - 1))
        changed = bytearray(path[place])
        changed[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
        path[place] = bytes(changed)
        assert not verify_inclusion(leaf, index, size, path, edge.root)


@given(st.data())
def test_no_proof_leads_from_another_history(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 300))
    old = data.draw(st.integers(1, new - 1))
    leaves = numbered(new)
    edge, hashes = kept(leaves)
    path = list(consistency_proof(old, new, hashes))
    old_root = defined_root(leaves[:old])
    forged = [*leaves[:old]]
    forged[data.draw(st.integers(0, old - 1))] = b"another"
    assert verify_consistency(old, new, old_root, edge.root, path)
    assert not verify_consistency(old, new, defined_root(forged), edge.root, path)
    assert not verify_consistency(old, new, old_root, defined_root([*leaves, b"more"]), path)
    assert not verify_consistency(old, new, old_root, edge.root, [*path, old_root])
    assert not verify_consistency(new, old, edge.root, old_root, path)
    place = data.draw(st.integers(0, len(path) - 1))
    path[place] = leaf_hash(path[place])
    assert not verify_consistency(old, new, old_root, edge.root, path)


@given(st.lists(st.integers(0, 40), max_size=8))
def test_appending_in_parts_is_appending_at_once(parts: list[int]) -> None:
    leaves = [leaf_hash(leaf) for leaf in numbered(sum(parts))]
    edge, first = Frontier(), 0
    nodes: tuple[Node, ...] = ()
    for part in parts:
        edge, more = edge.appended(leaves[first : first + part])
        first, nodes = first + part, (*nodes, *more)
    at_once, all_nodes = Frontier().appended(leaves)
    assert edge == at_once
    assert nodes == all_nodes
    hashes = {(node.level, node.index): node.hash for node in nodes}
    assert len(hashes) == len(nodes)
    assert Frontier.of(edge.size, lambda level, index: hashes[level, index]) == edge


def test_what_is_no_tree_is_refused() -> None:
    _, hashes = kept(numbered(3))
    for index, size in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(MisuseError):
            inclusion_proof(index, size, hashes)
    for old, new in ((0, 3), (4, 3)):
        with pytest.raises(MisuseError):
            consistency_proof(old, new, hashes)
    with pytest.raises(MisuseError):
        Frontier(3, (EMPTY_ROOT,))
