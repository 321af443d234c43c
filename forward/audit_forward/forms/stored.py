"""What is in a stored document, read so that nothing in it raises."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from audit_schemas import canonical_ip

__all__ = ["inner", "ip_of", "milliseconds", "part", "strings", "text"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NOTHING: Mapping[str, Any] = {}


def part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object inside another; an empty one if there is none."""
    found = document.get(name)
    return found if isinstance(found, dict) else _NOTHING


def text(document: Mapping[str, Any], name: str) -> str | None:
    """Return a text inside an object; None if there is none."""
    found = document.get(name)
    return found if isinstance(found, str) else None


def inner(document: Mapping[str, Any], name: str, field: str) -> str | None:
    """Return a text inside an object inside another; None if there is none."""
    found = document.get(name)
    if not isinstance(found, dict):
        return None
    value = found.get(field)
    return value if isinstance(value, str) else None


def strings(document: Mapping[str, Any], name: str) -> list[str]:
    """Return the texts of a list inside an object."""
    found = document.get(name)
    if not isinstance(found, list):
        return []
    return [value for value in found if isinstance(value, str)]


@lru_cache(maxsize=8192)  # events of a batch have their times in common
def milliseconds(timestamp: str | None) -> int | None:
    """Return an RFC 3339 time as milliseconds since 1970; None if it is none."""
    if timestamp is None:
        return None
    try:
        return (datetime.fromisoformat(timestamp) - _EPOCH) // _MILLISECOND
    except (ValueError, TypeError):  # TypeError: a time without a zone
        return None


@lru_cache(maxsize=8192)  # the same addresses come again and again
def ip_of(address: str) -> str | None:
    """Return the shortest form of an address; None if it is none."""
    try:
        return canonical_ip(address)
    except ValueError:
        return None
