"""Dead letters as text and as JSON. What came from outside is shown, never obeyed."""

import base64
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from audit_schemas import Origin, format_timestamp, printable

from audit_admin.dead_letters.dead_letter import Letter
from audit_admin.dead_letters.journal import Ledger
from audit_admin.dead_letters.survey import Group

__all__ = ["group_json", "group_lines", "letter_json", "letter_lines", "shown", "shown_bytes"]

_VALUE_MAX = 1000
_FIELD_MAX = 300
_HEADERS_MAX = 20


def group_lines(group: Group, zone: tzinfo) -> Iterator[str]:
    """Yield what is to be said about the dead letters of one reason."""
    copies = group.letters - group.records
    parts = [
        _counted(group.records, "record"),
        *([f"{_counted(copies, 'copy', 'copies')} besides"] if copies else []),
        *([f"{group.replayed:,} replayed"] if group.replayed else []),
        *([f"{group.returned:,} came back after a replay"] if group.returned else []),
    ]
    yield f"{shown(group.reason)}: {', '.join(parts)}"
    yield f"  refused    {_from_to(group.first, group.last, zone)}"
    if group.first_received is not None:
        yield f"  published  {_from_to(group.first_received, group.last_received, zone)}"
    yield f"  such as    {_cut(_where_and_why(group.path, group.message), full=False)}"


def group_json(group: Group) -> dict[str, Any]:
    """Return the same, for machines."""
    return {
        "reason": group.reason,
        "records": group.records,
        "copies": group.letters - group.records,
        "replayed": group.replayed,
        "came_back": group.returned,
        "first": _moment(group.first),
        "last": _moment(group.last),
        "first_received": _moment(group.first_received),
        "last_received": _moment(group.last_received),
        "path": group.path,
        "message": group.message,
    }


def letter_lines(letter: Letter, ledger: Ledger, zone: tzinfo, *, full: bool) -> Iterator[str]:
    """Yield one dead letter: where it stood, why it was refused, and its bytes, escaped."""
    yield f"{_place(letter.origin)}: {shown(letter.reason)}"
    yield f"  {_cut(_where_and_why(letter.path, letter.message), full=full)}"
    for label, text in _facts(letter, ledger, zone, full=full):
        yield f"  {label:<14}{text}"
    if letter.value is not None:
        # Cut before it is escaped, and after: a byte can become six characters.
        text = shown_bytes(letter.value if full else letter.value[: 4 * _VALUE_MAX])
        yield text if full else text[:_VALUE_MAX]
        if not full and (len(text) > _VALUE_MAX or len(letter.value) > 4 * _VALUE_MAX):
            yield "  … and more: --full shows all of it"


def _facts(letter: Letter, ledger: Ledger, zone: tzinfo, *, full: bool) -> Iterator[tuple[str, str]]:
    """Yield what is known of a letter, each with its label."""
    yield "refused", _time(letter.written, zone)
    if letter.received is not None:
        yield "published", _time(letter.received, zone)
    if ledger.is_replay(letter.origin):
        source = f" of {_place(letter.replay_of)}" if letter.replay_of is not None else ""
        yield "came back", f"a replay{source}, refused again"
    if (replayed := ledger.replayed(letter.identity)) is not None:
        where = f", to [{replayed.partition}] offset {replayed.offset}" if replayed.offset >= 0 else ""
        yield "replayed", f"{_time(replayed.at, zone)}{where}"
    for name in ("id", "action"):
        if (found := letter.event_field(name)) is not None:
            yield f"event.{name}", _cut(shown(found), full=full)
    yield "key", _bytes(letter.key, full=full)
    headers = letter.headers if full else letter.headers[:_HEADERS_MAX]
    for name, value in headers:
        yield "header", f"{_cut(shown(name), full=full)}: {_bytes(value, full=full)}"
    if more := len(letter.headers) - len(headers):
        yield "header", f"… and {more:,} more: --full shows them"
    yield "value", _length(letter)


def letter_json(letter: Letter, ledger: Ledger) -> dict[str, Any]:
    """Return the same, for machines: text as it is, bytes that are no UTF-8 in base64."""
    replayed = ledger.replayed(letter.identity)
    source = letter.replay_of if ledger.is_replay(letter.origin) else None
    return {
        "origin": _origin(letter.origin),
        "dead_letter": _origin(letter.at),
        "reason": letter.reason,
        "path": letter.path,
        "message": letter.message,
        "refused": _moment(letter.written),
        "received": _moment(letter.received),
        "replay_of": _origin(source) if source is not None else None,
        "replayed": {
            "at": _moment(replayed.at),
            "partition": replayed.partition,
            "offset": replayed.offset,
        }
        if replayed is not None
        else None,
        **_encoded("key", letter.key),
        "headers": [{"name": name, **_encoded("value", value)} for name, value in letter.headers],
        "size": letter.size if letter.size is not None else len(letter.value or b""),
        "is_cut": letter.size is not None,
        "sha256": letter.digest,
        **_encoded("value", letter.value),
    }


def shown(text: str) -> str:
    """Return text that does nothing to a terminal but to be there."""
    return printable(text)


def shown_bytes(value: bytes) -> str:
    r"""Return bytes as such text; those that are not UTF-8 as \xNN."""
    return printable(value.decode("utf-8", "backslashreplace"))


def _length(letter: Letter) -> str:
    if letter.value is None:
        return "none"
    length = _counted(len(letter.value), "byte")
    if letter.size is None:
        return length
    return f"the first {length} of {letter.size:,}; the dead-letter topic did not take the rest"


def _bytes(value: bytes | None, *, full: bool) -> str:
    if value is None:
        return "none"
    return _cut(shown_bytes(value if full else value[: 4 * _FIELD_MAX]), full=full)


def _cut(text: str, *, full: bool) -> str:
    return text if full or len(text) <= _FIELD_MAX else text[:_FIELD_MAX] + "…"


def _where_and_why(path: str, message: str) -> str:
    """Return path and message; most messages begin with the path."""
    text = message if message.startswith(path) else f"{path}: {message}"
    return shown(text)


def _place(origin: Origin) -> str:
    return f"{shown(origin.topic)} [{origin.partition}] offset {origin.offset}"


def _from_to(first: datetime | None, last: datetime | None, zone: tzinfo) -> str:
    if first is None or last is None:
        return "unknown"
    return _time(first, zone) if first == last else f"{_time(first, zone)} to {_time(last, zone)}"


def _time(moment: datetime, zone: tzinfo) -> str:
    at = moment.astimezone(zone)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"


def _moment(moment: datetime | None) -> str | None:
    return format_timestamp(moment) if moment is not None else None


def _origin(origin: Origin) -> dict[str, Any]:
    return {"topic": origin.topic, "partition": origin.partition, "offset": origin.offset}


def _encoded(name: str, value: bytes | None) -> dict[str, str | None]:
    if value is None:
        return {name: None}
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(value).decode()}


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
