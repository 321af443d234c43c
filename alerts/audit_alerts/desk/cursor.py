"""Where a page of alerts ended, as text for a URL. Pure."""

import base64
import binascii
import json
from collections.abc import Sequence

from audit_query import ParameterError

__all__ = ["decode_alert_cursor", "encode_alert_cursor"]

_LONG = 2**63
_NAME_MAX = 64


def encode_alert_cursor(values: Sequence[int | str]) -> str:
    """Return the sort values of a page's last alert as letters that a URL needs not escape."""
    text = json.dumps(list(values), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_alert_cursor(text: str) -> list[int | str]:
    """Read what `encode_alert_cursor` wrote: two numbers and an id. Raises ParameterError."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        values = None
    if (
        not isinstance(values, list)
        or [type(value) for value in values] != [int, int, str]
        or not all(abs(value) < _LONG for value in values[:2])
        or len(values[2]) > _NAME_MAX
    ):
        raise ParameterError("cursor", "is not the cursor of a page; leave it out to start again")
    return values
