"""The Merkle tree of RFC 6962 section 2 and RFC 9162 section 2.1, over SHA-256; pure.

A tree is addressed by its complete subtrees: `(level, index)` covers the leaves
`index * 2**level` up to `(index + 1) * 2**level`. Once complete, a subtree never changes,
so it can be stored when it is born and every proof is a handful of look-ups.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

Place = tuple[int, int]
"""Level and index of a complete subtree."""

Look = Callable[[int, int], bytes]
"""Gives the stored hash of the complete subtree at a level and an index."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves (RFC 6962 section 2.1)."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf; the prefix keeps a leaf from passing for a node."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def peaks(size: int) -> list[Place]:
    """The complete subtrees that make up a tree of *size* leaves, from left to right."""
    return list(_cover(0, size))


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root of the tree whose peaks have these hashes, from left to right."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def grow(
    size: int, stack: list[bytes], leaves: Iterable[bytes]
) -> Iterator[tuple[int, int, bytes]]:
    """Add leaf hashes to a tree of *size*; *stack*, its peaks' hashes, is updated in place.

    Yields every complete subtree that comes into being, as (level, index, hash).
    """
    for position, leaf in enumerate(leaves, start=size):
        level, index, carried = 0, position, leaf
        yield level, index, carried
        while index & 1:
            level, index, carried = level + 1, index >> 1, node_hash(stack.pop(), carried)
            yield level, index, carried
        stack.append(carried)


def root_at(size: int, look: Look) -> bytes:
    """The root that the tree had at *size*."""
    return _subtree(0, size, look)


def inclusion_proof(index: int, size: int, look: Look) -> tuple[bytes, ...]:
    """The audit path of the leaf at *index* in the tree of *size* (RFC 6962 section 2.1.1).

    Raises ValueError when there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_subtree(middle, high, look))
            high = middle
        else:
            path.append(_subtree(low, middle, look))
            low = middle
    return tuple(reversed(path))


def consistency_proof(old: int, new: int, look: Look) -> tuple[bytes, ...]:
    """Proof that the tree of *new* leaves extends that of *old* (RFC 6962 section 2.1.2).

    Raises ValueError unless 0 < old <= new: everything extends the empty tree, so a proof
    from it would prove nothing.
    """
    if not 0 < old <= new:
        raise ValueError("a consistency proof runs from a tree with leaves to one not smaller")
    low, high, path = 0, new, []
    whole = True
    while old < high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_subtree(middle, high, look))
            high = middle
        else:
            path.append(_subtree(low, middle, look))
            low, whole = middle, False
    if not whole:
        path.append(_subtree(low, high, look))
    return tuple(reversed(path))


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether *proof* shows the leaf hash at *index* under *root* (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    sides = _sides(index, size - 1, len(proof))
    if sides is None:
        return False
    carried = leaf
    for hash_, is_left in zip(proof, sides, strict=True):
        carried = node_hash(hash_, carried) if is_left else node_hash(carried, hash_)
    return carried == root


def is_consistent(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether *proof* shows that the new tree extends the old one (RFC 9162 section 2.1.4.2).

    A proof from size 0 is refused, also towards size 0: it would hold for any tree.
    """
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    sides = _sides(first, last, len(path) - 1)
    if sides is None:
        return False
    then = now = path[0]
    for hash_, is_left in zip(path[1:], sides, strict=True):
        if is_left:
            then, now = node_hash(hash_, then), node_hash(hash_, now)
        else:
            now = node_hash(now, hash_)
    return then == old_root and now == new_root


def _sides(first: int, last: int, steps: int) -> list[bool] | None:
    """For each step up from node *first* of a level that ends at *last*, whether the
    sibling stands on the left; None unless exactly *steps* lead to the root.
    """
    sides = []
    while last:
        is_left = bool(first & 1) or first == last
        while is_left and first and not first & 1:
            first, last = first >> 1, last >> 1
        sides.append(is_left)
        first, last = first >> 1, last >> 1
    return sides if len(sides) == steps else None


def _split(width: int) -> int:
    """The largest power of two below *width*, for a width above 1."""
    return 1 << ((width - 1).bit_length() - 1)


def _cover(low: int, high: int) -> Iterator[Place]:
    """The complete subtrees of leaves low..high-1; *low* is aligned as RFC 6962 splits."""
    while low < high:
        level = (high - low).bit_length() - 1
        yield level, low >> level
        low += 1 << level


def _subtree(low: int, high: int, look: Look) -> bytes:
    return root_of([look(level, index) for level, index in _cover(low, high)])
