"""A token of one organization: every way around its bounds that we know, on a real Elasticsearch."""

import json
from typing import Any

import pytest
from audit_query import AuditLog, Filter
from audit_query.cursor import encode_cursor
from audit_server.api import ROUTERS
from fastapi.routing import APIRoute
from support.api_client import NOW, ApiClient

pytestmark = pytest.mark.servers

FOREIGN = ("globex", "Adversary", "203.0.113", "secret", "nobody")
"""What only events of others hold."""


def is_ours(answer: Any) -> bool:
    """Tell whether an answer says nothing of another organization."""
    text = json.dumps(answer)
    return not any(word in text for word in FOREIGN)


@pytest.fixture
def foreign_id(audit_log: AuditLog) -> str:
    """Give the id of an event of another organization."""
    (event,) = audit_log.search(Filter(organizations=("globex",)), size=1).events
    return str(event["event"]["id"])


ATTEMPTS: list[dict[str, Any]] = [
    {},
    {"org": "globex"},
    {"org": ["acme", "globex"]},
    {"org": "*"},
    {"not_org": "acme"},
    {"org": "globex", "not_org": "acme"},
    {"text": "secret"},
    {"text": "globex"},
    {"text": "a) OR organization.id:globex OR (b"},
    {"user": ["g-1", "Adversary 1", "*", "nobody"]},
    {"not_user": [f"Ada {n}" for n in range(12)]},
    {"ip": "203.0.113.0/24"},
    {"ip": "0.0.0.0/0"},
    {"activity": ["login-failed", "logout"]},
    {"service": "globex-service"},
    {"session": "globex-session-1"},
    {"list": "tor"},
    {"from": "1970-01-01", "to": "2999-01-01"},
]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_search_sees_only_its_own(bound: ApiClient, attempt: dict[str, Any], order: str) -> None:
    """Whatever is asked for, by whatever filter."""
    found = bound.json("/events", size=1000, order=order, **attempt)
    assert is_ours(found)
    assert {event["organization"]["id"] for event in found["events"]} <= {"acme"}


def test_search_sees_all_its_own(bound: ApiClient, api: ApiClient) -> None:
    """The bound does not hide what it should show; and without it, all is there."""
    assert len(bound.json("/events")["events"]) == 12
    assert len(api.json("/events")["events"]) == 22


def test_event_of_another_is_no_event(bound: ApiClient, api: ApiClient, foreign_id: str) -> None:
    """404, the very answer for an id that nobody has; also where the ETag is known."""
    theirs = api.get(f"/api/v1/events/{foreign_id}")
    assert theirs.status_code == 200
    problem = bound.problem(f"/events/{foreign_id}", 404)
    assert problem == bound.problem("/events/0123456789abcdef", 404)
    unknown = bound.problem("/events/0123456789abcdef/evidence", 404)
    assert unknown == bound.problem(f"/events/{foreign_id}/evidence", 404) == problem
    etags = {"If-None-Match": theirs.headers["etag"]}
    assert bound.get(f"/api/v1/events/{foreign_id}", headers=etags).status_code == 404
    assert bound.get(f"/api/v1/events/{foreign_id}", headers={"If-None-Match": "*"}).status_code == 404


def test_cursor_of_another_asker_opens_nothing(bound: ApiClient, api: ApiClient) -> None:
    """It says where a page ended, not who may read on."""
    cursor = api.json("/events", size=1)["cursor"]
    found = bound.json("/events", size=1000, cursor=cursor)
    assert is_ours(found)
    assert len(found["events"]) == 11  # the first was its own, and is behind the cursor


@pytest.mark.parametrize(
    "cursor",
    [
        encode_cursor((int(NOW.timestamp() * 1000) + 10**9, 2**31 - 1, 2**63 - 1)),
        encode_cursor((2**62, 0, 0)),
        encode_cursor((-(2**62), -(2**31), -(2**63) + 1)),
        encode_cursor((0, 0, 0)),
    ],
)
@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_crafted_cursor_opens_nothing(bound: ApiClient, cursor: str, order: str) -> None:
    """Any place is as good as none; and none is an error of Elasticsearch's."""
    found = bound.json("/events", size=1000, order=order, cursor=cursor)
    assert is_ours(found)


