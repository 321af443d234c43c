"""Events of those who acted as another: found by whom they acted as, and shown with both."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from audit_producer import new_event
from audit_query import AuditLog, Criteria, Filter, export
from audit_query.effective_user import actor_label
from support.in_process import call
from support.servers import Deployment
from support.stored_events import store

NOW = datetime.now(UTC)
ADA = {"id": "u-7", "name": "Ada"}
BOB = {"id": "u-8", "name": "Bob"}


@pytest.fixture
def acted(deployment: Deployment) -> Deployment:
    """Give a log in which Ada acts as Bob, as an id alone, and as herself; and Bob as himself."""
    acting: list[Any] = [(ADA, BOB), (ADA, "u-9"), (ADA, None), (BOB, None)]
    events = [
        new_event("login", user=who, effective_user=other, session="s-1", at=NOW - timedelta(minutes=n))
        for n, (who, other) in enumerate(acting)
    ]
    store(deployment, *events)
    return deployment


@pytest.mark.servers
def test_events_are_found_by_whom_somebody_acted_as(acted: Deployment) -> None:
    """By name or id; who really acted is found as ever, and whom they acted as did nothing."""
    with AuditLog(acted.query) as log:
        for wanted, count in (
            (Filter(effective_users=("Bob",)), 1),
            (Filter(effective_users=("u-8", "u-9")), 2),
            (Filter(effective_users=("Ada",)), 0),
            (Filter(exclude=Criteria(effective_users=("Bob",))), 3),
            (Filter(users=("Ada",)), 3),
            (Filter(users=("Bob",)), 1),
        ):
            assert count == log.count(wanted), wanted
        text = b"".join(rows for _, rows in export(log, Filter(), "csv")).decode()
    found = csv.DictReader(io.StringIO(text))
    acting = [(row["User"], row["Effective User"], row["Effective User ID"]) for row in found]
    assert [("Bob", "", ""), ("Ada", "", ""), ("Ada", "", "u-9"), ("Ada", "Bob", "u-8")] == acting


@pytest.mark.servers
def test_tables_show_who_acted_as_whom(acted: Deployment) -> None:
    """Wherever a user is; beside the activity, where all rows are of one user."""
    found = call(acted, "search", "--not-effective-user", "u-9").stdout
    assert 1 == found.count("Ada as Bob")
    assert "u-9" not in found
    (line,) = call(acted, "search", "--effective-user", "u-9", "--json").stdout.splitlines()
    event_id = json.loads(line)["event"]["id"]
    for command in (
        ("timeline", "--around", event_id),
        ("search", "--effective-user", "u-9"),
    ):
        assert "Ada as u-9" in call(acted, *command).stdout, command
    assert "login as Bob" in call(acted, "report", "user", "Ada").stdout


def test_what_is_hostile_is_shown_as_text() -> None:
    """A name that turns the line around reaches no terminal, whoever's it is."""
    event = {"audit": {"user": "Ada"}, "user": {"effective": {"name": "B\u200bob"}}}
    assert "Ada as B\\u200bob" == actor_label(event)
    assert "Ada" == actor_label({"audit": {"user": "Ada"}, "user": {}})
    assert "as Bob" == actor_label({"audit": {}, "user": {"effective": {"id": "Bob"}}})
