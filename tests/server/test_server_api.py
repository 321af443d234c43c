"""The API's answers, on a real Elasticsearch."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from audit_query import AuditLog, Filter, TimeZoneError
from audit_query.cursor import encode_cursor
from audit_query.query_spec import VALUE_MAX
from audit_server.headers import SECURITY
from audit_server.problems import problem_of
from support.api_client import NOW, ApiClient, api_client

pytestmark = pytest.mark.servers


def ids(page: dict[str, Any]) -> list[str]:
    """Return the ids of a page's events."""
    return [event["event"]["id"] for event in page["events"]]


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_give_each_event_once(api: ApiClient, order: str) -> None:
    """From cursor to cursor, to the page without one."""
    found: list[str] = []
    cursor = None
    while True:
        more: dict[str, str] = {} if cursor is None else {"cursor": cursor}
        page = api.json("/events", size=5, order=order, **more)
        found += ids(page)
        cursor = page["cursor"]
        if cursor is None:
            break
    whole = ids(api.json("/events", size=1000, order=order))
    assert found == whole
    assert len(set(found)) == 22


def test_filters_are_those_of_a_question(api: ApiClient) -> None:
    """Repeated for any of them, `not_` in front to leave out."""
    found = api.json("/events", user=["Ada 1", "g-2"], not_activity="logout")
    assert {event["audit"]["user"] for event in found["events"]} == {"Ada 1", "Adversary 2"}
    assert len(api.json("/events", ip="203.0.113.0/24", size=1000)["events"]) == 9


def test_relative_times_are_relative_to_now_in_the_readers_zone(api: ApiClient) -> None:
    """`today` began three hours earlier in Istanbul."""
    assert len(api.json("/events", **{"from": "-5m"})["events"]) == 11
    found = api.json("/buckets", interval="hour", time_zone="Europe/Istanbul", **{"from": "today"})
    assert found["time_zone"] == "Europe/Istanbul"
    assert found["buckets"][0]["start"] == "2026-11-23T00:00:00+03:00"


