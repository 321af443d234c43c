"""The outermost middleware: how many at a time, how long, and a line in the log for each."""

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from audit_server.metrics import ServerMetrics
from audit_server.problems import RETRY_SECONDS, Problem, problem_of

__all__ = ["Gate"]

_log = structlog.get_logger()


class Gate:
    """Answers every request in time: by the application, or by a problem.

    - Of more than `requests` at a time, the rest get a 503 at once, so that no queue grows.
    - What has not begun to answer after `seconds` gets a 503; it keeps its place until it has ended.
    - A reader who takes nothing for `send_seconds` is cut off.
    - What breaks in the middle of an answer breaks the connection, so that the reader can tell.
    - HEAD is answered as GET would be, and the answer is over with its head.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        answer: Callable[[Request, Problem], Response],
        requests: int,
        seconds: float,
        send_seconds: float,
        metrics: ServerMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._problem_answer = answer
        self._requests = requests
        self._seconds = seconds
        self._send_seconds = send_seconds
        self._metrics = metrics
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()
        metrics.limit(requests)
        metrics.in_flight.set_function(lambda: len(self._running))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock()
        method = scope["method"]
        answer = _Answer(send, self._send_seconds, is_head=method == "HEAD")
        scope.setdefault("state", {})
        if method == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: the server looks at its own
        if len(self._running) >= self._requests:
            await self._refuse(_too_many(), scope, answer)
        else:
            await self._answer_in_time(scope, receive, answer)
        self._note(scope, method, answer, self._clock() - began)

    async def _answer_in_time(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        work = asyncio.ensure_future(self._work(scope, receive, answer))
        self._running.add(work)
        work.add_done_callback(self._running.discard)
        try:
            await asyncio.wait({work}, timeout=self._seconds)
            if not work.done() and not answer.has_begun:
                answer.is_over = True  # first: the application may begin to answer at this moment
                await self._refuse(_too_slow(), scope, answer)
                return
            await work
        except asyncio.CancelledError:
            work.cancel()
            raise

    async def _work(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:  # noqa: BLE001 - the last place where it can become an answer
            if answer.is_over or answer.broke:
                return
            problem = problem_of(_cause(error))
            if answer.has_begun:
                answer.broke = problem.detail
            else:
                await self._refuse(problem, scope, answer)

    def _note(self, scope: Scope, method: str, answer: "_Answer", seconds: float) -> None:
        """Count it, and log the route and not the path, and no query: names of people are in both."""
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.answered(route, answer.status, seconds, is_broken=bool(answer.broke))
        found = {"broke": answer.broke} if answer.broke else {}
        _log.info(
            "request",
            method=method if method.isalpha() else "?",
            route=route,
            status=answer.status,
            ms=round(seconds * 1000),
            by=scope["state"].get("asker"),
            **found,
        )

    async def _refuse(self, problem: Problem, scope: Scope, answer: "_Answer") -> None:
        await self._problem_answer(Request(scope), problem)(scope, _nothing, answer.pass_on)


class _OverError(Exception):
    """Ends an application whose answer came too late."""


class _Answer:
    """What goes to the reader; nothing more once it is over."""

    def __init__(self, send: Send, seconds: float, *, is_head: bool = False) -> None:
        self._send = send
        self._seconds = seconds
        self._is_head = is_head
        self.has_begun = False
        self.is_over = False
        self.status = 0
        self.broke: str | None = None

    async def send(self, message: Message) -> None:
        """Send a part of the application's answer; once it is over, nobody wants the rest."""
        if self.is_over:
            raise _OverError
        await self.pass_on(message)

    async def pass_on(self, message: Message) -> None:
        """Send a part. Raises what the server does, and TimeoutError if the reader takes nothing."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            self.status = int(message["status"])
        elif self._is_head:  # an export ends here, too
            message = {"type": "http.response.body", "body": b"", "more_body": False}
            self.is_over = True
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            self.broke = "the reader took nothing"
            raise
        except Exception:
            self.broke = "the reader is gone"
            raise


def _cause(error: Exception) -> Exception:
    """Return what went wrong, where the framework says only that an answer had begun."""
    return error.__cause__ if isinstance(error.__cause__, Exception) else error


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _too_many() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many ask at the moment; try again",
        headers={"Retry-After": "1"},
    )


def _too_slow() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The log did not answer in time; ask for less, or try again",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
