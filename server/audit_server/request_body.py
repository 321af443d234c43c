"""The body of a request, read whole before the request takes a place."""

import asyncio
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from audit_server.errors import ProblemError

__all__ = ["BODY_MAX", "received_whole"]

BODY_MAX = 32 * 1024
"""Bytes: the longest body is that of a step on 200 alerts, with a note."""

_CLOSE = {"Connection": "close"}  # nobody reads the rest


async def received_whole(receive: Receive, *, seconds: float) -> Receive:
    """Read the body, and return what gives it again.

    Raises ProblemError for one that is too long (413) or too slow (408), and ClientDisconnect.
    """
    try:
        async with asyncio.timeout(seconds):
            body = await _read(receive)
    except TimeoutError:
        raise ProblemError(
            HTTPStatus.REQUEST_TIMEOUT, "The request's body did not arrive in time", headers=_CLOSE
        ) from None
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > BODY_MAX:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "This is too long; choose fewer alerts, or write less",
                headers=_CLOSE,
            )
        if not message.get("more_body", False):
            return bytes(body)
