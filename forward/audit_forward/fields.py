"""What a stream leaves out of its documents, and what it pseudonymises. Pure.

A value that is left out or pseudonymised is so in its copies too: `related.user`, `audit.user`, which
has a name as the log shows it, and the like. The published text and its hash go in any case, since they
hold everything, or confirm a guess.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any

from audit_schemas import shown_person

__all__ = ["COPIES", "FieldRules", "pseudonym"]

COPIES: Mapping[str, tuple[str, ...]] = {
    "user.id": ("related.user", "audit.user"),
    "user.name": ("related.user", "audit.user"),
    "user.effective.id": ("related.user",),
    "user.effective.name": ("related.user",),
    "user.target.id": ("related.user",),
    "user.target.name": ("related.user",),
    "source.ip": ("related.ip",),
}
"""Where else the value of a field stands."""

_DERIVED: Mapping[str, tuple[str, ...]] = {"source.ip": ("audit.source.network",)}
_WHOLE = ("event.original", "event.hash")
_ULA = 0xFD << 120


def pseudonym(key: bytes, value: object) -> str:
    """Return a value's pseudonym: its HMAC-SHA-256 in hex; of an IP address, an address in fd00::/8.

    So a receiver's address fields take it, and equal values stay equal within a stream.
    """
    text = value if isinstance(value, str) else str(value)
    digest = hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)
    try:
        ip_address(text)
    except ValueError:
        return digest.hexdigest()
    return str(IPv6Address(_ULA | int.from_bytes(digest.digest()[:15], "big")))


class FieldRules:
    """What becomes of the fields of a stream's documents."""

    def __init__(
        self, leave_out: Sequence[str] = (), pseudonymise: Sequence[str] = (), key: bytes = b""
    ) -> None:
        self._leave_out = [_parts(path) for path in leave_out]
        self._pseudonymise = [_parts(path) for path in pseudonymise]
        self._key = key
        self._copies = [
            copy.split(".")
            for copy in dict.fromkeys(
                copy
                for path in (*leave_out, *pseudonymise)
                for name, copies in COPIES.items()
                if _covers(path, name)
                for copy in copies
            )
        ]
        self._gone = [
            path.split(".")
            for path in (
                *_WHOLE,
                *(p for name, paths in _DERIVED.items() for p in paths if self._names(name)),
            )
        ]

    def __bool__(self) -> bool:
        return bool(self._leave_out or self._pseudonymise)

    def apply(self, document: dict[str, Any]) -> None:
        """Change a document in place."""
        if not self:
            return
        changed: dict[str, str | None] = {}
        for path in self._pseudonymise:
            for value in _texts(_find(document, path)):
                changed[value] = pseudonym(self._key, value)
            _replace(document, path, self._pseudonym_of)
        for path in self._leave_out:
            for value in _texts(_find(document, path)):
                changed[value] = None
            _drop(document, path)
        shown = {shown_person(value): to for value, to in changed.items()} | changed
        for path in self._copies:
            _replace(document, path, lambda value: shown.get(value, value))
        for path in self._gone:
            _drop(document, path)

    def _pseudonym_of(self, value: str) -> str:
        return pseudonym(self._key, value)

    def _names(self, name: str) -> bool:
        paths = (".".join(path) for path in (*self._leave_out, *self._pseudonymise))
        return any(_covers(path, name) for path in paths)


def _parts(path: str) -> list[str]:
    """Return the names of a path; a label's own may have full stops."""
    return path.split(".", 1) if path.startswith("labels.") else path.split(".")


def _covers(path: str, name: str) -> bool:
    return name == path or name.startswith(f"{path}.")


def _find(document: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = document
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield value if isinstance(value, str) else str(value)


def _replace(
    document: dict[str, Any], path: Sequence[str], change: Callable[[str], str | None]
) -> None:
    *parents, name = path
    parent = _find(document, parents)
    if isinstance(parent, dict) and name in parent:
        value = _changed(parent[name], change)
        if value is None or value == []:
            _drop(document, path)
        else:
            parent[name] = value


def _changed(value: Any, change: Callable[[str], str | None]) -> Any:
    if isinstance(value, dict):
        return {name: _changed(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        found = (_changed(inner, change) for inner in value)
        return [inner for inner in found if inner is not None]
    return None if value is None else change(value if isinstance(value, str) else str(value))


def _drop(document: dict[str, Any], path: Sequence[str]) -> None:
    """Remove a path, and the objects that it leaves empty."""
    *parents, name = path
    parent = _find(document, parents)
    if isinstance(parent, dict) and name in parent:
        del parent[name]
        if parents and not parent:
            _drop(document, parents)
