"""Capitals and small letters of every script."""

import re

import pytest
from audit_query.letter_case import begins_with, has_whole_pattern, prefix_pattern, spellings


@pytest.mark.parametrize(
    ("prefix", "value"),
    [
        ("ünal", "Ünal"),
        ("ÜNAL", "ünal"),
        ("ada", "ADA (night)"),
        ("жди", "ЖДИ"),
        ("ΓΙΏΡΓΟΣ", "Γιώργος"),
        ("straß", "STRAẞE"),
        ("\u0131ş\u0131k", "Iş\u0131k"),
        ("İpek", "ipek"),
        ("Ǆ", "ǆ"),
        ("a.b*[", "A.B*[c"),
        ("", "anything"),
    ],
)
def test_either_case_begins_a_value(prefix: str, value: str) -> None:
    """In Python, in Lucene's expression, and by one of the spellings."""
    assert begins_with(value, prefix)
    assert re.fullmatch(prefix_pattern(prefix), value)
    written = spellings(prefix, 10_000)
    assert written is not None
    assert any(value.startswith(one) or value.lower().startswith(one.lower()) for one in written)


@pytest.mark.parametrize(
    ("prefix", "value"),
    [("u", "Ünal"), ("ünalx", "Ünal"), (".*", "Ada"), ("k", "\u212a"), ("i", "İpek"), ("ab", "a")],
)
def test_another_letter_begins_none(prefix: str, value: str) -> None:
    """An umlaut is a letter of its own, and so is what only looks like one."""
    assert not begins_with(value, prefix)
    assert not re.fullmatch(prefix_pattern(prefix), value)


def test_expression_is_one_that_elasticsearch_takes() -> None:
    """Of a prefix that is too long it is for the start."""
    assert len(prefix_pattern("ü" * 1000)) <= 1000
    assert (has_whole_pattern("ü" * 249), has_whole_pattern("ü" * 250)) == (True, False)
    assert spellings("ждиф", 9) is None
    assert spellings("plain", 1) == ["plain"]
