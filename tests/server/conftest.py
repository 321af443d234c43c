"""Fixtures of the HTTP API: a log with two organizations' events, and the application over it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from audit_producer import new_event
from audit_query import AuditLog
from support.api_client import NOW, ApiClient, api_client
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_events import store


@pytest.fixture(scope="session")
def two(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give a log with 12 events of acme, 9 of globex, and 1 of nobody's; `tor` lists globex."""
    lists = tmp_path_factory.mktemp("lists")
    (lists / "tor.txt").write_text("203.0.113.0/24")
    acme = [
        new_event(
            "chat-opened",
            user={"id": f"a-{n}", "name": f"Ada {n}"},
            chat=f"acme-chat-{n}",
            ip=f"192.0.2.{n + 1}",
            organization="acme",
            session=f"acme-session-{n}",
            message="a greeting of acme",
            at=NOW - timedelta(minutes=n),
        )
        for n in range(12)
    ]
    globex = [
        new_event(
            "login-failed",
            user={"id": f"g-{n}", "name": f"Adversary {n}"},
            ip=f"203.0.113.{n + 1}",
            organization="globex",
            service="globex-service",
            session=f"globex-session-{n}",
            message="a secret of globex",
            labels={"key": f"globex-label-{n}"},
            at=NOW - timedelta(minutes=n, seconds=30),
        )
        for n in range(9)
    ]
    with log_index(servers) as deployment:
        deployment.extra["AUDITLOG_LISTS"] = str(lists)
        store(
            deployment, *acme, *globex, new_event("logout", user="nobody", at=NOW - timedelta(hours=2))
        )
        yield deployment


@pytest.fixture(scope="session")
def audit_log(two: Deployment) -> Iterator[AuditLog]:
    """Give the log of both."""
    with AuditLog(two.query, clock=lambda: NOW) as log:
        yield log


@pytest.fixture(scope="session")
def api(audit_log: AuditLog) -> Iterator[ApiClient]:
    """Give a client of the API without tokens; all tests share the application."""
    with api_client(audit_log) as client:
        yield client


@pytest.fixture(scope="session")
def bound(audit_log: AuditLog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    """Give a client whose token sees acme alone; all tests share the application."""
    tokens = tmp_path_factory.mktemp("bound") / "tokens.json"
    with api_client(audit_log, tokens, organization="acme") as client:
        yield client


@pytest.fixture
def new_api(audit_log: AuditLog) -> Iterator[ApiClient]:
    """Give a client of an application of the test's own, which has published nothing."""
    with api_client(audit_log) as client:
        yield client
