"""Reading the rows of a CSV or JSON file as a stream. No row is dropped silently."""

import codecs
import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from audit_admin.importing.encodings import InvalidBytes
from audit_admin.importing.errors import ImportFileError
from audit_admin.importing.json_rows import json_rows
from audit_admin.importing.row import LINE_MAX, Row

__all__ = ["FileFormat", "read_rows"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BEFORE_TEXT = codecs.BOM_UTF8 + codecs.BOM_UTF16_LE + b"\x00 \t\r\n"


@dataclass(frozen=True, slots=True)
class FileFormat:
    """The format of a file."""

    kind: Literal["csv", "ndjson"]
    encoding: str | None = None
    """None: from its byte order mark, otherwise UTF-8."""
    delimiter: str = ","
    columns: Sequence[str] | None = None
    """The columns of a CSV file without a header."""
    skip_lines: int = 0
    """Lines above the header."""
    records: str | None = None
    """The list of a JSON document that holds its rows, such as Records or data.events."""
    invalid_bytes: Literal["reject", "escape"] = "reject"
    """What becomes of rows with bytes that are not of the encoding."""


def read_rows(source: BinaryIO, file_format: FileFormat) -> Iterator[Row]:
    """Read rows. A malformed row has a `problem`, and does not stop the rows after it.

    JSON is read as what it is: an object a line, an array, objects over several lines, or a document
    with a list of `records`, in constant memory. Bytes that are invalid in the encoding are a problem,
    or, if they are to be escaped, become lone surrogates, so that free text can be sanitized and any
    other field is refused by name. Raises ImportFileError if the file as a whole can't be read.
    """
    buffered = source if isinstance(source, io.BufferedReader) else io.BufferedReader(source)  # type: ignore[type-var]
    start = buffered.peek(4)
    encoding = _encoding(start, file_format)
    is_document = file_format.kind == "ndjson" and (
        file_format.records is not None or start.lstrip(_BEFORE_TEXT)[:1] == b"["
    )
    text = _decoded(buffered, encoding, file_format.kind, in_pieces=is_document)
    text = itertools.islice(text, file_format.skip_lines, None)
    invalid = InvalidBytes(encoding) if file_format.invalid_bytes == "reject" else None
    if file_format.kind == "csv":
        return _csv_rows(text, file_format, invalid)
    return json_rows(text, invalid, file_format.records, is_document=is_document)


def _encoding(start: bytes, file_format: FileFormat) -> str:
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    return marked or file_format.encoding or "utf-8"


def _decoded(source: Any, encoding: str, kind: str, *, in_pieces: bool) -> Iterator[str]:
    """Yield the lines with their line ends; long ones in pieces if that is asked for.

    Raises ImportFileError.
    """
    text = io.TextIOWrapper(source, encoding, errors="surrogateescape", newline="")
    number = 0
    try:
        while line := text.readline(LINE_MAX // 64 if in_pieces else LINE_MAX):
            number += 1
            if len(line) >= LINE_MAX:
                raise ImportFileError(
                    f"line {number} has more than {LINE_MAX:,} characters: is it {kind}?"
                )
            yield line
    except UnicodeError as error:
        raise ImportFileError(f"after line {number}: not {encoding} ({error.args[-1]})") from None
    finally:
        with suppress(ValueError):  # the file was closed by its owner
            text.detach()


def _csv_rows(
    lines: Iterator[str], file_format: FileFormat, invalid: InvalidBytes | None
) -> Iterator[Row]:
    csv.field_size_limit(LINE_MAX)
    reader = csv.reader(lines, delimiter=file_format.delimiter, strict=True)
    above = file_format.skip_lines
    columns = list(file_format.columns) if file_format.columns else _header(reader)
    while True:
        number = above + reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, {}, f"{_span(number, above + reader.line_num)}not CSV: {error}")
            continue
        if not values:
            continue
        fields: dict[str, Any] = dict(zip(columns, values, strict=False))
        if len(values) != len(columns):
            wrong = f"has {len(values)} fields instead of {len(columns)}"
            yield Row(number, fields, f"{_span(number, above + reader.line_num)}{wrong}")
        else:
            yield Row(number, fields, invalid.problem(*values) if invalid else None)


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
