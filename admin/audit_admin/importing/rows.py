"""Rows of another log's file, CSV or NDJSON, as a stream: whatever is in it, no row goes unsaid."""

import codecs
import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from audit_admin.importing.errors import ImportFileError

__all__ = ["Form", "Row", "read_rows"]

LINE_MAX = 8 * 1024 * 1024
"""Characters of a line; an event has a megabyte at most, and a row is no more than a few events."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written."""

    kind: Literal["csv", "ndjson"]
    encoding: str | None = None
    """None: as its byte order mark says, else UTF-8."""
    delimiter: str = ","
    columns: Sequence[str] | None = None
    """The columns of a CSV file without a header."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the line that it begins at, from 1, and its fields; or what it is and why it is none."""

    number: int
    fields: dict[str, Any]
    problem: str | None = None


def read_rows(source: BinaryIO, form: Form) -> Iterator[Row]:
    """Read rows; one that is none has a `problem`, and the next ones are read all the same.

    Bytes that are not of the encoding become lone surrogates, so that free text can be mended and any
    other field is refused by name. Raises ImportFileError for what makes the whole file unreadable.
    """
    text = _decoded(source, form)
    return _csv_rows(text, form) if form.kind == "csv" else _json_rows(text)


def _decoded(source: BinaryIO, form: Form) -> Iterator[str]:
    """Yield the lines, their ends as they are. A file that was cut in the middle of a byte ends so."""
    buffered = source if isinstance(source, io.BufferedReader) else io.BufferedReader(source)  # type: ignore[type-var]
    start = buffered.peek(4)[:4]
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    encoding = marked or form.encoding or "utf-8"
    text = io.TextIOWrapper(buffered, encoding, errors="surrogateescape", newline="")
    number = 0
    try:
        while line := text.readline(LINE_MAX):
            number += 1
            if len(line) >= LINE_MAX:
                raise ImportFileError(
                    f"line {number} has more than {LINE_MAX:,} characters: is it {form.kind}?"
                )
            yield line
    except UnicodeError as error:
        raise ImportFileError(f"after line {number}: not {encoding} ({error.args[-1]})") from None
    finally:
        with suppress(ValueError):  # whoever opened the file has closed it
            text.detach()


def _csv_rows(lines: Iterator[str], form: Form) -> Iterator[Row]:
    csv.field_size_limit(LINE_MAX)
    reader = csv.reader(lines, delimiter=form.delimiter, strict=True)
    columns = list(form.columns) if form.columns else _header(reader)
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
            wrong = f"has {len(values)} fields, and there are {len(columns)} columns"
            yield Row(number, fields, f"{_span(number, reader.line_num)}{wrong}")
        else:
            yield Row(number, fields)


def _span(first: int, last: int) -> str:
    """Say how far a row reaches: a quotation mark that is never closed swallows many lines."""
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
            f"the column {twice[0]!r} is there twice: name the columns yourself, in the mapping's "
            "source.columns, and take the header out"
        )
    return columns


def _json_rows(lines: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = getattr(error, "msg", "nested too deeply")
            yield Row(number, {"line": line[:1000]}, f"not JSON: {why}")
            continue
        if isinstance(found, dict):
            yield Row(number, found)
        else:
            yield Row(number, {"line": line[:1000]}, "not a JSON object")
