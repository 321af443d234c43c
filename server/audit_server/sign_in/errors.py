"""Errors of signing in. Each message is for whoever signs in, and discloses no secret."""

from enum import StrEnum
from http import HTTPStatus

from audit_server.errors import ProblemError

__all__ = [
    "DeclinedError",
    "NoRoleError",
    "Outcome",
    "PeopleFileError",
    "ProviderError",
    "SignInError",
    "StaleSignInError",
]


class Outcome(StrEnum):
    """What came of a sign-in, for whoever counts them."""

    SUCCEEDED = "succeeded"
    STALE = "stale"
    """Begun elsewhere, too long ago, or completed before."""
    DECLINED = "declined"
    """The provider let nobody in, or the person cancelled."""
    INVALID_TOKEN = "invalid-token"  # noqa: S105 - no secret
    """The provider's token is not for this sign-in, expired, or not signed by it."""
    NO_ROLE = "no-role"
    """Their groups have no role here, or roles in several organizations."""
    PROVIDER_UNAVAILABLE = "provider-unavailable"
    PEOPLE_FILE = "people-file"
    """The file that maps groups to roles can't be read."""


class SignInError(ProblemError):
    """Somebody is not signed in; `person` is who it would have been, where that is known."""

    outcome = Outcome.INVALID_TOKEN

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

    outcome = Outcome.STALE

    def __init__(self, detail: str) -> None:
        super().__init__(detail, status=HTTPStatus.BAD_REQUEST)


class ProviderError(SignInError):
    """The identity provider can't be reached, or its answer can't be used; the reason is logged."""

    outcome = Outcome.PROVIDER_UNAVAILABLE

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The identity provider can't be used at the moment; try again, or sign in with a token",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            reason=f"identity provider: {reason}",
        )


class DeclinedError(SignInError):
    """The provider lets somebody not in, or they cancelled."""

    outcome = Outcome.DECLINED


class NoRoleError(SignInError):
    """Somebody is who they say, and has no role here, or roles that nobody can have together."""

    outcome = Outcome.NO_ROLE


class PeopleFileError(SignInError):
    """The file of people can't be read: nobody who signed in may do anything."""

    outcome = Outcome.PEOPLE_FILE

    def __init__(self, reason: str) -> None:
        super().__init__(
            "People's roles can't be read at the moment",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            reason=reason,
        )
