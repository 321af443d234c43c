"""Errors of signing in. Each message is for whoever signs in, and discloses no secret."""

from http import HTTPStatus

from audit_server.errors import ProblemError

__all__ = ["PeopleFileError", "ProviderError", "SignInError", "StaleSignInError"]


class SignInError(ProblemError):
    """Somebody is not signed in; `person` is who it would have been, where that is known."""

    def __init__(
        self,
        detail: str,
        *,
        status: HTTPStatus = HTTPStatus.FORBIDDEN,
        reason: str | None = None,
        person: str | None = None,
    ) -> None:
        super().__init__(status, detail, reason=reason)
        self.person = person


class StaleSignInError(SignInError):
    """A sign-in that was begun elsewhere, long ago, or completed before; to begin anew helps."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, status=HTTPStatus.BAD_REQUEST)


class ProviderError(SignInError):
    """The identity provider can't be reached, or its answer can't be used; the reason is logged."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The identity provider can't be used at the moment; try again, or sign in with a token",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            reason=f"identity provider: {reason}",
        )


class PeopleFileError(SignInError):
    """The file of people can't be read: nobody who signed in may do anything."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "People's roles can't be read at the moment",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            reason=reason,
        )
