"""What a log sends to a witness: C2SP tlog-witness, add-checkpoint.

https://c2sp.org/tlog-witness
"""

import re
from dataclasses import dataclass

from audit_seal.errors import FormatError
from audit_seal.note import Note, decode_base64, encode_base64

__all__ = ["MAX_PROOF_HASHES", "SIZE_TYPE", "AddCheckpoint"]

MAX_PROOF_HASHES = 63
SIZE_TYPE = "text/x.tlog.size"
"""The media type of the size that a witness answers where it has seen another than the log says."""

_OLD = re.compile("old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A checkpoint, and the proof that its log extends the one of the old size."""

    old_size: int
    proof: tuple[bytes, ...]
    note: Note

    def encode(self) -> bytes:
        """Return the body of the request."""
        lines = [f"old {self.old_size}", *map(encode_base64, self.proof)]
        return ("\n".join(lines) + f"\n\n{self.note}").encode()

    @classmethod
    def decode(cls, body: bytes) -> "AddCheckpoint":
        """Read the body of a request. Raises FormatError."""
        try:
            head, separator, note = body.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise FormatError("The request is not UTF-8") from None
        first, *lines = head.split("\n")
        old_size = _OLD.fullmatch(first)
        if old_size is None or not separator or len(lines) > MAX_PROOF_HASHES:
            raise FormatError(
                "A request has the old size, the hashes of a proof, an empty line and a checkpoint"
            )
        return cls(int(old_size[1]), tuple(map(decode_base64, lines)), Note.parse(note))
