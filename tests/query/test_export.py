"""Everything that matches, as a file: whole, in order, at constant memory, and harmless."""

import csv
import io
import json
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
from audit_producer import new_event
from audit_query import AuditLog, Filter
from audit_query.export import COLUMNS, Format, export
from audit_schemas import AuditEvent
from support.in_process import call
from support.servers import Deployment
from support.stored_events import store

T0 = datetime(2026, 11, 1, 10, tzinfo=UTC)


def login(number: int, **fields: Any) -> AuditEvent:
    """Return one of many events, a second apart."""
    return new_event("login", user=f"u-{number % 7}", at=T0 - timedelta(seconds=number), **fields)


PAGE = 100


@pytest.fixture
def log(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditLog]:
    """Give a log that is still empty, and is read by small pages."""
    monkeypatch.setattr("audit_query.log._SCAN_PAGE", PAGE)
    with AuditLog(deployment.query) as found:
        yield found


def whole(log: AuditLog, form: Format, wanted: Filter | None = None, **options: Any) -> str:
    """Return an export's text."""
    return b"".join(rows for _, rows in export(log, wanted or Filter(), form, **options)).decode()


@pytest.mark.servers
def test_every_event_is_exported_once_and_in_order(deployment: Deployment, log: AuditLog) -> None:
    """More than two pages of them, and half in one millisecond."""
    events = [login(n if n % 2 else 0) for n in range(250)]
    store(deployment, *events)
    lines = [json.loads(line) for line in whole(log, "ndjson").splitlines()]
    assert len({line["event"]["id"] for line in lines}) == len(lines) == 250
    times = [line["@timestamp"] for line in lines]
    assert times == sorted(times)
    newest = [json.loads(line) for line in whole(log, "ndjson", newest_first=True).splitlines()]
    assert newest == lines[::-1]
    assert sum(count for count, _ in export(log, Filter(users=("u-0",)), "csv")) == log.count(
        Filter(users=("u-0",))
    )


@pytest.mark.servers
def test_rows_are_the_stored_events(deployment: Deployment, log: AuditLog) -> None:
    """NDJSON is the document, whole; CSV has its columns, blank where there is nothing."""
    event = new_event(
        "role-granted",
        user={"id": "u-1", "name": 'Ada "A" Ünal'},
        target_user={"id": "u-2", "name": "Ben", "roles": ["admin"]},
        ip="2001:db8::1",
        at=T0,
        labels={"b": "2", "a": "line, with comma"},
        message="=cmd|' /C calc'!A0",
    )
    store(deployment, event)
    (stored,) = deployment.documents()
    assert json.loads(whole(log, "ndjson")) == {
        name: value for name, value in stored.items() if name not in ("_id", "_index")
    }
    heading, row = csv.reader(io.StringIO(whole(log, "csv")))
    assert heading == list(COLUMNS)
    found = dict(zip(heading, row, strict=True))
    assert found["User"] == 'Ada "A" Ünal'
    assert found["Target User"] == "Ben"
    assert found["IP Address"] == "2001:db8::1"
    assert found["Chat"] == found["Changes"] == ""
    assert json.loads(found["Labels"]) == {"a": "line, with comma", "b": "2"}
    assert found["Message"] == "'=cmd|' /C calc'!A0"


@pytest.mark.servers
def test_export_of_nothing_is_an_empty_file(deployment: Deployment, log: AuditLog) -> None:
    """Before the first event, and where none matches: a table still has its headings."""
    for _ in range(2):
        assert whole(log, "ndjson", Filter(users=("nobody",))) == ""
        assert whole(log, "csv", Filter(users=("nobody",))).splitlines() == [",".join(COLUMNS)]
        store(deployment, login(1))


@pytest.mark.servers
def test_events_that_arrive_meanwhile_do_not_show(deployment: Deployment, log: AuditLog) -> None:
    """The export is of one point in time."""
    store(deployment, *[login(n) for n in range(PAGE + 1)])
    rows = export(log, Filter(), "ndjson")
    (first, _) = next(rows)
    store(deployment, *[login(n) for n in range(50)], first=200)
    assert first + sum(count for count, _ in rows) == PAGE + 1


