"""What an import says at its end, and what it shows of one row."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.in_process import auditlog_in_process

MAPPING = """
[source]
name = "test"
format = "ndjson"
[time]
from = "at"
[activity]
from = "what"
[fields]
"user.name" = "actor.name"
"source.ip" = { from = "client.ipp", clean = "address", keep = "labels.address" }
"user.target.id" = "targets.0.id"
"event.outcome" = "outcome"
"service.name" = "service"
[[skip]]
when = { what = "noise" }
"""
ROW: dict[str, Any] = {
    "at": "2026-11-01T09:30:00Z",
    "what": "login",
    "actor": {"name": "Ada"},
    "client": {"ip": "192.0.2.7:80"},
    "targets": [{"id": "t-1"}, {"id": "t-2"}],
    "outcome": "failure",
    "service": "web",
}


def run(tmp_path: Path, rows: list[dict[str, Any]], *options: str, mapping: str = MAPPING) -> Any:
    """Import rows, for trial."""
    source, target = tmp_path / "mapping.toml", tmp_path / "rows.ndjson"
    source.write_text(mapping)
    target.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return auditlog_in_process("import", str(target), "--mapping", str(source), *options)


def test_what_may_be_wrong_is_told(tmp_path: Path) -> None:
    """A path that leads nowhere, entries that nobody reads, a failure that no rule looks for."""
    rows = [ROW, {**ROW, "service": "-", "targets": []}, {"what": "noise"}]
    done = run(tmp_path, rows, "--dry-run", "--show", "0")
    assert done.returncode == 0, "rows that are left out on purpose are no failure"
    said = " ".join(done.stdout.split())
    assert "2 rows would be published 2 login 1 row left out, as the mapping says" in said
    assert "@timestamp 2 2026-11-01T09:30:00.000Z" in said
    assert "service.name 1 web" in said
    assert "source.ip was never filled from client.ipp: did you mean client.ip?" in said
    assert "2 events are login with outcome failure, which no rule looks for: map these rows" in said
    assert "1 rows have more entries in targets than the mapping reads" in said
    assert '"-" was taken as no value in 1 places: see [source] empty' in said


def test_machines_get_the_same(tmp_path: Path) -> None:
    """As JSON, with the fields' counts."""
    mapping = MAPPING.replace("ipp", "ip")
    rows = [ROW, {**ROW, "client": {"ip": "localhost"}}, {"what": "noise"}]
    done = json.loads(run(tmp_path, rows, "--dry-run", "--json", mapping=mapping).stdout)
    assert (done["rows"], done["skipped"], done["rejected"]) == (3, 1, 0)
    assert (done["fields"]["source.ip"], done["fields"]["user.name"]) == (1, 2)
    assert any("1 values of source.ip could not be cleaned" in one for one in done["warnings"])


def test_reasons_that_differ_by_a_number_are_one(tmp_path: Path) -> None:
    """Nobody reads a list with a line for each row."""
    rows = [{**ROW, "at": f"{number} o'clock"} for number in range(5)]
    done = run(tmp_path, rows, "--dry-run")
    assert done.returncode == 1
    assert done.stdout.count("is not a time in") == 1
    assert '  5 at: "0 o\'clock" is not a time in' in done.stdout


def test_age_is_the_last_thing_that_is_checked(tmp_path: Path) -> None:
    """Whoever maps an old log sees what is wrong with the mapping first."""
    done = run(tmp_path, [{**ROW, "at": "2001-01-01T00:00:00Z", "what": "danced"}], "--dry-run")
    assert "danced" in done.stderr
    assert "AUDITLOG_MAX_PAST_DAYS" not in done.stderr


@pytest.mark.parametrize(
    ("number", "parts"),
    [
        (1, ["line 1", "client.ip", "192.0.2.7:80", "192.0.2.7", '"ip": "192.0.2.7"']),
        (2, ["line 2 is left out: a [[skip]] of the mapping takes it"]),
        (3, ["line 3", "has no time", "rejected: at: has no time"]),
    ],
)
def test_one_row_is_explained(tmp_path: Path, number: int, parts: list[str]) -> None:
    """Field by field: what the row has, and what becomes of it."""
    rows = [ROW, {"what": "noise"}, {"what": "login"}]
    mapping = MAPPING.replace("ipp", "ip")
    done = run(tmp_path, rows, "--explain", str(number), mapping=mapping)
    assert done.returncode == 0
    for part in parts:
        assert part in done.stdout


def test_row_is_explained_as_one_of_its_file(tmp_path: Path) -> None:
    """Its year follows from the rows before it, as does whether its id is taken."""
    time = 'from = "at"\nformat = "%b %d %H:%M:%S"\nyear = 2025\nzone = "UTC"'
    years = [{**ROW, "at": "Dec 31 23:59:59"}, {**ROW, "at": "Jan 1 00:00:00"}]
    shown = run(tmp_path, years, "--explain", "2", mapping=MAPPING.replace('from = "at"', time)).stdout
    assert "2026-01-01T00:00:00.000Z" in shown
    assert "2025-01-01" not in shown
    same = [ROW, {**ROW, "service": "other"}]
    taken = run(
        tmp_path, same, "--explain", "2", mapping=MAPPING.replace("[time]", 'id = "at"\n[time]')
    )
    assert "rejected: at: is also that of line 1, which has different contents" in taken.stdout


def test_change_that_can_not_be_translated_is_explained(tmp_path: Path) -> None:
    """It is why the row is rejected, so it is what somebody wants to see."""
    mapping = MAPPING + '[[changes]]\nfield = { from = "setting", map = { a = "A" } }\n'
    done = run(tmp_path, [{**ROW, "setting": "b"}], "--explain", "1", mapping=mapping)
    assert done.returncode == 0
    assert '"b" is not in the mapping\'s table' in " ".join(done.stdout.split())
    assert 'rejected: setting: "b" is not in the mapping\'s table' in done.stdout


def test_row_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    """Not an empty table."""
    done = run(tmp_path, [ROW], "--explain", "9")
    assert done.returncode == 1
    assert "has no row 9; the nearest one is 1" in done.stderr


def test_hostile_row_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    """Terminal escapes and markup in values and names."""
    rows = [{**ROW, "actor": {"name": "\x1b[31m[bold]x"}, "client": {"ip": "\x1b[2J"}}]
    for options in (("--explain", "1"), ("--dry-run",)):
        done = run(tmp_path, rows, *options, mapping=MAPPING.replace("ipp", "ip"))
        assert "\x1b" not in done.stdout + done.stderr
        assert "[bold]" in done.stdout
