"""`auditlog report team`, `transfers`, `unanswered`, `objective`."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.in_process import call
from support.report_cases import Done, Identity, holding
from support.servers import Deployment, Servers

pytestmark = pytest.mark.servers

START = datetime(2026, 10, 20, 12, tzinfo=UTC)
ADA, BEN = Identity("u-1", "Ada"), Identity("u-2", "=Ben, [red]")
VISITOR = Identity(None, "visitor")
DAY = 24 * 60
SPAN = ("--from", "2026-10-20", "--to", "2026-10-21")


def at(
    minutes: float, action: str, who: Identity | None, chat: str, to: Identity | None = None
) -> Done:
    """Return a step of a chat."""
    return Done(START + timedelta(minutes=minutes), action, who, to=to, chat=chat)


@pytest.fixture(scope="module")
def filled(servers: Servers) -> Iterator[Deployment]:
    """Give a log in which Ada gives Ben a chat, and one waits; the day before, Ben joined one."""
    events = [
        at(0, "chat-opened", VISITOR, "c-1"),
        at(0.5, "chat-assigned-to-user", None, "c-1", ADA),
        at(2, "chat-assigned-to-user", ADA, "c-1", BEN),
        at(3, "user-joined-to-chat", BEN, "c-1"),
        at(9, "chat-closed", BEN, "c-1"),
        at(20, "chat-opened", VISITOR, "c-2"),
        at(-DAY, "chat-opened", VISITOR, "c-old"),
        at(-DAY + 2, "chat-assigned-to-user", None, "c-old", BEN),
        at(-DAY + 5, "user-joined-to-chat", BEN, "c-old"),
    ]
    with holding(servers, events) as deployment:
        yield deployment


def lines(deployment: Deployment, report: str, *options: str) -> list[dict[str, object]]:
    """Return a report's rows."""
    text = call(deployment, "report", report, "--json", *SPAN, *options).stdout
    return [json.loads(line) for line in text.splitlines()]


def test_each_report_has_its_rows(filled: Deployment) -> None:
    """As JSON; without first answers, unanswered is what nobody joined."""
    team = {row["user"]: row for row in lines(filled, "team")}
    assert set(team) == {"Ada", "=Ben, [red]"}
    assert team["=Ben, [red]"]["handling"]["count"] == 1  # type: ignore[index]
    (pair,) = lines(filled, "transfers")
    assert (pair["from_user"], pair["to_user"], pair["chats"]) == ("Ada", "=Ben, [red]", 1)
    assert [row["chat"] for row in lines(filled, "unanswered")] == ["c-2"]
    assert [row["percent"] for row in lines(filled, "objective")] == [50.0, 50.0]


def test_each_report_is_a_table_and_csv(filled: Deployment) -> None:
    """Names stay text in both."""
    shown = call(filled, "report", "team", *SPAN).stdout
    assert "=Ben, [red]" in shown
    assert "100 %" in shown
    assert "(all)" in call(filled, "report", "objective", *SPAN).stdout
    assert "c-2" in call(filled, "report", "unanswered", *SPAN).stdout
    assert "Ada" in call(filled, "report", "transfers", *SPAN).stdout
    text = call(filled, "report", "transfers", "--csv", *SPAN).stdout.splitlines()
    assert text == ["from_user,from_user_id,to_user,to_user_id,chats", 'Ada,u-1,"\'=Ben, [red]",u-2,1']
    empty = call(filled, "report", "unanswered", "--to", "2026-10-20").stdout
    assert "No chat waits" in empty


def test_filters_that_tear_chats_apart_are_no_options(filled: Deployment) -> None:
    """Of these reports: their help names those that they take."""
    assert "--ip" not in call(filled, "report", "team", "--help").stdout
    refused = call(filled, "report", "chats", "--ip", "192.0.2.1", check=False)
    assert (refused.returncode, "No such option" in refused.stderr) == (2, True)


def test_team_option_takes_users_of_the_file(filled: Deployment, tmp_path: Path) -> None:
    """An unknown team is one sentence."""
    path = tmp_path / "teams.toml"
    path.write_text('[teams]\nSupport = ["u-1"]\n')
    with_teams = replace(filled, extra={"AUDITLOG_TEAMS_FILE": str(path)})
    assert [row["user"] for row in lines(with_teams, "team", "--team", "Support")] == ["Ada"]
    refused = call(with_teams, "report", "team", "--team", "None", check=False)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "no such team" in refused.stderr


def test_team_compares_with_the_waits_of_the_time_before(filled: Deployment) -> None:
    """On a second line, and in JSON; without --compare they are not counted, and null."""
    ben = {row["user"]: row for row in lines(filled, "team", "--compare")}["=Ben, [red]"]
    assert ben["until_joined"]["median_seconds"] == pytest.approx(180, rel=0.01)  # type: ignore[index]
    before = ben["before"]
    assert before["until_joined"]["median_seconds"] == pytest.approx(300, rel=0.01)  # type: ignore[index]
    assert before["percent_in_time"] == {"assigned": 0.0}  # type: ignore[index]
    assert before["joined"] == 1  # type: ignore[index]
    plain = {row["user"]: row for row in lines(filled, "team")}["=Ben, [red]"]
    assert plain["before"]["until_joined"]["median_seconds"] is None  # type: ignore[index]
    shown = call(filled, "report", "team", "--compare", *SPAN).stdout.splitlines()
    (place,) = [number for number, line in enumerate(shown) if line.startswith("=Ben")]
    assert "3m0" in shown[place]
    assert shown[place + 1].split()[0] == "before"
    assert "0 %" in shown[place + 1]
    refused = call(filled, "report", "team", "--compare", check=False)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "needs --from" in refused.stderr


def test_objective_lists_the_chats_behind_its_share(filled: Deployment) -> None:
    """Those that met it and those that missed it: as many as the share says."""
    rows = lines(filled, "objective", "--each")
    assert {row["chat"]: row["met"] for row in rows} == {"c-1": True, "c-2": False}
    assert [row["chat"] for row in lines(filled, "objective", "--missed")] == ["c-2"]
    shown = call(filled, "report", "objective", "--each", *SPAN).stdout
    assert [line.split()[-1] for line in shown.splitlines()[1:]] == ["Ada", "never"]
