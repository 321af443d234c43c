"""What the commands tell to be given next."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from audit_forward import commands
from audit_forward.counting import StreamCount
from audit_forward.errors import ForwardError
from audit_forward.state import StreamState
from audit_schemas import format_timestamp

TO = 'to = {type = "files", folder = "out"}'


@pytest.fixture(autouse=True)
def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a stream."""
    (tmp_path / "disk.toml").write_text(TO)
    monkeypatch.setenv("AUDITLOG_STREAMS", str(tmp_path))


def given_to(command: str) -> list[str]:
    """Return the arguments of the command that a text ends with."""
    return command.strip().split("auditlog forward run disk ")[1].split()


def test_run_that_is_broken_off_tells_what_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command would not, where its times are relative to now: they are others by then."""
    runs: list[StreamState] = []

    def run_history(*given: Any, again: bool) -> StreamState:
        assert not again
        first, last = (format_timestamp(at) for at in given[2:])
        runs.append(StreamState("history", given[1].name, start=first, end=last, delivered=7))
        return replace(runs[-1], is_done=len(runs) > 1)

    monkeypatch.setattr(commands, "run_history", run_history)
    monkeypatch.setattr(commands, "configure_logging", lambda _: None)
    with pytest.raises(typer.Exit):
        commands.run(["disk"], "-24h")
    _, start, _, to = given_to(capsys.readouterr().out)
    commands.run(["disk"], start, to)
    assert runs[1].key == runs[0].key
    assert "Forwarded: 7 events" in capsys.readouterr().out


def test_what_is_missing_is_sent_by_the_command_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much later it is given."""
    asked: list[datetime] = []

    def count_stream(*given: Any) -> StreamCount:
        asked.extend(given[4:])
        return StreamCount(3, 0, 0, 0, 3, "2026-11-23T09:30:00.000Z", "2026-11-23T10:30:00.000Z")

    monkeypatch.setattr(commands, "count_stream", count_stream)
    with pytest.raises(ForwardError) as told:
        commands.verify("disk", "-7d", None)
    _, start, _, to = given_to(str(told.value))
    assert [start, to] == [format_timestamp(at) for at in asked]
