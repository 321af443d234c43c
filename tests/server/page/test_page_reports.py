"""The reports' pages and a chat's page: what they show, to whom, and that they end."""

import csv
import io
import re
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from html.parser import HTMLParser
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
from audit_generator.traffic import Traffic
from audit_producer import new_event
from audit_query import AuditLog
from audit_query.reports import StaffReport
from audit_schemas import AuditEvent
from audit_server import ServeSettings
from audit_server.app import create_app
from audit_server.page.counting import Deadline
from support.api_client import NOW, ApiClient, api_client, listening
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_events import store

pytestmark = pytest.mark.servers

ADA, BEN = {"id": "u-a", "name": "Ada <b>Lovelace"}, {"id": "u-b", "name": "=Ben"}
START = NOW - timedelta(hours=3)
LISTED = "Chats that missed or met it"


def step(minutes: float, action: str, chat: str, **more: Any) -> AuditEvent:
    """Return a step of a chat of acme's."""
    more.setdefault("organization", "acme")
    return new_event(action, chat=chat, at=START + timedelta(minutes=minutes), **more)


def chat_of(chat: str, begin: float, **more: Any) -> list[AuditEvent]:
    """Return a chat that Ada gives to Ben, who answers after a minute and closes it."""
    return [
        step(begin, "chat-opened", chat, user="visitor-1", **more),
        step(begin + 0.5, "chat-assigned-to-user", chat, user=None, target_user=ADA, **more),
        step(begin + 1, "chat-assigned-to-user", chat, user=ADA, target_user=BEN, **more),
        step(begin + 2, "user-joined-to-chat", chat, user=BEN, session="s-1", **more),
        step(begin + 3, "chat-answered", chat, user=BEN, session="s-1", **more),
        step(begin + 12, "chat-closed", chat, user=BEN, session="s-1", **more),
    ]


@pytest.fixture(scope="module")
def chats(servers: Servers) -> Iterator[Deployment]:
    """Give a log with three chats of acme's, one of them waiting, an older one, and one of globex's."""
    with log_index(servers) as deployment:
        store(
            deployment,
            *chat_of("c-1", 0),
            *chat_of("c/../<2>", 20),
            *chat_of("c-old", -8 * 24 * 60),
            step(100, "chat-opened", "c-waits", user="visitor-2"),
            *chat_of("c-1", 50, organization="globex"),
        )
        yield deployment


@pytest.fixture(scope="module")
def log(chats: Deployment) -> Iterator[AuditLog]:
    """Give the log."""
    with AuditLog(chats.query, clock=lambda: NOW) as found:
        yield found


@pytest.fixture(scope="module")
def client(log: AuditLog) -> Iterator[ApiClient]:
    """Give a client that needs no token."""
    with api_client(log) as found:
        yield found


def page(client: ApiClient, address: str) -> str:
    """Return a page's text, which has to be there."""
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._is_in = False

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the base's
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self._is_in = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._is_in = False

    def handle_data(self, data: str) -> None:
        if self._is_in:
            self.rows[-1][-1] += data


