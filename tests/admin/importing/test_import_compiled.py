"""What the rules become: functions, which the import and --explain share."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from admin.importing.imported import rows, simple
from audit_admin.importing.compiled import compile_field, is_text
from audit_admin.importing.mapping import load_mapping
from audit_admin.importing.row import Row
from audit_admin.importing.row_path import read_path
from audit_admin.importing.rows import FileFormat, read_rows
from audit_admin.importing.text_fields import TextField, text_putter
from audit_admin.importing.translate import Translator
from audit_admin.importing.values import ValueRule
from audit_admin.importing.wire_fields import FEW_VALUED
from audit_producer.fast_path import FastPath
from audit_schemas import TimeBounds, encode, validate
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import CATALOGUE, many
from support.servers import ROOT

FOLDER = ROOT / "deploy" / "importing"
MAPPING = """
[source]
name = "test"
format = "ndjson"
[time]
from = "at"
[[activity]]
from = "what"
map = { in = "login" }
[[activity]]
from = "old"
[fields]
"source.ip" = { from = "ip", clean = "address", keep = "labels.address" }
"""


@pytest.mark.parametrize("sample", sorted((FOLDER / "samples").iterdir()), ids=lambda path: path.stem)
def test_explanation_says_what_the_import_does(sample: Path) -> None:
    """Field by field, for every row of every shipped sample."""
    mapping = load_mapping(FOLDER / f"{sample.stem}.toml")
    translator = Translator(mapping)
    with sample.open("rb") as source:
        records = [
            record
            for row in read_rows(source, mapping.file_format)
            for record in translator.records_of(row)
        ]
    assert records
    for record in records:
        values = translator.values_of(record)
        expected = {path: shown(value) for path, value in values.items()}
        del expected["event.id"]
        changes = expected.pop("audit.changes", "")
        steps = list(translator.steps_of(record))
        assert not any(step.error for step in steps)
        filled = {step.path: step.value for step in steps if step.value is not None}
        assert bool(filled.pop("audit.changes", "")) == bool(changes)
        assert filled == expected


@pytest.mark.parametrize("sample", sorted((FOLDER / "samples").iterdir()), ids=lambda path: path.stem)
def test_records_are_what_the_model_makes_of_the_rows(sample: Path) -> None:
    """The same bytes and key, whichever way they are written."""
    mapping = load_mapping(FOLDER / f"{sample.stem}.toml")
    translator = Translator(mapping)
    fast_path = FastPath(CATALOGUE, TimeBounds.unlimited(), translator.written, FEW_VALUED)
    with sample.open("rb") as source:
        records = [
            record
            for row in read_rows(source, mapping.file_format)
            for record in translator.records_of(row)
        ]
    made = 0
    for record in records * 2:
        values = Translator(mapping).values_of(record)
        ready = fast_path.ready(values, datetime.now(UTC))
        if ready is not None:
            event = validate(translator.written(values))
            CATALOGUE.check(event)
            person = event.user if event.audit.actor.kind == "user" else None
            assert (encode(event), person and (person.id or person.name)) == ready
            made += 1
    assert made > 0


def shown(value: object) -> str:
    """Return a value as an explanation has it."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@pytest.mark.parametrize(
    ("row", "path", "value", "error"),
    [
        ({"what": "in", "ip": "localhost"}, "labels.address", "localhost", None),
        ({"what": "out"}, "event.action", None, '"out" is not in the mapping\'s table'),
        ({"what": "out", "old": "logout"}, "event.action", "logout", None),
        ({}, "event.action", None, "has no activity"),
    ],
)
def test_explanation_tells_what_was_kept_and_what_is_missing(
    tmp_path: Path, row: dict[str, Any], path: str, value: str | None, error: str | None
) -> None:
    """A text that can't be cleaned is in its label; a row without an activity is an error."""
    translator = Translator(simple(tmp_path, MAPPING))
    steps = translator.steps_of(Row(1, {"at": "2026-11-01T09:30:00Z", **row}))
    assert [(step.value, step.error) for step in steps if step.path == path] == [(value, error)]


_inner = st.sampled_from([None, "", " x ", "-", "Null", "nullify", 7, 0, True, [], ["x"], {"b": "y"}])
_names = st.sampled_from(["a", "b", "0", "a.b", "a.b.c"])
_SOURCES = {
    "user.id": "a",
    "user.name": "a.b",
    "event.reason": "a.0",
    "service.name": "a.b.c",
    "organization.id": "b",
    "audit.chat.id": "b.a",
    "audit.session.id": "0",
    "trace.id": "c[d",
}


@many
@given(st.dictionaries(_names, _inner | st.dictionaries(_names, _inner | st.just({"c": "z"}))))
def test_texts_that_are_read_together_are_those_read_alone(row: dict[str, Any]) -> None:
    """Whatever stands in the way: a list, a number, a column with a dot in its name."""
    nothing = frozenset({"-", "null"})
    fields = [
        TextField(path, rule, compile_field(path, rule).put)
        for path, source in _SOURCES.items()
        if is_text(path, rule := ValueRule((read_path(source),), nothing=nothing))
    ]
    assert len(fields) == len(_SOURCES)
    alone: dict[str, Any] = {}
    for field in fields:
        field.put(row, alone)
    together: dict[str, Any] = {}
    text_putter(fields)(row, together)
    assert alone == together


@pytest.mark.parametrize(
    "line",
    [
        '{"a": 123456789012345678901234567890, "b": -1.50, "c": 1E400, "d": [1e2, true, null, {}]}',
        '{"a": "\\u00e9\\ud83d\\ude00", "b": "\\ud800", "c": "\\"a\\": 1"}',
        '{"a": NaN, "b": -Infinity}',
        '{"a": "é\U0001f600\x7f", "": ":", "b": {"a": {"a": "a"}}}',
    ],
)
def test_json_is_read_as_python_reads_it(line: str) -> None:
    """Whichever parser is the faster one for a line."""
    (row,) = rows(line.encode(), FileFormat("ndjson"))
    assert row.problem is None
    assert repr(row.fields) == repr(json.loads(line))


@pytest.mark.parametrize("line", ['{"a": 1, "a": 1}', '{"b": {"a": "", "a": {}}}', "{'a': 1}"])
def test_json_that_is_doubtful_is_told(line: str) -> None:
    """Also without any escape, where no second look at the text is needed."""
    (row,) = rows(line.encode(), FileFormat("ndjson"))
    assert row.problem is not None