@pytest.mark.servers
@pytest.mark.parametrize("ended_by", ["close", "end", "error"])
def test_point_in_time_is_given_back(deployment: Deployment, log: AuditLog, ended_by: str) -> None:
    """However the export ends; Elasticsearch holds but a few hundred of them."""
    store(deployment, *[login(n) for n in range(PAGE + 1)])
    rows = export(log, Filter(), "ndjson")
    next(rows)
    assert open_contexts(deployment) == 1
    if ended_by == "close":
        rows.close()  # type: ignore[attr-defined]
    elif ended_by == "end":
        list(rows)
    else:
        with pytest.raises(ZeroDivisionError):
            rows.throw(ZeroDivisionError)  # type: ignore[attr-defined]
    assert open_contexts(deployment) == 0


def open_contexts(deployment: Deployment) -> int:
    """Return how many searches Elasticsearch keeps open on this deployment's indices."""
    with deployment.client() as client:
        found = client.indices.stats(index=f"{deployment.name}-*", metric="search")
        return int(found["_all"]["total"]["search"]["open_contexts"])


@pytest.mark.servers
def test_what_can_not_be_whole_fails_and_does_not_look_like_the_end(
    deployment: Deployment, log: AuditLog
) -> None:
    """An index is lost in the middle."""
    store(deployment, *[login(n) for n in range(3 * PAGE + 1)])
    rows = export(log, Filter(), "ndjson")
    next(rows)
    with deployment.client() as client:
        client.indices.delete(index=f"{deployment.name}-2026.11")
    with pytest.raises(elasticsearch.ApiError):
        list(rows)


@pytest.mark.servers
def test_command_writes_a_file_whole_or_not_at_all(deployment: Deployment, tmp_path: Path) -> None:
    """By its ending; it does not write over one that is there, unless told to."""
    store(deployment, *[login(n) for n in range(10)])
    file = tmp_path / "log.csv"
    call(deployment, "export", str(file), "--user", "u-1")
    assert len(file.read_text().splitlines()) == 1 + 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = call(deployment, "export", str(file), check=False)
    assert (again.returncode, "--force" in again.stderr) == (1, True)
    call(deployment, "export", str(file), "--force")
    assert len(file.read_text().splitlines()) == 1 + 10
    unknown = call(deployment, "export", str(tmp_path / "log.txt"), check=False)
    assert (unknown.returncode, ".ndjson" in unknown.stderr) == (1, True)
    deployment.extra["AUDITLOG_ELASTICSEARCH_URL"] = "http://127.0.0.1:1"
    assert call(deployment, "export", str(file), "--force", check=False).returncode == 1
    assert len(file.read_text().splitlines()) == 1 + 10
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


@pytest.mark.servers
def test_table_has_one_form_of_time_and_the_separator_asked_for(
    deployment: Deployment, tmp_path: Path
) -> None:
    """Publishers write times in their own zones; Excel wants a mark, and semicolons in Europe."""
    events = [login(0), login(1)]
    kept = [event.model_copy(update={"timestamp": at}) for event, at in zip(events, GIVEN, strict=True)]
    store(deployment, *kept)
    file = tmp_path / "log.csv"
    call(deployment, "export", str(file), "--delimiter", "semicolon", "--excel")
    assert file.read_bytes().startswith(b"\xef\xbb\xbfDate and Time;User;")
    rows = list(csv.DictReader(file.read_text("utf-8-sig").splitlines(), delimiter=";"))
    assert [row["Date and Time"] for row in rows] == [
        "2026-11-01T06:30:00.000Z",
        "2026-11-01T07:00:00.123Z",
    ]


GIVEN = ("2026-11-01T10:00:00.123456789+03:00", "2026-11-01T01:00:00-05:30")


@pytest.mark.servers
def test_standard_output_takes_an_export_too(deployment: Deployment) -> None:
    """For a pipe; the form has to be said then."""
    store(deployment, login(1))
    done = deployment.run("export", "-", "--format", "ndjson")
    assert json.loads(done.stdout)["event"]["action"] == "login"
