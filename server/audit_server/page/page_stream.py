"""A page that is sent while it is made: what is known at once, then how far the rest has come."""

from collections.abc import AsyncGenerator, Generator, Iterator
from typing import cast

import anyio
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from markupsafe import Markup
from starlette.types import Receive, Scope, Send

__all__ = ["FLUSH", "PageStream"]

FLUSH = Markup("<!-- -->")
"""Where a template has this, what there is so far is sent."""

_PIECE = 32 * 1024


class PageStream(StreamingResponse):
    """Sends the text of a template as it comes; what makes it ends with the response, whatever happens.

    It isn't compressed, since a compressor would hold back what should be seen.
    """

    def __init__(self, text: Iterator[str]) -> None:
        """Take what `Template.generate` gives."""
        self._text = cast("Generator[str]", text)
        headers = {"Content-Encoding": "identity", "X-Accel-Buffering": "no"}
        self._stream = self._pieces()
        super().__init__(self._stream, media_type="text/html; charset=utf-8", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and end what makes it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()
                await run_in_threadpool(self._text.close)

    async def _pieces(self) -> AsyncGenerator[bytes]:
        while piece := await run_in_threadpool(self._piece):
            yield piece.encode()

    def _piece(self) -> str:
        held: list[str] = []
        size = 0
        for text in self._text:
            held.append(text)
            size += len(text)
            if text == FLUSH or size >= _PIECE:
                break
        return "".join(held)
