"""Cursors, which travel through URLs and come back from anybody."""

import base64
import json

import pytest
from audit_query import ParameterError
from audit_query.cursor import decode_cursor, encode_cursor
from hypothesis import given
from hypothesis import strategies as st

LONGS = st.integers(-(2**63) + 1, 2**63 - 1)
PARTITIONS = st.integers(-(2**31) + 1, 2**31 - 1)


@given(st.tuples(LONGS, PARTITIONS, LONGS))
def test_cursor_comes_back_as_it_was(cursor: tuple[int, ...]) -> None:
    """And needs no escape in a URL."""
    text = encode_cursor(cursor)
    assert decode_cursor(text) == cursor
    assert text.replace("-", "").replace("_", "").isalnum()
    with pytest.raises(ParameterError):
        decode_cursor(text, numbers=1)


@given(st.one_of(st.text(), st.binary().map(lambda b: base64.urlsafe_b64encode(b).decode())))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """Whatever it is, in one sentence."""
    with pytest.raises(ParameterError, match="leave it out"):
        decode_cursor(text)


@pytest.mark.parametrize(
    "content",
    [
        *("[1,2]", "[1,2,3,4]", "[1,2,true]", "[1,2,1e3]", '[1,2,"3"]', "[1,2,1e999]", "{}"),
        json.dumps([1, 2, 2**63]),
        json.dumps([1, 2**31, 2]),
        "[" * 100_000,
    ],
)
def test_what_elasticsearch_would_choke_on_is_refused(content: str) -> None:
    """Before it gets there."""
    with pytest.raises(ParameterError):
        decode_cursor(base64.urlsafe_b64encode(content.encode()).decode())
