"""CSV files: harmless in any spreadsheet, and readable by the one that is meant."""

import csv
import io
import re

import pytest
from audit_query.csv_format import CsvFormat, Delimiter, csv_cell, utc_cell
from hypothesis import given
from hypothesis import strategies as st

DELIMITERS: dict[Delimiter, str] = {"comma": ",", "semicolon": ";", "tab": "\t"}
COMPUTED = re.compile(r"[\s\"\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
HOSTILE = st.text(
    st.sampled_from("=+-@\uff1d\uff0b\uff0d\uff20,;\t\r\n \"'\xa0\u3000\u200bAb1"), max_size=12
)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Ada", "Ada"),
        (" Ada ", " Ada "),
        ("a-b@example.com", "a-b@example.com"),
        ("Evans, Carla; Ben", "Evans, Carla; Ben"),
        ("=1+1", "'=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff20SUM(A1)", "'\uff20SUM(A1)"),
        (" =1+1", "' =1+1"),
        ("\xa0=1+1", "'\xa0=1+1"),
        ("\u200b=1+1", "'\u200b=1+1"),
        ("\tAda", "'\tAda"),
        ("\rAda", "'\rAda"),
        ("Ada;=1+1", "Ada;'=1+1"),
        ("Ada, =1+1", "Ada, '=1+1"),
        ("Ada\n=1+1", "Ada\n'=1+1"),
        ('x;"=1+1";y', 'x;"\'=1+1";y'),
        ({"a;=1+1": "b"}, '{"a;\'=1+1":"b"}'),
        (7, "7"),
        (None, ""),
    ],
)
def test_what_looks_like_a_formula_is_text(text: object, cell: str) -> None:
    """At the beginning, and behind whatever may separate cells elsewhere; all else stays."""
    assert csv_cell(text) == cell


@given(st.lists(HOSTILE, min_size=1, max_size=4), st.sampled_from(list(DELIMITERS)))
def test_no_cell_is_computed_whatever_separates_them(texts: list[str], written: Delimiter) -> None:
    """A file is opened by spreadsheets that take another separator than it has."""
    rows = [["2026", *map(csv_cell, texts)]]
    text = CsvFormat(written).rows(rows).decode()
    assert rows == list(csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[written]))
    for delimiter in DELIMITERS.values():
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            assert not [cell for cell in row if COMPUTED.match(cell)]


@given(HOSTILE)
def test_cell_says_all_that_the_text_says(text: str) -> None:
    """Nothing but apostrophes is added."""
    assert csv_cell(text).replace("'", "") == text.replace("'", "")


def test_mark_for_excel_begins_the_file() -> None:
    """Once; no line says the separator, since Excel then ignores the mark."""
    form = CsvFormat("semicolon", excel=True)
    assert form.heading(["User", "=1"]) == b"\xef\xbb\xbfUser;'=1\r\n"
    assert form.rows([["\u00fc", "a;b"]]) == b'\xc3\xbc;"a;b"\r\n'


@pytest.mark.parametrize(
    ("given_", "cell"),
    [
        ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00.000Z"),
        ("2026-11-01T10:00:00.123456789+03:00", "2026-11-01T07:00:00.123Z"),
        ("=no time", "'=no time"),
        (None, ""),
    ],
)
def test_times_have_one_form(given_: object, cell: str) -> None:
    """UTC, to the millisecond, whatever the publisher's zone."""
    assert utc_cell(given_) == cell
