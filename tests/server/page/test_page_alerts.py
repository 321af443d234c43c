"""The page's Alerts part, asked without a browser: the list, one alert, triage, rules."""

import re
from collections.abc import Iterator
from html import unescape
from ipaddress import ip_network
from pathlib import Path

import pytest
import yaml
from audit_alerts import AlertDesk, CloseReason, Step, TriageStep
from audit_server.roles import Role
from server.page.alert_cases import ATTACKER, BEN, alert_clients, attacked_log, long_attack
from support.api_client import ApiClient
from support.servers import Deployment, Servers
from support.shipped_rules import shipped_rules
from support.stored_alerts import made_alert

pytestmark = pytest.mark.servers

GUESSED = made_alert(users=("root",))
OTHER = made_alert("brute-force", "203.0.113.7", minutes=20, users=("Ben",))
CHATS = made_alert("inhuman-chat-closing", "acme", "Cleo", minutes=30, users=())


@pytest.fixture(scope="module")
def attacked(servers: Servers) -> Iterator[Deployment]:
    """Give a log with an attack; its events are only read."""
    with attacked_log(servers) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def read_only(servers: Servers) -> Iterator[ApiClient]:
    """Give the page over a log of its own, with three alerts that nobody changes."""
    with (
        attacked_log(servers) as deployment,
        alert_clients(deployment, GUESSED, OTHER, CHATS) as client,
    ):
        yield client


@pytest.fixture
def page(attacked: Deployment) -> Iterator[ApiClient]:
    """Give the page over the same log, with alerts of the test's own."""
    with alert_clients(attacked, GUESSED, OTHER, CHATS) as client:
        yield client


def desk(page: ApiClient) -> AlertDesk:
    """Return the desk behind the page, for what somebody else does meanwhile."""
    found: AlertDesk = page.alerts
    return found


def text_of(page: ApiClient, path: str, status: int = 200) -> str:
    """Return a page as text, unescaped and without its tags."""
    answer = page.get(path)
    assert status == answer.status_code, answer.text
    return plain(answer.text)


def plain(markup: str) -> str:
    """Return what a reader sees, about."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def listed(page: ApiClient, query: str = "") -> list[str]:
    """Return the ids of the alerts that the list shows, in its order."""
    answer = page.get(f"/alerts{query}")
    assert answer.status_code == 200, answer.text
    return re.findall(r'class="row-link" href="/alerts/([0-9a-f]{32})', answer.text)


def pick(page: ApiClient, alert_id: str) -> str:
    """Return what the form of an alert's page names it by: also what it was when it was shown."""
    answer = page.get(f"/alerts/{alert_id}")
    (found,) = re.findall(r'name="pick" value="([^"]+)"', answer.text)
    return str(found)


def test_alerts_are_listed_newest_first_and_by_each_filter(read_only: ApiClient) -> None:
    """Each filter stands in the address, and what it may not be is named."""
    guessed, other, chats = GUESSED[0], OTHER[0], CHATS[0]
    assert [chats, other, guessed] == listed(read_only)
    assert [other, guessed] == listed(read_only, "?rule=brute-force")
    assert [guessed] == listed(read_only, f"?address={ATTACKER}&level=medium&user=root")
    assert [chats] == listed(read_only, "?user=Cleo&assignee=none")
    assert [guessed] == listed(read_only, "?to=2026-11-20T08:10:00Z&from=2026-11-20")
    assert [] == listed(read_only, "?status=closed")
    assert "No alerts match" in text_of(read_only, "/alerts?status=closed")
    assert "level: must be one of critical, high" in text_of(read_only, "/alerts?level=loud", 400)
    assert "did you mean address?" in text_of(read_only, "/alerts?adress=1", 400)
    blank = read_only.get("/alerts?level=&rule=brute-force&user=")
    assert (303, "/alerts?rule=brute-force") == (blank.status_code, blank.headers["location"])


def test_alert_tells_what_fired_why_and_what_to_do(read_only: ApiClient) -> None:
    """With its events in their order, and what the address did before and after."""
    markup = read_only.get(f"/alerts/{GUESSED[0]}").text
    shown = plain(markup)
    assert "Passwords are guessed from one address" in shown
    assert "When it is a false alarm" in shown
    assert "What to do" in shown
    assert 6 == len(re.findall(r'<tr role="row" class="event', markup))
    assert '<svg class="timeline"' in markup
    assert "style=" not in markup
    assert f"{ATTACKER} before and after" in shown
    assert re.search(r"The day before: 1 event .*The day after: 2 events", shown)
    assert "There is no such alert" in text_of(read_only, "/alerts/none-of-that-id", 404)