def test_event_by_id_is_known_by_its_hash(api: ApiClient) -> None:
    """Whoever has it is told so, and whoever may not keep it doesn't."""
    event = api.json("/events", size=1)["events"][0]
    answer = api.get(f"/api/v1/events/{event['event']['id']}")
    assert answer.json() == event
    assert answer.headers["etag"] == f'"{event["event"]["hash"]}"'
    assert answer.headers["cache-control"] == "private, no-cache"
    for etag in (
        answer.headers["etag"],
        f"W/{answer.headers['etag']}",
        f'"x", {answer.headers["etag"]}',
    ):
        again = api.get(answer.url.path, headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
    assert api.get(answer.url.path, headers={"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize(
    "event_id", ["0" * 32, "x", "..%2F..%2F_cluster", "%00" * 20, "é" * 20, "a" * 600]
)
def test_what_is_no_event_is_404(api: ApiClient, event_id: str) -> None:
    """Whatever the id looks like."""
    assert api.get(f"/api/v1/events/{event_id}").status_code == 404


def test_buckets_sum_to_what_they_count(api: ApiClient) -> None:
    """Parts and rest, in each; the interval that was taken is said."""
    found = api.json("/buckets", by="user", parts=3)
    assert found["interval"] == "5m"
    for bucket in found["buckets"]:
        assert sum(bucket["parts"].values()) + bucket["other"] == bucket["count"]
    assert sum(bucket["count"] for bucket in found["buckets"]) == 22


def test_top_ranks(api: ApiClient) -> None:
    """The most frequent first."""
    found = api.json("/top", by="activity")
    assert found["values"][0] == {"value": "chat-opened", "count": 12}


@pytest.mark.parametrize(
    ("path", "parameters", "parameter", "says"),
    [
        ("/events", {"size": 0}, "size", "must be a whole number from 1 to 1000, not '0'"),
        ("/events", {"size": 1001}, "size", "from 1 to 1000, not '1001'"),
        ("/events", {"size": "10e2"}, "size", "must be a whole number from 1 to 1000"),
        ("/events", {"size": "٣"}, "size", "must be a whole number from 1 to 1000"),
        ("/events", {"size": [1, 2]}, "size", "give it once"),
        ("/events", {"order": "newst"}, "order", "did you mean newest?"),
        ("/events", {"usr": "Ada"}, "usr", "did you mean user?"),
        ("/events", {"not_usr": "Ada"}, "not_usr", "did you mean not_user?"),
        ("/events", {"from": "soon"}, "from", "is not a valid time"),
        ("/events", {"from": "now", "to": "-1h"}, "from", "is not before"),
        ("/events", {"ip": "300.1.1.1"}, "ip", "300.1.1.1"),
        ("/events", {"outcome": "good"}, "outcome", "must be one of success, failure, unknown"),
        ("/events", {"user": "x" * (VALUE_MAX + 1)}, "user", f"at most {VALUE_MAX}"),
        ("/events", {"user": [str(n) for n in range(201)]}, "user", "at most 200 values"),
        ("/events", {"user": ["x" * 1000] * 20}, "query", "must have at most"),
        ("/events", {"text": "😀" * 501}, "text", "an emoji is two, not 1002"),
        ("/events", {"text": ["a " * 450, "b " * 450]}, "text", "these are 900 words in all"),
        ("/export", {"format": "csv", "not_text": "a " * 450, "text": "b " * 450}, "text", "900 words"),
        ("/events", {"time_zone": "Mars/Base"}, "time_zone", "is not a time zone"),
        ("/events", {"time_zone": "../../etc/passwd"}, "time_zone", "is not a time zone"),
        ("/buckets", {"interval": "1y"}, "interval", "is not a valid interval"),
        ("/buckets", {"interval": "1s", "from": "-400d"}, "interval", "too short an interval"),
        ("/buckets", {"by": "colour"}, "by", "must be one of activity, user, ip"),
        ("/buckets", {"parts": 51}, "parts", "must be a whole number from 1 to 50"),
        ("/top", {}, "by", "is required"),
        ("/suggest", {"field": "usr"}, "field", "did you mean user?"),
        ("/suggest", {"field": "user", "user": "Ada"}, "user", "there is no such parameter"),
        ("/reports/users", {"interval": "whole day"}, "interval", "is not a valid interval"),
        ("/reports/chats", {"ip": "192.0.2.1"}, "ip", "there is no such parameter"),
        ("/reports/user", {}, "user", "give one user"),
        ("/reports/user", {"user": ["a", "b"]}, "user", "give one user"),
        ("/timeline", {}, "chat", "give one chat"),
        ("/timeline", {"chat": "c", "window": "1m"}, "window", "needs around"),
        ("/timeline", {"around": "0" * 32, "window": "1y"}, "window", "such as 10m"),
        ("/timeline", {"around": "0" * 32, "same": "colour"}, "same", "must be one of user, chat"),
        ("/export", {"format": "xlsx"}, "format", "must be one of csv, ndjson"),
    ],
)
def test_problem_says_which_parameter_and_why(
    api: ApiClient, path: str, parameters: dict[str, Any], parameter: str, says: str
) -> None:
    """In words, and Elasticsearch never sees it."""
    found = api.problem(path, 400, **parameters)
    assert found["parameter"] == parameter
    assert says in found["detail"]
    assert (found["title"], found["status"], found["type"]) == ("Bad Request", 400, "about:blank")


def test_a_time_zone_that_only_python_knows_is_the_callers_to_change() -> None:
    """Whether Elasticsearch's Java knows it shows when it is asked."""
    found = problem_of(TimeZoneError("Mars/Base"))
    assert (400, "time_zone") == (found.status, found.parameter)
    assert "does not know the time zone Mars/Base" in found.detail


def test_hostile_parameters_are_refused_or_find_nothing(api: ApiClient) -> None:
    """No query of a reader's is ever more than a value."""
    hostile = ['"}}]}', "*", "a:b", "\x00", "😀" * 200, "(" * 500, "\\", "{{7*7}}", "%s" * 100]
    for name in ("user", "activity", "chat", "session", "org", "service", "text", "not_text"):
        for value in hostile:
            answer = api.get("/api/v1/events", params={name: value})
            assert answer.status_code == 200, (name, value, answer.text)
            assert (len(answer.json()["events"]) > 0) == name.startswith("not_"), (name, value)


@pytest.mark.parametrize("name", ["country", "not_country", "asn", "not_asn", "list", "not_list"])
@pytest.mark.parametrize("path", ["events", "export", "buckets"])
def test_what_is_no_country_network_or_list_is_refused(api: ApiClient, path: str, name: str) -> None:
    """Also by an export, before its first row."""
    found = api.problem(f"/{path}", 400, **{name: "no such"})
    assert name.removeprefix("not_") == found["parameter"].removeprefix("not_")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/", 404),
        ("POST", "/api/v1/events", 405),
        ("DELETE", "/api/v1/events/x", 405),
        ("GET", "/docs", 404),
        ("GET", "/redoc", 404),
    ],
)
def test_what_there_is_not(api: ApiClient, method: str, path: str, status: int) -> None:
    """Problems too; and no page that loads scripts from elsewhere."""
    answer = api.request(method, path)
    assert answer.status_code == status
    if path.startswith("/api"):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/events", "/api/v1/events?size=0", "/api/v1/events/x", "/api/v1/export"),
        *("/api/v1/nothing", "/nothing", "/", "/login", "/api/v1/openapi.json"),
    ],
)
def test_every_answer_has_the_security_headers(api: ApiClient, path: str) -> None:
    """Also problems; and nothing is kept by whoever stands between."""
    answer = api.get(path)
    for name, value in SECURITY.items():
        assert answer.headers[name] == value
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


