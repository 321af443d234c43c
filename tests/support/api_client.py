"""The application, asked without a network; and what it published."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from audit_alerts import AlertDesk
from audit_query import AuditLog
from audit_server.app import create_app
from audit_server.connections import ConnectionLimits
from audit_server.listener import listen
from audit_server.serve import configured
from audit_server.settings import ServeSettings
from audit_server.tokens import TokenFile
from fastapi import FastAPI
from starlette.testclient import TestClient
from support.conditions import wait_until

__all__ = ["NOW", "ApiClient", "Published", "api_client", "listening"]

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Published:
    """Keeps what would have gone to Kafka."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def __call__(self, action: str, **fields: Any) -> bool:
        """Keep an event, as AuditProducer.record publishes it."""
        self.events.append({"action": action, **fields})
        return True

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """Return the events once there are so many."""
        wait_until(lambda: len(self.events) >= count, what=f"{count} are published")
        return self.events


class ApiClient(TestClient):
    """A client of the API, and what its questions published."""

    published: Published
    tokens: TokenFile | None
    alerts: AlertDesk
    """The desk, where a test gives one."""
    steps: Published
    """What that desk published."""

    def json(self, path: str, **parameters: Any) -> Any:
        """Return the answer to a GET, which has to be well."""
        answer = self.get(f"/api/v1{path}", params=parameters or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def problem(self, path: str, status: int, **parameters: Any) -> dict[str, Any]:
        """Return the problem that a GET has."""
        answer = self.get(f"/api/v1{path}", params=parameters or None)
        assert (answer.status_code, answer.headers["content-type"]) == (
            status,
            "application/problem+json",
        ), answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def api_client(
    log: AuditLog,
    tokens_file: Path | None = None,
    *,
    organization: str | None = None,
    base_url: str = "http://127.0.0.1",
    clock: Any = lambda: NOW,
    is_https: bool = False,
    alerts: AlertDesk | None = None,
    **settings: Any,
) -> Iterator[ApiClient]:
    """Give a client; with a tokens file, one whose token sees all, or one organization."""
    tokens, headers = None, {}
    if tokens_file is not None:
        tokens = TokenFile(tokens_file, clock=clock)
        secret = tokens.create("tester", organization=organization)
        headers = {"Authorization": f"Bearer {secret}"}
    published = Published()
    servers = log._settings  # noqa: SLF001 - alerts and views lie beside the events
    same = {name: getattr(servers, name) for name in ("elasticsearch_url", "index_prefix")}
    app = create_app(
        log,
        ServeSettings(**same | settings),
        alerts=alerts,
        tokens=tokens,
        publish=published,
        clock=clock,
        is_https=is_https,
    )
    with ApiClient(app, base_url=base_url, headers=headers, follow_redirects=False) as client:
        client.published, client.tokens = published, tokens
        yield client


@contextmanager
def listening(app: FastAPI, limits: ConnectionLimits | None = None, **settings: Any) -> Iterator[str]:
    """Serve an application over a real socket, in a thread; give host and port."""
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(configured(app, ServeSettings(**settings), limits))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()
