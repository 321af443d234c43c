"""Dead letters as text and as JSON. What is shown is escaped, so that it can't control a terminal."""

import base64
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from audit_schemas import Origin, format_timestamp, printable

from audit_admin.dead_letters.dead_letter import DeadLetter
from audit_admin.dead_letters.journal import ReplayJournal
from audit_admin.dead_letters.summary import ReasonSummary

__all__ = [
    "dead_letter_json",
    "dead_letter_lines",
    "reason_json",
    "reason_lines",
    "shown",
    "shown_bytes",
]

_VALUE_MAX = 1000
_FIELD_MAX = 300
_HEADERS_MAX = 20


def reason_lines(summary: ReasonSummary, zone: tzinfo) -> Iterator[str]:
    """Yield the summary of one reason."""
    copies = summary.dead_letters - summary.records
    parts = [
        _counted(summary.records, "record"),
        *([_counted(copies, "additional copy", "additional copies")] if copies else []),
        *([f"{summary.replayed:,} replayed"] if summary.replayed else []),
        *([f"{summary.refused_again:,} refused again after a replay"] if summary.refused_again else []),
    ]
    yield f"{shown(summary.reason)}: {', '.join(parts)}"
    yield f"  refused    {_from_to(summary.first, summary.last, zone)}"
    if summary.first_received is not None:
        yield f"  published  {_from_to(summary.first_received, summary.last_received, zone)}"
    yield f"  example    {_cut(_path_and_message(summary.path, summary.message), full=False)}"


def reason_json(summary: ReasonSummary) -> dict[str, Any]:
    """Return the summary of one reason as JSON."""
    return {
        "reason": summary.reason,
        "records": summary.records,
        "copies": summary.dead_letters - summary.records,
        "replayed": summary.replayed,
        "refused_again": summary.refused_again,
        "first": _moment(summary.first),
        "last": _moment(summary.last),
        "first_received": _moment(summary.first_received),
        "last_received": _moment(summary.last_received),
        "path": summary.path,
        "message": summary.message,
    }


def dead_letter_lines(
    dead_letter: DeadLetter, journal: ReplayJournal, zone: tzinfo, *, full: bool
) -> Iterator[str]:
    """Yield one dead letter: where the record was, why it was refused, and its bytes, escaped."""
    yield f"{_position(dead_letter.origin)}: {shown(dead_letter.reason)}"
    yield f"  {_cut(_path_and_message(dead_letter.path, dead_letter.message), full=full)}"
    for label, text in _facts(dead_letter, journal, zone, full=full):
        yield f"  {label:<15}{text}"
    value = dead_letter.value
    if value is not None:
        # Cut both before and after escaping: a byte can become six characters.
        text = shown_bytes(value if full else value[: 4 * _VALUE_MAX])
        yield text if full else text[:_VALUE_MAX]
        if not full and (len(text) > _VALUE_MAX or len(value) > 4 * _VALUE_MAX):
            yield "  … --full shows the rest"


def _facts(
    dead_letter: DeadLetter, journal: ReplayJournal, zone: tzinfo, *, full: bool
) -> Iterator[tuple[str, str]]:
    """Yield what is known of a dead letter, each with its label."""
    yield "refused", _time(dead_letter.written, zone)
    if dead_letter.received is not None:
        yield "published", _time(dead_letter.received, zone)
    if journal.is_replay(dead_letter.origin):
        source = dead_letter.replay_of
        yield "refused again", f"a replay of {_position(source)}" if source else "a replay"
    if (replayed := journal.replayed(dead_letter.identity)) is not None:
        where = f", to [{replayed.partition}] offset {replayed.offset}" if replayed.offset >= 0 else ""
        yield "replayed", f"{_time(replayed.at, zone)}{where}"
    for name in ("id", "action"):
        if (value := dead_letter.event_field(name)) is not None:
            yield f"event.{name}", _cut(shown(value), full=full)
    yield "key", _bytes(dead_letter.key, full=full)
    headers = dead_letter.headers if full else dead_letter.headers[:_HEADERS_MAX]
    for name, header in headers:
        yield "header", f"{_cut(shown(name), full=full)}: {_bytes(header, full=full)}"
    if more := len(dead_letter.headers) - len(headers):
        yield "header", f"… {more:,} more: --full shows them"
    yield "value", _length(dead_letter)


def dead_letter_json(dead_letter: DeadLetter, journal: ReplayJournal) -> dict[str, Any]:
    """Return a dead letter as JSON: text as it is, bytes that are not UTF-8 in base64."""
    replayed = journal.replayed(dead_letter.identity)
    source = dead_letter.replay_of if journal.is_replay(dead_letter.origin) else None
    value = dead_letter.value
    return {
        "origin": _origin(dead_letter.origin),
        "dead_letter": _origin(dead_letter.position),
        "reason": dead_letter.reason,
        "path": dead_letter.path,
        "message": dead_letter.message,
        "refused": _moment(dead_letter.written),
        "received": _moment(dead_letter.received),
        "replay_of": _origin(source) if source is not None else None,
        "replayed": {
            "at": _moment(replayed.at),
            "partition": replayed.partition,
            "offset": replayed.offset,
        }
        if replayed is not None
        else None,
        **_encoded("key", dead_letter.key),
        "headers": [{"name": name, **_encoded("value", v)} for name, v in dead_letter.headers],
        "size": dead_letter.size if dead_letter.size is not None else len(value or b""),
        "is_truncated": dead_letter.size is not None,
        "sha256": dead_letter.digest,
        **_encoded("value", value),
    }


def shown(text: str) -> str:
    """Return text without anything that a terminal would interpret."""
    return printable(text)


def shown_bytes(value: bytes) -> str:
    r"""Return bytes as such text; those that are not UTF-8 as \xNN."""
    return printable(value.decode("utf-8", "backslashreplace"))


def _length(dead_letter: DeadLetter) -> str:
    if dead_letter.value is None:
        return "none"
    length = _counted(len(dead_letter.value), "byte")
    if dead_letter.size is None:
        return length
    return (
        f"the first {length} of {dead_letter.size:,}; the rest was too large for the dead-letter topic"
    )


def _bytes(value: bytes | None, *, full: bool) -> str:
    if value is None:
        return "none"
    return _cut(shown_bytes(value if full else value[: 4 * _FIELD_MAX]), full=full)


def _cut(text: str, *, full: bool) -> str:
    return text if full or len(text) <= _FIELD_MAX else text[:_FIELD_MAX] + "…"


def _path_and_message(path: str, message: str) -> str:
    """Return path and message; most messages begin with the path."""
    text = message if message.startswith(path) else f"{path}: {message}"
    return shown(text)


def _position(origin: Origin) -> str:
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
