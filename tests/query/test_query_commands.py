"""The command line's face of the log."""

import json
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_producer import new_event
from audit_query import AuditLog, Filter
from audit_query.filter_options import with_filter_options
from audit_query.query_spec import NAMES, QuerySpec
from audit_query.tail import follow
from audit_schemas import parse_timestamp
from support.command import clean_environment
from support.conditions import wait_until
from support.in_process import call
from support.servers import Deployment
from support.stored_events import store
from typer import Typer
from typer.testing import CliRunner

NOW = datetime.now(UTC)
_TYPED = {"ip": "192.0.2.7", "country": "DE", "asn": "AS64500", "list": "tor"}


def test_every_name_of_a_question_is_an_option() -> None:
    """From one table, so that none is forgotten; what is typed arrives as it is."""
    asked: list[QuerySpec] = []
    app = Typer()

    def command(spec: QuerySpec, limit: int = 3) -> None:
        asked.append(spec)
        assert limit == 7

    app.command()(with_filter_options(command))
    values = {name: _TYPED.get(name.removeprefix("not_"), "success") for name in NAMES}
    values |= {"from": "-2h", "to": "-1h"}
    typed = [x for name, value in values.items() for x in (f"--{name.replace('_', '-')}", value)]
    done = CliRunner().invoke(app, [*typed, "--limit", "7"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert asked == [QuerySpec.parse(values.items())]


@pytest.mark.servers
def test_options_reach_the_log(deployment: Deployment) -> None:
    """Included and excluded; a refused value is one sentence that names it."""
    events = [
        new_event("login", user="Ada", ip="192.0.2.1", at=NOW - timedelta(minutes=2)),
        new_event("logout", user="Ben", ip="2001:db8::1", at=NOW - timedelta(minutes=1)),
    ]
    store(deployment, *events)
    for options, user in (
        (("--ip", "192.0.2.0/24"), "Ada"),
        (("--not-ip", "192.0.2.0/24"), "Ben"),
        (("--not-user", "Ada", "--from", "-1h"), "Ben"),
    ):
        (found,) = call(deployment, "search", "--json", *options).stdout.splitlines()
        assert json.loads(found)["user"]["id"] == user
    refused = call(deployment, "search", "--not-ip", "192.0.2", check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("auditlog: not_ip: '192.0.2' is not a valid IP address")
    seen = json.loads(call(deployment, "seen", "--json").stdout)
    first = datetime.fromisoformat(seen["first"])
    assert (seen["count"], first) == (2, parse_timestamp(events[0].timestamp))
    assert "First seen" in call(deployment, "seen", "--user", "Ada").stdout
    (top,) = json.loads(call(deployment, "top", "network", "--user", "Ada", "--json").stdout)
    assert top == {"value": "192.0.2.0/24", "count": 1}


@pytest.mark.servers
def test_one_event_is_shown_whole(deployment: Deployment) -> None:
    """With its changes, and nothing of it obeyed by the terminal."""
    event = new_event(
        "settings-changed",
        user="Ada",
        changes={"[red]colour": ("blue", "\x1b[31mred")},
        labels={"a": "b"},
        at=NOW,
    )
    store(deployment, event)
    shown = call(deployment, "show", event.event.id).stdout
    assert "audit.changes[0].before" in shown
    assert "[red]colour" in shown
    assert "\x1b" not in shown
    assert json.loads(call(deployment, "show", event.event.id, "--json").stdout)["labels"] == {"a": "b"}
    missing = call(deployment, "show", "0123456789abcdef", check=False)
    assert missing.returncode != 0
    assert "no event has the id" in missing.stderr


@pytest.mark.servers
def test_each_event_is_followed_once(deployment: Deployment) -> None:
    """Oldest first, whatever the looks overlap; a filter holds; old events that come late show."""
    store(deployment, *[new_event("login", user=f"u-{n}", at=NOW) for n in range(3)])
    more = [
        [new_event("login", user="late", at=NOW - timedelta(days=50))],
        [],
        [new_event("logout", user="other", at=NOW), new_event("login", user="last", at=NOW)],
    ]
    given = 10

    def wait() -> None:
        nonlocal given
        if not more:
            raise EOFError
        if events := more.pop(0):
            store(deployment, *events, first=given)
        given += len(events)

    shown: list[str] = []
    with AuditLog(deployment.query) as log, suppress(EOFError):
        for events in follow(log, Filter(activities=("login",)), first=2, wait=wait):
            shown += [event["user"]["id"] for event in events]
    assert shown == ["u-1", "u-2", "late", "last"]


@pytest.mark.servers
def test_tail_shows_what_comes_and_ends_quietly(deployment: Deployment, tmp_path: Path) -> None:
    """By SIGINT, as Ctrl-C sends it."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "audit_cli", "tail", "--every", "0.2"]
    with out.open("wb") as output:
        process = subprocess.Popen(
            command, env=clean_environment() | deployment.environment, stdout=output, stderr=output
        )
    try:
        wait_until(lambda: process.poll() is None, what="it runs")
        store(deployment, new_event("login", user="Ada", ip="192.0.2.9", at=NOW))
        wait_until(lambda: "192.0.2.9  login" in out.read_text(), what="the event shows")
        process.send_signal(2)
        assert process.wait(20) == 0
        assert "Traceback" not in out.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
