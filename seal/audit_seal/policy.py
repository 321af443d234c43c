"""Whom to believe: the keys of logs and witnesses, as a C2SP tlog-policy file.

https://c2sp.org/tlog-policy
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import FormatError, SignatureError
from audit_seal.note import COSIGNATURE, Note, VerifierKey

__all__ = ["Cosigned", "Policy", "Verdict", "Witness"]

_NUMBER = re.compile("[1-9][0-9]{0,5}")
_CONTROL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f]")


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness, its key, and where it takes checkpoints, if that is said."""

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness's signature of a checkpoint, and when it signed, in seconds since the epoch."""

    witness: str
    time: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A checkpoint that a policy takes, and who signed it."""

    checkpoint: Checkpoint
    cosigned: tuple[Cosigned, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Logs, witnesses, and how many of these must have signed a checkpoint."""

    logs: tuple[VerifierKey, ...]
    witnesses: tuple[Witness, ...]
    quorum: str
    _groups: Mapping[str, _Group] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """Read a policy file. Raises FormatError, which says the line."""
        if _CONTROL.search(text):
            raise FormatError("A policy has control characters; its lines end with a line feed alone")
        draft = _Draft()
        for number, line in enumerate(text.split("\n"), 1):
            words = [word for word in re.split("[ \t]", line) if word]
            if words and not words[0].startswith("#"):
                try:
                    draft.read(words)
                except FormatError as error:
                    raise FormatError(f"Line {number} of the policy: {error}") from None
        if draft.quorum is None:
            raise FormatError("The policy has no quorum; without witnesses it says: quorum none")
        return cls(tuple(draft.logs), tuple(draft.witnesses), draft.quorum, draft.groups)

    def verify(self, note: Note) -> Verdict:
        """Return what a checkpoint says, if a log signed it, and as many witnesses as must.

        Raises SignatureError, FormatError.
        """
        checkpoint = Checkpoint.parse(note.text)
        keys = [key for key in self.logs if key.name == checkpoint.origin]
        if not keys:
            raise SignatureError(f"The policy does not know the log {checkpoint.origin}")
        signed = {(signature.name, signature.key_id) for signature in note.signatures}
        keys = [key for key in keys if (key.name, key.key_id) in signed]
        if not keys:
            raise SignatureError(f"The checkpoint is not signed by {checkpoint.origin}")
        for key in keys:
            note.verify(key)
        cosigned = tuple(
            Cosigned(witness.name, note.verify(witness.key))
            for witness in self.witnesses
            if (witness.key.name, witness.key.key_id) in signed
        )
        if not self._is_met(self.quorum, {cosignature.witness for cosignature in cosigned}):
            raise SignatureError(f"Not enough witnesses have signed the checkpoint: {self.quorum}")
        return Verdict(checkpoint, cosigned)

    def _is_met(self, name: str, cosigned: set[str]) -> bool:
        if name == "none":
            return True
        group = self._groups.get(name)
        if group is None:
            return name in cosigned
        return sum(self._is_met(member, cosigned) for member in group.members) >= group.needed


class _Draft:
    """A policy while its lines are read, each of which may name only what stands above it."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: list[Witness] = []
        self.groups: dict[str, _Group] = {}
        self.quorum: str | None = None
        self._free: set[str] = set()
        """Names of witnesses and groups that are in no group yet."""

    def read(self, words: list[str]) -> None:
        """Take in a line. Raises FormatError."""
        match words:
            case ["log", key] | ["log", key, _]:
                self.logs.append(_new_key(key, self.logs))
            case ["witness", name, key, *url] if len(url) <= 1:
                self._add_name(name)
                self.witnesses.append(Witness(name, self._witness_key(key), *url))
            case ["group", name, needed, *members] if members:
                for member in members:
                    if member not in self._free:
                        raise FormatError(f"{member} is not defined above, or is in a group already")
                    self._free.discard(member)
                self._add_name(name)
                self.groups[name] = _Group(_needed(needed, members), tuple(members))
            case ["quorum", name] if self.quorum is None:
                if name != "none" and not self._is_defined(name):
                    raise FormatError(f"{name} is neither a witness nor a group")
                self.quorum = name
            case _:
                raise FormatError("it is not of a form that a policy's lines have")

    def _add_name(self, name: str) -> None:
        if name == "none" or self._is_defined(name):
            raise FormatError(f"{name} has a meaning already")
        self._free.add(name)

    def _is_defined(self, name: str) -> bool:
        return name in self.groups or name in {witness.name for witness in self.witnesses}

    def _witness_key(self, text: str) -> VerifierKey:
        key = _new_key(text, [witness.key for witness in self.witnesses])
        if key.type != COSIGNATURE:
            raise FormatError(f"The key of {key.name} is not one for cosignatures")
        return key


def _new_key(text: str, keys: Sequence[VerifierKey]) -> VerifierKey:
    key = VerifierKey.parse(text)
    if any(key.public == other.public for other in keys):
        raise FormatError(f"The key of {key.name} stands there twice")
    return key


def _needed(text: str, members: Sequence[str]) -> int:
    if text in ("all", "any"):
        return len(members) if text == "all" else 1
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= len(members):
        raise FormatError(f"At least 1 and at most {len(members)} of a group's members can be needed")
    return int(text)
