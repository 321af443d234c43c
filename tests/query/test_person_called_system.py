"""A person called system is not the system: shown, found and counted apart, everywhere."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from audit_producer import new_event
from audit_query import AuditLog, Filter
from audit_query.reports import around, users
from support.in_process import call
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_events import store

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
PERSON = "system (user)"


@pytest.fixture(scope="module")
def both(servers: Servers) -> Iterator[Deployment]:
    """Give a log with an event of the system, and three of people who call themselves so."""
    with log_index(servers) as deployment:
        store(
            deployment,
            new_event("chat-closed", user=None, chat="c-1", at=NOW),
            new_event("login", user={"name": "system"}, event_id="named-0123456789", at=NOW),
            new_event("login", user={"id": "system"}, event_id="with-the-id-0123", at=NOW),
            new_event("logout", user={"id": "system", "name": "Eve"}, at=NOW),
        )
        yield deployment


@pytest.fixture(scope="module")
def log(both: Deployment) -> Iterator[AuditLog]:
    """Give the log."""
    with AuditLog(both.query, clock=lambda: NOW) as found:
        yield found


def test_each_is_found_by_what_it_is_shown_as(log: AuditLog) -> None:
    """Also by the id of a person, which only the filter adds to what is shown."""
    activities = {
        user: sorted(
            event["event"]["action"] for event in log.iter_events(Filter(users=(user,)), limit=9)
        )
        for user in ("system", PERSON, "Eve")
    }
    assert {
        "system": ["chat-closed"],
        PERSON: ["login", "login", "logout"],
        "Eve": ["logout"],
    } == activities
    assert log.count(Filter(exclude=Filter(users=("system",)))) == 3


def test_each_is_counted_and_suggested_apart(log: AuditLog) -> None:
    """Ranked, and completed; to have people's ids suggested as the system's would find the system."""
    assert {("system", 1), (PERSON, 2), ("Eve", 1)} == {
        (row.value, row.count) for row in log.top(Filter(), "user")
    }
    assert {"system", PERSON} == {*log.suggest("user", "sys")}


def test_reports_have_a_row_of_each(both: Deployment, log: AuditLog) -> None:
    """On their own lines, also where one is asked for."""
    rows = {(row.user, row.id): row.events for row in users(log, Filter())}
    assert {("system", None): 1, (PERSON, None): 1, (PERSON, "system"): 1, ("Eve", "system"): 1} == rows
    asked = users(log, Filter(users=("system",)))
    assert [("system", None)] == [(row.user, row.id) for row in asked]
    printed = call(both, "search", "--user", "system").stdout
    assert "chat-closed" in printed
    assert "login" not in printed


def test_same_user_as_a_person_called_system_is_that_person(log: AuditLog) -> None:
    """Around an event."""
    for event_id in ("named-0123456789", "with-the-id-0123"):
        found = around(log, Filter(), event_id, window=timedelta(minutes=1), same=["user"])
        assert found is not None
        assert "chat-closed" not in [entry.event["event"]["action"] for entry in found.entries]