def test_large_answers_are_compressed(api: ApiClient) -> None:
    """For whoever takes it."""
    answer = api.get("/api/v1/events", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["events"]) == 22
    plain = api.get("/api/v1/events", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert int(answer.headers["content-length"]) < len(plain.content) / 4


def test_reports_are_those_of_the_module(api: ApiClient) -> None:
    """Of users, of chats, of each chat, of one user; and around an event."""
    rows = api.json("/reports/users", interval="whole", size=3)
    assert (len(rows["rows"]), rows["more"]) == (3, True)
    assert (
        api.json("/reports/chats", each="yes", chat="acme-chat-1")["rows"][0]["chat"] == "acme-chat-1"
    )
    assert api.json("/reports/user", user="Ada 1")["events"] == 1
    event = api.json("/events", user="Ada 5")["events"][0]
    found = api.json("/timeline", around=event["event"]["id"], window="1m")
    assert found["total"] == 5
    assert [moment["event"] for moment in found["events"] if moment["marked"]] == [event]
    assert api.json("/timeline", chat="acme-chat-1")["total"] == 1


def test_report_that_takes_too_long_ends(audit_log: AuditLog) -> None:
    """With its reader's patience, not with the log's end."""
    with api_client(audit_log, query_seconds=0.0001) as client:
        answer = client.get("/api/v1/reports/users")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_export_is_a_file_of_all_that_matches(api: ApiClient, form: str) -> None:
    """Named for a file system, whatever was asked."""
    answer = api.get("/api/v1/export", params={"format": form, "activity": "login-failed"})
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="audit-log-{NOW:%Y%m%d-%H%M%S}.{form}"'
    )
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert rows[0]["User"] == "Adversary 8"
        assert len(rows) == 9
    else:
        events = [json.loads(line) for line in answer.text.splitlines()]
        assert events[-1]["audit"]["user"] == "Adversary 0"
        assert len(events) == 9


