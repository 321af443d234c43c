"""The outermost middleware: limits of concurrency and time, and a log line for each request."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from http import HTTPStatus
from typing import Any

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from audit_server.errors import ProblemError
from audit_server.metrics import ServerMetrics
from audit_server.problems import RETRY_SECONDS, Problem, problem_of
from audit_server.request_body import received_whole

__all__ = ["RequestLimiter"]

_log = structlog.get_logger()

BODY_SECONDS = 10.0
_WITHOUT_BODY = ("GET", "HEAD")
_PIECE_BYTES = 64 * 1024


class RequestLimiter:
    """Responds to every request in time: by the application, or with a problem.

    - Of more than `requests` at a time, the rest get a 503 at once, so that no queue grows. Those
      that `is_known` says no to, for want of a valid token, have `strangers` places of their own.
    - A body is read before its request takes a place, and has `body_seconds`.
    - What has not begun to respond after `seconds` gets a 503; it keeps its place until it has ended.
    - A client that reads nothing for `send_seconds` is disconnected.
    - An error in the middle of a response closes the connection, so that the client notices.
    - HEAD is handled as GET, and the response ends with its head.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        problem_response: Callable[[Request, Problem], Response],
        is_known: Callable[[Request], bool],
        requests: int,
        strangers: int,
        seconds: float,
        send_seconds: float,
        metrics: ServerMetrics,
        body_seconds: float = BODY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._problem_response = problem_response
        self._is_known = is_known
        self._known = _Places(requests)
        self._strangers = _Places(strangers)
        self._body_seconds = body_seconds
        self._seconds = seconds
        self._send_seconds = send_seconds
        self._metrics = metrics
        self._clock = clock
        metrics.limit(requests)
        metrics.in_flight.set_function(lambda: len(self._known.taken))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock()
        method = scope["method"]
        sender = _ResponseSender(send, self._send_seconds, is_head=method == "HEAD")
        scope.setdefault("state", {})
        if method == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: the server uses its own
        try:
            if method not in _WITHOUT_BODY:
                receive = await received_whole(receive, seconds=self._body_seconds)
            await self._respond(scope, receive, sender)
        except ProblemError as error:
            await self._refuse(problem_of(error), scope, sender)
        except ClientDisconnect:
            sender.aborted = "client disconnected"
        self._note(scope, method, sender, self._clock() - began)

    async def _respond(self, scope: Scope, receive: Receive, sender: "_ResponseSender") -> None:
        places = self._known if self._is_known(Request(scope)) else self._strangers
        if places.are_full:
            await self._refuse(_too_many(), scope, sender)
            return
        work = places.take(self._work(scope, receive, sender))
        try:
            await asyncio.wait({work}, timeout=self._seconds)
            if not work.done() and not sender.has_begun:
                sender.is_over = True  # first: the application may begin to respond at this moment
                await self._refuse(_too_slow(), scope, sender)
                return
            await work
        except asyncio.CancelledError:
            work.cancel()
            raise

    async def _work(self, scope: Scope, receive: Receive, sender: "_ResponseSender") -> None:
        try:
            await self._app(scope, receive, sender.send)
        except Exception as error:  # noqa: BLE001 - the last place where it can become a response
            if sender.is_over or sender.aborted:
                return
            problem = problem_of(_cause(error))
            if sender.has_begun:
                sender.aborted = problem.detail
            else:
                await self._refuse(problem, scope, sender)

    def _note(self, scope: Scope, method: str, sender: "_ResponseSender", seconds: float) -> None:
        """Count it, and log the route and not the path, and no query: names of people are in both."""
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.observe(route, sender.status, seconds, is_aborted=bool(sender.aborted))
        aborted = {"aborted": sender.aborted} if sender.aborted else {}
        _log.info(
            "request",
            method=method if method.isalpha() else "?",
            route=route,
            status=sender.status,
            ms=round(seconds * 1000),
            caller=scope["state"].get("caller"),
            **aborted,
        )

    async def _refuse(self, problem: Problem, scope: Scope, sender: "_ResponseSender") -> None:
        await self._problem_response(Request(scope), problem)(scope, _nothing, sender.pass_on)


class _Places:
    """So many requests at a time. One keeps its place until it has ended."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.taken: set[asyncio.Task[None]] = set()

    @property
    def are_full(self) -> bool:
        return len(self.taken) >= self._count

    def take(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self.taken.add(task)
        task.add_done_callback(self.taken.discard)
        return task


class _OverError(Exception):
    """Ends an application whose response came too late."""


class _ResponseSender:
    """Sends a response; nothing more once it is over."""

    def __init__(self, send: Send, seconds: float, *, is_head: bool = False) -> None:
        self._send = send
        self._seconds = seconds
        self._is_head = is_head
        self.has_begun = False
        self.is_over = False
        self.status = 0
        self.aborted: str | None = None

    async def send(self, message: Message) -> None:
        """Send a part of the application's response; once it is over, the rest is dropped."""
        if self.is_over:
            raise _OverError
        await self.pass_on(message)

    async def pass_on(self, message: Message) -> None:
        """Send a part. Raises what the server does, and TimeoutError if the client stalls.

        A long one is sent in pieces, each once the client has read those before: else all of it
        would wait in memory after its request had given back its place.
        """
        if message["type"] == "http.response.start":
            self.has_begun = True
            self.status = int(message["status"])
        elif self._is_head:  # an export ends here, too
            message = {"type": "http.response.body", "body": b"", "more_body": False}
            self.is_over = True
        for piece in _pieces(message):
            await self._send_piece(piece)

    async def _send_piece(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            self.aborted = "client stalled"
            raise
        except Exception:
            self.aborted = "client disconnected"
            raise


def _pieces(message: Message) -> Iterator[Message]:
    body = memoryview(message.get("body", b""))
    if len(body) <= _PIECE_BYTES:
        yield message
        return
    for start in range(0, len(body), _PIECE_BYTES):
        end = start + _PIECE_BYTES
        has_more = end < len(body) or message.get("more_body", False)
        yield {**message, "body": bytes(body[start:end]), "more_body": has_more}


def _cause(error: Exception) -> Exception:
    """Return what went wrong, where the framework says only that a response had begun."""
    return error.__cause__ if isinstance(error.__cause__, Exception) else error


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _too_many() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many concurrent requests; try again",
        headers={"Retry-After": "1"},
    )


def _too_slow() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The query timed out; narrow it, or try again",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
