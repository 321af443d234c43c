"""Merkle trees as in RFC 6962: hashes, roots, inclusion and consistency proofs.

Whoever computes a root or a proof gives a function for the hashes of complete subtrees, so a tree
of any size takes no memory here. The checks follow RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from audit_seal.errors import ProofError

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "HashAt",
    "complete_root",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "range_hash",
    "root_hash",
    "verify_consistency",
    "verify_inclusion",
]

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()
"""The root of the tree without leaves."""

HashAt = Callable[[int, int], bytes]
"""Takes a level and an index: the hash of the `2**level` leaves from leaf `index * 2**level` on."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\1" + left + right).digest()


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over hashes of one level, whose number is a power of two."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def root_hash(size: int, hash_at: HashAt) -> bytes:
    """Return the root of the tree of the first `size` leaves."""
    return range_hash(0, size, hash_at) if size else EMPTY_ROOT


def range_hash(start: int, end: int, hash_at: HashAt) -> bytes:
    """Return the root over leaves `start` to `end`, as of a subtree that begins at `start`.

    `start` is a multiple of the smallest power of two that is not less than the number of leaves.
    """
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return hash_at(level, start >> level)
    middle = start + _split(count)
    return node_hash(range_hash(start, middle, hash_at), range_hash(middle, end, hash_at))


def inclusion_proof(index: int, size: int, hash_at: HashAt) -> list[bytes]:
    """Return the hashes that lead from a leaf to the root, the leaf's sibling first."""
    if not 0 <= index < size:
        raise ProofError(f"A log of {size} entries has no entry {index}")
    start, end = 0, size
    proof = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(range_hash(middle, end, hash_at))
            end = middle
        else:
            proof.append(range_hash(start, middle, hash_at))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, hash_at: HashAt) -> list[bytes]:
    """Return the hashes that show that the tree of `new` leaves begins with that of `old` leaves."""
    if not 0 < old <= new:
        raise ProofError(f"No proof leads from {old} entries to {new}")
    start, end = 0, new
    proof = []
    whole = True  # the old tree is exactly the leaves from `start` to `old`, seen from its own root
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(range_hash(middle, end, hash_at))
            end = middle
        else:
            proof.append(range_hash(start, middle, hash_at))
            start = middle
            whole = False
    if not whole:
        proof.append(range_hash(start, end, hash_at))
    return proof[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Return if the proof leads from the leaf's hash to the root; raise ProofError otherwise."""
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise ProofError(f"A log of {size} entries has no entry {index}")
    found = leaf
    for step, is_left in _steps(index, size - 1, proof):
        found = node_hash(step, found) if is_left else node_hash(found, step)
    _check_root(found, root)


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Return if the proof shows that the new tree extends the old one; raise ProofError otherwise."""
    _check_hashes(old_root, new_root, *proof)
    if not 0 < old <= new:
        raise ProofError(f"No proof leads from {old} entries to {new}")
    if old == new:
        if proof:
            raise ProofError("The proof is too long")
        _check_root(old_root, new_root)
        return
    steps = list(proof) if old & (old - 1) else [old_root, *proof]  # which is a complete subtree
    if not steps:
        raise ProofError("The proof is too short")
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    found_old = found_new = steps[0]
    for step, is_left in _steps(node, last, steps[1:]):
        if is_left:
            found_old = node_hash(step, found_old)
        found_new = node_hash(step, found_new) if is_left else node_hash(found_new, step)
    _check_root(found_old, old_root)
    _check_root(found_new, new_root)


def _steps(node: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield the hashes of a proof, and whether each stands to the left of what was found before it.

    `node` is where the proof begins among the nodes of its level, `last` the last of these.
    """
    for step in proof:
        if not last:
            raise ProofError("The proof is too long")
        is_left = node & 1 == 1 or node == last
        if is_left:
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        node, last = node >> 1, last >> 1
        yield step, is_left
    if last:
        raise ProofError("The proof is too short")


def _split(count: int) -> int:
    """Return the largest power of two that is less than the count."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_root(found: bytes, root: bytes) -> None:
    if found != root:
        raise ProofError("The proof leads to another root")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(value) != HASH_BYTES for value in hashes):
        raise ProofError(f"A hash of a proof does not have {HASH_BYTES} bytes")
