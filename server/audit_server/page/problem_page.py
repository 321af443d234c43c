"""A problem as a page: what is wrong, and what the reader can do. Pure."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode

from audit_schemas import printable

from audit_server.problems import Problem

__all__ = ["problem_page"]

_HEADINGS = {
    HTTPStatus.BAD_REQUEST: "Invalid request",
    HTTPStatus.UNAUTHORIZED: "Sign in to see the log",
    HTTPStatus.FORBIDDEN: "Access denied",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.SERVICE_UNAVAILABLE: "The log is unavailable",
}
_TODO = {
    HTTPStatus.UNAUTHORIZED: "Your token or session may have expired: sign in again.",
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "Nothing is lost: events wait until Elasticsearch is back. Try again in a moment."
    ),
}


def problem_page(path: str, query: str, problem: Problem) -> Mapping[str, Any]:
    """Return what the template of a problem is given."""
    sentence = printable(problem.detail)
    if problem.parameter is not None:
        sentence = f"{printable(problem.parameter)}: {sentence}"
    return {
        "heading": _HEADINGS.get(problem.status, problem.status.phrase),
        "sentence": sentence,
        "todo": _TODO.get(problem.status),
        "ways": [{"name": name, "link": link} for name, link in _ways(path, query, problem)],
    }


def _ways(path: str, query: str, problem: Problem) -> list[tuple[str, str]]:
    """Return where to go: the same without what is wrong, again, or the whole log."""
    log = ("Go to the log", "/")
    if path.startswith("/sign-in"):
        return [("Sign in again", "/login"), ("Sign in as somebody else", "/sign-in?again=true")]
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return [("Sign in", f"/login?{urlencode({'next': _own(path, query)})}")]
    if problem.status == HTTPStatus.BAD_REQUEST and problem.parameter is not None:
        pairs = parse_qsl(query)
        kept = [pair for pair in pairs if pair[0] != problem.parameter]
        if len(kept) < len(pairs):
            return [(f"Remove {printable(problem.parameter)}", _own(path, urlencode(kept))), log]
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return [("Try again", _own(path, query)), log]
    return [log]


def _own(path: str, query: str) -> str:
    """Return an address of this site: two slashes at its beginning would name another one."""
    here = "/" + path.lstrip("/\\")
    return f"{here}?{query}" if query else here
