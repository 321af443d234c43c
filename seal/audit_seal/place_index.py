"""Which entry of the log has the block of an offset: an index beside the log, made again if missing.

It is derived, and believed by nobody: what it leads to is checked by its hashes.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from audit_seal.block import BLOCK_SLOTS, Block
from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import FormatError, SealError
from audit_seal.log_folder import LogEntry, LogReader
from audit_seal.note import encode_base64

__all__ = ["PlaceIndex"]

_SCHEMA = """
create table if not exists read (size integer, root text);
create table if not exists block (
    topic text, partition integer, first integer, end integer, entry integer,
    primary key (topic, partition, first, entry)
) without rowid;
pragma user_version = 1; -- which fails where the index can be read, but not be written
"""
_NAME = "places.sqlite"


class PlaceIndex:
    """Finds blocks. A context manager, for one thread at a time.

    Where the folder is read-only, the index is in memory.
    """

    def __init__(self, folder: Path) -> None:
        self._reader = LogReader(folder)
        self._path = folder / _NAME
        try:
            self._db = sqlite3.connect(self._path, check_same_thread=False)
            self._db.executescript(_SCHEMA)
        except sqlite3.Error:
            self._db = sqlite3.connect(":memory:", check_same_thread=False)
            self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index."""
        self._db.close()

    def find(self, checkpoint: Checkpoint, topic: str, partition: int, offset: int) -> list[int]:
        """Return the entries whose blocks have an offset; several, if the topic was created again.

        Reads what is new in the log up to the checkpoint first. Raises SealError.
        """
        try:
            self._read(checkpoint)
            found = self._db.execute(
                "select entry, end from block"
                " where topic = ? and partition = ? and first <= ? and first > ?",
                (topic, partition, offset, offset - BLOCK_SLOTS),
            )
            return [entry for entry, end in found if offset < end and entry < checkpoint.size]
        except sqlite3.Error as error:
            raise SealError(
                f"{self._path} can't be used ({error}). Remove it: it is made again from the log"
            ) from None

    def _read(self, checkpoint: Checkpoint) -> None:
        row = self._db.execute("select size, root from read").fetchone()
        size, root = row or (0, "")
        if size == checkpoint.size:
            return
        if size > checkpoint.size or (size and encode_base64(self._reader.root(size)) != root):
            self._db.execute("delete from block")  # of another log, that was here before
            size = 0
        with self._db:
            self._db.executemany(
                "insert or replace into block values (?, ?, ?, ?, ?)",
                _blocks(self._reader.entries(size, checkpoint.size)),
            )
            self._db.execute("delete from read")
            self._db.execute(
                "insert into read values (?, ?)", (checkpoint.size, encode_base64(checkpoint.root))
            )


def _blocks(entries: Iterable[LogEntry]) -> Iterable[tuple[str, int, int, int, int]]:
    for each in entries:
        try:
            block = Block.decode(each.entry)
        except FormatError:
            continue  # a statement
        yield block.topic, block.partition, block.first, block.end, each.index
