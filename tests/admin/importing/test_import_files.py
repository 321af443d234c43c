"""Files that are no table with a header, no line an object, or of another encoding."""

import json
import tracemalloc
from collections.abc import Iterator
from io import BytesIO, RawIOBase
from pathlib import Path

import pytest
from admin.importing.imported import events, rows, simple
from audit_admin.importing.errors import ImportFileError
from audit_admin.importing.row import LINE_MAX
from audit_admin.importing.rows import FileFormat, read_rows

NDJSON = FileFormat("ndjson")
RECORDS = FileFormat("ndjson", records="data.Records")
TWO = [{"a": 1, "b": "é"}, {"a": 2, "b": "["}]


def document(records: str) -> bytes:
    """Return a document whose records lie among other things."""
    return (
        b'{"data": {"Info": [{"a": 9}], "Records": ' + records.encode() + b', "x": {}}, "Records": 1}'
    )


@pytest.mark.parametrize(
    ("data", "file_format"),
    [
        (json.dumps(TWO).encode(), NDJSON),
        (json.dumps(TWO, indent=2).encode("utf-16"), NDJSON),
        (b"\xef\xbb\xbf \n" + json.dumps(TWO, indent=2).encode(), NDJSON),
        ("\n".join(json.dumps(row, indent=2) for row in TWO).encode(), NDJSON),
        (document(json.dumps(TWO)), RECORDS),
        (document(json.dumps(TWO, indent=2)), RECORDS),
        (document(json.dumps(TWO[:1])) + b"\n" + document(json.dumps(TWO[1:])), RECORDS),
    ],
)
def test_json_is_read_as_what_it_is(data: bytes, file_format: FileFormat) -> None:
    """An array, objects over several lines, a list inside documents."""
    found = rows(data, file_format)
    assert [row.fields for row in found] == TWO
    assert [row.place for row in found] == ["record 1", "record 2"]


def test_lines_of_objects_stay_lines() -> None:
    """A mistake in the first one stops none of the others."""
    found = rows(b'{"a": 1\n{"a": 2}\n{"a": 3}', NDJSON)
    assert [(row.place, row.problem is None) for row in found] == [
        ("line 1", False),
        ("line 2", True),
        ("line 3", True),
    ]


@pytest.mark.parametrize(
    ("data", "good", "why"),
    [
        (b'[{"a": 1}, {"a": 2, "a": 3}, {"a": 4}]', 2, "a appears twice in one object"),
        (b'[{"a": 1}, 7, {"a": 4}]', 2, "not a JSON object"),
        (b'[{"a": 1}, {"a": nonsense}, {"a": 4}]', 1, "nothing after it can be read: Expecting value"),
        (b'[{"a": 1} {"a": 4}]', 1, "nothing after it can be read: , is missing before {"),
        (b'[{"a": 1}, {"a": 4}', 2, "nothing after it can be read: , is missing"),
        (b'[{"a": 1}, {"a": "\xff"}]', 1, "has bytes that are not utf-8"),
        (b"[" * 100_000, 0, "not a JSON object"),
    ],
)
def test_mistake_in_a_document_is_told(data: bytes, good: int, why: str) -> None:
    """The records around it are read, as far as anybody can tell where they begin."""
    found = rows(data, NDJSON)
    problems = [row.problem for row in found if row.problem is not None]
    assert sum(row.problem is None for row in found) == good
    assert len(problems) == 1
    assert why in problems[0] or "nested too deeply" in problems[0]


def test_document_without_its_list_is_one_sentence() -> None:
    """Not a file with no rows."""
    with pytest.raises(ImportFileError, match=r"no list 'data\.Records'"):
        rows(b'{"data": {"records": []}}', RECORDS)
    assert rows(document("[]"), RECORDS) == []


