"""An export as a response: a page at a time, at constant memory, ended when the client leaves."""

import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import cast

import anyio
from audit_query import MEDIA_TYPES, Format, Rows
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from audit_server.errors import ProblemError

__all__ = ["ExportResponse", "ExportSlots", "Slot"]


class Slot:
    """The right to one of the exports at a time, until `free`."""

    def __init__(self, free: Callable[[], None]) -> None:
        self._free = free
        self.is_handed_over = False

    def hand_over(self) -> "Slot":
        """Keep it beyond the block that took it: whoever gets it frees it."""
        self.is_handed_over = True
        return self

    def free(self) -> None:
        """Let another export begin; once."""
        self._free()


class ExportSlots:
    """How many exports run at a time."""

    def __init__(self, count: int) -> None:
        self._slots = threading.Semaphore(count)

    @contextmanager
    def taken(self) -> Iterator[Slot]:
        """Give a slot, freed at the end unless it was handed over. Raises ProblemError (503)."""
        if not self._slots.acquire(blocking=False):
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Too many exports run at the moment; try again",
                headers={"Retry-After": "30"},
            )
        slot = Slot(self._slots.release)
        try:
            yield slot
        except BaseException:
            self._slots.release()
            raise
        if not slot.is_handed_over:
            self._slots.release()


class ExportResponse(StreamingResponse):
    """Streams rows. The scan ends with the answer, however that ends.

    The first page is read when it is made, so that an Elasticsearch that is away is a problem and
    no empty file; whatever is raised later breaks the connection.
    """

    def __init__(self, rows: Iterator[Rows], slot: Slot, *, kind: Format, name: str) -> None:
        """Read the first page. Raises what the export raises."""
        self._rows = cast("Generator[Rows]", rows)
        self._slot = slot
        begun = [page[1] for page in (next(rows, None), next(rows, None)) if page is not None]
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Accel-Buffering": "no",  # a proxy that collects it first would break constant memory
        }
        self._stream = self._pages(begun)
        super().__init__(self._stream, media_type=MEDIA_TYPES[kind], headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and end the scan whatever happens."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()
                await run_in_threadpool(self._rows.close)
                self._slot.free()

    async def _pages(self, begun: list[bytes]) -> AsyncGenerator[bytes]:
        for page in begun:
            if page:
                yield page
        while (rows := await run_in_threadpool(next, self._rows, None)) is not None:
            yield rows[1]
