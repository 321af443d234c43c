"""What goes wrong, as problem+json (RFC 9457). The page shows the same to people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import elasticsearch
import structlog
from audit_alerts import AlertConflictError, NoSuchAlertError, TriageError
from audit_query import ExportError, ParameterError, TeamsFileError, TimeRangeError, TimeZoneError
from audit_runtime.elastic import AnswerTooLargeError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from audit_server.errors import ProblemError, TokenFileError

__all__ = ["RETRY_SECONDS", "Problem", "problem_of"]

_log = structlog.get_logger()

RETRY_SECONDS = 5
_RETRY = {"Retry-After": str(RETRY_SECONDS)}


@dataclass(frozen=True, slots=True)
class Problem:
    """What the client is told."""

    status: HTTPStatus
    detail: str
    parameter: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the members of problem+json."""
        members = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
        }
        return members | ({"parameter": self.parameter} if self.parameter is not None else {})

    def response(self) -> JSONResponse:
        """Return it as the API's response."""
        return JSONResponse(
            self.to_json(),
            self.status,
            headers=dict(self.headers),
            media_type="application/problem+json",
        )


def problem_of(error: Exception) -> Problem:
    """Return what to tell the client; details that it must not know go to the server's log."""
    for kind, read in _READERS.items():
        if isinstance(error, kind):
            return read(error)
    _log.error("unexpected error", exc_info=error)
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "Unexpected error; the server's log has the details"
    )


def _transport(error: elasticsearch.TransportError) -> Problem:
    if isinstance(error, AnswerTooLargeError):
        return Problem(HTTPStatus.BAD_REQUEST, "The answer would be too large; narrow the query")
    if isinstance(error, elasticsearch.ConnectionTimeout):
        _warn("Elasticsearch did not answer in time (AUDITLOG_QUERY_SECONDS)")
        return _later("The query timed out; narrow it, or try again")
    _warn(f"Elasticsearch is unreachable ({type(error).__name__}); AUDITLOG_ELASTICSEARCH_URL?")
    return _later("The log is unreachable at the moment")


def _api(error: elasticsearch.ApiError) -> Problem:
    """Log what Elasticsearch refused and why; tell the client whether to try again."""
    status, reason = error.meta.status, _reason(error)
    if status == HTTPStatus.BAD_REQUEST:
        _warn(f"Elasticsearch refuses the query: {reason}")
        return Problem(HTTPStatus.BAD_REQUEST, "The log can't answer this query; narrow it")
    said, detail = _REFUSALS.get(status, (f"Elasticsearch answers {status}", "The log can't be read"))
    _warn(f"{said}: {reason}")
    return _later(f"{detail} at the moment")


_REFUSALS: Mapping[int, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        "Elasticsearch refuses the credentials (AUDITLOG_ELASTICSEARCH_USERNAME or _API_KEY)",
        "The log can't be read",
    ),
    HTTPStatus.FORBIDDEN: ("Elasticsearch forbids this user the action", "The log can't be read"),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "Elasticsearch is overloaded",
        "The log is overloaded",
    ),
}


def _later(detail: str) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=_RETRY)


def _warn(sentence: str) -> None:
    _log.warning("query failed", reason=sentence)


def _reason(error: elasticsearch.ApiError) -> str:
    """Return Elasticsearch's own words; of an invalid query only their kind, since they quote it."""
    body = error.body if isinstance(error.body, dict) else {}
    error_body = body.get("error", {})
    cause = (
        next(iter(error_body.get("root_cause", [])), error_body) if isinstance(error_body, dict) else {}
    )
    words = "type" if error.meta.status == HTTPStatus.BAD_REQUEST else "reason"
    return ascii(str(cause.get(words) or error.message))[:300]


def _problem(error: ProblemError) -> Problem:
    if error.reason is not None:
        _log.warning("request failed", reason=error.reason)
    return Problem(error.status, error.detail, error.parameter, error.headers)


def _http(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    details = {
        HTTPStatus.NOT_FOUND: "No such page; the API is under /api/v1",
        HTTPStatus.METHOD_NOT_ALLOWED: "Method not allowed here",
    }
    return Problem(status, details.get(status, status.description), headers=dict(error.headers or {}))


def _tokens(error: TokenFileError) -> Problem:
    _warn(str(error))
    return _later("Tokens can't be checked at the moment")


def _unset(error: TeamsFileError, detail: str) -> Problem:
    _warn(str(error))
    return _later(f"{detail} at the moment")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


_READERS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    ProblemError: _problem,
    ParameterError: lambda e: Problem(HTTPStatus.BAD_REQUEST, e.reason, e.parameter),
    TimeZoneError: lambda e: Problem(HTTPStatus.BAD_REQUEST, str(e), "time_zone"),
    TimeRangeError: lambda e: Problem(HTTPStatus.BAD_REQUEST, str(e), "interval"),
    AlertConflictError: lambda e: Problem(HTTPStatus.CONFLICT, str(e)),
    NoSuchAlertError: lambda e: Problem(HTTPStatus.NOT_FOUND, str(e)),
    TriageError: lambda e: Problem(HTTPStatus.BAD_REQUEST, _sentence(str(e))),
    HTTPException: _http,
    TokenFileError: _tokens,
    TeamsFileError: lambda e: _unset(e, "Teams can't be read"),
    ExportError: lambda e: _later(str(e)),
    elasticsearch.ApiError: _api,
    elasticsearch.TransportError: _transport,
}
