"""How long the server takes for each part of the page, until a browser can paint it."""

import time
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import timedelta
from functools import partial
from io import StringIO

from audit_query import AuditLog, QuerySettings
from audit_schemas import format_timestamp
from audit_server import ServeSettings
from audit_server.app import create_app
from starlette.testclient import TestClient

from benchmarks.errors import BenchError
from benchmarks.figures import quantile, table
from benchmarks.questions import Material
from benchmarks.screen import Screen

__all__ = ["PAGES", "time_pages"]

_WARM = 3

Address = Callable[[str, Material, int], str]


def _plain(path: str, _: Material, __: int) -> str:
    return path


def _week(path: str, material: Material, number: int) -> str:
    """Return the address of a week that ends a minute earlier for every number."""
    end = material.end - timedelta(minutes=number)
    start = end - timedelta(days=7)
    return f"{path}?from={format_timestamp(start)}&to={format_timestamp(end)}"


def _user(path: str, material: Material, number: int) -> str:
    return path + material.user(number)


PAGES: dict[str, tuple[str, Address]] = {
    "Events, all": ("/", _plain),
    "Events, a week": ("/", _week),
    "a user": ("/users/", _user),
    "Overview, a week": ("/overview", _week),
    "Alerts": ("/alerts", _plain),
    "Team, a week": ("/reports/team", _week),
    "Chats, a week": ("/reports/chats", _week),
}
"""Each page: its path, and what to ask for."""


def time_pages(
    screen: Screen, settings: QuerySettings, material: Material, events: int, samples: int = 30
) -> None:
    """Show how long the server takes for each page; each time of another span or user."""
    rows = []
    serve = ServeSettings(**settings.model_dump(exclude_none=True))
    with AuditLog(settings, seconds=60, clock=lambda: material.end) as log:
        app = create_app(log, serve, clock=lambda: material.end)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            for name, (path, address) in PAGES.items():
                ask = partial(address, path, material)
                taken = _timed(client, samples, ask)
                rows.append([name, *(f"{quantile(taken, share):.0f}" for share in (0.5, 0.95))])
    note = "From the request to the whole page, in process, without a browser. Goal: 500 ms at p95."
    screen.show(table(f"Pages over {events:,} events, in ms", ("", "p50", "p95"), rows, note))


def _timed(client: TestClient, samples: int, address: Callable[[int], str]) -> list[float]:
    taken = []
    for number in range(_WARM + samples):
        started = time.perf_counter()
        with redirect_stdout(StringIO()):  # the server's log has a line for each request
            answer = client.get(address(number))
        if answer.status_code != 200:  # noqa: PLR2004
            raise BenchError(f"{address(number)}: {answer.status_code} {answer.text[:200]}")
        if number >= _WARM:
            taken.append((time.perf_counter() - started) * 1000)
    return taken
