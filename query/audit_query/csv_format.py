"""CSV that a spreadsheet shows and never computes, whichever separator it takes. Pure."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from audit_schemas import format_timestamp, parse_timestamp

__all__ = ["CsvFormat", "Delimiter", "csv_cell", "utc_cell"]

Delimiter = Literal["comma", "semicolon", "tab"]

_CHARACTERS: Mapping[Delimiter, str] = {"comma": ",", "semicolon": ";", "tab": "\t"}
_BOM = b"\xef\xbb\xbf"

_BLANK = r'[\s"\x00-\x1f\u200b-\u200f\u2060\ufeff]*'
"""What stands before a formula without hiding it, no-break and zero-width spaces too."""
_SIGN = r"[=+\-@\u2212\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b]"
"""Also in full width, which East Asian spreadsheets read as the sign."""
_FORMULA = re.compile(rf"[\t\r\n]|{_BLANK}{_SIGN}")
_LATER_FORMULA = re.compile(rf"([,;\t\r\n]{_BLANK})(?={_SIGN})")


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """How a CSV file is written: UTF-8, with line ends CR LF as RFC 4180 has it.

    `excel` begins it with a byte order mark, without which Excel takes it for an old encoding. There
    is no `sep=` line: it would make Excel ignore the mark, and is a row to all other programs.
    """

    delimiter: Delimiter = "comma"
    excel: bool = False

    def heading(self, names: Iterable[str]) -> bytes:
        """Return the beginning of a file: the headings."""
        return (_BOM if self.excel else b"") + self.rows([[csv_cell(name) for name in names]])

    def rows(self, rows: Iterable[Sequence[str]]) -> bytes:
        """Return the text of rows of cells, which `csv_cell` has made."""
        text = io.StringIO()
        csv.writer(text, delimiter=_CHARACTERS[self.delimiter]).writerows(rows)
        return text.getvalue().encode()


def csv_cell(value: object) -> str:
    """Return a cell that a spreadsheet shows and never computes; objects are JSON.

    What looks like a formula gets an apostrophe before it, as OWASP's advice on CSV injection has
    it. So does what would begin a cell for a reader of another separator than the file's.
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = _LATER_FORMULA.sub(r"\1'", text)
    return f"'{text}" if _FORMULA.match(text) else text


def utc_cell(timestamp: object) -> str:
    """Return a time of the log, whatever its zone, in UTC to the millisecond."""
    if not isinstance(timestamp, str):
        return csv_cell(timestamp)
    try:
        return format_timestamp(parse_timestamp(timestamp))
    except (ValueError, OverflowError):
        return csv_cell(timestamp)