def test_export_for_excel_has_its_mark_and_its_separator(api: ApiClient) -> None:
    """As the command has it."""
    answer = api.get("/api/v1/export", params={"excel": "true", "delimiter": "semicolon"})
    assert answer.content.startswith(b"\xef\xbb\xbfDate and Time;User;")


def test_search_is_itself_an_event(new_api: ApiClient) -> None:
    """With what was asked for, how many were found, and who asked."""
    new_api.json("/events", user=["Ada 1", "Ada 2"], not_activity="logout", size=1, **{"from": "-24h"})
    (event,) = new_api.published.wait_for(1)
    assert event["action"] == "audit-log-searched"
    assert event["labels"] == {
        "user": "Ada 1, Ada 2",
        "not_activity": "logout",
        "from": "-24h",
        "results": "2",
    }


def test_paging_repeats_no_event(new_api: ApiClient) -> None:
    """Else reading the log would fill it: the same question is noted once in ten minutes."""
    cursor = new_api.json("/events", size=1)["cursor"]
    new_api.json("/events", size=1, cursor=cursor)
    new_api.json("/events", size=2, order="oldest")
    new_api.json("/buckets")
    new_api.get("/rows", params={"after": cursor})
    new_api.get("/live")
    new_api.get("/api/v1/export", params={"user": "Ada 1"})
    events = new_api.published.wait_for(2)
    assert [event["action"] for event in events] == ["audit-log-searched", "audit-log-exported"]
    assert events[0]["labels"] == {"results": "22"}
    assert events[1]["labels"] == {"user": "Ada 1", "format": "csv"}


CURSOR = encode_cursor((int(NOW.timestamp() * 1000) + 1, 0, 0))
"""Of a page that nobody was given: it begins with the newest event."""


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        (f"/api/v1/events?user=Ada+1&cursor={CURSOR}", {"user": "Ada 1"}),
        (f"/?user=Ada+1&after={CURSOR}", {"user": "Ada 1"}),
        (f"/rows?user=Ada+1&after={CURSOR}", {"user": "Ada 1"}),
        ("/live?user=Ada+1", {"user": "Ada 1"}),
        (f"/live?user=Ada+1&since={encode_cursor((0,))}", {"user": "Ada 1"}),
        ("/api/v1/buckets?user=Ada+1", {"user": "Ada 1"}),
        ("/api/v1/top?user=Ada+1&by=ip", {"user": "Ada 1"}),
        ("/api/v1/suggest?field=user&prefix=ad", {"suggest": "user", "prefix": "ad"}),
        ("/api/v1/suggest?field=user", {"suggest": "user"}),
        ("/api/v1/export?user=Ada+1", {"user": "Ada 1", "format": "csv"}),
        ("/api/v1/reports/users?user=Ada+1", {"user": "Ada 1"}),
        ("/api/v1/reports/chats?user=Ada+1", {"user": "Ada 1"}),
        ("/api/v1/reports/user?user=Ada+1", {"user": "Ada 1"}),
        ("/api/v1/reports/team?user=Ada+1", {"user": "Ada 1"}),
        ("/api/v1/reports/transfers?user=Ada+1", {"user": "Ada 1"}),
        ("/api/v1/reports/unanswered?user=Ada+1", {"user": "Ada 1"}),
        ("/api/v1/reports/objective?user=Ada+1", {"user": "Ada 1"}),
        ("/api/v1/reports/objective/chats?objective=assigned&user=Ada+1", {"user": "Ada 1"}),
        ("/api/v1/alerts", {"list": "alerts"}),
        ("/api/v1/exceptions", {"list": "exceptions"}),
        ("/api/v1/rules", {"list": "rules"}),
        ("/chats/acme-chat-1", {"chat": "acme-chat-1"}),
        ("/api/v1/timeline?chat=acme-chat-1", {"chat": "acme-chat-1"}),
        ("/api/v1/timeline?around={id}&window=7d", {"around": "{id}", "window": "7d"}),
        ("/api/v1/events/{id}", {"event": "{id}"}),
        ("/events/{id}", {"event": "{id}", "window": "10m"}),
        ("/events/{id}?window=1d", {"event": "{id}", "window": "1d"}),
        ("/events/{id}/details", {"event": "{id}"}),
        ("/users/Ada+1", {"user": "Ada+1"}),
        ("/users/?name=Ada+1", {"user": "Ada 1"}),
    ],
)
def test_no_way_of_reading_goes_unnoticed(
    new_api: ApiClient, audit_log: AuditLog, path: str, labels: dict[str, str]
) -> None:
    """By whatever route, with a cursor made by oneself or none: what was asked is on record."""
    event_id = audit_log.search(Filter(users=("Ada 1",)), size=1).events[0]["event"]["id"]
    assert new_api.get(path.replace("{id}", event_id)).status_code == 200
    (event,) = new_api.published.wait_for(1)
    found = {name: value for name, value in event["labels"].items() if name != "results"}
    assert found == {name: value.replace("{id}", event_id) for name, value in labels.items()}


