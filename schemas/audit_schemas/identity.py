"""Event ids: set once, before any retry, so that a retry can be told from a new event."""

import hashlib
import os
import time
import uuid
from collections import defaultdict
from functools import lru_cache

__all__ = ["LineIds", "new_event_id", "uuid5_text"]

_LINES = uuid.UUID("6f9d2f5e-0d0c-5c53-9a53-7b8f3f0a4c11")
"""Namespace of the ids that lines of a file get. Changing it would double every re-published file."""

_TOGETHER, _DIGITS = 256, 20
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""Of RFC 9562: the two highest bits are 1 and 0."""


def new_event_id() -> str:
    """Return a UUIDv7 (RFC 9562): unique, and ordered by time, which keeps the index's ids compact."""
    begin = _begin_of(time.time_ns() // 1_000_000)
    try:
        return begin + _endings.pop()
    except IndexError:
        return begin + _new_ending()


_endings: list[str] = []
"""What the next ids end with. No two threads pop the same one, and a child of a fork starts afresh."""


def _new_ending() -> str:
    """Return the random part of an id, and put those of the next ids into `_endings`.

    The system is asked for the randomness of many at once. Each has 74 bits of its own, so nobody who
    sees an id can tell the next one, and publish something else under it before.
    """
    digits = os.urandom(_TOGETHER * _DIGITS // 2).hex()
    parts = [digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
    first, *others = (f"{p[:3]}-{_VARIANT[p[3]]}{p[4:7]}-{p[7:19]}" for p in parts)
    _endings.extend(others)
    return first


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_endings.clear)


@lru_cache(maxsize=1)
def _begin_of(milliseconds: int) -> str:
    moment = f"{milliseconds:012x}"
    return f"{moment[:8]}-{moment[8:12]}-7"


def uuid5_text(namespace: uuid.UUID, name: str) -> str:
    """Return `str(uuid.uuid5(namespace, name))`, in a quarter of its time."""
    digest = hashlib.sha1(namespace.bytes + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


class LineIds:
    """Ids for the lines of one file, the same at every reading of it.

    An id is a UUIDv5 of the line's bytes and of how often they stood there before, so two equal
    lines are two events, and lines that are added elsewhere in the file change no other id.
    Memory: about 100 bytes a distinct line.
    """

    def __init__(self) -> None:
        self._seen: defaultdict[int, int] = defaultdict(int)

    def next_id(self, line: bytes) -> str:
        """Return the id of this occurrence of `line`, surrounding white space apart."""
        digest = hashlib.sha256(line.strip()).digest()
        key = int.from_bytes(digest[:8])
        occurrence = self._seen[key]
        self._seen[key] = occurrence + 1
        return uuid5_text(_LINES, f"{digest.hex()}:{occurrence}")
