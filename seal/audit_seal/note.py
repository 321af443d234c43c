"""Signed notes and their keys: C2SP signed-note, with Ed25519 signatures and cosignatures.

https://c2sp.org/signed-note and https://c2sp.org/tlog-cosignature
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit_seal.errors import FormatError, SignatureError

__all__ = ["COSIGNATURE", "ED25519", "KeyType", "Note", "Signature", "SigningKey", "VerifierKey"]

KeyType = Literal[1, 4]
ED25519: KeyType = 1
"""A signature of the note's text alone."""
COSIGNATURE: KeyType = 4
"""A signature of a checkpoint's text and the time of signing."""

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100

_NAME = re.compile(r"[^\s+]+")
_PRIVATE = "PRIVATE+KEY+"
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_MAX_TIME = 253_402_300_799
"""The last second of the year 9999: later ones are no times, and nobody could show them."""
_KEY_BYTES = 32


def decode_base64(text: str) -> bytes:
    """Return the bytes of standard base 64, which has one form for them. Raises FormatError."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("A line is not base 64") from None
    if encode_base64(decoded) != text:
        raise FormatError("A line is not base 64 in its usual form")
    return decoded


def encode_base64(data: bytes) -> str:
    """Return bytes in standard base 64."""
    return base64.b64encode(data).decode()


@dataclass(frozen=True, slots=True)
class Signature:
    """One line below a note: whose it claims to be, and its bytes."""

    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        """Return the line, without its end."""
        return f"\N{EM DASH} {self.name} {encode_base64(self.key_id + self.value)}"

    @classmethod
    def parse(cls, line: str) -> "Signature":
        """Read a line. Raises FormatError."""
        match line.split(" "):
            case ["\N{EM DASH}", name, encoded] if _NAME.fullmatch(name):
                decoded = decode_base64(encoded)
                if len(decoded) > _KEY_ID_BYTES:
                    return cls(name, decoded[:_KEY_ID_BYTES], decoded[_KEY_ID_BYTES:])
        raise FormatError("A line below a note is not a signature")


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a line break, and the signatures below it, which are not checked yet."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def __str__(self) -> str:
        """Return the note as it is stored and sent."""
        return f"{self.text}\n" + "".join(f"{signature}\n" for signature in self.signatures)

    @classmethod
    def parse(cls, raw: bytes | str) -> "Note":
        """Read a note. Raises FormatError."""
        if len(raw) > MAX_NOTE_BYTES:
            raise FormatError(f"A note of {len(raw)} bytes: at most {MAX_NOTE_BYTES} are read")
        try:
            note = (raw if isinstance(raw, bytes) else raw.encode()).decode()
        except UnicodeError:
            raise FormatError("A note is not UTF-8") from None
        if any(character < " " and character != "\n" for character in note):
            raise FormatError("A note has control characters")
        text, separator, below = note.rpartition("\n\n")
        if not separator or not below.endswith("\n"):
            raise FormatError("A note has no signature")
        lines = below[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise FormatError(f"A note has more than {MAX_SIGNATURES} signatures")
        return cls(f"{text}\n", tuple(Signature.parse(line) for line in lines))

    def signed_by(self, *keys: "SigningKey", time: int = 0) -> "Note":
        """Return the note with the signatures of more keys; `time` in seconds is for cosignatures."""
        return self.with_signatures(key.sign(self.text, time) for key in keys)

    def with_signatures(self, signatures: Iterable[Signature]) -> "Note":
        """Return the note with more signatures."""
        return Note(self.text, (*self.signatures, *signatures))

    def verify(self, key: "VerifierKey") -> int:
        """Check the key's signature; return its time in seconds, 0 where it has none.

        Raises SignatureError if it is missing or, at any of the key's lines, wrong.
        """
        times = [
            key.verify(self.text, signature)
            for signature in self.signatures
            if (signature.name, signature.key_id) == (key.name, key.key_id)
        ]
        if not times:
            raise SignatureError(f"There is no signature of {key.name}")
        return max(times)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name: what a signature is checked with."""

    name: str
    type: KeyType
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Return the four bytes that signatures of this key begin with."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[
            :_KEY_ID_BYTES
        ]

    def __str__(self) -> str:
        """Return the key in the form of files and settings: NAME+ID+KEY."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.type]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read a key. Raises FormatError."""
        name, key_id, encoded = [*text.split("+", 2), "", ""][:3]
        if not _NAME.fullmatch(name) or not re.fullmatch("[0-9a-f]{8}", key_id):
            raise FormatError("A verifier key has the form NAME+ID+KEY")
        material = decode_base64(encoded)
        match list(material[:1]):
            case [1 | 4 as kind] if len(material) == 1 + _KEY_BYTES:
                key = cls(name, kind, material[1:])
            case _:
                raise FormatError(f"The key of {name} is of a kind that is not supported")
        if key.key_id.hex() != key_id:
            raise FormatError(f"The key of {name} does not have the ID {key_id}")
        return key

    def verify(self, text: str, signature: Signature) -> int:
        """Check a signature of a note's text; return its time, 0 where it has none.

        Raises SignatureError.
        """
        value, time = signature.value, 0
        if self.type == COSIGNATURE:
            time, value = int.from_bytes(value[:_TIME_BYTES], "big"), value[_TIME_BYTES:]
            if not 0 < time <= _MAX_TIME:
                raise SignatureError(f"The signature of {self.name} has no time")
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(
                value, _message(self.type, text, time)
            )
        except (InvalidSignature, ValueError):
            raise SignatureError(f"The signature of {self.name} is wrong") from None
        return time


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name."""

    name: str
    type: KeyType
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        """Return the public key."""
        return VerifierKey(self.name, self.type, self.private.public_key().public_bytes_raw())

    def encode(self) -> str:
        """Return the key in the form of files, Go's: PRIVATE+KEY+NAME+ID+KEY."""
        material = bytes([self.type]) + self.private.private_bytes_raw()
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{encode_base64(material)}"

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        """Read a key. Raises FormatError, which says nothing of the key."""
        name, key_id, encoded = [*text.removeprefix(_PRIVATE).split("+", 2), "", ""][:3]
        if not text.startswith(_PRIVATE) or not _NAME.fullmatch(name):
            raise FormatError(f"A private key has the form {_PRIVATE}NAME+ID+KEY")
        material = decode_base64(encoded)
        match list(material[:1]):
            case [1 | 4 as kind] if len(material) == 1 + _KEY_BYTES:
                key = cls(name, kind, Ed25519PrivateKey.from_private_bytes(material[1:]))
            case _:
                raise FormatError(f"The private key of {name} is of a kind that is not supported")
        if key.verifier.key_id.hex() != key_id:
            raise FormatError(f"The private key of {name} does not have the ID that it says")
        return key

    @classmethod
    def generate(cls, name: str, kind: KeyType) -> "SigningKey":
        """Return a new key. Raises FormatError for a name that a note can't have."""
        if not _NAME.fullmatch(name):
            raise FormatError(f"A key's name has no spaces and no plus: {name!r}")
        return cls(name, kind, Ed25519PrivateKey.generate())

    def sign(self, text: str, time: int = 0) -> Signature:
        """Return a signature of a note's text; a cosignature states the time, in seconds.

        Raises FormatError for a cosignature without a time.
        """
        if self.type == COSIGNATURE and not 0 < time <= _MAX_TIME:
            raise FormatError(f"A cosignature has a time; {time} is not one")
        value = self.private.sign(_message(self.type, text, time))
        if self.type == COSIGNATURE:
            value = time.to_bytes(_TIME_BYTES, "big") + value
        return Signature(self.name, self.verifier.key_id, value)


def _message(kind: KeyType, text: str, time: int) -> bytes:
    return (f"cosignature/v1\ntime {time}\n{text}" if kind == COSIGNATURE else text).encode()
