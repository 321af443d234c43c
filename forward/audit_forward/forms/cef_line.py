r"""One line of CEF: a header of seven fields between pipes, then `key=value` between spaces.

Escaped as ArcSight's guide has it: in the header `\` and `|`; in values `\`, `=` and line ends.
Whatever else a receiver might take for the end of a line, or that hides text, is shown as \uXXXX, so
no text of an event begins a record or a field of its own.
"""

import re
from collections.abc import Iterable, Sequence

__all__ = ["cef_header", "cef_line"]

_UNSEEN = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_IN_HEADER = re.compile(rf"[\\|{_UNSEEN}]")
_IN_VALUE = re.compile(rf"[\\={_UNSEEN}]")
_LINE_ENDS = {"\n": "\\n", "\r": "\\r"}

Pairs = Iterable[tuple[str, str | int | None, int]]
"""Keys of the extension, their values, and how many characters a value may have."""


def cef_header(fields: Sequence[tuple[str, int]]) -> str:
    """Return a line's beginning: vendor, product, version, signature and name.

    What is longer than the limit that stands beside it is cut, and ends in an ellipsis.
    """
    return "|".join(["CEF:0", *(_in_header(value, limit) for value, limit in fields)])


def cef_line(header: str, severity: int, extension: Pairs) -> str:
    """Return a line, without its end. Values are cut as the header's; None and blank are left out."""
    pairs = [
        f"{key}={value if isinstance(value, int) else _in_value(value, limit)}"
        for key, value, limit in extension
        if value is not None and value != ""
    ]
    return f"{header}|{severity}|{' '.join(pairs)}"


def _in_header(value: str, limit: int) -> str:
    return _IN_HEADER.sub(_header_escape, _cut(value, limit))


def _in_value(value: str, limit: int) -> str:
    if len(value) > limit:
        value = _cut(value, limit)
    if value.isascii() and value.isprintable() and "=" not in value and "\\" not in value:
        return value  # as nearly all
    return _IN_VALUE.sub(_value_escape, value)


def _cut(value: str, limit: int) -> str:
    return value if len(value) <= limit else value[: limit - 1] + "…"


def _header_escape(match: re.Match[str]) -> str:
    found = match[0]
    return f"\\{found}" if found in "\\|" else _shown(found)


def _value_escape(match: re.Match[str]) -> str:
    found = match[0]
    return f"\\{found}" if found in "\\=" else _LINE_ENDS.get(found) or _shown(found)


def _shown(found: str) -> str:
    """Return a character as JSON escapes it, its backslash escaped for CEF."""
    return f"\\\\u{ord(found):04x}"