TRIED_ELSEWHERE = {
    *("alerts/{alert_id}", "alerts/{alert_id}/example", "alerts/triage", "alerts/{alert_id}/{step}"),
    *("exceptions/preview", "exceptions/{exception_id}/end"),
    *("dead-letters", "views", "views/{view_id}", "events/{id}/evidence"),
}
"""In test_server_alerts.py, _dead_letters.py, _views.py and _seals.py; steps are events."""


def test_every_route_that_reads_is_tried_above(new_api: ApiClient) -> None:
    """A new one needs to record what it reads."""
    tried = {
        part.partition("?")[0]
        for mark in test_no_way_of_reading_goes_unnoticed.pytestmark  # type: ignore[attr-defined]
        for part, _ in mark.args[1]
    }
    document = new_api.json("/openapi.json")
    tried |= {f"/api/v1/{path}" for path in TRIED_ELSEWHERE}
    assert {path.replace("{event_id}", "{id}") for path in document["paths"]} <= tried


def test_event_that_the_address_opens_is_on_record(new_api: ApiClient, audit_log: AuditLog) -> None:
    """Beside the search that the page is."""
    event_id = audit_log.search(Filter(users=("Ada 1",)), size=1).events[0]["event"]["id"]
    new_api.get("/", params={"user": "Ada 2", "open": event_id})
    searched, opened = new_api.published.wait_for(2)
    assert searched["labels"] == {"user": "Ada 2", "results": "1"}
    assert opened["labels"] == {"event": event_id, "results": "1"}


def test_bound_search_is_its_organizations_event(audit_log: AuditLog, tmp_path: Path) -> None:
    """Whose log was read may know who did."""
    with api_client(audit_log, tmp_path / "tokens.json", organization="acme") as bound:
        bound.json("/events")
        (event,) = bound.published.wait_for(1)
    assert (event["user"], event["organization"]) == ({"name": "tester"}, "acme")
    assert event["labels"] == {"results": "12"}


def test_refused_question_is_no_event(new_api: ApiClient) -> None:
    """It searched nothing."""
    new_api.problem("/events", 400, size=0)
    new_api.problem("/events", 400, usr="x")
    new_api.json("/events")
    assert len(new_api.published.wait_for(1)) == 1


def test_no_more_exports_at_a_time_than_set(audit_log: AuditLog) -> None:
    """The next is sent away, and let in when one has ended."""
    with api_client(audit_log, serve_exports=1) as client:
        slots = client.app.state.exports  # type: ignore[attr-defined]
        with slots.taken():
            answer = client.get("/api/v1/export")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        for _ in range(3):
            assert client.get("/api/v1/export").status_code == 200
