"""A stored document as a stream sends it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from audit_schemas import format_timestamp

from audit_forward.fields import FieldRules
from audit_forward.forms import Form
from audit_forward.forms.stored import inner, part, text
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
_NO_TIME = "1970-01-01T00:00:00.000Z"


class _AlertEvent(msgspec.Struct, gc=False):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class _Own(msgspec.Struct, gc=False):
    """What only an alert has."""

    level: str
    revision: int = 0
    sole_organization: str | None = None


class _Audit(msgspec.Struct, gc=False):
    alert: _Own


class _Alert(msgspec.Struct, gc=False):
    """What is needed of an alert beside its text."""

    event: _AlertEvent
    happened: str = msgspec.field(name="@timestamp")
    audit: _Audit


class Encoder:
    """Makes items of documents: fields are left out or pseudonymised, then the form is applied."""

    def __init__(self, form: Form, rules: FieldRules) -> None:
        self._form = form
        self._rules = rules
        self._is_whole = form.name == "auditlog" and not rules

    def event(
        self, line: bytes, partition: int = -1, offset: int = -1, cursor: Sequence[int] = ()
    ) -> Item:
        """Return an event as an item, of its document's text; of any document, as the forms do."""
        try:
            found, body = self._event(line)
        except msgspec.ValidationError:  # no consumer wrote it so
            document = msgspec.json.decode(line)
            self._rules.apply(document)
            found = _as_far_as_it_says(document, f"unknown-{partition}-{offset}")
            body = _text(self._form.event(document))
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

    def _event(self, line: bytes) -> tuple[_Document, bytes]:
        if self._is_whole:
            return _DOCUMENT.decode(line), line
        document: dict[str, Any] = msgspec.json.decode(line)
        self._rules.apply(document)
        return msgspec.convert(document, _Document), _text(self._form.event(document))

    def alert(self, document: dict[str, Any], partition: int = -1, offset: int = -1) -> Item:
        """Return a revision of an alert as an item.

        Raises ValueError or OverflowError for what lacks what receivers need.
        """
        found = msgspec.convert(document, _Alert)
        format_timestamp(datetime.fromisoformat(found.happened))  # a time, with a zone
        own = found.audit.alert
        return Item(
            f"{found.event.id}-{own.revision}",
            _text(self._form.alert(document)),
            found.happened,
            "alert",
            _LEVELS.get(own.level, _WARNING),
            partition,
            offset,
            organization=own.sole_organization,
        )


def _as_far_as_it_says(document: Mapping[str, Any], unknown: str) -> _Document:
    """Return what is needed of a document in which something is missing, or of another type."""
    what = part(document, "event")
    return _Document(
        _Event(
            text(what, "id") or unknown, text(what, "action") or "unknown", text(what, "outcome") or ""
        ),
        text(document, "@timestamp") or _NO_TIME,
        _Part(id=inner(document, "organization", "id")),
        _Part(id=inner(document, "user", "id")),
        _Part(ip=inner(document, "source", "ip")),
    )


def _text(formed: dict[str, Any] | str) -> bytes:
    return formed.encode() if isinstance(formed, str) else msgspec.json.encode(formed)
