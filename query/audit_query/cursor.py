"""Where a page ended: the sort values of its last event, as text for a URL. Pure."""

import base64
import binascii
import json
from collections.abc import Sequence

from audit_query.errors import ParameterError

__all__ = ["Cursor", "decode_cursor", "encode_cursor"]

Cursor = tuple[int, ...]

PAGE_NUMBERS = 3
"""Of a page's cursor: time, Kafka partition and offset."""

_LONG = 2**63
_PARTITION_MAX = 2**31
"""What Elasticsearch takes for a long, and for an integer."""


def encode_cursor(cursor: Sequence[int]) -> str:
    """Return the cursor as letters that a URL needs not escape."""
    text = json.dumps(list(cursor), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(text: str, *, numbers: int = PAGE_NUMBERS) -> Cursor:
    """Read what `encode_cursor` wrote: three numbers of a page, or the one of a live tail.

    Raises ParameterError for anything else.
    """
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        values = None
    if (
        not isinstance(values, list)
        or len(values) != numbers
        or not all(type(number) is int and abs(number) < _LONG for number in values)
        or (numbers == PAGE_NUMBERS and not -_PARTITION_MAX <= values[1] < _PARTITION_MAX)
    ):
        raise ParameterError("cursor", "is not the cursor of a page; leave it out to start again")
    return tuple(values)
