"""How long the server takes for each part of the page: until it can be painted, and until its end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stdout
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection
from io import StringIO
from typing import Any
from urllib.parse import quote

import uvicorn
from audit_query import AuditLog, QuerySettings
from audit_schemas import format_timestamp
from audit_server import ServeSettings, listen
from audit_server.app import create_app
from audit_server.serve import configured

from benchmarks.errors import BenchError
from benchmarks.figures import quantile, table
from benchmarks.questions import Material
from benchmarks.screen import Screen

__all__ = ["PAGES", "time_pages"]

_WARM = 3
_SECONDS = 60
_PIECE = 64 * 1024
_PAINTED = b"<main"
"""A browser paints what it has once the body comes: the navigation, and the head of what follows."""

Address = Callable[[str, Material, int], str]


def _plain(path: str, _: Material, __: int) -> str:
    return path


def _week(path: str, material: Material, number: int) -> str:
    """Return the address of a week that ends a minute earlier for every number."""
    end = material.end - timedelta(minutes=number)
    start = end - timedelta(days=7)
    return f"{path}?from={format_timestamp(start)}&to={format_timestamp(end)}"


def _user(path: str, material: Material, number: int) -> str:
    return path + quote(material.user(number))


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
    with AuditLog(settings, seconds=_SECONDS, clock=lambda: material.end) as log:
        app = create_app(log, serve, clock=lambda: material.end)
        with redirect_stdout(StringIO()), _listening(app, serve) as port:  # requests are logged there
            for name, (path, address) in PAGES.items():
                taken = _timed(port, samples, partial(address, path, material))
                figures = [quantile(times, share) for times in taken for share in (0.5, 0.95)]
                rows.append([name, *(f"{figure:.0f}" for figure in figures)])
    headings = ("", "first paint p50", "first paint p95", "whole p50", "whole p95")
    note = (
        "From the request until the first piece of the page that can be painted, with its navigation, "
        "and until all of it has come; without a browser. Goal: first paint in 500 ms at p95."
    )
    screen.show(table(f"Pages over {events:,} events, in ms", headings, rows, note))


@contextmanager
def _listening(app: Any, settings: ServeSettings) -> Iterator[int]:
    """Serve an application in a thread, as `auditlog serve` does, and give its port."""
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(configured(app, settings))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(_SECONDS)


def _timed(port: int, samples: int, address: Callable[[int], str]) -> tuple[list[float], list[float]]:
    """Return the milliseconds until the first paint, and until the end, of each request."""
    times = [_get(port, address(number)) for number in range(_WARM + samples)][_WARM:]
    return [paint for paint, _ in times], [whole for _, whole in times]


def _get(port: int, address: str) -> tuple[float, float]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=_SECONDS)) as connection:
        started = time.perf_counter()
        connection.request("GET", address)
        response = connection.getresponse()
        text, painted = b"", 0.0
        while piece := response.read1(_PIECE):
            text += piece
            if not painted and _PAINTED in text:
                painted = time.perf_counter()
        whole = time.perf_counter()
    if response.status != 200 or not painted:  # noqa: PLR2004
        raise BenchError(f"{address}: {response.status} {text[:200].decode(errors='replace')}")
    return (painted - started) * 1000, (whole - started) * 1000
