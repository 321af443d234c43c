"""A log with attacks in it, and the alerts that fired: what the tests of the Alerts part look at."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from audit_alerts import Actor
from audit_producer import new_event
from audit_query import AuditLog
from audit_schemas import AuditEvent, format_timestamp
from server.page.page_server import store
from support.alert_runner import at, failures
from support.api_client import ApiClient, Published, api_client
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_alerts import made_alert, stored_alerts

__all__ = [
    "ATTACKER",
    "BEN",
    "NOW",
    "StoredDocument",
    "alert_clients",
    "attacked_log",
    "long_attack",
    "many_alerts",
]

ATTACKER = "203.0.113.66"
_LONG = "198.51.100.23"
NOW: datetime = at(7200)
BEN = Actor("Ben", "192.0.2.2")
"""Who is faster."""
_SECONDS = 1500

StoredDocument = tuple[str, dict[str, Any]]


def _events() -> list[AuditEvent]:
    """Return two attacks, and what their addresses did before and after."""
    around = [
        new_event("logout", user="early", ip=ATTACKER, at=at(-600)),
        new_event("login", user="root", ip=ATTACKER, at=at(900)),
        new_event("logout", user="root", ip=ATTACKER, at=at(960)),
        new_event("login", user="postgres", ip=_LONG, at=at(_SECONDS + 30)),
    ]
    seconds = [(number * 37 % 211) ** 2 * _SECONDS / 211**2 for number in range(140)]
    names = ("root", "admin", "postgres", "test")
    for number, second in enumerate(sorted(seconds)):
        around += failures([second], ip=_LONG, user=names[number % 4])
    return [*failures([0, 1, 2, 3, 4, 5]), *around]


@contextmanager
def attacked_log(servers: Servers) -> Iterator[Deployment]:
    """Give a deployment with the events, in no alert yet."""
    with log_index(servers) as deployment:
        store(deployment, _events(), ingested=NOW)
        yield deployment


def long_attack() -> StoredDocument:
    """Return the alert of an attack of 140 events within half an hour, as the runner stores it."""
    alert_id, made = made_alert("brute-force", _LONG, users=("root", "admin", "postgres", "test"))
    document = copy.deepcopy(made)
    own, last = document["audit"]["alert"], format_timestamp(at(_SECONDS))
    document["event"]["end"] = last
    own |= {"last": last, "count": 140, "size": 140}
    times = {"from": format_timestamp(at(0)), "to": format_timestamp(at(_SECONDS + 1))}
    own["link"] = f"/?{urlencode(times | {'ip': _LONG, 'activity': 'login-failed'})}"
    return alert_id, document


def many_alerts() -> list[StoredDocument]:
    """Return alerts of all levels, as a busy day has them."""
    return [
        long_attack(),
        made_alert(users=("root",)),
        made_alert("success-after-failures", ATTACKER, minutes=15, users=("root",)),
        made_alert("inhuman-chat-closing", "acme", "Cleo", minutes=30, users=()),
        made_alert("log-exported-in-bulk", "acme", "Ada Lovelace", minutes=44, users=()),
        made_alert("settings-burst", "globex", "Grace", minutes=50, users=()),
        made_alert("unusual-hours", "acme", "Ada Lovelace", minutes=55, users=()),
        *(
            made_alert("password-spraying", f"203.0.113.{number}", minutes=number * 4, users=("u-1",))
            for number in range(3, 9)
        ),
    ]


@contextmanager
def alert_clients(deployment: Deployment, *alerts: StoredDocument, **more: Any) -> Iterator[ApiClient]:
    """Give a client of the application over a deployment, with these alerts."""
    published = Published()
    with (
        stored_alerts(deployment, *alerts, publish=published) as desk,
        AuditLog(deployment.query, clock=lambda: NOW) as log,
        api_client(log, alerts=desk, clock=lambda: NOW, **more) as client,
    ):
        client.alerts, client.steps = desk, published
        yield client