def page_csv(client: ApiClient, address: str) -> list[dict[str, str]]:
    """Return the rows of a CSV answer."""
    answer = client.get(address)
    assert answer.headers["content-type"].startswith("text/csv"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def rows(text: str, label: str) -> list[list[str]]:
    """Return the cells of the table in the region of this name, without its headings."""
    reader = _Cells()
    found = re.search(rf'aria-label="{label}">(.*?)</table>', text, re.DOTALL)
    assert found is not None, label
    reader.feed(found[1])
    return [[" ".join(cell.split()) for cell in row] for row in reader.rows if row]


def test_team_shows_who_did_how_much(client: ApiClient) -> None:
    """With the time before, sorted by a column of the address, the visitors left out."""
    text = page(client, "/reports/team?org=acme")
    found = {row[0]: row for row in rows(text, "Figures by user")}
    assert set(found) == {"User", "Ada <b>Lovelace u-a", "=Ben u-b"}
    ben = dict(zip(found["User"], found["=Ben u-b"], strict=True))
    figures = {name: ben[name] for name in ("Events", "Joined", "Assigned", "Closed")}
    assert figures == dict.fromkeys(("Joined", "Assigned", "Closed"), "2, before: 1") | {
        "Events": "6, before: 3"
    }
    ascending = rows(page(client, "/reports/team?org=acme&sort=joined"), "Figures by user")
    assert [row[0] for row in ascending[1:]] == ["Ada <b>Lovelace u-a", "=Ben u-b"]
    assert "<b>Lovelace" not in text


def test_waits_stand_beside_those_of_the_time_before(client: ApiClient) -> None:
    """On both pages, unasked where it is little. Ada's were the assignments, Ben's the rest."""
    team = {row[0]: row for row in rows(page(client, "/reports/team?org=acme"), "Waits by users")}
    assert team["=Ben u-b"][4] == "2, before: 1"
    assert team["Ada <b>Lovelace u-a"][1:3] == ["2, before: 1", "30 s, before: 30 s"]
    assert team["=Ben u-b"][5] == "1 m 59 s, before: 1 m 59 s"
    assert team["Ada <b>Lovelace u-a"][-2] == "100 %, before: 100 %"
    chats = page(client, "/reports/chats?org=acme")
    facts = " ".join(re.sub(r"<[^>]+>", "", chats).split())
    assert "Until joined1 m 59 s, before: 1 m 59 s95 %: 1 m 59 s, before: 1 m 59 s" in facts
    assert "Small: the same time before" in chats


def test_time_before_that_is_long_is_counted_where_it_is_asked_for(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It costs as much as the time itself: unasked it is a link; sorting then counts nothing again."""
    monkeypatch.setattr("audit_server.page.counting.COMPARED_UNASKED", 5)
    with api_client(log) as client:
        text = page(client, "/reports/team?org=acme")
        assert rows(text, "Waits by users")[2][4] == "2"
        link = re.search(r'<a href="([^"]+)">Compare with the time before</a>: 6 more events', text)
        assert link is not None
        asked = page(client, link[1].replace("&amp;", "&"))
        assert "Counting the time before" in asked
        assert "2, before: 1" in rows(asked, "Waits by users")[2]
        monkeypatch.setattr("audit_server.page.counting.cases", None)
        again = page(client, link[1].replace("&amp;", "&") + "&sort=user")
        assert "2, before: 1" in rows(again, "Waits by users")[3]


def test_time_before_that_is_empty_is_no_comparison(client: ApiClient) -> None:
    """A day after the first chat there is nothing beside the waits, rather than zeros."""
    text = page(client, "/reports/team?org=acme&from=-1d")
    assert rows(text, "Waits by users")[2][4] == "2"
    assert "the same time before" not in text


def test_time_before_that_fails_leaves_the_waits(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known stays, and a sentence says what is not."""

    def fails(*_: object) -> None:
        raise elasticsearch.ConnectionError("went away")

    monkeypatch.setattr("audit_server.page.counting.life_of", fails)
    with api_client(log) as client:
        text = page(client, "/reports/team?org=acme")
    assert rows(text, "Waits by users")[2][4] == "2"
    assert "Without the time before: The log is unreachable" in text


def test_share_links_to_the_chats_behind_it(log: AuditLog, tmp_path: Path) -> None:
    """Of all, of a user, of a day, of a team: as many chats as the share counts, in its CSV too."""
    teams = tmp_path / "teams.toml"
    teams.write_text('[teams]\n"A&B" = ["u-a"]\n')
    with api_client(log, teams_file=str(teams)) as client:
        shown = page(client, "/reports/chats?org=acme")
        found = re.findall(r'<a class="ratio" href="([^"]+)" title="(\d+) of (\d+) chats">', shown)
        assert {(met, of) for _, met, of in found} == {("2", "3"), ("2", "2")}
        assert any("by_team=A%26B" in link for link, *_ in found)
        assert any("opened_from=" in link for link, *_ in found)
        assert any("by_id=u-a" in link for link, *_ in found)
        for link, met, of in found:
            listed = page(client, link.replace("&amp;", "&"))
            outcomes = [row[2] for row in rows(listed, LISTED)[1:]]
            assert (outcomes.count("met"), len(outcomes)) == (int(met), int(of)), link
            (csv_link,) = re.findall(r'href="(/api/v1/[^"]+)" download', listed)
            answer = page_csv(client, csv_link.replace("&amp;", "&"))
            assert [row["met"] for row in answer].count("true") == int(met)
            assert len(answer) == int(of)


def test_chats_that_missed_an_objective_come_first(client: ApiClient) -> None:
    """With how long each waited; those that met it are left out where they are not asked for."""
    listed = rows(page(client, "/reports/chats/objective?objective=assigned&org=acme"), LISTED)
    assert [(row[0], *row[2:]) for row in listed[1:]] == [
        ("c-waits", "missed", "never", ""),
        ("c/../<2>", "met", "30 s", "Ada <b>Lovelace"),
        ("c-1", "met", "30 s", "Ada <b>Lovelace"),
    ]
    text = page(client, "/reports/chats/objective?objective=assigned&org=acme&met=no")
    assert [row[0] for row in rows(text, LISTED)[1:]] == ["c-waits"]
    for query, sentence in (
        ("objective=closed", "there is none for closed"),
        ("objective=assigned&met=maybe", "must be yes or no"),
        ("objective=assigned&opened_from=never", "is not a valid time"),
    ):
        answer = client.get(f"/reports/chats/objective?{query}")
        assert (answer.status_code, sentence in answer.text) == (400, True), query


def test_figures_link_to_what_they_count(client: ApiClient) -> None:
    """The log has as many events as the figure says."""
    text = page(client, "/reports/team?org=acme")
    link = re.search(r'href="(/\?[^"]*activity=chat-closed[^"]*)">2</a>', text)
    assert link is not None
    shown = page(client, link[1].replace("&amp;", "&"))
    assert '<span class="total">2</span> events' in shown


def test_chats_show_waits_transfers_and_who_waits(client: ApiClient) -> None:
    """Of acme alone, as it is asked for."""
    text = page(client, "/reports/chats?org=acme")
    assert rows(text, "Transfers, by pair")[1:] == [["Ada <b>Lovelace", "=Ben", "2"]]
    (waiting,) = rows(text, "Unassigned chats")[1:]
    assert (waiting[0], waiting[2]) == ("c-waits", "1 h 20 m")
    assert "2 of 3" in text
    assert rows(text, "Waits by day")[1][1] == "3"


def test_bound_reader_sees_the_own_organization_alone(log: AuditLog, tmp_path: Path) -> None:
    """On each page; a chat of the same id is two."""
    with api_client(log, tmp_path / "tokens.json", organization="globex") as bound:
        text = page(bound, "/reports/chats")
        assert "c-waits" not in text
        assert [row[2] for row in rows(text, "Transfers, by pair")[1:]] == ["1"]
        assert page(bound, "/chats/c-1").count('class="turn') == 1 + 6
        assert bound.get("/chats/c-waits").status_code == 404


def test_chat_is_told_as_a_conversation(client: ApiClient) -> None:
    """Who did what, how long after the one before; markup in names and ids stays text."""
    text = page(client, "/chats/c%2F..%2F%3C2%3E?org=acme")
    said = re.findall(r'<p class="said">(.*?)</p>', text)
    assert [" ".join(re.sub(r"<[^>]+>", "", turn).split()) for turn in said] == [
        "visitor-1 opened the chat",
        "system assigned the chat to Ada &lt;b&gt;Lovelace",
        "Ada &lt;b&gt;Lovelace assigned the chat to =Ben",
        "=Ben joined",
        "=Ben gave the first answer",
        "=Ben closed the chat",
    ]
    gaps = re.findall(r'<li class="gap"><span class="unseen">after </span>([^<]+)</li>', text)
    assert gaps == ["30 s", "30 s", "1 m", "1 m", "9 m"]
    assert "Chat c/../&lt;2&gt;" in text


def test_chat_id_of_two_organizations_is_told_apart(client: ApiClient) -> None:
    """The page says so, and links to each."""
    text = page(client, "/chats/c-1")
    assert "Several organizations have a chat of this id" in text
    assert page(client, "/chats/c-1?org=globex").count('<p class="said">') == 6


def test_user_s_sessions_are_a_page(client: ApiClient) -> None:
    """With the figures of the time, and what happened in each."""
    text = page(client, "/reports/users/%3DBen?from=-1d&to=now")
    assert "Session s-1" in text
    closed = re.search(r'<dt>Closed</dt><dd><a href="([^"]*activity=chat-closed[^"]*)">3</a>', text)
    assert closed is not None
    assert '<span class="total">3</span> events' in page(client, closed[1].replace("&amp;", "&"))
    assert 'href="/reports/users/%3DBen"' in page(client, "/users/%3DBen")
    assert len(re.findall(r"<li>", text)) == 9


def test_what_lasts_too_long_ends_with_a_sentence(log: AuditLog) -> None:
    """The page is there, and says what to do in the place of the figures."""
    with api_client(log, query_seconds=0.000_001) as hurried:
        answer = hurried.get("/reports/team")
        assert answer.status_code == 503
        assert "The report takes too long" in answer.text or "timed out" in answer.text


def test_what_goes_wrong_later_is_said_in_its_place(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then the page has begun: what is known stays, and a sentence says what is not."""
    ticks = iter([0.0, 1.0])
    monkeypatch.setattr(
        "audit_server.page.report_routes.Deadline",
        lambda _: Deadline(5, clock=lambda: next(ticks, 10.0)),
    )
    monkeypatch.setattr("audit_server.page.report_routes.staff", lambda *_, **__: StaffReport([], {}))
    with api_client(log) as client:
        text = page(client, "/reports/team?org=acme")
    assert "The report takes too long: give a shorter time, or run `auditlog report`" in text
    assert text.rstrip().endswith("</html>")


def test_page_shows_how_far_it_has_come(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """While chats are counted, the percentage; it is not compressed, which would hold it back."""
    monkeypatch.setattr("audit_query.reports.chat_cases._PAGE", 3)
    with api_client(log) as client, client.stream("GET", "/reports/team?org=acme") as answer:
        text = "".join(answer.iter_text())
    percents = [int(found) for found in re.findall(r'>Counting chats: .*? value="(\d+)"', text)]
    assert percents[0] == 0
    assert percents == sorted(percents)
    assert len(percents) > 2
    assert answer.headers["content-encoding"] == "identity"


@pytest.mark.parametrize("report", ["team", "chats"])
def test_page_begins_before_anything_is_counted(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch, report: str
) -> None:
    """A browser can paint its navigation and its form; figures that fail then are a sentence."""
    has_begun = threading.Event()

    def counted(*_: object, **__: object) -> None:
        assert has_begun.wait(60), "the page waits for its figures"
        raise elasticsearch.ConnectionError("went away")

    monkeypatch.setattr("audit_server.page.report_routes.staff", counted)
    monkeypatch.setattr("audit_server.page.chats_page._steps", counted)
    app = create_app(log, ServeSettings(), clock=lambda: NOW)
    with listening(app) as address, closing(HTTPConnection(address, timeout=60)) as connection:
        connection.request("GET", f"/reports/{report}?org=acme")
        response = connection.getresponse()
        text = b""
        while b'aria-label="Time and user"' not in text:
            piece = response.read1()
            assert piece, "the page ended"
            text += piece
        has_begun.set()
        rest = response.read().decode()
    assert response.status == 200
    assert 'role="alert">The log is unreachable at the moment' in rest
    assert rest.rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("team=None", "there is no such team"),
        ("interval=minute", "must be hour or day"),
        ("from=now&to=-1d", "is not before"),
        ("ip=192.0.2.1", "narrow a report of chats"),
    ],
)
def test_mistake_in_the_address_is_a_page(client: ApiClient, query: str, sentence: str) -> None:
    """Before anything is counted."""
    answer = client.get(f"/reports/chats?{query}")
    assert answer.status_code == 400
    assert sentence in answer.text.replace("&#39;", "'")


def test_teams_are_those_of_the_file(log: AuditLog, tmp_path: Path) -> None:
    """A team's page has its users alone; the waits are by team, too."""
    teams = tmp_path / "teams.toml"
    teams.write_text('[teams]\n"A<team>" = ["u-a"]\nOthers = ["=Ben"]\n')
    with api_client(log, teams_file=str(teams)) as with_teams:
        text = page(with_teams, "/reports/team?org=acme")
        assert ">Team</a></th>" in text
        assert {row[0] for row in rows(text, "Waits by teams")} >= {"A<team>", "Others"}
        only = page(with_teams, "/reports/team?org=acme&team=Others")
        assert [row[0] for row in rows(only, "Figures by user")[1:]] == ["=Ben u-b"]
        large = ["u-b", *(f"u-{number:03}" for number in range(300))]  # more than a query may name
        teams.write_text(f"[teams]\nLarge = {large}\n")
        found = with_teams.json("/reports/team", org="acme", team="Large")["rows"]
        assert [row["user"] for row in found] == ["=Ben"]
        teams.write_text("[teams")
        assert with_teams.get("/reports/team").status_code == 503


def test_api_has_the_same_rows(client: ApiClient) -> None:
    """Team, transfers, unanswered chats and objectives, as the page has them."""
    week = {"org": "acme", "from": "-7d"}
    team = {row["user"]: row for row in client.json("/reports/team", **week)["rows"]}
    assert (team["=Ben"]["joined"], team["=Ben"]["before"]["joined"]) == (2, 1)
    assert team["=Ben"]["until_joined"]["count"] == 2
    (pair,) = client.json("/reports/transfers", **week)["rows"]
    assert (pair["from_user"], pair["to_user"], pair["chats"]) == ("Ada <b>Lovelace", "=Ben", 2)
    (chat,) = client.json("/reports/unanswered", **week)["rows"]
    assert (chat["chat"], chat["assigned"]) == ("c-waits", None)
    (missed,) = client.json("/reports/objective/chats", objective="assigned", met="no", **week)["rows"]
    assert (missed["chat"], missed["met"]) == ("c-waits", False)
    compared = client.json("/reports/team", compare="yes", **week)["rows"]
    before = {row["user"]: row["before"] for row in compared}
    assert before["=Ben"]["until_joined"]["count"] == 1
    assert team["=Ben"]["before"]["until_joined"]["count"] is None
    whole, *days = client.json("/reports/objective", **week)["rows"]
    assert (whole["start"], whole["met"], whole["of"]) == (None, 2, 3)
    assert sum(day["of"] for day in days) == 3


def test_reports_are_csv_without_formulas(client: ApiClient) -> None:
    """All of them; the page links to them with the times that it shows."""
    text = page_csv(client, "/api/v1/reports/team?format=csv&org=acme&from=-7d")
    (ben,) = [row for row in text if row["user_id"] == "u-b"]
    assert (ben["user"], ben["joined"], ben["before_joined"]) == ("'=Ben", "2", "1")
    assert ben["first"] == "2026-11-23T06:32:00.000Z"
    for name in ("chats", "users", "transfers", "unanswered", "objective"):
        assert page_csv(client, f"/api/v1/reports/{name}?format=csv")
    shown = page(client, "/reports/chats?org=acme")
    for link in re.findall(r'href="(/api/v1/[^"]+)" download', shown):
        assert page_csv(client, link.replace("&amp;", "&"))


def test_reading_a_report_is_on_record(log: AuditLog) -> None:
    """With what was asked."""
    with api_client(log) as client:
        page(client, "/reports/chats?org=acme")
        (event,) = client.published.wait_for(1)
        assert event["labels"]["report"] == "/reports/chats"
        assert event["labels"]["org"] == "acme"


def test_sorting_another_way_counts_nothing_again(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For half a minute the sums are remembered."""
    with api_client(log) as client:
        page(client, "/reports/team?org=acme")
        monkeypatch.setattr("audit_server.page.counting.cases", None)
        text = page(client, "/reports/team?org=acme&sort=-assigned_p95")
        assert rows(text, "Waits by users")


def test_generated_traffic_has_figures_for_all_parts(servers: Servers) -> None:
    """What the demo shows: each part of each page has something to say."""
    with log_index(servers) as deployment:
        store(deployment, *Traffic(1500, NOW, days=2))
        with AuditLog(deployment.query, clock=lambda: NOW) as log, api_client(log) as client:
            text = page(client, "/reports/chats")
            assert len(rows(text, "Transfers, by pair")) > 2
            assert len(rows(text, "Waits by users")) > 5
            assert 'class="spark"' in page(client, "/reports/team")
