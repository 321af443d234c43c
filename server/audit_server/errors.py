"""What keeps the server from starting, or a request from its answer."""

from http import HTTPStatus

from audit_query import QueryError

__all__ = ["ListenError", "ProblemError", "TokenError", "TokenFileError"]


class ListenError(QueryError):
    """The server may not, or can't, listen where it was told to."""


class TokenFileError(QueryError):
    """The tokens file can't be read or written; nobody gets in by it."""


class TokenError(QueryError):
    """A token can't be made or revoked as asked."""


class ProblemError(QueryError):
    """A request that gets no answer; `detail` is for its reader, and tells no secret."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        parameter: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.parameter = parameter
        self.headers = headers or {}
