"""`/healthz` and `/readyz`, for orchestrators and load balancers."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import anyio
import anyio.to_thread
import elasticsearch
import structlog
from audit_runtime.monitor import Health
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["PATHS", "PROBE_SECONDS", "Probes", "Readiness", "report_health"]

_log = structlog.get_logger()

PROBE_SECONDS = 1.0
"""How long Elasticsearch may take for the cheap request."""

_KEPT_SECONDS = 2.0
_REPORT_SECONDS = 5.0
_ALIVE = ("/healthz", "/livez")
_READY = "/readyz"

PATHS = (*_ALIVE, _READY)
"""What is answered here; /livez is another name of /healthz, as consumers have it."""

_AWAY = "The log is unreachable at the moment"


class Readiness:
    """Whether the log answers. It is pinged at most once in two seconds, however many probe."""

    def __init__(
        self,
        ping: Callable[[], object],
        *,
        seconds: float = PROBE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ping` blocks, and raises OSError or errors of the Elasticsearch client."""
        self._ping = ping
        self._seconds = seconds
        self._clock = clock
        self._thread = anyio.CapacityLimiter(1)  # of its own: requests can't take it
        self._asking: asyncio.Task[str | None] | None = None
        self._problem: str | None = None
        self._began = self._ended = -_KEPT_SECONDS

    async def problem(self) -> str | None:
        """Return why no traffic should come here, as a sentence that discloses nothing; or None."""
        now = self._clock()
        if self._asking is None or self._asking.done():
            if now - self._ended < _KEPT_SECONDS:
                return self._problem
            self._asking, self._began = asyncio.create_task(self._ask()), now
        left = max(0.0, self._began + self._seconds - now)
        await asyncio.wait({self._asking}, timeout=left)
        return self._asking.result() if self._asking.done() else _AWAY

    async def _ask(self) -> str | None:
        try:
            await anyio.to_thread.run_sync(self._ping, limiter=self._thread, abandon_on_cancel=True)
            problem = None
        except (elasticsearch.ApiError, elasticsearch.TransportError, OSError) as error:
            problem = _AWAY
            if self._problem is None:  # once, not at each probe
                _log.warning("not ready", reason=type(error).__name__)
        self._problem, self._ended = problem, self._clock()
        return problem


class Probes:
    """Middleware: answers probes before the request limiter, which may be full, and does not log them.

    Neither takes a token, a Host header that names this machine, nor a place among the requests.
    """

    def __init__(self, app: ASGIApp, *, readiness: Readiness) -> None:
        self._app = app
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a probe; pass on the rest."""
        if scope["type"] != "http" or scope["path"] not in PATHS:
            await self._app(scope, receive, send)
            return
        await (await self._answer(scope))(scope, receive, send)

    async def _answer(self, scope: Scope) -> PlainTextResponse:
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse(
                "Use GET\n", HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET, HEAD"}
            )
        problem = None if scope["path"] in _ALIVE else await self._readiness.problem()
        status = HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE
        return PlainTextResponse(f"{problem or 'ok'}\n", status)


@asynccontextmanager
async def report_health(readiness: Readiness, health: Health | None) -> AsyncGenerator[None]:
    """Report to `health` every few seconds that the event loop runs, and whether it is ready."""
    if health is None:
        yield
        return

    async def report() -> None:
        while True:
            health.beat(await readiness.problem())
            await asyncio.sleep(_REPORT_SECONDS)

    task = asyncio.create_task(report())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
