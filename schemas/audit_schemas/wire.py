"""The wire format: bytes -> event -> bytes. Pure; `decode` raises nothing but EventRefusedError."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from audit_schemas.errors import EventRefusedError, Problem, Reason
from audit_schemas.event import (
    ACTION_PATTERN,
    ID_PATTERN,
    MAX_EVENT_BYTES,
    SCHEMA_VERSION,
    AuditEvent,
)
from audit_schemas.sanitize import printable, sanitize
from audit_schemas.timestamps import TIMESTAMP_PATTERN

__all__ = [
    "SCHEMA_HEADER",
    "SCHEMA_HEADER_VALUE",
    "SCHEMA_HEADER_VALUES",
    "check_version",
    "decode",
    "encode",
    "parse_json",
    "too_large",
    "validate",
]

SCHEMA_HEADER = "audit-schema"
"""Kafka header with the schema's `major.minor`; missing means 1.0."""
SCHEMA_HEADER_VALUE = f"{SCHEMA_VERSION[0]}.{SCHEMA_VERSION[1]}".encode()
SCHEMA_HEADER_VALUES = frozenset(
    f"{SCHEMA_VERSION[0]}.{minor}".encode() for minor in range(SCHEMA_VERSION[1] + 1)
)
"""What the SDKs of this version and of those before it write there."""

_PATH_MAX = 100
_DIGITS_MAX = 640  # the lowest limit on int() that sys.set_int_max_str_digits allows
_MEANINGS = {
    ID_PATTERN: "must be 16 to 128 characters of A-Z, a-z, 0-9, _ and -",
    ACTION_PATTERN: "must be a name of letters, digits, . _ : and -, such as chat-opened",
    TIMESTAMP_PATTERN: "must be an RFC 3339 time with a zone, such as 2026-11-23T09:30:00.250Z",
}


def encode(event: AuditEvent) -> bytes:
    """Write the event's canonical form: compact JSON, fields in the model's order, nulls left out.

    `decode(encode(event)) == event` for every event.
    """
    return event.__pydantic_serializer__.to_json(event, by_alias=True, exclude_none=True)


def decode(raw: bytes) -> AuditEvent:
    """Read one event; free text is sanitized, anything else is refused as it is.

    Raises EventRefusedError: malformed, too-large, duplicate-key or invalid.
    """
    if len(raw) > MAX_EVENT_BYTES:
        raise too_large(len(raw))
    try:
        event: AuditEvent = AuditEvent.__pydantic_validator__.validate_json(raw)
    except ValidationError:
        return validate(parse_json(raw))
    if not _surely_unique(raw, event):
        parse_json(raw)
    return event


def validate(fields: Mapping[str, Any]) -> AuditEvent:
    """Make an event of parsed fields, with free text sanitized. Raises EventRefusedError: invalid."""
    with suppress(ValidationError, RecursionError):
        return AuditEvent.model_validate(fields)  # what is valid has nothing to sanitize
    try:
        return AuditEvent.model_validate(sanitize(fields))
    except ValidationError as error:
        raise EventRefusedError(Reason.INVALID, *_problems(error)) from None
    except RecursionError:
        raise EventRefusedError(Reason.INVALID, Problem("", "the event is nested too deeply")) from None


def parse_json(raw: bytes) -> dict[str, Any]:
    """Read one JSON object, strictly: no key twice, no NaN or Infinity.

    Bytes that are not UTF-8 become lone surrogates, so that free text can be sanitized and any other
    field is refused by name. Raises EventRefusedError: malformed or duplicate-key.
    """
    try:
        value = json.loads(
            raw.decode("utf-8", "surrogateescape"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_whole,
        )
    except json.JSONDecodeError as error:
        raise _malformed(f"not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise _malformed("not JSON: nested too deeply") from None
    if not isinstance(value, dict):
        raise _malformed("not a JSON object")
    return value


def too_large(size: int) -> EventRefusedError:
    """Return the refusal of an event of so many bytes."""
    return EventRefusedError(
        Reason.TOO_LARGE,
        Problem("", f"the event has {size} bytes; the limit is {MAX_EVENT_BYTES}"),
    )


def check_version(header: bytes | None) -> None:
    """Raise EventRefusedError (schema-newer) if a record's schema is newer than this program's."""
    if header is None or header in SCHEMA_HEADER_VALUES:
        return
    written = re.fullmatch(rb"([0-9]{1,4})\.([0-9]{1,4})", header)
    if written is None:
        raise EventRefusedError(
            Reason.INVALID,
            Problem("", f"header {SCHEMA_HEADER} must be major.minor, such as 1.0"),
        )
    major, minor = int(written[1]), int(written[2])
    if (major, minor) > SCHEMA_VERSION:
        raise EventRefusedError(
            Reason.SCHEMA_NEWER,
            Problem(
                "",
                f"written by schema {major}.{minor}, this program knows "
                f"{SCHEMA_HEADER_VALUE.decode()}: upgrade it, then replay",
            ),
        )


def _surely_unique(raw: bytes, event: AuditEvent) -> bool:
    """Tell, without a second parse, that no key stood twice. False means: look closer.

    Without escapes, each string of the object has two quotation marks. The validated event knows
    all its strings but those that a duplicate overwrote, so the counts differ if there was one.
    Values that were defaulted or dropped make them differ too, which is safe for the latter; for
    the former, what was not given is left out of the count.
    """
    if b"\\" in raw:
        return False
    given = event.__pydantic_serializer__.to_json(event, by_alias=True, exclude_unset=True)
    return raw.count(b'"') == given.count(b'"')


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise EventRefusedError(
            Reason.DUPLICATE_KEY, Problem(_shown(twice), "appears twice in one object")
        )
    return found


def _whole(digits: str) -> int | Decimal:
    """Read an integer of any length: where free text should stand, it is sanitized, not refused."""
    return int(digits) if len(digits) <= _DIGITS_MAX else Decimal(digits)


def _no_constant(name: str) -> NoReturn:
    raise _malformed(f"not JSON: {name} is not a JSON number")


def _malformed(message: str) -> EventRefusedError:
    return EventRefusedError(Reason.MALFORMED, Problem("", message))


def _problems(error: ValidationError) -> list[Problem]:
    details = error.errors(include_url=False, include_input=False)
    return [Problem(_path(detail["loc"]), _sentence(detail)) for detail in details[:10]]


def _path(location: tuple[int | str, ...]) -> str:
    return _shown(".".join(map(str, location)))


def _shown(name: str) -> str:
    """Make a name that the publisher chose fit for a log or a terminal."""
    return printable(name)[:_PATH_MAX]


def _sentence(detail: ErrorDetails) -> str:  # noqa: C901, PLR0911 - a table, in code
    """Say what pydantic found in words that a publisher can act on."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not a field of an audit event; put your own data under labels"
        case "string_pattern_mismatch":
            return _MEANINGS.get(context["pattern"], "must not contain control characters")
        case "string_too_long":
            return f"is longer than {context['max_length']} characters"
        case "string_too_short":
            return "is empty; omit it if it is unknown"
        case "too_long":
            return f"has more than {context['max_length']} entries"
        case "string_type" | "string_unicode":
            return "must be a string of valid Unicode"
        case "int_type":
            return "must be an integer"
        case "model_type" | "dict_type":
            return "must be an object"
        case "list_type":
            return "must be a list"
        case "literal_error":
            return f"must be {context['expected']}"
        case _:
            return detail["msg"][:1].lower() + detail["msg"][1:]
