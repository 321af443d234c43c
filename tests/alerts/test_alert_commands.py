"""The command line's face of the rules: no server is needed."""

import json
import os
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from audit_alerts.commands import register
from audit_alerts.rules import shipped_folder
from audit_alerts.settings import AlertSettings
from audit_alerts.tables import episodes_table
from audit_cli.app import app
from pydantic import ValidationError
from support.alert_cases import documents, text_of
from support.in_process import auditlog_in_process
from typer import Typer
from typer.testing import CliRunner, Result


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what would change the rules in force."""
    for name in os.environ:
        if name.startswith("AUDITLOG_"):
            monkeypatch.delenv(name)


def run(*arguments: str, **environment: str) -> Result:
    """Run a command inside this process, which saves its start."""
    # A server that is not there: what needs none must not ask for one.
    nowhere = {"AUDITLOG_ELASTICSEARCH_URL": "http://127.0.0.1:9"}
    return CliRunner().invoke(app, ["alerts", *arguments], env=nowhere | environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with one rule that is fine."""
    (tmp_path / "some.yml").write_text(text_of(documents()))
    return tmp_path


def test_register_adds_the_commands() -> None:
    """Under one name."""
    app = Typer()
    register(app)
    assert ["alerts"] == [group.name for group in app.registered_groups]


def test_list_shows_the_shipped_rules_and_which_are_idle() -> None:
    """For people and for machines."""
    table = run("rules").stdout
    assert "brute-force" in table
    assert "there is no list 'denied'" in table
    rows = [json.loads(line) for line in run("rules", "--json").stdout.splitlines()]
    assert {"brute-force", "id-conflict"} <= {row["name"] for row in rows}
    lists = ["login-from-denied-range", "login-from-hosting", "login-from-known-bad-address"]
    assert lists == [row["name"] for row in rows if row["idle"]]


def test_folders_are_put_together(folder: Path) -> None:
    """The shipped ones and a deployment's own."""
    rows = run("rules", "--json", AUDITLOG_ALERT_RULES=f"shipped,{folder}").stdout
    names = [json.loads(line)["name"] for line in rows.splitlines()]
    assert {"some", "brute-force"} <= set(names)
    alone = run("rules", "--json", AUDITLOG_ALERT_RULES=str(folder)).stdout
    assert "some" == json.loads(alone)["name"]


def test_test_says_that_all_examples_hold() -> None:
    """The shipped rules, with no server anywhere."""
    done = run("test")
    assert 0 == done.exit_code, done.stderr
    assert "all passed" in done.stdout


def test_an_example_that_does_not_hold_is_named(folder: Path) -> None:
    """With what happened instead, and exit status 1."""
    bad = documents(rule__correlation__condition={"gte": 3})
    (folder / "some.yml").write_text(text_of(bad))
    done = run("test", AUDITLOG_ALERT_RULES=str(folder))
    assert 1 == done.exit_code
    assert "some: two: must fire, but: nothing fired" in done.stdout
    bad = documents(rule__correlation__condition={"gte": 1})
    bad[0]["auditlog"]["reasons"] = {"timespan": "because"}
    (folder / "some.yml").write_text(text_of(bad))
    done = run("test", "--json", AUDITLOG_ALERT_RULES=str(folder))
    assert 1 == done.exit_code
    (line,) = done.stdout.splitlines()
    assert {
        "rule": "some",
        "example": "one",
        "must_fire": False,
        "found": "source.ip=192.0.2.1",
    } == json.loads(line)


def test_an_example_that_is_no_event_is_refused(folder: Path) -> None:
    """By the same contract that publishers are held to."""
    bad = documents()
    bad[0]["auditlog"]["examples"]["silent"][0]["events"] = [{"at": "0s", "event.action": "login"}]
    (folder / "some.yml").write_text(text_of(bad))
    done = auditlog_in_process("alerts", "test", AUDITLOG_ALERT_RULES=str(folder))
    assert 1 == done.returncode
    assert "some.yml: example 'one': user: is missing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        {"at": "0s", "event.action": "login", "event.action.x": 1},
        {"at": "0s", "times": [1]},
        {"at": "520w", "times": 100_000, "every": "520w", "event.action": "login"},
    ],
    ids=str,
)
def test_an_example_that_can_not_be_is_one_sentence(line: dict[str, Any], folder: Path) -> None:
    """A slip in an example is no traceback."""
    bad = documents()
    bad[0]["auditlog"]["examples"]["silent"][0]["events"] = [line]
    (folder / "some.yml").write_text(text_of(bad))
    done = auditlog_in_process("alerts", "test", AUDITLOG_ALERT_RULES=str(folder))
    assert 1 == done.returncode
    assert done.stderr.startswith(f"auditlog: {folder / 'some.yml'}: example")
    assert 1 == len(done.stderr.splitlines())


