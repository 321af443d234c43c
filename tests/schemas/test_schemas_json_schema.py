"""The committed JSON Schema and its examples: what publishers in any language hold to."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from audit_schemas import EventRefusedError, decode, encode
from audit_schemas.schema import json_schema
from hypothesis import given
from jsonschema import Draft202012Validator
from support.event_strategies import CATALOGUE, some, wire_events

SCHEMAS = Path(__file__).parents[2] / "schemas"
COMMITTED = SCHEMAS / "audit-event.v1.schema.json"
VALID = sorted((SCHEMAS / "examples/v1/valid").glob("*.json"))
REFUSALS = sorted((SCHEMAS / "examples/v1/invalid").glob("*.refusal.json"))
INVALID = sorted(set((SCHEMAS / "examples/v1/invalid").glob("*.json")) - set(REFUSALS))

checker = Draft202012Validator(json_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_committed_schema_is_the_models() -> None:
    """A change of the model shows as a change of this file."""
    generated = json.dumps(json_schema(), indent=2) + "\n"
    assert generated == COMMITTED.read_text("utf-8"), f"{COMMITTED.name} is stale: run `make schema`"


def test_module_writes_the_committed_schema() -> None:
    """The command that its docstring names gives the file, byte for byte."""
    command = [sys.executable, "-m", "audit_schemas.schema"]
    assert COMMITTED.read_bytes() == subprocess.run(command, capture_output=True, check=True).stdout


def test_schema_is_sound() -> None:
    """It is JSON Schema 2020-12 itself, and its formats are checked here."""
    Draft202012Validator.check_schema(json_schema())
    assert {"ipv4", "ipv6"} <= set(Draft202012Validator.FORMAT_CHECKER.checkers)


@some
@given(wire_events())
def test_what_the_model_accepts_the_schema_accepts(wire: dict[str, Any]) -> None:
    """No publisher's check refuses what the consumer takes."""
    assert [] == [error.message for error in checker.iter_errors(wire)]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_example_is_accepted(path: Path) -> None:
    """By the schema, the model and the catalogue; free text in it needs no mending."""
    wire = json.loads(path.read_bytes())
    assert [] == [error.message for error in checker.iter_errors(wire)]
    event = decode(path.read_bytes())
    default = CATALOGUE[event.event.action].outcome
    assert (event.event.outcome or default) == CATALOGUE.settle(event).event.outcome
    assert wire.get("audit", {}).get("altered") == event.audit.altered
    assert event == decode(encode(event))


def test_each_shipped_activity_has_a_valid_example() -> None:
    """A publisher finds one to start from."""
    assert set(CATALOGUE) == {json.loads(path.read_bytes())["event"]["action"] for path in VALID}


def test_examples_show_every_field() -> None:
    """One of them has all that an event can have."""
    every = decode((SCHEMAS / "examples/v1/valid/every-field.json").read_bytes())
    assert [] == _unset(every.model_dump(by_alias=True))


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_invalid_example_is_refused_as_its_sidecar_says(path: Path) -> None:
    """Reason, path and sentence are part of the contract."""
    expected = json.loads(path.with_suffix(".refusal.json").read_bytes())
    with pytest.raises(EventRefusedError) as caught:
        CATALOGUE.settle(decode(path.read_bytes()))
    first = caught.value.problems[0]
    assert 1 == len(caught.value.problems)
    assert expected == {"reason": caught.value.reason, "path": first.path, "message": first.message}


def test_each_refusal_belongs_to_an_example() -> None:
    """No sidecar is left behind, and each reason that decoding has is shown."""
    assert {path.stem for path in INVALID} == {
        path.name.removesuffix(".refusal.json") for path in REFUSALS
    }
    reasons = {json.loads(path.read_bytes())["reason"] for path in REFUSALS}
    assert {"malformed", "duplicate-key", "invalid", "unknown-activity", "missing-context"} == reasons


@pytest.mark.parametrize("path", REFUSALS, ids=lambda path: path.name.removesuffix(".refusal.json"))
def test_schema_refuses_what_the_model_does(path: Path) -> None:
    """A publisher's check by schema finds every wrong field but a day that does not exist."""
    name = path.name.removesuffix(".refusal.json")
    if json.loads(path.read_bytes())["reason"] != "invalid":
        return
    raw = path.with_name(f"{name}.json").read_bytes()
    accepted = checker.is_valid(json.loads(raw.decode("utf-8", "surrogateescape")))
    assert accepted == (name in {"time-impossible-day", "user-id-invalid-utf8"})


def _unset(value: Any, path: str = "") -> list[str]:
    """Return the paths that are None, a change's first value apart."""
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in _unset(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [found for inner in value for found in _unset(inner, path)]
    return [path] if value is None and path != ".audit.changes.before" else []
