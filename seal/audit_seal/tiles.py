"""Tiles of C2SP tlog-tiles: how a log of any length is cut into files, and read back from them.

A tile has up to 256 hashes of one tree level; a bundle has the entries behind a tile of level 0.
https://c2sp.org/tlog-tiles
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from audit_seal.errors import FormatError, ProofError
from audit_seal.merkle import HASH_BYTES, HashAt, complete_root

__all__ = [
    "MAX_ENTRY_BYTES",
    "TILE_WIDTH",
    "Tile",
    "bundle_path",
    "decode_bundle",
    "encode_entry",
    "hashes_from_tiles",
    "tiles_of",
]

TILE_WIDTH = 256
MAX_ENTRY_BYTES = 0xFFFF
_LEVELS = 8  # of the tree in a tile
_CACHED = 64


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile, and how many hashes it has."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it is, below the log's folder or address."""
        return f"tile/{self.level}/{_numbered(self.index, self.width)}"


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return where the entries behind a tile of level 0 are."""
    return f"tile/entries/{_numbered(index, width)}"


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every tile that a log of this size has, the lowest level first."""
    level = 0
    while size:
        full, rest = divmod(size, TILE_WIDTH)
        yield from (Tile(level, index) for index in range(full))
        if rest:
            yield Tile(level, full, rest)
        size, level = full, level + 1


def hashes_from_tiles(size: int, read: Callable[[Tile], bytes]) -> HashAt:
    """Return the function that finds any subtree's hash in the tiles of a log of this size.

    `read` gives the bytes of a tile: its hashes, one after the other. The function raises ProofError
    for a subtree that is not in the log, FormatError for a tile of another length.
    """

    @lru_cache(_CACHED)
    def hashes(level: int, index: int) -> bytes:
        width = min(TILE_WIDTH, (size >> _LEVELS * level) - index * TILE_WIDTH)
        tile = Tile(level, index, width)
        found = read(tile)
        if len(found) != width * HASH_BYTES:
            raise FormatError(f"{tile.path} has {len(found)} bytes instead of {width * HASH_BYTES}")
        return found

    def hash_at(level: int, index: int) -> bytes:
        if not 0 <= index < size >> level:
            raise ProofError(f"A log of {size} entries has no subtree {index} of level {level}")
        tile_level, depth = divmod(level, _LEVELS)
        tile, place = divmod(index << depth, TILE_WIDTH)
        found = hashes(tile_level, tile)
        return complete_root(
            [
                found[at * HASH_BYTES : (at + 1) * HASH_BYTES]
                for at in range(place, place + (1 << depth))
            ]
        )

    return hash_at


def encode_entry(entry: bytes) -> bytes:
    """Return an entry as it stands in a bundle, behind its length."""
    if len(entry) > MAX_ENTRY_BYTES:
        raise FormatError(f"An entry of {len(entry)} bytes: at most {MAX_ENTRY_BYTES} are possible")
    return len(entry).to_bytes(2, "big") + entry


def decode_bundle(bundle: bytes) -> list[bytes]:
    """Return a bundle's entries."""
    entries = []
    place = 0
    while place < len(bundle):
        end = place + 2 + int.from_bytes(bundle[place : place + 2], "big")
        if place + 2 > len(bundle) or end > len(bundle):
            raise FormatError("A bundle of entries ends in the middle of an entry")
        entries.append(bundle[place + 2 : end])
        place = end
    return entries


def _numbered(index: int, width: int) -> str:
    digits = f"{index:d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"