def test_an_example_of_a_dead_letter_has_the_headers_that_rules_look_at(folder: Path) -> None:
    """Another one is a slip, or would be what the consumer alone adds."""
    (shipped,) = shipped_folder().glob("id-conflict.yml")
    bad = shipped.read_text().replace("audit.errors.path: event.id", "audit.errors.received: x")
    (folder / "some.yml").write_text(bad)
    done = auditlog_in_process("alerts", "test", AUDITLOG_ALERT_RULES=str(folder))
    assert "audit.errors.received is not a header that rules can use" in done.stderr


def test_a_rules_own_texts_do_nothing_to_the_terminal(folder: Path) -> None:
    """Rules are passed around like any file."""
    bad = documents(rule__title="\x1b[2J[red]calm", rule__name="some\x1b]0;x\x07")
    bad[0]["auditlog"]["examples"]["fires"][0]["says"] = "\x1b[2Jtwo"
    bad[0]["auditlog"]["examples"]["fires"][0]["events"] = []
    (folder / "some.yml").write_text(text_of(bad))
    for command in (["rules"], ["test"], ["explain", "some\x1b]0;x\x07"]):
        done = run(*command, AUDITLOG_ALERT_RULES=str(folder))
        assert "\x1b" not in done.stdout + done.stderr
        assert "\\u001b" in done.stdout


@pytest.mark.parametrize("command", ["rules", "test"])
def test_a_rule_that_is_refused_is_one_sentence(command: str, folder: Path) -> None:
    """With the file and the reason; the other rules do not run without it."""
    (folder / "bad.yml").write_text("title: [")
    done = auditlog_in_process("alerts", command, AUDITLOG_ALERT_RULES=f"shipped,{folder}")
    assert 1 == done.returncode
    assert done.stderr.startswith(f"auditlog: {folder / 'bad.yml'}: is not YAML")
    assert 1 == len(done.stderr.splitlines())
    assert "" == done.stdout


def test_explain_shows_queries_windows_and_reasons() -> None:
    """What Elasticsearch is asked, and what is checked, in words."""
    told = run("explain", "success-after-failures").stdout
    assert '{"term": {"event.action": "login-failed"}}' in told
    assert "at least 10 of failure-refused within 30 minutes, for each source.ip" in told
    assert "many-failures, then success-login within 1 hour, for each source.ip" in told
    assert '"fixed_interval": "1800000ms"' in told
    assert "candidates have 10 in two neighbouring steps" in told


def test_explain_knows_every_kind_of_rule() -> None:
    """Marks, absence and dead letters too."""
    for name, words in {
        "new-address-then-sensitive": "not seen in the 30 days before, while another was",
        "unusual-hours": "if further than 3 hours from every time of day",
        "log-fell-silent": "has none for 30 minutes",
        "id-conflict": "It reads the dead-letter topic",
        "password-spraying": "at least 8 values of audit.user in spraying-refused within 1 hour",
    }.items():
        assert words in run("explain", name).stdout


def test_a_rule_that_is_misspelt_is_guessed() -> None:
    """One sentence."""
    done = run("explain", "brute-farce")
    assert 2 == done.exit_code
    assert "did you mean" in done.stderr
    assert "brute-force?" in done.stderr


def test_table_of_a_backfill_is_in_plain_english() -> None:
    """Its headings are for people."""
    table = episodes_table([], UTC, "UTC")
    headings = [column.header for column in table.columns]
    assert headings == ["Rule", "Group", "From (UTC)", "To (UTC)", "Events"]


def test_alerts_are_kept_apart_from_events() -> None:
    """An index under the events' prefix would get their template, which refuses what an alert has."""
    with pytest.raises(ValidationError, match="must not begin with AUDITLOG_INDEX_PREFIX"):
        AlertSettings(index_prefix="audit", alerts_index="audit-alerts")
    AlertSettings(index_prefix="audit", alerts_index="alerts")
