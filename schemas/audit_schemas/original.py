"""The published bytes: kept as `event.original` only where `_source` could not give them back.

A document has the event's canonical form with fields added and, where the publisher gave none, the
activity's default outcome. So of a record in canonical form the bytes come back from `_source` in
one of two forms. Any other record (another order of fields, white space, nulls, free text that was
sanitized) is kept whole. Nothing of this needs a catalogue, which may have changed since.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import to_json

from audit_schemas.added import ADDED, FORMER
from audit_schemas.event import AuditEvent
from audit_schemas.model import model_paths

__all__ = ["original_of", "published_forms"]

_BINARY = "data:application/octet-stream;base64,"
"""RFC 2397. No event begins so; needed where free text was sanitized that is not UTF-8."""

_OUTCOME = re.compile(rb',"outcome":"[a-z]+"')
"""First found where the model writes it: the id and the action before it have no such characters."""


def original_of(published: bytes, canonical: bytes) -> str | None:
    """Return the text to keep as `event.original`; None if `published_forms` has it without.

    `canonical` is what `encode` writes of the settled event.
    """
    if published in (canonical, _OUTCOME.sub(b"", canonical, count=1)):
        return None
    try:
        return published.decode()
    except UnicodeDecodeError:
        return _BINARY + base64.b64encode(published).decode()


def published_forms(source: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield what was published, by a stored `_source`: one form or two, the likelier first.

    Two, since the outcome may be the publisher's or the activity's default; a hash of the published
    bytes tells which. None, if the document is not one that a consumer wrote. The fields of `source`
    must stand in the order in which they are stored.

    These bytes being proven proves nothing of the document's other fields: where `event.original` is,
    anybody could have written anything beside it. Compare with the document of the decoded event.
    Never raises.
    """
    event, audit = source.get("event"), source.get("audit")
    if not isinstance(event, dict) or not isinstance(audit, dict):
        return
    try:
        if "original" in event:
            yield _bytes_of(event["original"])
            return
        fields = _without(source, "")
        fields["event"] = given = _without(event, "event.")
        fields["audit"] = _without(audit, "audit.")
        if isinstance(address := source.get("source"), dict):
            fields["source"] = _without(address, "source.")
        outcome = given.get("outcome")
        settled = to_json(fields)
    except (TypeError, ValueError):  # not text; not Unicode; not base64
        return
    if isinstance(outcome, str):
        yield _OUTCOME.sub(b"", settled, count=1)
    yield settled


def _bytes_of(original: object) -> bytes:
    if not isinstance(original, str):
        raise TypeError("not text")
    if original.startswith(_BINARY):
        return base64.b64decode(original.removeprefix(_BINARY), validate=True)
    return original.encode()


def _without(fields: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    left = dict(fields)
    for name in _ADDED_AT[prefix]:
        left.pop(name, None)
    return left


def _added_at(prefix: str) -> frozenset[str]:
    """Return the names directly below a path that no published event has there."""
    below = (
        leaf.path.removeprefix(prefix) for leaf in (*ADDED, *FORMER) if leaf.path.startswith(prefix)
    )
    names = {path.partition(".")[0] for path in below}
    published = model_paths(AuditEvent)
    return frozenset(name for name in names if f"{prefix}{name}" not in published)


_ADDED_AT = {prefix: _added_at(prefix) for prefix in ("", "event.", "source.", "audit.")}
