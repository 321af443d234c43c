"""The slots and salts of offsets, read from the log's folder."""

from functools import lru_cache

from audit_seal.block import SALT_BYTES, Block
from audit_seal.log_folder import LogEntry, LogReader
from audit_seal.sealed_log import BlockPlace
from audit_seal.tiles import TILE_WIDTH

__all__ = ["SlotReader"]

_BUNDLES = 8
_BLOCKS = 512


class SlotReader:
    """Finds the slot and the salt of an offset; what is near in the log is kept."""

    def __init__(self, reader: LogReader, size: int) -> None:
        @lru_cache(_BUNDLES)
        def bundle(number: int) -> list[LogEntry]:
            first = number * TILE_WIDTH
            return list(reader.entries(first, min(first + TILE_WIDTH, size)))

        @lru_cache(_BLOCKS)
        def block(entry: int) -> tuple[Block, bytes]:
            found = bundle(entry // TILE_WIDTH)[entry % TILE_WIDTH]
            return Block.decode(found.entry), found.salts

        self.block = block

    def find(self, place: BlockPlace, offset: int) -> tuple[bytes, bytes]:
        """Return slot and salt; no salt where it was erased, or only the log is here."""
        block, salts = self.block(place.entry)
        at = (offset - block.first) * SALT_BYTES
        salt = salts[at : at + SALT_BYTES]
        return block.slot(offset), salt if salt.strip(b"\0") else b""
