"""Whose network an address is in, and which country, on the page."""

from datetime import UTC, datetime, timedelta

import pytest
from audit_producer import new_event
from audit_query import AuditLog
from audit_schemas import Place
from support.api_client import api_client
from support.log_index import log_index
from support.servers import Servers
from support.stored_events import store

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC)
PLACE = Place("DE", "Cologne", 50.9, 6.9, 3320, "<Telekom>").to_json()


def test_a_place_stands_beside_each_address(servers: Servers) -> None:
    """In the table, with the whole event, and on the user's page; escaped, and a filter."""
    event = new_event("login", user="ada", ip="192.0.2.7", at=NOW)
    with log_index(servers) as deployment:
        store(deployment, event, place=PLACE)
        with AuditLog(deployment.query) as log, api_client(log) as client:
            shown = "&lt;Telekom&gt;, DE"
            for path in ("/", f"/events/{event.event.id}", "/users/ada"):
                answer = client.get(path, headers={"accept": "text/html"})
                assert 200 == answer.status_code, answer.text
                assert shown in answer.text, path
                assert "<Telekom>" not in answer.text
            whole = client.get(f"/events/{event.event.id}", headers={"accept": "text/html"}).text
            for link in ("country=DE", "asn=3320"):
                assert link in whole
            found = client.get("/", params={"list": "tor"}, headers={"accept": "text/html"})
            assert 400 == found.status_code
            assert "AUDITLOG_LISTS" in found.text


def test_what_is_new_for_a_user_stands_out(servers: Servers) -> None:
    """A new network, a new address of a known one; not what was there before, nor a new user's."""
    times = [
        ("ada", "192.0.2.7", timedelta(days=30)),
        ("ada", "192.0.2.7", timedelta(hours=3)),
        ("ada", "192.0.2.9", timedelta(hours=2)),
        ("ada", "203.0.113.5", timedelta(hours=1)),
        ("ben", "203.0.113.5", timedelta(hours=1)),
    ]
    expected = [
        *("new network", "known address", "new address, known network"),
        *("new network", "new network"),
    ]
    events = [new_event("login", user=user, ip=ip, at=NOW - ago) for user, ip, ago in times]
    with log_index(servers) as deployment:
        store(deployment, *events)
        with AuditLog(deployment.query) as log, api_client(log) as client:

            def page(path: str) -> str:
                return client.get(path, headers={"accept": "text/html"}).text

            for event, says in zip(events, expected, strict=True):
                assert f">{says}<" in page(f"/events/{event.event.id}")
            shown = page("/users/ada")
            for says in ("new address", "new network"):
                assert 1 == shown.count(f">{says}<")
            assert ">new network<" not in page("/users/ben")
