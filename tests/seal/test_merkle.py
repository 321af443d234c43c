"""Merkle trees: against vectors and a definition that nobody here wrote."""

import json
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from audit_seal import ProofError
from audit_seal.merkle import (
    EMPTY_ROOT,
    HashAt,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from hypothesis import given
from hypothesis import strategies as st
from support.go_module import go_module

VECTORS = "github.com/transparency-dev/merkle@v0.0.3-0.20260707140218-77df88e508fa"
"""The first version that a module proxy serves with `testdata`; no release has it yet."""

PLACEHOLDERS = "sizes are equal (one) and proof is empty"

MOST = 300
LEAVES = [leaf_hash(b"%d" % number) for number in range(MOST)]


def reference_root(leaves: Sequence[bytes]) -> bytes:
    """Compute a root by the definition of RFC 6962, section 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY_ROOT
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(reference_root(leaves[:split]), reference_root(leaves[split:]))


def hash_at(level: int, index: int) -> bytes:
    """Find a subtree's hash by the same definition."""
    found = LEAVES[index << level : (index + 1) << level]
    assert len(found) == 1 << level
    return reference_root(found)


HASH_AT: HashAt = hash_at


def vectors(kind: str) -> list[dict[str, Any]]:
    """Read the files of one kind."""
    paths = sorted(Path(go_module(VECTORS), "testdata", kind).rglob("*.json"))
    return [json.loads(path.read_text()) | {"path": str(path)} for path in paths]


def hashes(values: list[str] | None) -> list[bytes]:
    """Read the hashes of a vector."""
    return [b64decode(value) for value in values or []]


def test_inclusion_agrees_with_all_vectors_of_transparency_dev() -> None:
    """Every one, also those that a plain RFC 9162 verifier takes: with hashes of other lengths."""
    found = vectors("inclusion")
    for vector in found:
        leaf, root = hashes([vector["leafHash"], vector["root"]])
        arguments = (vector["leafIdx"], vector["treeSize"], leaf, hashes(vector["proof"]), root)
        assert vector["wantErr"] == is_refused(verify_inclusion, *arguments), vector["path"]
    assert len(found) == 98
    assert 0 < sum(vector["wantErr"] for vector in found) < 98


def test_consistency_agrees_with_all_vectors_of_transparency_dev() -> None:
    """Every one but one, whose two roots are the words "don't care": no hash of ours has 12 bytes."""
    found = vectors("consistency")
    for vector in found:
        roots = hashes([vector["root1"], vector["root2"]])
        arguments = (vector["size1"], vector["size2"], *roots, hashes(vector["proof"]))
        must_be_refused = vector["wantErr"] or vector["desc"] == PLACEHOLDERS
        assert must_be_refused == is_refused(verify_consistency, *arguments), vector["path"]
    assert [False] == [vector["wantErr"] for vector in found if vector["desc"] == PLACEHOLDERS]
    assert len(found) == 98
    assert 0 < sum(vector["wantErr"] for vector in found) < 98


def is_refused(verify: Any, *arguments: object) -> bool:
    """Return whether a proof is refused."""
    try:
        verify(*arguments)
    except ProofError:
        return True
    return False


@pytest.mark.parametrize("size", range(66))
def test_every_proof_of_a_small_tree_holds(size: int) -> None:
    """All leaves, and all older trees, of every size up to two levels beyond a power of two."""
    root = root_hash(size, HASH_AT)
    assert reference_root(LEAVES[:size]) == root
    for index in range(size):
        verify_inclusion(index, size, LEAVES[index], inclusion_proof(index, size, HASH_AT), root)
    for old in range(1, size + 1):
        proof = consistency_proof(old, size, HASH_AT)
        verify_consistency(old, size, reference_root(LEAVES[:old]), root, proof)


SIZES = st.integers(1, MOST)


@given(st.data())
def test_a_proof_holds_for_its_own_leaf_and_tree_alone(data: st.DataObject) -> None:
    """Another leaf, place, size, root or hash is refused."""
    size = data.draw(SIZES)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, HASH_AT)
    root = root_hash(size, HASH_AT)
    verify_inclusion(index, size, LEAVES[index], proof, root)
    other = data.draw(st.integers(0, MOST - 1).filter(lambda number: number != index))
    assert is_refused(verify_inclusion, index, size, LEAVES[other], proof, root)
    assert is_refused(verify_inclusion, other, size, LEAVES[index], proof, root)
    assert is_refused(verify_inclusion, index, size, LEAVES[index], [*proof, root], root)
    assert is_refused(verify_inclusion, index, size, LEAVES[index], proof, LEAVES[other])
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        assert is_refused(verify_inclusion, index, size, LEAVES[index], proof[:-1], root)
        changed = [*proof[:place], LEAVES[other], *proof[place + 1 :]]
        if changed != proof:
            assert is_refused(verify_inclusion, index, size, LEAVES[index], changed, root)


@given(st.data())
def test_a_consistency_proof_holds_for_its_own_trees_alone(data: st.DataObject) -> None:
    """A tree that does not begin with the old one, or a changed proof, is refused."""
    old, new = sorted((data.draw(SIZES), data.draw(SIZES)))
    proof = consistency_proof(old, new, HASH_AT)
    old_root, new_root = root_hash(old, HASH_AT), root_hash(new, HASH_AT)
    verify_consistency(old, new, old_root, new_root, proof)
    stranger = leaf_hash(b"of another tree")
    assert is_refused(verify_consistency, old, new, stranger, new_root, proof)
    assert is_refused(verify_consistency, old, new, old_root, stranger, proof)
    assert is_refused(verify_consistency, old, new, old_root, new_root, [*proof, stranger])
    assert is_refused(verify_consistency, new + 1, new, new_root, old_root, proof)
    for place in range(len(proof)):
        changed = [*proof[:place], stranger, *proof[place + 1 :]]
        assert is_refused(verify_consistency, old, new, old_root, new_root, changed)
        assert is_refused(verify_consistency, old, new, old_root, new_root, proof[:place])


def test_what_is_in_no_tree_has_no_proof() -> None:
    """Nothing is in the empty tree, and no proof leads from it: every tree begins with it."""
    with pytest.raises(ProofError, match="A log of 0 entries has no entry 0"):
        inclusion_proof(0, 0, HASH_AT)
    with pytest.raises(ProofError, match="A log of 5 entries has no entry -1"):
        verify_inclusion(-1, 5, LEAVES[0], [], LEAVES[0])
    with pytest.raises(ProofError, match="No proof leads from 0 entries to 5"):
        consistency_proof(0, 5, HASH_AT)
    with pytest.raises(ProofError, match="No proof leads from 6 entries to 5"):
        verify_consistency(6, 5, LEAVES[0], LEAVES[0], [])
