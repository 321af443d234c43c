"""Where a page ended: the sort values of its last event, as text for a URL. Pure."""

import base64
import binascii
import json
from collections.abc import Sequence

from audit_query.errors import ParameterError

__all__ = ["Cursor", "decode_cursor", "encode_cursor"]

Cursor = tuple[int, ...]

_LONG = 2**63


def encode_cursor(cursor: Sequence[int]) -> str:
    """Return the cursor as letters that a URL needs not escape."""
    text = json.dumps(list(cursor), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(text: str, *, numbers: int = 3) -> Cursor:
    """Read what `encode_cursor` wrote: three numbers of a page, or the one of a live tail.

    Raises ParameterError for anything else.
    """
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if (
        not isinstance(found, list)
        or len(found) != numbers
        or not all(type(number) is int and abs(number) < _LONG for number in found)
    ):
        raise ParameterError("cursor", "is none that a page gave; leave it out to begin anew")
    return tuple(found)
