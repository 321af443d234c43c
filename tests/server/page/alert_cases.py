"""A log with attacks in it, and the alerts that fired: what the tests of the Alerts part look at."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from audit_alerts import Actor
from audit_producer import new_event
from audit_query import AuditLog
from audit_schemas import AuditEvent
from server.page.page_server import store
from support.alert_runner import at, failures
from support.api_client import ApiClient, Published, api_client
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_alerts import stored_alerts

__all__ = ["ATTACKER", "BEN", "NOW", "alert_clients", "attacked_log", "events"]

ATTACKER = "203.0.113.66"
NOW: datetime = at(7200)
BEN = Actor("Ben", "192.0.2.2")
"""Who is faster."""


def events() -> list[AuditEvent]:
    """Return an attack, and what its address did before and after."""
    around = [
        new_event("logout", user="early", ip=ATTACKER, at=at(-600)),
        new_event("login", user="root", ip=ATTACKER, at=at(900)),
        new_event("logout", user="root", ip=ATTACKER, at=at(960)),
    ]
    return [*failures([0, 1, 2, 3, 4, 5]), *around]


@contextmanager
def attacked_log(servers: Servers) -> Iterator[Deployment]:
    """Give a deployment with the events, in no alert yet."""
    with log_index(servers) as deployment:
        store(deployment, events(), ingested=NOW)
        yield deployment


@contextmanager
def alert_clients(deployment: Deployment, *alerts: Any, **more: Any) -> Iterator[ApiClient]:
    """Give a client of the application over a deployment, with these alerts."""
    with (
        stored_alerts(deployment, *alerts, publish=(published := Published())) as desk,
        AuditLog(deployment.query, clock=lambda: NOW) as log,
        api_client(log, alerts=desk, clock=lambda: NOW, **more) as client,
    ):
        client.alerts, client.steps = desk, published
        yield client