class _Endless(RawIOBase):
    """An array on one line, given out in small parts."""

    def __init__(self, records: int) -> None:
        self._parts = self._of(records)
        self._rest = b""

    def _of(self, records: int) -> Iterator[bytes]:
        yield b"["
        for number in range(records):
            yield b"," * (number > 0) + json.dumps({"n": number, "text": "x" * 10_000}).encode()
        yield b"]"

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Read some bytes."""
        while not self._rest and (part := next(self._parts, b"")):
            self._rest = part
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def test_large_document_takes_little_memory() -> None:
    """Ten megabytes on one line."""
    tracemalloc.start()
    try:
        count = sum(row.problem is None for row in read_rows(_Endless(1000), NDJSON))  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 1000
    assert peak < 4_000_000


@pytest.mark.parametrize("number", ["1.5", "12e3", "1E+5", "-7.25", "30"])
def test_number_that_is_read_in_two_pieces_is_one(number: str) -> None:
    """Wherever in it the first piece of a long line ends."""
    for read in range(len(number) + 1):
        before, after = '{"pad": "', '", "took": '
        pad = "x" * (LINE_MAX // 64 - len(before) - len(after) - read)
        data = f'{before}{pad}{after}{number}, "Records": [{{"a": 1}}]}}'
        (row,) = rows(data.encode(), FileFormat("ndjson", records="Records"))
        assert (row.fields, row.problem) == ({"a": 1}, None)


def test_record_without_end_is_bounded() -> None:
    """It is given up when it has more characters than a record may have."""
    (row,) = rows(b'[{"a": "' + b"x" * (3 * LINE_MAX), NDJSON)
    assert row.problem is not None
    assert len(row.fields["record"]) <= 1000


def test_lines_above_the_header_are_passed_over() -> None:
    """And lines are counted from the file's first."""
    data = b"Exported by Ada\n\na,b\n1,2\n"
    (row,) = rows(data, FileFormat("csv", skip_lines=2))
    assert (row.number, row.fields) == (4, {"a": "1", "b": "2"})


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_bytes_of_another_encoding_are_refused_with_those_that_fit(kind: str) -> None:
    """Lone surrogates would stay in the log for ever."""
    text = "name\nÇağ\nAda\n" if kind == "csv" else '{"name": "Çağ"}\n{"name": "Ada"}\n'
    data = text.encode("windows-1254")
    wrong, right = rows(data, FileFormat(kind))  # type: ignore[arg-type]
    assert wrong.problem is not None
    assert "windows-1254" in wrong.problem
    assert right.problem is None
    told = FileFormat(kind, encoding="windows-1254")  # type: ignore[arg-type]
    assert rows(data, told)[0].fields == {"name": "Çağ"}
    escaped = FileFormat(kind, invalid_bytes="escape")  # type: ignore[arg-type]
    assert rows(data, escaped)[0].problem is None


def test_pipe_is_read_as_a_file_is() -> None:
    """Standard input can't be sought in."""
    assert [row.fields for row in read_rows(BytesIO(b'[{"a": 1}]'), NDJSON)] == [{"a": 1}]


@pytest.mark.parametrize("kind", ["line", "document", "inner"])
def test_row_that_is_nested_deeply_is_read_or_told(tmp_path: Path, kind: str) -> None:
    """What could just be read could not be written, which was the end of the whole import."""
    mapping = simple(
        tmp_path,
        '[source]\nname = "test"\nformat = "ndjson"\n[time]\nfrom = "at"\n[fields]\n'
        '"message" = "inner"\n[extract.inner]\nfrom = "deep"\nformat = "json"\n'
        '[activity]\nconstant = "login"\n',
    )
    for depth in (150, 199, *range(800, 1000), 200):
        deep = "[" * depth + "]" * depth
        value = json.dumps(deep) if kind == "inner" else deep
        row = f'{{"at": "2026-11-01T09:30:00Z", "deep": {value}}}'
        (found,) = events((f"[{row}]" if kind == "document" else row).encode(), mapping)
        is_told = isinstance(found, str)
        assert is_told == (kind != "inner" and depth >= 200), depth
        assert not is_told or "nested too deeply" in str(found)