@pytest.mark.parametrize(
    "cursor",
    ["x", "W10", "WzFd", encode_cursor((1, 2**31, 0)), "WzEsMiwzLDRd", "eyJhIjoxfQ", "A" * 5000],
)
def test_what_is_no_cursor_is_refused(bound: ApiClient, cursor: str) -> None:
    """Before Elasticsearch sees it."""
    assert bound.problem("/events", 400, cursor=cursor)["parameter"] == "cursor"


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_counts_are_of_its_own(bound: ApiClient, api: ApiClient, attempt: dict[str, Any]) -> None:
    """Buckets and rankings: neither values nor numbers of others."""
    of_acme = len(bound.json("/events", size=1000, **attempt)["events"])
    for by in ("user", "organization", "ip", "session", "network", "service"):
        buckets = bound.json("/buckets", by=by, interval="year", parts=50, **attempt)
        assert is_ours(buckets)
        assert sum(bucket["count"] for bucket in buckets["buckets"]) == of_acme
        top = bound.json("/top", by=by, size=1000, **attempt)
        assert is_ours(top)
    assert not is_ours(api.json("/top", by="user", size=1000))


def test_empty_buckets_do_not_tell_of_others_times(bound: ApiClient, api: ApiClient) -> None:
    """The span that is filled is that of its own events."""
    ours = bound.json("/buckets", interval="1m")["buckets"]
    assert len(ours) == 12
    assert len(api.json("/buckets", interval="1m")["buckets"]) > 100


@pytest.mark.parametrize("field", ["user", "activity", "ip"])
@pytest.mark.parametrize(
    "prefix", ["", "a", "A", "adv", "g-", "log", "203", "nob", ".*", "[a-z]", "\\"]
)
def test_suggestions_are_of_its_own(bound: ApiClient, field: str, prefix: str) -> None:
    """What completes a word is what somebody did; patterns are no patterns."""
    found = bound.json("/suggest", field=field, prefix=prefix, size=50)["values"]
    assert is_ours(found)
    assert not {"login-failed", "logout", "g-1"} & set(found)


def test_suggestions_of_its_own_are_there(bound: ApiClient, api: ApiClient) -> None:
    """Not all is hidden."""
    assert bound.json("/suggest", field="user", prefix="ad")["values"]
    assert "Adversary 1" in api.json("/suggest", field="user", prefix="adv")["values"]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_export_is_of_its_own(bound: ApiClient, attempt: dict[str, Any], form: str) -> None:
    """All of it, and nothing besides."""
    answer = bound.get("/api/v1/export", params={"format": form, **attempt})
    assert answer.status_code == 200
    assert is_ours(answer.text)
    of_acme = len(bound.json("/events", size=1000, **attempt)["events"])
    assert len(answer.text.splitlines()) == of_acme + (form == "csv")


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_reports_are_of_its_own(bound: ApiClient, attempt: dict[str, Any]) -> None:
    """Users, chats, and one user by a name that is another's."""
    assert is_ours(bound.json("/reports/users", interval="whole", size=1000, **attempt)["rows"])
    chats = {name: attempt[name] for name in ("org", "not_org", "user", "not_user") if name in attempt}
    for each in ("yes", "no"):
        assert is_ours(bound.json("/reports/chats", each=each, interval="whole", **chats)["rows"])
    for name in ("team", "transfers", "unanswered", "objective"):
        assert is_ours(bound.json(f"/reports/{name}", **chats)["rows"])
    behind = bound.json("/reports/objective/chats", objective="assigned", **chats)
    assert is_ours(behind["rows"])
    if "user" not in attempt:
        assert bound.json("/reports/user", user="Adversary 1", **attempt)["events"] == 0


def test_timelines_are_of_its_own(bound: ApiClient, audit_log: AuditLog, foreign_id: str) -> None:
    """Neither a foreign event's surroundings, nor foreign events around its own."""
    assert bound.problem("/timeline", 404, around=foreign_id)["parameter"] == "around"
    assert bound.problem("/timeline", 404, around=foreign_id, same="session")["parameter"] == "around"
    (ours,) = audit_log.search(Filter(users=("Ada 5",)), size=1).events
    found = bound.json("/timeline", around=ours["event"]["id"], window="7d")
    assert (found["total"], is_ours(found)) == (12, True)
    assert is_ours(bound.json("/timeline", chat="acme-chat-1", org="globex"))


def test_every_route_of_the_api_is_tried_here() -> None:
    """A new route needs an attempt of its own."""
    paths = {route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)}
    assert paths == {
        f"/api/v1/{name}"
        for name in (
            *("events", "events/{event_id}", "events/{event_id}/evidence"),
            *("buckets", "top", "suggest", "export"),
            *("reports/users", "reports/chats", "reports/user", "timeline"),
            *("reports/team", "reports/transfers", "reports/unanswered", "reports/objective"),
            "reports/objective/chats",
            # test_bound_token_sees_and_triages_its_organizations_alerts_alone
            *("alerts", "alerts/{alert_id}", "alerts/{alert_id}/example"),
            *("alerts/triage", "alerts/{alert_id}/{step}"),
            *("exceptions", "exceptions/preview", "exceptions/{exception_id}/end", "rules"),
            *(
                "views",
                "views/{view_id}",
                "dead-letters",
            ),  # tests of theirs; no bound token reads letters
        )
    }
