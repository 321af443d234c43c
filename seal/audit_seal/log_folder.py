"""The log on disk: its tiles and entries for everybody, the salts of its slots for its keeper alone.

    log/checkpoint           the last signed checkpoint
    log/periods/N            the last checkpoint of each period that is over
    log/tile/...             tiles and bundles of entries, as C2SP tlog-tiles has them
    salts/000                the salts of a bundle's blocks, one after the other

What is behind the last checkpoint counts for nothing: a writer that was killed begins there again.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from audit_runtime import sync, write_durably

from audit_seal.block import SALT_BYTES, SLOT_BYTES, Block
from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import FormatError, SealError
from audit_seal.merkle import HASH_BYTES, HashAt, complete_root, leaf_hash, root_hash
from audit_seal.note import Note
from audit_seal.tiles import (
    TILE_WIDTH,
    Tile,
    bundle_path,
    decode_bundle,
    encode_entry,
    hashes_from_tiles,
)

__all__ = ["LogEntry", "LogReader", "LogWriter"]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry, and the salts of its slots if it is a block; zeros where salts were erased."""

    index: int
    entry: bytes
    salts: bytes = b""


class LogReader:
    """Reads a log. Raises SealError where a file is missing, can't be read or has another form."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "log"
        self._salts = folder / "salts"

    def checkpoint(self) -> Note | None:
        """Return the last signed checkpoint, its signatures unchecked; None before the first."""
        try:
            return Note.parse((self._log / "checkpoint").read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(error) from None

    def entries(self, first: int, end: int) -> Iterator[LogEntry]:
        """Yield the entries from `first` up to, and without, `end`; memory is bounded by a bundle."""
        for number in range(first // TILE_WIDTH, -(-end // TILE_WIDTH)):
            start = number * TILE_WIDTH
            for entry in self._bundle(number, min(end - start, TILE_WIDTH)):
                if entry.index >= first:
                    yield entry

    def entry(self, index: int) -> LogEntry:
        """Return one entry."""
        return next(self.entries(index, index + 1))

    def hash_at(self, size: int) -> HashAt:
        """Return the function that finds the hashes of the tree of this size, for roots and proofs."""
        return hashes_from_tiles(size, self._tile)

    def root(self, size: int) -> bytes:
        """Return the root of the tree of the first `size` entries."""
        return root_hash(size, self.hash_at(size))

    def _bundle(self, number: int, width: int) -> Iterator[LogEntry]:
        entries = decode_bundle(self._read(bundle_path(number), bundle_path(number, width)))[:width]
        if len(entries) < width:
            raise FormatError(
                f"Bundle {number} of the log has {len(entries)} entries instead of {width}"
            )
        try:
            salts = (self._salts / _salts_path(number)).read_bytes()
        except FileNotFoundError:
            salts = b""  # a mirror of the log has none
        except OSError as error:
            raise _unreadable(error) from None
        place = 0
        for at, entry in enumerate(entries):
            length = _salts_length(entry)
            found = salts[place : place + length]
            yield LogEntry(number * TILE_WIDTH + at, entry, found if len(found) == length else b"")
            place += length

    def _tile(self, tile: Tile) -> bytes:
        found = self._read(Tile(tile.level, tile.index).path, tile.path)
        return found[: tile.width * HASH_BYTES]

    def _read(self, full: str, partial: str) -> bytes:
        """Read a file of the log: the partial one, or a longer one that replaced it."""
        path = self._log / partial
        longer: list[Path] = []
        if partial != full:
            with suppress(FileNotFoundError):  # a sealer removes the folder once the full file is there
                there = [other for other in path.parent.iterdir() if other.name.isdecimal()]
                longer = [other for other in there if int(other.name) > int(path.name)]
        for candidate in (path, self._log / full, *longer):
            try:
                return candidate.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unreadable(error) from None
        raise SealError(f"{path} is missing: the folder of the log is incomplete")


class LogWriter(LogReader):
    """Appends to a log. What is appended is durable after `sync`, and counts after `publish`.

    The caller sees to it that there is one writer.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        note = self.checkpoint()
        self.size = Checkpoint.parse(note.text).size if note else 0
        """How many entries there are, with those that are not durable yet."""
        self._hashes: list[list[bytes]] = []
        """For each level the hashes that are in no full tile yet."""
        self._entries: list[bytes] = []
        """The entries that are in no full bundle yet."""
        self._unsalted = 0
        """How many bytes of salts of these entries are durable."""
        self._salted = bytearray()
        self._written: set[Path] = set()
        self._replaced: set[Path] = set()
        self._resume()

    def append(self, entry: bytes, salts: bytes = b"") -> int:
        """Add an entry, with a salt for each slot if it is a block; return its index."""
        index = self.size
        self._entries.append(encode_entry(entry))
        self._salted += salts
        self.size += 1
        self._add_hash(0, leaf_hash(entry))
        if len(self._entries) == TILE_WIDTH:
            number = index // TILE_WIDTH
            self._write(self._log / bundle_path(number), b"".join(self._entries))
            self._write_salts(number)
            self._entries, self._unsalted = [], 0
        return index

    def sync(self) -> Checkpoint:
        """Make all that was appended durable; return its size and root, without an origin."""
        for level, hashes in enumerate(self._hashes):
            if hashes:
                index = (self.size >> 8 * level) // TILE_WIDTH
                self._write(self._log / Tile(level, index, len(hashes)).path, b"".join(hashes))
        if self._entries:
            number = self.size // TILE_WIDTH
            path = self._log / bundle_path(number, len(self._entries))
            self._write(path, b"".join(self._entries))
            self._write_salts(number)
        self._flush()
        for path in self._replaced:
            rmtree(path, ignore_errors=True)
        self._replaced.clear()
        return Checkpoint("", self.size, self.root(self.size))

    def publish(self, note: Note) -> None:
        """Replace the checkpoint by this one, which has been signed after `sync`."""
        write_durably(self._log / "checkpoint", str(note).encode())

    def _resume(self) -> None:
        """Take up the right edge of the tree as it was at the last checkpoint."""
        size, level = self.size, 0
        while size:
            full, width = divmod(size, TILE_WIDTH)
            found = self._tile(Tile(level, full, width)) if width else b""
            self._hashes.append(
                [found[at : at + HASH_BYTES] for at in range(0, len(found), HASH_BYTES)]
            )
            size, level = full, level + 1
        number, width = divmod(self.size, TILE_WIDTH)
        if width:
            entries = [entry.entry for entry in self._bundle(number, width)]
            self._entries = [encode_entry(entry) for entry in entries]
            self._unsalted = sum(map(_salts_length, entries))

    def _add_hash(self, level: int, value: bytes) -> None:
        if level == len(self._hashes):
            self._hashes.append([])
        hashes = self._hashes[level]
        hashes.append(value)
        if len(hashes) == TILE_WIDTH:
            index = (self.size >> 8 * level) // TILE_WIDTH - 1
            self._write(self._log / Tile(level, index).path, b"".join(hashes))
            above = complete_root(hashes)
            hashes.clear()
            self._add_hash(level + 1, above)

    def _write(self, path: Path, data: bytes) -> None:
        """Write a file that appears whole; it is durable after the next `sync`."""
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
        temporary = path.with_name(f"{path.name}.new")
        temporary.write_bytes(data)
        temporary.replace(path)
        self._written.add(path)
        partial = path.with_name(f"{path.name}.p")
        if partial.is_dir():
            self._replaced.add(partial)

    def _flush(self) -> None:
        """Make what was written durable, and the names of it."""
        folders = {folder for path in self._written for folder in path.parents}
        for path in (*self._written, *(f for f in folders if f.is_relative_to(self.folder))):
            sync(path)
        self._written.clear()

    def _write_salts(self, number: int) -> None:
        path = self._salts / _salts_path(number)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("r+b" if path.exists() else "x+b") as file:
            file.seek(self._unsalted)
            file.write(self._salted)
            file.truncate()
        self._unsalted += len(self._salted)
        self._salted = bytearray()
        self._written.add(path)


def _unreadable(error: OSError) -> SealError:
    return SealError(f"{error.filename} can't be read: {error.strerror}")


def _salts_path(number: int) -> str:
    return bundle_path(number).removeprefix("tile/entries/")


def _salts_length(entry: bytes) -> int:
    """Return how many bytes of salts an entry has."""
    if not entry.startswith(b"auditlog/block@"):
        return 0
    return len(Block.decode(entry).slots) // SLOT_BYTES * SALT_BYTES
