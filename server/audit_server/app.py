"""The application: the HTTP API and the page, behind the same access checks and limits."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from urllib.parse import urlencode

import anyio.to_thread
import elasticsearch
from audit_alerts import AlertDesk, TriageError
from audit_query import AuditLog, QueryError
from audit_runtime.monitor import Health
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from audit_server import api, page
from audit_server.access import Access, is_api
from audit_server.account import account_name
from audit_server.headers import SafeHeaders
from audit_server.health import PROBE_SECONDS, Probes, Readiness, report_health
from audit_server.metrics import ServerMetrics
from audit_server.pipeline import Pipeline
from audit_server.problems import Problem, problem_of
from audit_server.request_limiter import RequestLimiter
from audit_server.seals import Seals
from audit_server.self_audit import SelfAudit
from audit_server.settings import ServeSettings
from audit_server.sign_in import Outcome, SignIn
from audit_server.tokens import TokenFile
from audit_server.view_store import ViewStore

__all__ = ["create_app", "problem_response"]

_SPARE_THREADS = 8
_STRANGERS = 8
"""Places of requests without a valid token, which get the login form, static files, or a refusal."""
_EXPECTED = (
    HTTPException,
    RequestValidationError,
    QueryError,
    TriageError,
    elasticsearch.ApiError,
    elasticsearch.TransportError,
)

_GZIP_LEVEL = 3
"""Measured on events: a fifth larger than at 9, and four times as fast."""


def create_app(
    log: AuditLog,
    settings: ServeSettings,
    *,
    alerts: AlertDesk | None = None,
    tokens: TokenFile | None = None,
    sign_in: SignIn | None = None,
    publish: Callable[..., object] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    is_https: bool = False,
    metrics: ServerMetrics | None = None,
    health: Health | None = None,
    pipeline: Pipeline | None = None,
    seals: Seals | None = None,
) -> FastAPI:
    """Return the API and the page over a log.

    `alerts` is the desk, by default one with these settings. Without `tokens` and `sign_in` anyone has
    access, if the Host header names this machine. `publish` is `AuditProducer.record`, or None.
    `is_https`: clients connect over TLS, ours or a proxy's. `health` is updated regularly, for the
    metrics server. `pipeline` reads Kafka; None: no Kafka is named. `seals` reads the
    sealed log; None: there is none.
    """
    audit = SelfAudit(publish, clock=clock)
    metrics = metrics or ServerMetrics()
    if sign_in is not None:
        metrics.signs_in(Outcome)
    views = ViewStore(settings, clock=clock)
    desk = alerts or AlertDesk(settings, publish=publish, clock=clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threads = anyio.to_thread.current_default_thread_limiter()
        threads.total_tokens = settings.serve_requests + _STRANGERS + _SPARE_THREADS
        async with report_health(readiness, health):
            yield
        audit.close()
        views.close()
        if alerts is None:
            desk.close()

    app = FastAPI(
        title="Audit Logs",
        summary="Query the audit log of a chat platform: who did what, when, from which address.",
        version=version("chat-auditlog"),
        openapi_url=None,  # it would be for anyone; ours takes a token, as all of the API
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # to what the Host header says
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.clock = clock
    app.state.is_https = is_https
    app.state.pipeline = pipeline
    app.state.seals = seals
    app.state.views = views
    app.state.metrics = metrics
    app.state.access = Access(
        log,
        settings,
        alerts=desk,
        tokens=tokens,
        sign_in=sign_in,
        audit=audit,
        account=account_name(),
        is_https=is_https,
    )
    readiness = Readiness(lambda: log.ping(PROBE_SECONDS))
    app.state.tallies = page.Tallies()
    app.state.exports = api.ExportSlots(settings.serve_exports)
    for router in (*api.ROUTERS, api.document_router, page.router):
        app.include_router(router)
    for kind in _EXPECTED:
        app.add_exception_handler(kind, _handle_error)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=_GZIP_LEVEL)
    app.add_middleware(
        RequestLimiter,
        problem_response=problem_response,
        is_known=app.state.access.knows,
        requests=settings.serve_requests,
        strangers=_STRANGERS,
        seconds=settings.query_seconds,
        send_seconds=settings.serve_send_seconds,
        metrics=metrics,
    )
    app.add_middleware(Probes, readiness=readiness)
    app.add_middleware(SafeHeaders, is_https=is_https)
    api.describe(app)
    return app


def problem_response(request: Request, problem: Problem) -> Response:
    """Return a problem as JSON for programs, as a page for people, or the way to the login form."""
    if is_api(request):
        return problem.response()
    opens_page = request.headers.get("sec-fetch-mode", "navigate") == "navigate"
    if problem.status == HTTPStatus.UNAUTHORIZED and request.method == "GET" and opens_page:
        requested = f"{request.url.path}?{request.url.query}".rstrip("?")
        return RedirectResponse(f"/login?{urlencode({'next': requested})}", HTTPStatus.SEE_OTHER)
    return page.error_page(request, problem)


async def _handle_error(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        error = api.explain(error, await run_in_threadpool(api.documented_parameters, request))
    return problem_response(request, problem_of(error))
