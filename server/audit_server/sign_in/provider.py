"""The identity provider: what it says of itself, its keys, and a code exchanged for an ID token."""

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from audit_runtime import CredentialsError
from pydantic import BaseModel, ConfigDict, ValidationError

from audit_server.sign_in.attempt import Attempt
from audit_server.sign_in.errors import ProviderError, SignInError, StaleSignInError
from audit_server.sign_in.provider_client import ProviderClient
from audit_server.sign_in.signing_keys import SigningKeys
from audit_server.sign_in_settings import SignInSettings

__all__ = ["Metadata", "Provider"]

_KEPT_SECONDS = 3600.0
_AGAIN_SECONDS = 5.0
"""After a failure the provider is left alone for so long: nobody waits for it by the dozen."""
_BASIC, _POST = "client_secret_basic", "client_secret_post"


class Metadata(BaseModel):
    """What discovery says, as far as it matters here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = (_BASIC,)


class Provider:
    """A provider by its issuer; it is asked when it is needed, so it may start later than we do."""

    def __init__(
        self,
        settings: SignInSettings,
        client: ProviderClient,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = settings.oidc_issuer or ""
        self.client_id = settings.oidc_client_id or ""
        self._settings = settings
        self._client = client
        self._monotonic = monotonic
        self._metadata: Metadata | None = None
        self._read_at = float("-inf")
        self._failed_at = float("-inf")
        self._lock = threading.Lock()
        self.keys = SigningKeys(lambda: client.get(self.metadata().jwks_uri), monotonic=monotonic)

    def metadata(self) -> Metadata:
        """Return what the provider says of itself, at most an hour old if it answers.

        Raises ProviderError.
        """
        with self._lock:
            now = self._monotonic()
            if self._metadata is not None and now - self._read_at < _KEPT_SECONDS:
                return self._metadata
            if now - self._failed_at < _AGAIN_SECONDS:
                return self._kept(ProviderError("it failed a moment ago"))
            try:
                self._metadata = self._discover()
            except ProviderError as error:
                self._failed_at = self._monotonic()
                return self._kept(error)
            self._read_at = self._monotonic()
            return self._metadata

    def authorization_url(self, attempt: Attempt, *, asks_again: bool) -> str:
        """Return where to sign in. Raises ProviderError.

        `asks_again`: the provider must not take whoever is signed in there already.
        """
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self._settings.callback_url,
            "scope": self._settings.oidc_scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        } | ({"prompt": "login"} if asks_again else {})
        return _with_query(self.metadata().authorization_endpoint, parameters)

    def exchange(self, code: str, verifier: str) -> str:
        """Return the ID token for a code. Raises SignInError, or ProviderError."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.callback_url,
            "code_verifier": verifier,
        }
        metadata = self.metadata()
        login, headers = self._authentication(metadata)
        status, answer = self._client.post(metadata.token_endpoint, {**form, **login}, headers)
        token = answer.get("id_token")
        if status == HTTPStatus.OK and isinstance(token, str):
            return token
        raise _refusal(status, answer)

    def logout_url(self, id_token: str | None) -> str | None:
        """Return where to sign out there too; None where the provider has no such place."""
        try:
            endpoint = self.metadata().end_session_endpoint
        except ProviderError:
            return None
        if endpoint is None:
            return None
        parameters = {
            "client_id": self.client_id,
            "post_logout_redirect_uri": f"{self._settings.page_url.rstrip('/')}/login",
        } | ({"id_token_hint": id_token} if id_token else {})
        return _with_query(endpoint, parameters)

    def _kept(self, error: ProviderError) -> Metadata:
        if self._metadata is not None:
            return self._metadata
        raise error

    def _discover(self) -> Metadata:
        url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            found = Metadata.model_validate(self._client.get(url))
        except ValidationError as error:
            names = ", ".join(str(one["loc"][0]) for one in error.errors(include_url=False))
            raise ProviderError(f"{url} lacks {names}") from None
        if found.issuer != self.issuer:
            raise ProviderError(
                f"{url} is of the issuer {found.issuer}: set AUDITLOG_OIDC_ISSUER to it"
            )
        self._check_addresses(found)
        return found

    def _check_addresses(self, found: Metadata) -> None:
        """Let no code, secret or key cross a network in plain text."""
        optional = [found.end_session_endpoint] if found.end_session_endpoint else []
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, *optional):
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ProviderError(f"its discovery names {url!r}, which is not a valid web address")
            if parts.scheme == "http":
                try:
                    self._settings.require_tls("The identity provider", url, "Give it TLS")
                except CredentialsError as error:
                    raise ProviderError(str(error)) from None

    def _authentication(self, metadata: Metadata) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Return what of a form and of headers says that it is us who ask."""
        secret = self._settings.client_secret()
        if secret is None:
            return {"client_id": self.client_id}, {}
        methods = metadata.token_endpoint_auth_methods_supported
        if _BASIC not in methods and _POST in methods:
            return {"client_id": self.client_id, "client_secret": secret}, {}
        login = f"{quote_plus(self.client_id)}:{quote_plus(secret)}"
        return {}, {"Authorization": f"Basic {b64encode(login.encode()).decode()}"}


def _refusal(status: int, answer: Mapping[str, Any]) -> SignInError:
    """Return why there is no token: the code is no longer good, or something is set up wrongly."""
    error = str(answer.get("error", "no ID token"))
    if error == "invalid_grant":
        return StaleSignInError("This sign-in was completed before, or took too long; sign in again")
    return ProviderError(f"its token endpoint answers {status} {ascii(error)[:100]}")


def _with_query(url: str, parameters: Mapping[str, str]) -> str:
    separator = "&" if urlsplit(url).query else "?"
    return f"{url}{separator}{urlencode(parameters)}"
