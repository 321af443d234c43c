"""Rows of JSON: an object a line, an array, objects over several lines, a list inside a document."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

import msgspec
from audit_schemas import printable

from audit_admin.importing.depth import is_too_deep
from audit_admin.importing.encodings import InvalidBytes
from audit_admin.importing.errors import ImportFileError
from audit_admin.importing.row import LINE_MAX, Row

__all__ = ["json_rows"]

_KEY_MAX = 100
_SHOWN_MAX = 1000
_SPACE = " \t\r\n"
_OPEN_MAX = 3
_TOO_DEEP = "not JSON: nested too deeply"


class _RepeatedKeyError(ValueError):
    pass


def json_rows(
    lines: Iterator[str], invalid: InvalidBytes | None, records: str | None, *, is_document: bool
) -> Iterator[Row]:
    """Yield rows. What can't be read as JSON is a row with a problem.

    After a mistake inside a document nobody can tell where the next record begins, so the last row
    says that the rest was not read. Raises ImportFileError if a document has no such list of records.
    """
    if not is_document:
        first = list(_first_lines(lines))
        lines = chain(first, lines)
        if not _spans_lines([line for line in first if line.strip()]):
            yield from _line_rows(lines, invalid)
            return
    document = _Document(lines, invalid)
    names = records.split(".") if records else []
    found = False
    while not document.is_lost and document.peek():
        for row in document.rows(names):
            found = True
            yield row
    if records and not found and not document.saw_list:
        raise ImportFileError(f"the file has no list {records!r}: see [source] records of the mapping")


def _first_lines(lines: Iterator[str]) -> Iterator[str]:
    """Yield the lines up to the second that is not blank."""
    filled = 0
    for line in lines:
        yield line
        filled += bool(line.strip())
        if filled == 2:  # noqa: PLR2004
            return


def _spans_lines(lines: list[str]) -> bool:
    """Tell whether an object goes on in the second line."""
    if not lines or not lines[0].lstrip().startswith("{"):
        return False
    try:
        json.loads(lines[0])
    except (ValueError, RecursionError):
        return len(lines) > 1 and not lines[1].lstrip().startswith("{")
    return False


def _line_rows(lines: Iterator[str], invalid: InvalidBytes | None) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = _read(line)
        except (ValueError, RecursionError) as error:
            yield Row(number, {"line": line[:_SHOWN_MAX]}, _why(error))
            continue
        if is_too_deep(found, line):
            yield Row(number, {"line": line[:_SHOWN_MAX]}, _TOO_DEEP)
        elif isinstance(found, dict):
            yield Row(number, found, invalid.problem(line) if invalid else None)
        else:
            yield Row(number, {"line": line[:_SHOWN_MAX]}, "not a JSON object")


def _read(line: str) -> Any:
    """Read JSON, strictly. Raises ValueError or RecursionError."""
    if "\\" not in line:
        with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            found = msgspec.json.decode(line)
            # Of a key that stands twice one is gone, with its quotation marks.
            if line.count('"') == msgspec.json.encode(found).count(b'"'):
                return found
    return _STRICT.decode(line)


class _Document:
    """Reads records out of a text of which only a part is in memory."""

    def __init__(self, pieces: Iterator[str], invalid: InvalidBytes | None) -> None:
        self._pieces = pieces
        self._invalid = invalid
        self._text = ""
        self._at = 0
        self._number = 0
        self.saw_list = False
        self.is_lost = False
        """Whether nobody can tell any more where a record begins."""

    def peek(self) -> str:
        """Return the next character that is not white space, "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(1):
                return ""

    def rows(self, names: list[str]) -> Iterator[Row]:
        """Yield the records of the value that comes next: of its list of this name, if given."""
        try:
            if names and self.peek() == "{":
                yield from self._inside(names)
            elif self.peek() == "[" and not names:
                yield from self._entries()
            elif names:
                self._value(_PLAIN)
            else:
                yield self._record()
        except (ValueError, RecursionError) as error:
            self.is_lost = True
            self._number += 1
            rest = self._text[self._at : self._at + _SHOWN_MAX]
            why = _why(error).removeprefix("not JSON: ")
            yield Row(
                self._number,
                {"record": rest},
                f"not JSON, and nothing after it can be read: {why}",
                is_record=True,
            )

    def _inside(self, names: list[str]) -> Iterator[Row]:
        """Yield the records of one object, which may be as large as the file."""
        self._take("{")
        while self.peek() != "}":
            key = self._value(_PLAIN)
            self._take(":")
            rest = names[1:] if key == names[0] else None
            if rest == [] and self.peek() == "[":
                yield from self._entries()
            elif rest and self.peek() == "{":
                yield from self._inside(rest)
            else:
                self._value(_PLAIN)
            if self.peek() != "}":
                self._take(",")
        self._take("}")

    def _entries(self) -> Iterator[Row]:
        self.saw_list = True
        self._take("[")
        while self.peek() != "]":
            yield self._record()
            if self.peek() != "]":
                self._take(",")
        self._take("]")

    def _record(self) -> Row:
        self.peek()
        problem = None
        try:
            found, text = self._value(_STRICT), self._read
        except _RepeatedKeyError as error:
            found, text, problem = self._value(_PLAIN), self._read, str(error)
        self._number += 1
        if is_too_deep(found, text):
            return Row(self._number, {"record": text[:_SHOWN_MAX]}, _TOO_DEEP, is_record=True)
        if not isinstance(found, dict):
            return Row(self._number, {"record": text[:_SHOWN_MAX]}, "not a JSON object", is_record=True)
        if problem is None and self._invalid is not None:
            problem = self._invalid.problem(text)
        return Row(self._number, found, problem, is_record=True)

    def _value(self, decoder: json.JSONDecoder) -> Any:
        """Read one value, which has to fit into memory."""
        self.peek()
        while True:
            try:
                found, end = decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._more(max(len(self._text) - self._at, 1)):
                    raise error from None
                continue
            rest = self._text[end : end + _OPEN_MAX]
            is_open = len(rest) < _OPEN_MAX and not rest.strip(".eE+-")
            if is_open and not isinstance(found, dict | list) and self._more(1):
                continue  # a number may go on, also behind a dot or an exponent's sign
            self._read, self._at = self._text[self._at : end], end
            return found

    def _take(self, char: str) -> None:
        if self.peek() != char:
            found = self._text[self._at : self._at + 1]
            raise ValueError(f"{char} is missing" + (f" before {printable(found)}" if found else ""))
        self._at += 1

    def _more(self, least: int) -> bool:
        """Read at least so many characters more, as far as there are any; False if there are none."""
        if len(self._text) - self._at > LINE_MAX:
            return False
        pieces = [self._text[self._at :]]
        got = 0
        for piece in self._pieces:
            pieces.append(piece)
            got += len(piece)
            if got >= least:
                break
        self._text, self._at = "".join(pieces), 0
        return got > 0


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: parsers disagree on which value counts, so one could hide."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _RepeatedKeyError(f"{printable(twice)[:_KEY_MAX]} appears twice in one object")
    return found


def _why(error: ValueError | RecursionError) -> str:
    match error:
        case _RepeatedKeyError():
            return str(error)
        case json.JSONDecodeError():
            return f"not JSON: {error.msg}"
        case RecursionError():
            return _TOO_DEEP
        case _:
            return f"not JSON: {error}"  # such as an integer of thousands of digits


_PLAIN = json.JSONDecoder()
_STRICT = json.JSONDecoder(object_pairs_hook=_unique)
