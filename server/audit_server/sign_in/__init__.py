"""People sign in by OpenID Connect: the flow, their sessions, and what their groups may do."""

from audit_server.sign_in.attempt import Attempt
from audit_server.sign_in.errors import (
    Outcome,
    PeopleFileError,
    ProviderError,
    SignInError,
    StaleSignInError,
)
from audit_server.sign_in.flow import Begun, SignedIn, SignIn, sign_in_of
from audit_server.sign_in.people import Grant, PeopleFile
from audit_server.sign_in.session import Session

__all__ = [
    "Attempt",
    "Begun",
    "Grant",
    "Outcome",
    "PeopleFile",
    "PeopleFileError",
    "ProviderError",
    "Session",
    "SignIn",
    "SignInError",
    "SignedIn",
    "StaleSignInError",
    "sign_in_of",
]
