"""Checkpoints of C2SP tlog-checkpoint: what a log signs, its size and its root.

https://c2sp.org/tlog-checkpoint
"""

import re
from dataclasses import dataclass

from audit_seal.errors import FormatError
from audit_seal.merkle import HASH_BYTES
from audit_seal.note import decode_base64, encode_base64

__all__ = ["Checkpoint"]

_NUMBER = re.compile("0|[1-9][0-9]{0,18}")
_MAX_SIZE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log: the name it goes by, how many entries it has, and their root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """Return the text of the note that is signed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read a note's text; lines after the third say nothing to us. Raises FormatError."""
        lines = text.split("\n")
        if len(lines) < 4 or not all(lines[:-1]) or lines[-1]:  # noqa: PLR2004 - and the end of the last
            raise FormatError("A checkpoint has an origin, a size and a root, each a line")
        origin, size, root, *_ = lines
        if not _NUMBER.fullmatch(size) or int(size) > _MAX_SIZE:
            raise FormatError("The size of a checkpoint is not a number")
        decoded = decode_base64(root)
        if len(decoded) != HASH_BYTES:
            raise FormatError(f"The root of a checkpoint does not have {HASH_BYTES} bytes")
        return cls(origin, int(size), decoded)
