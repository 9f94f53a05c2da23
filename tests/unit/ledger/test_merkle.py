"""The tree of RFC 6962, against known answers and against a plain recursive reading."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ledger.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    grow,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    peaks,
    root_at,
    root_of,
)

CT_LEAVES = [
    bytes.fromhex(text)
    for text in (
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
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = st.integers(1, 70)


class Tree:
    """A tree in memory, as a store would keep it."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.stack: list[bytes] = []
        self.nodes = {
            (level, index): hash_
            for level, index, hash_ in grow(0, self.stack, map(leaf_hash, leaves))
        }

    def look(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1 read aloud."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


def numbered(size: int) -> list[bytes]:
    return [str(n).encode() for n in range(size)]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    """RFC 6962: the hash of an empty list is the hash of an empty string."""
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_at(0, Tree([]).look) == EMPTY_ROOT == root_of([])


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_equal_those_of_certificate_transparency(size: int) -> None:
    """The reference vectors of the CT implementations give the known roots."""
    tree = Tree(CT_LEAVES)
    assert root_at(size, tree.look).hex() == CT_ROOTS[size - 1]
    assert root_of([tree.look(*place) for place in peaks(size)]).hex() == CT_ROOTS[size - 1]


def test_a_leaf_cannot_pass_for_a_node() -> None:
    """Leaves and nodes are hashed with different prefixes."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


@given(SIZES, st.data())
def test_growing_in_pieces_gives_the_same_tree(size: int, data: st.DataObject) -> None:
    """However a log is cut into groups, nodes and root are those of the whole."""
    leaves = numbered(size)
    cut = data.draw(st.integers(0, size))
    stack: list[bytes] = []
    pieces = list(grow(0, stack, map(leaf_hash, leaves[:cut])))
    pieces += list(grow(cut, stack, map(leaf_hash, leaves[cut:])))
    whole = Tree(leaves)
    assert {(level, index): hash_ for level, index, hash_ in pieces} == whole.nodes
    assert root_of(stack) == root_of(whole.stack) == plain_root(leaves)


@given(SIZES, st.data())
def test_every_leaf_is_provable_and_nothing_else_is(size: int, data: st.DataObject) -> None:
    """A proof holds for its own leaf, place, size and root, and for no other."""
    leaves = numbered(size)
    index = data.draw(st.integers(0, size - 1))
    tree = Tree(leaves)
    proof, root = inclusion_proof(index, size, tree.look), plain_root(leaves)
    leaf = leaf_hash(leaves[index])
    assert is_included(leaf, index, size, proof, root)
    assert not is_included(leaf_hash(b"other"), index, size, proof, root)
    assert not is_included(leaf, index, size, proof, leaf_hash(b"root"))
    assert not is_included(leaf, index, size, (*proof, root), root)
    assert not is_included(leaf, size, size, proof, root)
    assert not is_included(leaf, -1, size, proof, root)
    if proof:
        assert not is_included(leaf, index, size, proof[:-1], root)
        assert not is_included(leaf, index ^ 1, size, proof, root)


@given(SIZES, st.data())
def test_every_later_tree_is_shown_to_extend_the_earlier(size: int, data: st.DataObject) -> None:
    """A consistency proof holds between its two roots, and for no other pair."""
    old = data.draw(st.integers(1, size))
    leaves = numbered(size)
    tree = Tree(leaves)
    proof = consistency_proof(old, size, tree.look)
    before, after = plain_root(leaves[:old]), plain_root(leaves)
    assert is_consistent(old, size, before, after, proof)
    assert not is_consistent(old, size, leaf_hash(b"x"), after, proof)
    assert not is_consistent(old, size, before, leaf_hash(b"x"), proof)
    assert not is_consistent(old, size, before, after, (*proof, after))
    if proof:
        assert not is_consistent(old, size, before, after, proof[:-1])


def test_a_consistency_proof_from_nothing_is_refused() -> None:
    """Size 0 is consistent with every tree, so it is no evidence, not even towards itself."""
    tree = Tree(numbered(4))
    root = root_at(4, tree.look)
    assert not is_consistent(0, 4, EMPTY_ROOT, root, ())
    assert not is_consistent(0, 0, EMPTY_ROOT, EMPTY_ROOT, ())
    assert not is_consistent(4, 3, root, root, ())
    for old, new in ((0, 4), (0, 0), (4, 3), (-1, 2)):
        with pytest.raises(ValueError, match="consistency"):
            consistency_proof(old, new, tree.look)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    """There is no path to a leaf that is not there."""
    with pytest.raises(ValueError, match="not in the tree"):
        inclusion_proof(index, size, Tree(numbered(3)).look)


def test_the_published_paths_of_the_reference_tree() -> None:
    """RFC 6962 section 2.1.3: the seven-leaf example's paths, node by node."""
    tree = Tree(CT_LEAVES[:7])
    a, b, c, d = (leaf_hash(leaf) for leaf in CT_LEAVES[:4])
    i, j = tree.look(1, 2), leaf_hash(CT_LEAVES[6])
    g, h, k = tree.look(1, 0), tree.look(1, 1), tree.look(2, 0)
    root_right = node_hash(i, j)
    assert inclusion_proof(0, 7, tree.look) == (b, h, root_right)
    assert inclusion_proof(3, 7, tree.look) == (c, g, root_right)
    assert inclusion_proof(6, 7, tree.look) == (i, k)
    assert consistency_proof(3, 7, tree.look) == (c, d, g, root_right)
    assert consistency_proof(4, 7, tree.look) == (root_right,)
    assert consistency_proof(6, 7, tree.look) == (i, j, k)
    assert a != b
