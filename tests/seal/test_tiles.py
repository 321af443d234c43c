"""Tiles: the shapes and names that C2SP tlog-tiles gives them, and hashes read back from them."""

from collections import Counter

import pytest
from audit_seal import FormatError, ProofError
from audit_seal.merkle import HASH_BYTES, complete_root, leaf_hash, root_hash
from audit_seal.tiles import (
    MAX_ENTRY_BYTES,
    Tile,
    bundle_path,
    decode_bundle,
    encode_entry,
    hashes_from_tiles,
    tiles_of,
)
from hypothesis import given
from hypothesis import strategies as st

SIZE = 70_000
LEAVES = [leaf_hash(b"%d" % number) for number in range(SIZE)]


def tile_bytes(tile: Tile) -> bytes:
    """Compute a tile from the leaves."""
    count = 256**tile.level
    first = tile.index * 256 * count
    starts = range(first, first + tile.width * count, count)
    return b"".join(complete_root(LEAVES[start : start + count]) for start in starts)


def test_seventy_thousand_leaves_have_the_tiles_of_the_standard() -> None:
    """Its own example, word for word: 273 full and one of 112, one full and one of 17, one of 1."""
    tiles = list(tiles_of(SIZE))
    assert {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1} == Counter(
        (tile.level, tile.width) for tile in tiles
    )
    assert [(0, 256), (1, 1)] == [(tile.level, tile.width) for tile in tiles_of(256)]
    assert [] == list(tiles_of(0))


def test_a_root_of_seventy_thousand_leaves_comes_from_three_tiles() -> None:
    """Nothing but the tiles on the tree's right edge is read, each once."""
    read: list[Tile] = []

    def reading(tile: Tile) -> bytes:
        read.append(tile)
        return tile_bytes(tile)

    row = LEAVES
    while len(row) > 1:  # a lone last node moves up as it is, which gives the same tree
        pairs = [complete_root(row[at : at + 2]) for at in range(0, len(row) - 1, 2)]
        row = pairs + row[len(row) - len(row) % 2 :]
    assert row[0] == root_hash(SIZE, hashes_from_tiles(SIZE, reading))
    assert [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)] == sorted(
        read, key=lambda tile: tile.level
    )


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
        (Tile(1, 1_234_067), "tile/1/x001/x234/067"),
        (Tile(2, 1_000, 1), "tile/2/x001/000.p/1"),
    ],
)
def test_a_tile_has_the_path_of_the_standard(tile: Tile, path: str) -> None:
    """Three digits a folder, those before the last with an x; how wide a partial one is."""
    assert path == tile.path


def test_a_bundle_has_the_path_of_the_standard() -> None:
    """As a tile, below entries."""
    assert "tile/entries/x001/x234/067" == bundle_path(1_234_067)
    assert "tile/entries/273.p/112" == bundle_path(273, 112)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_entries_come_back_from_their_bundle(entries: list[bytes]) -> None:
    """Also empty ones."""
    bundle = b"".join(map(encode_entry, entries))
    assert entries == decode_bundle(bundle)
    if bundle:
        with pytest.raises(FormatError, match="in the middle of an entry"):
            decode_bundle(bundle + b"\0")


def test_an_entry_that_is_too_long_is_refused() -> None:
    """Its length has two bytes."""
    encode_entry(bytes(MAX_ENTRY_BYTES))
    with pytest.raises(FormatError, match="An entry of 65536 bytes: at most 65535"):
        encode_entry(bytes(MAX_ENTRY_BYTES + 1))


@pytest.mark.parametrize(("level", "index"), [(0, 300), (2, 75), (8, 1), (9, 0), (16, 0), (3, -1)])
def test_what_is_not_in_the_tree_has_no_hash(level: int, index: int) -> None:
    """A wrong size is an error, never a hash over fewer leaves."""
    with pytest.raises(ProofError, match="A log of 300 entries has no subtree"):
        hashes_from_tiles(300, tile_bytes)(level, index)


def test_a_tile_that_was_cut_short_is_refused() -> None:
    """Its name says how many hashes it has."""
    hash_at = hashes_from_tiles(300, lambda tile: tile_bytes(tile)[:-HASH_BYTES])
    with pytest.raises(FormatError, match=r"tile/0/001.p/44 has 1376 bytes instead of 1408"):
        hash_at(0, 299)