def test_other_alerts_of_the_same_user_are_shown(attacked: Deployment) -> None:
    """And none of others; it may be closed as a duplicate of one of them."""
    same = made_alert("brute-force", "203.0.113.8", minutes=40, users=("root",))
    with alert_clients(attacked, GUESSED, OTHER, same) as page:
        markup = page.get(f"/alerts/{GUESSED[0]}").text
        assert f'href="/alerts/{same[0]}"' in markup
        assert f'href="/alerts/{OTHER[0]}"' not in markup
        form = {"do": "close", "reason": "duplicate", "duplicate_of": same[0]}
        page.post(f"/alerts/{GUESSED[0]}", data={"pick": pick(page, GUESSED[0]), **form})
        assert same[0] == desk(page).alert(GUESSED[0]).duplicate_of


def test_alert_is_triaged_by_plain_forms(page: ApiClient) -> None:
    """Acknowledged, assigned, closed with a reason, reopened; who did it stays on the alert."""
    path = f"/alerts/{GUESSED[0]}"
    for form in (
        {"do": "acknowledge", "note": "I look at it"},
        {"do": "assign", "assignee": "Cleo"},
        {"do": "close", "reason": "benign", "note": "a test of <b>ours</b>"},
        {"do": "reopen"},
        {"do": "note", "note": "once more"},
    ):
        answer = page.post(path, data={"pick": pick(page, GUESSED[0]), **form})
        assert answer.status_code == 303, answer.text
    markup = page.get(answer.headers["location"]).text
    shown = plain(markup)
    assert "1 alert noted." in shown
    assert "assigned it to Cleo" in shown
    assert "closed it as benign" in shown
    assert "a test of <b>ours</b>" in shown
    assert "<b>ours</b>" not in markup
    assert "Assigned to Cleo" in shown
    activities = [event["action"] for event in page.steps.events]
    assert ["alert-acknowledged", "alert-assigned", "alert-closed"] == activities[:3]


def test_closed_false_positive_is_offered_as_an_example_of_its_rule(page: ApiClient) -> None:
    """YAML with its events, for somebody to commit; nothing writes it into the rule."""
    link = f"/alerts/{GUESSED[0]}/example"
    assert link not in page.get(f"/alerts/{GUESSED[0]}").text
    closed = {"do": "close", "reason": "false-positive", "note": "our own test"}
    page.post(f"/alerts/{GUESSED[0]}", data={"pick": pick(page, GUESSED[0]), **closed})
    assert link in page.get(f"/alerts/{GUESSED[0]}").text
    answer = page.get(link)
    assert answer.headers["content-disposition"].startswith('attachment; filename="brute-force-')
    (example,) = yaml.safe_load(answer.text)
    assert example["says"] == "our own test"
    assert {event["source.ip"] for event in example["events"]} == {ATTACKER}
    assert page.json(link) == {"rule": "brute-force", "file": "brute-force.yml", "text": answer.text}


def test_somebody_who_was_faster_is_named_and_nothing_is_overwritten(page: ApiClient) -> None:
    """The later one is told who did what, and sees what the alert is now."""
    path, seen = f"/alerts/{GUESSED[0]}", pick(page, GUESSED[0])
    faster = TriageStep(Step.CLOSE, reason=CloseReason.FALSE_POSITIVE)
    desk(page).triage(GUESSED[0], faster, BEN)
    answer = page.post(path, data={"pick": seen, "do": "acknowledge"})
    assert 409 == answer.status_code
    shown = plain(answer.text)
    assert "Meanwhile Ben closed it as false-positive" in shown
    assert "closed false positive" in shown
    assert ["closed"] == [entry.action for entry in desk(page).alert(GUESSED[0]).history]


def test_many_are_closed_at_once_and_those_that_can_t_are_named(page: ApiClient) -> None:
    """What changed meanwhile is left as it is; the rest is done."""
    picks = [pick(page, alert[0]) for alert in (GUESSED, OTHER)]
    desk(page).triage(OTHER[0], TriageStep(Step.ASSIGN, assignee="Ben"), BEN)
    form = {"pick": picks, "do": "close", "reason": "test", "back": "/alerts?rule=brute-force"}
    answer = page.post("/alerts", data=form)
    assert 409 == answer.status_code
    shown = plain(answer.text)
    assert "1 alert closed." in shown
    assert "Meanwhile Ben assigned it to Ben" in shown
    assert [OTHER[0]] == listed(page, "?rule=brute-force")
    form |= {"pick": [pick(page, OTHER[0])]}
    done = page.post("/alerts", data=form)
    assert (303, "/alerts?rule=brute-force&did=close.1.0") == (
        done.status_code,
        done.headers["location"],
    )
    assert "1 alert closed." in text_of(page, done.headers["location"])


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"do": "close"}, 409, "Say why it is closed"),
        ({"do": "note"}, 409, "note must not be empty"),
        ({"do": "explode"}, 400, "do must be one of"),
        ({"do": "close", "reason": "boredom"}, 409, "reason must be one of"),
        ({"do": "acknowledge", "pick": "nonsense"}, 400, "names another alert"),
    ],
)
def test_form_that_can_t_be_says_what_is_wrong(
    read_only: ApiClient, form: dict[str, str], status: int, says: str
) -> None:
    """In a sentence, and nothing is done."""
    answer = read_only.post(f"/alerts/{GUESSED[0]}", data={"pick": pick(read_only, GUESSED[0]), **form})
    assert status == answer.status_code, answer.text
    assert says.lower() in plain(answer.text).lower()
    assert () == desk(read_only).alert(GUESSED[0]).history


