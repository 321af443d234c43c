"""What stands in the address, and what becomes of it; details and chips. Pure."""

from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

import pytest
from audit_query import ParameterError
from audit_query.query_spec import QuerySpec
from audit_server.page.chips import chips_of, drops_of
from audit_server.page.details import details_of
from audit_server.page.problem_page import problem_page
from audit_server.page.view import View, user_path
from audit_server.problems import Problem

ASKED = [("user", "Ada"), ("user", "Ben"), ("not_activity", "login"), ("from", "-24h")]


def asked(link: str) -> list[tuple[str, str]]:
    """Return the pairs of an address."""
    return parse_qsl(urlsplit(link).query)


def test_address_and_view_are_one() -> None:
    """All that is shown stands in it, and is read from it again."""
    own = [
        ("tz", "Asia/Tokyo"),
        ("interval", "1h"),
        ("live", "on"),
        ("open", "some-id"),
        ("after", "c"),
    ]
    view = View.of([*ASKED, *own])
    assert sorted(asked(view.link())) == sorted([*ASKED, *own])
    assert View.of(asked(view.link())) == view


def test_relative_times_stay_relative() -> None:
    """A link to the last day means the last day whenever it is opened."""
    assert ("from", "-24h") in asked(View.of(ASKED).with_("ip", "192.0.2.1"))


def test_only_replaces_and_without_removes() -> None:
    """One value of a field, or all but one."""
    view = View.of(ASKED)
    assert asked(view.only("user", "Cem"))[0] == ("user", "Cem")
    assert ("user", "Ada") not in asked(view.only("user", "Cem"))
    assert ("not_user", "Ada") in asked(view.excluding("user", "Ada"))
    assert ("user", "Ada") not in asked(view.excluding("user", "Ada"))
    assert asked(view.only_filter("chat", "c-1")) == [("chat", "c-1")]


def test_new_question_begins_at_its_first_page() -> None:
    """A cursor and an open event belong to the question they came from."""
    view = View.of([*ASKED, ("after", "cursor"), ("open", "some-id")])
    for link in (
        view.with_("ip", "192.0.2.1"),
        view.since("-1h"),
        view.any_time(),
        view.without("user"),
    ):
        assert not {"after", "open"} & set(dict(asked(link)))


def test_zone_comes_from_the_address_else_the_cookie_else_the_settings() -> None:
    """What the cookie says is the browser's word: nonsense counts as nothing."""
    assert View.of([("tz", "Asia/Tokyo")], cookie="Europe/Berlin").zone_name == "Asia/Tokyo"
    assert View.of([], cookie="Europe/Berlin", default="UTC").zone_name == "Europe/Berlin"
    nonsense = View.of([], cookie="../../etc/passwd", default="Europe/Istanbul")
    assert (nonsense.zone_name, nonsense.zone_known) == ("Europe/Istanbul", False)
    assert asked(View.of([], cookie="Europe/Berlin").link()) == []


@pytest.mark.parametrize(
    ("name", "value"), [("tz", "Mars/Olympus"), ("interval", "0h"), ("usr", "Ada"), ("ip", "1.2.3")]
)
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    """The page says which parameter, and why."""
    with pytest.raises(ParameterError) as raised:
        View.of([(name, value)])
    assert raised.value.parameter == name


def test_zoom_is_written_in_utc() -> None:
    """So that a link means the same time in every zone."""
    link = View.of([]).between(
        datetime(2026, 11, 23, 9, tzinfo=UTC), datetime(2026, 11, 23, 10, tzinfo=UTC)
    )
    assert asked(link) == [("from", "2026-11-23T09:00:00.000Z"), ("to", "2026-11-23T10:00:00.000Z")]


@pytest.mark.parametrize(
    ("user", "path"),
    [
        ("Ada Lovelace", "/users/Ada%20Lovelace"),
        ("a/../b?c#d", "/users/a%2F..%2Fb%3Fc%23d"),
        ("..", "/users/?name=.."),
        ("javascript:alert(1)", "/users/javascript%3Aalert%281%29"),
    ],
)
def test_user_s_address_is_on_this_site(user: str, path: str) -> None:
    """Whatever the name."""
    assert path == user_path(user)


def test_chips_can_be_removed_and_turned_round() -> None:
    """Times have no opposite."""
    chips = chips_of(View.of(ASKED))
    assert [(chip.label, chip.value, chip.excluded) for chip in chips] == [
        ("User", "Ada", False),
        ("User", "Ben", False),
        ("not Activity", "login", True),
        ("From", "-24h", False),
    ]
    assert ("user", "Ada") not in asked(chips[0].remove)
    assert ("activity", "login") in asked(chips[2].flip or "")
    assert chips[3].flip is None


def test_drops_count_the_time_as_one_filter() -> None:
    """The one that hides most comes first; what would show nothing either is left out."""
    view = View.of([("user", "Ada"), ("ip", "192.0.2.1"), ("from", "-2h"), ("to", "-1h")])
    counts = {
        QuerySpec.parse([("ip", "192.0.2.1"), ("from", "-2h"), ("to", "-1h")]): 5,
        QuerySpec.parse([("user", "Ada"), ("ip", "192.0.2.1")]): 70,
    }
    drops = drops_of(view, lambda spec: counts.get(spec, 0))
    assert [(drop.label, drop.value, drop.count) for drop in drops] == [
        ("the time", "from -2h to -1h", 70),
        ("User", "Ada", 5),
    ]


def test_details_have_every_field_somewhere() -> None:
    """What no group knows comes last, under its own path: a newer event's field is not hidden."""
    event = {
        "@timestamp": "2026-11-23T09:00:00Z",
        "event": {
            "id": "some-id",
            "action": "login",
            "newer": {"field": [1, "two"]},
            "original": "{ }",
            "category": [],
        },
        "audit": {"user": "Ada", "changes": [{"field": "f", "before": "a\x1b[2J", "after": None}]},
        "user": {"name": "Ada"},
        "labels": {"b.c": "1", "a": "2"},
        "message": "said",
    }
    details = details_of(event)
    facts = {fact.label: fact.value for group in details.groups for fact in group.facts}
    assert facts["event.newer.field"] == "1, two"
    assert (facts["a"], facts["b.c"], details.message) == ("2", "1", "said")
    assert "event.category" not in facts  # nothing is in it
    assert "User" not in facts  # the name beside it says the same
    (change,) = details.changes
    assert (change.before, change.after) == ("a\\u001b[2J", None)
    assert '"action": "login"' in details.json
    assert "event.original" not in facts  # a copy of all the others; the JSON has it
    assert '"original": "{ }"' in details.json


def test_problem_leads_out_and_never_to_another_site() -> None:
    """A path of two slashes would name another host."""
    problem = Problem(HTTPStatus.BAD_REQUEST, "is wrong", "ip")
    page = problem_page("//evil.example/", "ip=1&user=Ada", problem)
    assert page["ways"][0]["link"] == "/evil.example/?user=Ada"
    later = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "away")
    assert problem_page("/", "user=Ada", later)["ways"][0] == {
        "name": "Try again",
        "link": "/?user=Ada",
    }
