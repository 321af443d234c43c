"""Whatever goes wrong, as an answer: problem+json (RFC 9457) for programs, a page for people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import elasticsearch
import structlog
from audit_query import ExportError, ParameterError, TimeRangeError
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from audit_server.errors import ProblemError, TokenFileError

__all__ = ["RETRY_SECONDS", "Problem", "problem_of"]

_log = structlog.get_logger()

RETRY_SECONDS = 5
_RETRY = {"Retry-After": str(RETRY_SECONDS)}


@dataclass(frozen=True, slots=True)
class Problem:
    """What the reader is told."""

    status: HTTPStatus
    detail: str
    parameter: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the members of problem+json."""
        found = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
        }
        return found | ({"parameter": self.parameter} if self.parameter is not None else {})

    def response(self) -> JSONResponse:
        """Return the API's answer."""
        return JSONResponse(
            self.as_json(),
            self.status,
            headers=dict(self.headers),
            media_type="application/problem+json",
        )


def problem_of(error: Exception) -> Problem:
    """Return what to tell the reader; the operator is told by the log what the reader must not know."""
    for kind, read in _READERS.items():
        if isinstance(error, kind):
            return read(error)
    _log.error("unexpected", exc_info=error)
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong that nobody expected; it is in the log"
    )


def _transport(error: elasticsearch.TransportError) -> Problem:
    if isinstance(error, elasticsearch.ConnectionTimeout):
        _tell("Elasticsearch did not answer in time (AUDITLOG_QUERY_SECONDS)")
        return _later("The log did not answer in time; ask for less, or try again")
    _tell(f"Elasticsearch does not answer ({type(error).__name__}); AUDITLOG_ELASTICSEARCH_URL?")
    return _later("The log can't be reached at the moment")


def _api(error: elasticsearch.ApiError) -> Problem:
    """Tell the operator what Elasticsearch refused and why; the reader, whether to try again."""
    status, reason = error.meta.status, _reason(error)
    if status == HTTPStatus.BAD_REQUEST:
        _tell(f"Elasticsearch refuses the question: {reason}")
        return Problem(HTTPStatus.BAD_REQUEST, "The log can't answer this question; ask for less")
    said, detail = _REFUSALS.get(status, (f"Elasticsearch answers {status}", "The log can't be read"))
    _tell(f"{said}: {reason}")
    return _later(f"{detail} at the moment")


_REFUSALS: Mapping[int, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        "Elasticsearch refuses the credentials (AUDITLOG_ELASTICSEARCH_USERNAME or _API_KEY)",
        "The log can't be read",
    ),
    HTTPStatus.FORBIDDEN: ("Elasticsearch refuses this user the action", "The log can't be read"),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "Elasticsearch has too much to do",
        "The log has too much to do",
    ),
}


def _later(detail: str) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=_RETRY)


def _tell(sentence: str) -> None:
    _log.warning("no answer", why=sentence)


def _reason(error: elasticsearch.ApiError) -> str:
    """Return Elasticsearch's own words; of a question only their kind, since they quote it."""
    body = error.body if isinstance(error.body, dict) else {}
    found = body.get("error", {})
    cause = next(iter(found.get("root_cause", [])), found) if isinstance(found, dict) else {}
    words = "type" if error.meta.status == HTTPStatus.BAD_REQUEST else "reason"
    return ascii(str(cause.get(words) or error.message))[:300]


def _invalid(error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    where = first["loc"][-1] if first["loc"] else None
    return Problem(HTTPStatus.BAD_REQUEST, str(first["msg"]), str(where) if where else None)


def _http(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    details = {
        HTTPStatus.NOT_FOUND: "There is nothing at this address; the API is under /api/v1",
        HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method",
    }
    return Problem(status, details.get(status, status.description), headers=dict(error.headers or {}))


def _tokens(error: TokenFileError) -> Problem:
    _tell(str(error))
    return _later("Who may ask can't be checked at the moment")


_READERS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    ProblemError: lambda e: Problem(e.status, e.detail, e.parameter, e.headers),
    ParameterError: lambda e: Problem(HTTPStatus.BAD_REQUEST, e.reason, e.parameter),
    TimeRangeError: lambda e: Problem(HTTPStatus.BAD_REQUEST, str(e), "interval"),
    RequestValidationError: _invalid,
    HTTPException: _http,
    TokenFileError: _tokens,
    ExportError: lambda e: _later(str(e)),
    elasticsearch.ApiError: _api,
    elasticsearch.TransportError: _transport,
}