def test_other_site_triages_nothing(read_only: ApiClient) -> None:
    """Whatever form it makes a browser send."""
    headers = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    form = {"pick": pick(read_only, GUESSED[0]), "do": "acknowledge"}
    assert 403 == read_only.post(f"/alerts/{GUESSED[0]}", data=form, headers=headers).status_code
    assert 403 == read_only.post("/alerts", data=form, headers=headers).status_code
    assert "open" == desk(read_only).alert(GUESSED[0]).status


def test_reading_alerts_is_on_record(page: ApiClient) -> None:
    """Who looked at which list, and which alert."""
    page.get("/alerts?rule=brute-force")
    page.get(f"/alerts/{GUESSED[0]}")
    found = [event["labels"] for event in page.published.wait_for(2)]
    assert {"list": "alerts", "rule": "brute-force", "results": "2"} in found
    assert {"alert": GUESSED[0], "results": "1"} in found


def test_rules_in_force_are_shown_with_what_fired(read_only: ApiClient) -> None:
    """Their text, their examples, how often, and no way to edit them."""
    markup = read_only.get("/rules?rule=brute-force").text
    shown = plain(markup)
    assert f"{len(shipped_rules())} rules in force" in shown
    assert re.search(r"Passwords are guessed from one address \w+ 2 alerts", shown)
    assert "Why these thresholds" in shown
    assert "The file's text" in shown
    assert "<form" not in markup.partition("<main")[2]


def test_events_and_users_that_an_alert_concerns_are_marked(read_only: ApiClient) -> None:
    """With a link to it; other events have none, and who may not read alerts sees none."""
    markup = read_only.get("/?user=root").text
    link = f'class="on-alert" href="/alerts/{GUESSED[0]}"'
    assert 6 == markup.count(link)
    assert markup.count('<tr role="row" class="event') > 6
    assert link in read_only.get("/users/root").text
    assert "Open alerts:" in text_of(read_only, "/users/root")
    event_id = re.findall(
        r'id="e-([^"]+)"', read_only.get(f"/?ip={ATTACKER}&activity=login-failed").text
    )[0]
    assert "Alert: brute-force" in text_of(read_only, f"/events/{event_id}/details")
    assert link in read_only.get("/rows?user=root").text


def test_exception_is_made_from_an_alert_after_a_preview(page: ApiClient) -> None:
    """For its address, until a day, with a reason; then it is listed, and can be ended."""
    form = text_of(page, f"/exceptions/new?alert={GUESSED[0]}")
    assert f"IP Address {ATTACKER}" in form
    assert "Save the exception" not in form
    asked = {
        "alert": GUESSED[0],
        "about": "source.ip",
        "until": "2026-12-01",
        "because": "our <i>scanner</i>",
    }
    previewed = page.get("/exceptions/new", params={**asked, "do": "preview"})
    assert "It would have suppressed 1 alert of the last 30 days" in plain(previewed.text)
    assert "Save the exception" in previewed.text
    assert 303 == page.post("/exceptions", data=asked).status_code
    markup = page.get("/exceptions").text
    shown = plain(markup)
    assert f"IP Address {ATTACKER} for the rule brute-force" in shown
    assert "our <i>scanner</i>" in shown
    assert "<i>scanner</i>" not in markup
    assert "until 2026-12-01 00:00:00" in shown
    (end,) = re.findall(r'action="(/exceptions/[^"]+/end)"', markup)
    assert 303 == page.post(end).status_code
    assert "None is in force" in text_of(page, "/exceptions")
    assert "ended it" in plain(page.post(end).text)
    assert "for the rule brute-force" in text_of(page, "/exceptions?ended=yes")


