"""A connection to one node of Elasticsearch, with bounds: of an answer's bytes, and of waiting."""

import time
from typing import Any, Protocol, cast

import elastic_transport
import urllib3
from elastic_transport import NodeConfig, Urllib3HttpNode

__all__ = ["AnswerTooLargeError", "BoundedNode", "NotSentError", "node_class"]

_CONNECT_SECONDS = 3.0
"""More than any network needs, and much less than a query may take."""
_CHECK_SECONDS = 2.0
_TRUSTED_SECONDS = 5.0
"""For how long after an answer a node is taken to be there."""
_CHUNK = 1024 * 1024
_UNCONNECTED = (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.NewConnectionError)


class AnswerTooLargeError(elastic_transport.TransportError):
    """Elasticsearch's answer has more bytes than the client takes: ask for less."""


class NotSentError(elastic_transport.ConnectionError):
    """Nothing of a request reached the node, so that another one may have it, whatever it does."""


class BoundedNode(Urllib3HttpNode):
    """Raises AnswerTooLargeError for more than `answer_bytes`, of which no more is ever held.

    A node that can't be connected to in three seconds is away. One of several that has not answered
    lately is asked first whether it is there: one that takes connections and never answers costs two
    seconds at most, or a quarter of a short request's time, and not all of a query's. Both are a
    NotSentError.
    """

    answer_bytes: int | None = None
    is_one_of_several = False

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self._answered = float("-inf")
        self.pool = _BoundedPool(self.pool, self.answer_bytes)  # type: ignore[assignment]

    def perform_request(self, method: str, target: str, **options: Any) -> Any:  # type: ignore[override]
        """Send a request, and return the answer."""
        if self.is_one_of_several and time.monotonic() - self._answered > _TRUSTED_SECONDS:
            timeout = options.get("request_timeout")
            patience = timeout / 4 if isinstance(timeout, int | float) else _CHECK_SECONDS
            self._check(min(_CHECK_SECONDS, patience))
        return self._request(method, target, **options)

    def _check(self, seconds: float) -> None:
        try:
            self._request("HEAD", "/", request_timeout=seconds)  # any status is an answer
        except elastic_transport.ConnectionTimeout as error:
            raise NotSentError("the node does not answer") from error

    def _request(self, method: str, target: str, **options: Any) -> Any:
        try:
            answer = super().perform_request(method, target, **options)
        except elastic_transport.TransportError as error:
            causes = list(error.errors)
            if too_large := [each for each in causes if isinstance(each, AnswerTooLargeError)]:
                raise too_large[0] from None
            self._answered = float("-inf")
            if any(isinstance(each, _UNCONNECTED) for each in causes):
                raise NotSentError(str(causes[0]), errors=error.errors) from error
            raise
        self._answered = time.monotonic()
        return answer


def node_class(answer_bytes: int | None, *, is_one_of_several: bool) -> type[BoundedNode]:
    """Return the class of a client's nodes."""

    class Node(BoundedNode):
        pass

    Node.answer_bytes = answer_bytes
    Node.is_one_of_several = is_one_of_several
    return Node


class _Pool(Protocol):
    def urlopen(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse: ...
    def close(self) -> None: ...


class _Answer:
    """What a node reads of a response."""

    def __init__(self, response: urllib3.BaseHTTPResponse, data: bytes) -> None:
        self.status = response.status
        self.headers = response.headers
        self.data = data


class _BoundedPool:
    """A pool whose responses are read here, a part at a time."""

    def __init__(self, pool: _Pool, answer_bytes: int | None) -> None:
        self._pool = pool
        self._answer_bytes = answer_bytes

    def urlopen(
        self, method: str, target: str, *, timeout: float | None = None, **options: Any
    ) -> _Answer:
        deadline = float("inf")
        if timeout is not None:
            deadline = time.monotonic() + timeout
            options["timeout"] = urllib3.Timeout(connect=min(timeout, _CONNECT_SECONDS), read=timeout)
        response = self._pool.urlopen(method, target, preload_content=False, **options)
        try:
            data = self._read(response, deadline)
        except BaseException:
            response.close()  # what was not read would be taken for the next answer
            raise
        finally:
            response.release_conn()
        return _Answer(response, data)

    def close(self) -> None:
        self._pool.close()

    def _read(self, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        chunks: list[bytes] = []
        length = 0
        # What has come, if less than asked for: waiting for a whole chunk would be without end.
        while chunk := response.read1(_CHUNK):
            length += len(chunk)
            if self._answer_bytes is not None and length > self._answer_bytes:
                chunks.clear()  # the error's traceback keeps this frame
                raise AnswerTooLargeError(
                    f"Elasticsearch's answer has more than {self._answer_bytes // 1024**2} MB"
                )
            if time.monotonic() > deadline:  # the pool's own limit is for each part of an answer
                raise urllib3.exceptions.ReadTimeoutError(
                    cast("Any", self._pool), "", "the answer did not end in time"
                )
            chunks.append(chunk)
        return b"".join(chunks)
