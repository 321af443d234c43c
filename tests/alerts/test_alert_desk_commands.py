"""The desk at a terminal: lists, one alert, triage and exceptions, for people and for machines."""

import json
from collections.abc import Iterator

import pytest
from audit_alerts import AlertDesk
from support.in_process import auditlog_in_process
from support.servers import Deployment
from support.stored_alerts import made_alert, stored_alerts

pytestmark = pytest.mark.servers

FIRST = made_alert()
SECOND = made_alert("brute-force", "203.0.113.7", minutes=5, users=("\x1b[31mEve",))


class Terminal:
    """Runs `auditlog alerts` on a deployment's alerts."""

    def __init__(self, deployment: Deployment) -> None:
        self.environment = {
            name: value
            for name, value in deployment.environment.items()
            if not name.startswith("AUDITLOG_KAFKA")  # steps are not published, which is said
        }
        self.environment["AUDITLOG_ALERTS_INDEX"] = f"alerts-{deployment.name}"

    def run(self, *arguments: str, status: int = 0) -> str:
        """Return what the command prints, errors too."""
        done = auditlog_in_process("alerts", *arguments, **self.environment)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def terminal(deployment: Deployment) -> Iterator[Terminal]:
    """Give a terminal over two alerts."""
    with stored_alerts(deployment, FIRST, SECOND):
        yield Terminal(deployment)


def test_alerts_are_listed_and_shown(terminal: Terminal) -> None:
    """In a table that fits, as JSON, and one with all there is to it."""
    table = terminal.run("list")
    assert FIRST[0][:10] in table
    assert "2 of 2 alerts" in table
    (found,) = terminal.run("list", "--address", "203.0.113.7", "--json").splitlines()
    assert json.loads(found)["event"]["id"] == SECOND[0]
    assert "0 of 0" in terminal.run("list", "--status", "closed")
    shown = terminal.run("show", SECOND[0][:10])
    assert "What to do" in shown
    assert "\x1b" not in shown
    assert "must be one of critical" in terminal.run("list", "--level", "loud", status=1)
    assert "There is no such alert" in terminal.run("show", "zz", status=1)


def test_alerts_are_triaged_and_failures_are_told(terminal: Terminal) -> None:
    """Each by itself; what came of each is a line, and a failure is the exit status."""
    both = (FIRST[0][:10], SECOND[0][:10])
    done = terminal.run("acknowledge", *both, "--note", "I look", "--who", "ada")
    assert done.count("acknowledged; its event could not be published") == 2
    terminal.run("assign", both[0], "--to", "ben", "--who", "ada")
    terminal.run("close", both[0], "--reason", "test", "--who", "ben")
    again = terminal.run("acknowledge", both[0], "--who", "ada", status=1)
    assert "ben closed it as test" in again
    terminal.run("reopen", both[0])
    terminal.run("note", both[0], "--note", "once more")
    history = terminal.run("show", both[0])
    for step in ("ada acknowledged: I look", "ada assigned to ben", "ben closed as test", "reopened"):
        assert step in history
    assert "either --to or --nobody" in terminal.run("assign", both[0], status=2)


def test_exceptions_are_previewed_made_listed_and_ended(terminal: Terminal) -> None:
    """With what they would have suppressed."""
    made = ("except", FIRST[0][:10], "--by", "source.ip", "--until", "7d", "--because", "ours")
    assert "alerts of 30 days would have been suppressed" in terminal.run(*made, "--preview")
    found = json.loads(terminal.run(*made, "--json", "--who", "ada"))
    assert (found["group"], found["by"]) == ({"source.ip": "203.0.113.66"}, "ada")
    assert "1 exceptions, 1 in force" in terminal.run("exceptions")
    assert "fires again" in terminal.run("exceptions", "--end", found["id"])
    assert json.loads(terminal.run("exceptions", "--json"))["in_force"] is False
    assert "not by audit.user" in terminal.run(
        "except", FIRST[0][:10], "--by", "audit.user", "--until", "7d", "--because", "x", status=1
    )


def test_exception_may_be_for_a_range_of_addresses(terminal: Terminal) -> None:
    """It suppresses both alerts of the range, and is refused where it is too wide, with the reason."""
    made = ("except", FIRST[0][:10], "--until", "7d", "--because", "our testers")
    shown = terminal.run(*made, "--range", "203.0.113.64/26", "--preview")
    assert "\n1 alerts of 30 days" in shown
    shown = terminal.run(*made, "--range", "203.0.113.9/24", "--preview")
    assert "\n2 alerts of 30 days" in shown
    assert "203.0.113.0/24" in terminal.run(*made, "--range", "203.0.113.9/24")
    refused = terminal.run(*made, "--range", "0.0.0.0/0", status=1)
    assert "0.0.0.0/0 is 4,294,967,296 addresses" in refused


def test_nothing_is_listed_before_the_first_alert(deployment: Deployment) -> None:
    """Not an error."""
    terminal = Terminal(deployment)
    assert terminal.run("list").endswith("0 of 0 alerts\n")
    assert terminal.run("exceptions").endswith("0 exceptions, 0 in force\n")


def test_beginning_of_several_ids_names_none(deployment: Deployment) -> None:
    """It says to give more of it."""
    alerts = [made_alert(minutes=n) for n in range(18)]  # more than there are first letters
    with stored_alerts(deployment, *alerts) as desk:
        assert isinstance(desk, AlertDesk)
        firsts = [alert_id[0] for alert_id, _ in alerts]
        twice = next(letter for letter in firsts if firsts.count(letter) > 1)
        assert "several alerts' ids begin with" in Terminal(deployment).run("show", twice, status=1)