def test_exception_is_made_for_a_range_around_the_address(page: ApiClient) -> None:
    """Previewed, listed and stored as the range, whose bits behind the prefix were left out."""
    assert 'placeholder="' in page.get(f"/exceptions/new?alert={GUESSED[0]}").text
    asked = {
        "alert": GUESSED[0],
        "about": "source.ip",
        "range": f"{ATTACKER}/24",
        "until": "2026-12-01",
        "because": "our pen testers",
    }
    previewed = page.get("/exceptions/new", params={**asked, "do": "preview"}).text
    assert "It would have suppressed 2 alerts of the last 30 days" in plain(previewed)
    assert f'name="range" value="{ATTACKER}/24"' in previewed
    assert 303 == page.post("/exceptions", data=asked).status_code
    network = ip_network(f"{ATTACKER}/24", strict=False)
    assert f"IP Address {network} for the rule brute-force" in text_of(page, "/exceptions")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"range": "0.0.0.0/0"}, "0.0.0.0/0 is 4,294,967,296 addresses"),
        ({"range": "198.51.100.0/24"}, "without the alert's own address"),
        ({"range": "nearby"}, "is not a range such as 192.0.2.0/24"),
        ({"about": ""}, "Choose what the rule is to stay silent about"),
        ({"until": "2026-11-01"}, "ends in the future"),
        ({"until": "soon"}, "is not a valid time"),
        ({"because": " "}, "why there is an exception"),
        ({"about": "user.name"}, "not by user.name"),
    ],
)
def test_exception_that_can_t_be_says_why(
    read_only: ApiClient, change: dict[str, str], says: str
) -> None:
    """And stays in the form; nothing is saved."""
    asked = {"alert": GUESSED[0], "about": "source.ip", "until": "2026-12-01", "because": "ours"}
    form = {name: value for name, value in (asked | change).items() if value}
    answer = read_only.post("/exceptions", data=form)
    assert 409 == answer.status_code, answer.text
    assert says in plain(answer.text)
    assert "None is in force" in text_of(read_only, "/exceptions")


def signed_in(client: ApiClient, role: Role, organization: str | None = None) -> None:
    """Let the client be somebody with this role."""
    assert client.tokens is not None
    secret = client.tokens.create(f"{role} of tests", roles=[role], organization=organization)
    client.headers["Authorization"] = f"Bearer {secret}"


def test_who_may_only_read_alerts_has_no_forms(attacked: Deployment, tmp_path: Path) -> None:
    """An auditor sees all of it, and changes nothing by hand-made forms neither."""
    with alert_clients(attacked, GUESSED, tokens_file=tmp_path / "tokens.json") as client:
        signed_in(client, Role.AUDITOR)
        shown = client.get(f"/alerts/{GUESSED[0]}").text
        assert "Changing alerts takes the role analyst" in shown
        assert '<form method="post" action="/alerts' not in shown + client.get("/alerts").text
        form = {"pick": f"{GUESSED[0]}~0", "do": "acknowledge"}
        assert 403 == client.post(f"/alerts/{GUESSED[0]}", data=form).status_code
        assert 403 == client.get(f"/exceptions/new?alert={GUESSED[0]}").status_code


def test_reader_sees_neither_alerts_nor_marks(attacked: Deployment, tmp_path: Path) -> None:
    """Nor that part of the page."""
    with alert_clients(attacked, GUESSED, tokens_file=tmp_path / "tokens.json") as client:
        signed_in(client, Role.READER)
        assert 403 == client.get("/alerts").status_code
        log = client.get("/?user=root").text
        assert 'class="on-alert"' not in log
        assert 'href="/alerts"' not in log


def test_organization_s_people_see_their_alerts_alone(attacked: Deployment, tmp_path: Path) -> None:
    """Others don't exist for them, by their address neither."""
    with alert_clients(attacked, GUESSED, CHATS, tokens_file=tmp_path / "tokens.json") as client:
        signed_in(client, Role.ANALYST, "acme")
        assert [CHATS[0]] == listed(client)
        assert 404 == client.get(f"/alerts/{GUESSED[0]}").status_code
        form = {"pick": f"{GUESSED[0]}~0", "do": "acknowledge"}
        assert 409 == client.post("/alerts", data=form).status_code
        assert "open" == desk(client).alert(GUESSED[0]).status


def test_long_attack_is_shown_by_both_ends(attacked: Deployment) -> None:
    """Twenty of its rows, all of it on the line of time, and how many are between."""
    with alert_clients(attacked, long_attack()) as page:
        markup = page.get(f"/alerts/{long_attack()[0]}").text
        assert 20 == markup.count('<tr role="row" class="event')
        assert "120 more events" in plain(markup)
        titles = re.findall(r"(\d+) events?: login-failed", unescape(markup))
        assert 140 == sum(map(int, titles))
