"""Reading the rows of a CSV or NDJSON file as a stream. No row is dropped silently."""

import codecs
import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from audit_schemas import printable

from audit_admin.importing.errors import ImportFileError

__all__ = ["FileFormat", "Row", "read_rows"]

LINE_MAX = 8 * 1024 * 1024
"""Characters in a line. An event has at most a megabyte, and a row is not much larger."""
_KEY_MAX = 100

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class _RepeatedKeyError(ValueError):
    pass


@dataclass(frozen=True, slots=True)
class FileFormat:
    """The format of a file."""

    kind: Literal["csv", "ndjson"]
    encoding: str | None = None
    """None: from its byte order mark, otherwise UTF-8."""
    delimiter: str = ","
    columns: Sequence[str] | None = None
    """The columns of a CSV file without a header."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the line at which it begins, from 1, and its fields; `problem` if it is malformed."""

    number: int
    fields: dict[str, Any]
    problem: str | None = None


def read_rows(source: BinaryIO, file_format: FileFormat) -> Iterator[Row]:
    """Read rows. A malformed row has a `problem`, and does not stop the rows after it.

    Bytes that are invalid in the encoding become lone surrogates, so that free text can be sanitized
    and any other field is refused by name. Raises ImportFileError if the file as a whole can't be
    read.
    """
    text = _decoded(source, file_format)
    return _csv_rows(text, file_format) if file_format.kind == "csv" else _json_rows(text)


def _decoded(source: BinaryIO, file_format: FileFormat) -> Iterator[str]:
    """Yield the lines with their line ends. Raises ImportFileError."""
    buffered = source if isinstance(source, io.BufferedReader) else io.BufferedReader(source)  # type: ignore[type-var]
    start = buffered.peek(4)[:4]
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    encoding = marked or file_format.encoding or "utf-8"
    text = io.TextIOWrapper(buffered, encoding, errors="surrogateescape", newline="")
    number = 0
    try:
        while line := text.readline(LINE_MAX):
            number += 1
            if len(line) >= LINE_MAX:
                raise ImportFileError(
                    f"line {number} has more than {LINE_MAX:,} characters: is it {file_format.kind}?"
                )
            yield line
    except UnicodeError as error:
        raise ImportFileError(f"after line {number}: not {encoding} ({error.args[-1]})") from None
    finally:
        with suppress(ValueError):  # the file was closed by its owner
            text.detach()


def _csv_rows(lines: Iterator[str], file_format: FileFormat) -> Iterator[Row]:
    csv.field_size_limit(LINE_MAX)
    reader = csv.reader(lines, delimiter=file_format.delimiter, strict=True)
    columns = list(file_format.columns) if file_format.columns else _header(reader)
    while True:
        number = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, {}, f"{_span(number, reader.line_num)}not CSV: {error}")
            continue
        if not values:
            continue
        fields: dict[str, Any] = dict(zip(columns, values, strict=False))
        if len(values) != len(columns):
            wrong = f"has {len(values)} fields instead of {len(columns)}"
            yield Row(number, fields, f"{_span(number, reader.line_num)}{wrong}")
        else:
            yield Row(number, fields)


def _span(first: int, last: int) -> str:
    """Say where a row ends: an unclosed quotation mark extends it across many lines."""
    return f"(to line {last}) " if last > first else ""


def _header(reader: Any) -> list[str]:
    try:
        columns = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise ImportFileError(f"the header is not CSV: {error}") from None
    if not columns:
        raise ImportFileError("the file is empty: it has no header")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise ImportFileError(
            f"the column {twice[0]!r} occurs twice: list the columns in the mapping's "
            "source.columns, and remove the header"
        )
    return columns


def _json_rows(lines: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            yield Row(number, {"line": line[:1000]}, _why(error))
            continue
        if isinstance(found, dict):
            yield Row(number, found)
        else:
            yield Row(number, {"line": line[:1000]}, "not a JSON object")


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
            return "not JSON: nested too deeply"
        case _:
            return f"not JSON: {error}"  # such as an integer of thousands of digits
