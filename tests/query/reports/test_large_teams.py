"""`--team` of a team as large as a file of teams may name."""

import socket
from pathlib import Path

import pytest
from audit_query.reports import team_commands
from support.fake_elasticsearch import answering, answering_with
from typer import Typer
from typer.testing import CliRunner

MEMBERS = 1000


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """Give a file with a team of a thousand."""
    file = tmp_path / "teams.toml"
    file.write_text(f"[teams]\nBig = {[f'u-{n:04}' for n in range(MEMBERS)]}\n")
    return file


def test_report_is_narrowed_to_each_of_a_large_team(big: Path) -> None:
    """More than a query on the command line may name; who is left out stays so."""
    answer = answering_with(404, '{"error": {"type": "index_not_found_exception"}, "status": 404}')
    asked: list[bytes] = []

    def noted(end: socket.socket, request: bytes) -> None:
        asked.append(request)
        answer(end, request)

    app = Typer()
    team_commands.register(app)
    with answering(noted) as url:
        environment = {"AUDITLOG_ELASTICSEARCH_URL": url, "AUDITLOG_TEAMS_FILE": str(big)}
        arguments = ["team", "--team", "Big", "--not-user", "u-0007"]
        done = CliRunner().invoke(app, arguments, env=environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "The log is empty" in done.output
    wanted = [request for request in asked if b'"u-0999"' in request]
    assert wanted
    assert all(request.count(b'"u-') >= MEMBERS and b"must_not" in request for request in wanted)
    assert len(asked) < 20
