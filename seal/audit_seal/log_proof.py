"""Proofs of C2SP tlog-proof: that an entry is in a log, for somebody who has only its keys.

https://c2sp.org/tlog-proof
"""

import re
from dataclasses import dataclass

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import FormatError
from audit_seal.merkle import leaf_hash, verify_inclusion
from audit_seal.note import Note, decode_base64, encode_base64

__all__ = ["LogProof"]

_FIRST = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile("index (0|[1-9][0-9]{0,18})")
_MOST_HASHES = 63


@dataclass(frozen=True, slots=True)
class LogProof:
    """The place of an entry, the hashes that lead to the root, and the signed checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Note
    extra: bytes = b""
    """What the application adds; the log does not authenticate it."""

    def __str__(self) -> str:
        """Return the proof as it stands in a file."""
        lines = [_FIRST]
        if self.extra:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines += map(encode_base64, self.hashes)
        return "\n".join(lines) + f"\n\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> "LogProof":
        """Read a proof. Raises FormatError."""
        head, separator, note = text.partition("\n\n")
        first, *lines = head.split("\n")
        if first != _FIRST or not separator:
            raise FormatError(f"A proof begins with {_FIRST}, and ends with a checkpoint")
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "))
            if not extra:
                raise FormatError("A proof without extra data has no line for it")
        index = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if index is None or len(lines) > _MOST_HASHES:
            raise FormatError("A proof has the entry's index, and a hash a line behind it")
        return cls(int(index[1]), tuple(map(decode_base64, lines)), Note.parse(note), extra)

    def verify(self, entry: bytes) -> Checkpoint:
        """Return the checkpoint whose tree has the entry, signatures unchecked. Raises ProofError."""
        checkpoint = Checkpoint.parse(self.checkpoint.text)
        verify_inclusion(self.index, checkpoint.size, leaf_hash(entry), self.hashes, checkpoint.root)
        return checkpoint
