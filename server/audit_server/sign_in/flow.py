"""Signing in and out by OpenID Connect: the authorization code flow with PKCE."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import elasticsearch
from audit_schemas import printable

from audit_server.errors import ListenError
from audit_server.sign_in.attempt import Attempt
from audit_server.sign_in.errors import DeclinedError, SignInError, StaleSignInError
from audit_server.sign_in.id_token import Expected, verified_claims
from audit_server.sign_in.people import Grant, PeopleFile
from audit_server.sign_in.provider import Provider
from audit_server.sign_in.provider_client import ProviderClient
from audit_server.sign_in.session import Session
from audit_server.sign_in.session_store import SessionStore
from audit_server.sign_in.sessions import Sessions
from audit_server.sign_in_settings import SignInSettings

__all__ = ["Begun", "SignIn", "SignedIn", "sign_in_of"]

_NAME_MAX = 256
_GROUPS_MAX = 2000
_CODE_MAX = 4096
_STALE = "This sign-in was not begun in this browser, or too long ago; sign in again"


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that was begun: where the browser goes, and what it keeps meanwhile."""

    url: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that was completed: the session, its secret, and what its person may do."""

    secret: str
    session: Session
    grant: Grant


class SignIn:
    """Takes people to the provider and back. Blocks: it asks the provider and the session store.

    Raises SignInError, ProviderError, PeopleFileError, and the Elasticsearch client's errors.
    """

    def __init__(
        self,
        settings: SignInSettings,
        provider: Provider,
        people: PeopleFile,
        sessions: Sessions,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.display_name = settings.oidc_display_name
        self.people = people
        self.sessions = sessions
        self._settings = settings
        self._provider = provider
        self._clock = clock

    def begin(self, after: str, *, asks_again: bool = False) -> Begun:
        """Begin a sign-in that ends at a path of ours."""
        attempt = Attempt.begin(after)
        return Begun(self._provider.authorization_url(attempt, asks_again=asks_again), attempt)

    def complete(self, answer: Mapping[str, str], attempt: Attempt | None) -> SignedIn:
        """Complete a sign-in by what the provider sent along with the browser."""
        if attempt is None or not attempt.matches(answer.get("state", "")):
            raise StaleSignInError(_STALE)
        if answer.get("iss", self._provider.issuer) != self._provider.issuer:
            raise SignInError("This answer is of another identity provider; sign in again")
        if "error" in answer:
            raise _refusal_of(answer["error"])
        code = answer.get("code", "")
        if not code or len(code) > _CODE_MAX:
            raise StaleSignInError(_STALE)
        token = self._provider.exchange(code, attempt.verifier)
        expected = Expected(self._provider.issuer, self._provider.client_id, attempt.nonce)
        claims = verified_claims(token, expected, self._provider.keys.find, self._clock())
        return self._admit(claims, token)

    def end(self, secret: str) -> tuple[Session | None, str | None]:
        """End a session; return it, and where the browser signs out at the provider."""
        session, id_token = self.sessions.end(secret)
        return session, self._provider.logout_url(id_token) if session is not None else None

    def _admit(self, claims: Mapping[str, Any], token: str) -> SignedIn:
        subject = str(claims["sub"])
        name = _name_of(claims, self._settings.oidc_name_claim)
        groups = self.people.mapped(_groups_of(claims, self._settings.oidc_groups_claim))
        try:
            grant = self.people.grant(groups)
        except SignInError as error:
            error.person = name
            raise
        secret, session = self.sessions.begin(subject[:_NAME_MAX], name, groups, token)
        return SignedIn(secret, session, grant)


def sign_in_of(
    settings: SignInSettings,
    client: elasticsearch.Elasticsearch,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SignIn | None:
    """Return how people sign in; None without an issuer. Raises ListenError, CredentialsError."""
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_client_id is None or settings.people_file is None:
        raise ListenError(
            "AUDITLOG_OIDC_ISSUER takes AUDITLOG_OIDC_CLIENT_ID and AUDITLOG_PEOPLE_FILE as well"
        )
    if settings.oidc_issuer.startswith("http:"):
        settings.require_tls("The identity provider", settings.oidc_issuer, "Give it TLS")
    people = PeopleFile(settings.people_file)
    people.check()
    sessions = Sessions(
        SessionStore(client, settings.sessions_index),
        idle=timedelta(minutes=settings.sign_in_idle_minutes),
        lifetime=timedelta(hours=settings.sign_in_hours),
        clock=clock,
    )
    provider = Provider(settings, ProviderClient(ca_file=settings.oidc_ca_file))
    return SignIn(settings, provider, people, sessions, clock=clock)


def _refusal_of(error: str) -> SignInError:
    if error == "access_denied":
        return DeclinedError(
            "The identity provider did not let you in, or you cancelled; sign in again"
        )
    return StaleSignInError(f"The identity provider answers {printable(error[:60])}; sign in again")


def _name_of(claims: Mapping[str, Any], claim: str) -> str:
    for name in (claim, "email", "sub"):
        found = _claim(claims, name)
        if isinstance(found, str) and found.strip():
            return printable(found.strip())[:_NAME_MAX]
    raise SignInError("The identity provider's token names nobody")


def _groups_of(claims: Mapping[str, Any], claim: str) -> list[str]:
    """Return the groups; a claim that is missing, or of another form, has none."""
    found = _claim(claims, claim)
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return [group for group in listed[:_GROUPS_MAX] if isinstance(group, str)]


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim by its name, or by the way to it through objects."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
