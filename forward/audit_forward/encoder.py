"""A stored document as a stream sends it. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from audit_forward.fields import FieldRules
from audit_forward.forms import Form
from audit_forward.item import Item

__all__ = ["Encoder"]

_INFORMATIONAL, _WARNING = 6, 4
_LEVELS = {"critical": 2, "high": 3, "medium": _WARNING, "low": 5, "informational": _INFORMATIONAL}


class _Event(msgspec.Struct, gc=False):
    id: str
    action: str
    outcome: str = ""


class _Part(msgspec.Struct, frozen=True, gc=False):
    """A user, an organization or a source."""

    id: str | None = None
    ip: str | None = None


_NO_PART = _Part()


class _Document(msgspec.Struct, gc=False):
    """What is needed of an event beside its text."""

    event: _Event
    happened: str = msgspec.field(name="@timestamp")
    organization: _Part = _NO_PART
    user: _Part = _NO_PART
    source: _Part = _NO_PART


_DOCUMENT = msgspec.json.Decoder(_Document)


class Encoder:
    """Makes items of documents: fields are left out or pseudonymised, then the form is applied."""

    def __init__(self, form: Form, rules: FieldRules) -> None:
        self._form = form
        self._rules = rules
        self._is_whole = form.name == "auditlog" and not rules

    def event(
        self, text: bytes, partition: int = -1, offset: int = -1, cursor: Sequence[int] = ()
    ) -> Item:
        """Return an event as an item, of its document's text."""
        if self._is_whole:
            found, body = _DOCUMENT.decode(text), text
        else:
            document: dict[str, Any] = msgspec.json.decode(text)
            self._rules.apply(document)
            found, body = msgspec.convert(document, _Document), _text(self._form.event(document))
        severity = _WARNING if found.event.outcome == "failure" else _INFORMATIONAL
        return Item(
            found.event.id,
            body,
            found.happened,
            found.event.action,
            severity,
            partition,
            offset,
            cursor,
            found.organization.id,
            found.user.id,
            found.source.ip,
        )

    def alert(self, document: dict[str, Any], partition: int = -1, offset: int = -1) -> Item:
        """Return a revision of an alert as an item."""
        own = document["audit"]["alert"]
        return Item(
            f"{document['event']['id']}-{own.get('revision', 0)}",
            _text(self._form.alert(document)),
            document["@timestamp"],
            "alert",
            _LEVELS.get(own["level"], _WARNING),
            partition,
            offset,
            organization=own.get("sole_organization"),
        )


def _text(formed: dict[str, Any] | str) -> bytes:
    return formed.encode() if isinstance(formed, str) else msgspec.json.encode(formed)
