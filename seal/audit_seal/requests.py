"""What commands ask the sealer to append: files in its folder, taken in with the next checkpoint.

So there is one writer, whoever asks; and who may ask is who may write into that folder, which is not
an administrator of Elasticsearch or Kafka.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from audit_runtime import write_durably

from audit_seal.block import SALT_BYTES, Block
from audit_seal.errors import FormatError, SealError
from audit_seal.statement import RetiredStatement, decode_entry
from audit_seal.tiles import MAX_ENTRY_BYTES

__all__ = ["Request", "Requests", "salted"]

_LENGTH_BYTES = 4

Request = tuple[bytes, bytes]
"""An entry, and the salts of its slots if it is a block."""


class Requests:
    """The requests in a log's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "requests"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let nobody else ask meanwhile for what hangs on the log as it is now.

        Raises SealError where somebody does, or has and the sealer has not taken it in, or where there
        is no folder that this account may write.
        """
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            folder = os.open(self._folder, os.O_RDONLY)
        except OSError as error:
            raise SealError(f"{self._folder} can't be used: {error.strerror}") from None
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.waiting():
                raise SealError(
                    "Other requests wait for the sealer's next checkpoint: try again after it. If no "
                    "sealer runs: auditlog seal run --once"
                )
            yield
        except BlockingIOError:
            raise SealError("Another command asks the sealer at the moment: try again later") from None
        finally:
            os.close(folder)

    def write(self, requests: Iterable[Request]) -> None:
        """Ask for these entries, in this order. Raises OSError."""
        data = b"".join(
            len(part).to_bytes(_LENGTH_BYTES, "big") + part for request in requests for part in request
        )
        self._folder.mkdir(mode=0o700, exist_ok=True)
        write_durably(self._folder / f"{time.time_ns()}-{uuid4().hex}", data)

    def waiting(self) -> list[Path]:
        """Return the files that wait, the oldest first. Raises OSError."""
        if not self._folder.is_dir():
            return []
        return sorted(each for each in self._folder.iterdir() if not each.suffix)

    @staticmethod
    def read(path: Path) -> Iterator[Request]:
        """Yield what a file asks for. Raises FormatError for what may not be asked for, OSError."""
        data = path.read_bytes()
        parts = []
        while data:
            end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "big")
            if end > len(data):
                raise FormatError(f"{path} ends in the middle of an entry")
            parts.append(data[_LENGTH_BYTES:end])
            data = data[end:]
        if len(parts) % 2:
            raise FormatError(f"{path} ends behind an entry without its salts")
        for entry, salts in zip(parts[::2], parts[1::2], strict=True):
            if len(entry) > MAX_ENTRY_BYTES:
                raise FormatError(f"{path} asks for an entry of {len(entry)} bytes")
            match decode_entry(entry):
                case Block(first=first, end=end) if len(salts) == (end - first) * SALT_BYTES:
                    yield entry, salts
                case RetiredStatement() if not salts:
                    yield entry, b""
                case _:
                    raise FormatError(f"{path} asks for what only the sealer says")

    @staticmethod
    def refuse(path: Path) -> None:
        """Put a file aside, if this account may."""
        with suppress(OSError):
            path.rename(path.with_name(f"{path.name}.refused"))

    @staticmethod
    def remove(path: Path) -> bool:
        """Remove a file; tell whether it is gone."""
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return not path.exists()


def salted(block: Block, salts: bytes) -> Request:
    """Return the request for a block."""
    return block.encode(), salts
