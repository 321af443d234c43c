"""Errors of the server: at its start, and of a request."""

from http import HTTPStatus

from audit_query import QueryError

__all__ = ["ListenError", "ProblemError", "SessionError", "TokenError", "TokenFileError"]


class ListenError(QueryError):
    """The server can't or must not listen at the given address."""


class TokenFileError(QueryError):
    """The tokens file can't be read or written; no token is accepted."""


class SessionError(QueryError):
    """There is no such session."""


class TokenError(QueryError):
    """A token can't be created or revoked."""


class ProblemError(QueryError):
    """A request that fails; `detail` is for the client, and discloses no secret.

    `reason` is for whoever operates the log: it is logged, and the client does not get it.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        parameter: str | None = None,
        headers: dict[str, str] | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.parameter = parameter
        self.headers = headers or {}
        self.reason = reason
