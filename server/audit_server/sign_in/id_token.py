"""The ID token: who signed in, by the provider's signature and for this sign-in alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
)
from joserfc.jwt import ClaimsOption

from audit_server.sign_in.errors import SignInError
from audit_server.sign_in.signing_keys import VerifyingKey

__all__ = ["ALGORITHMS", "Expected", "verified_claims"]

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Signatures by the provider's private key: none that whoever knows a public or shared one can make."""

_SKEW_SECONDS = 60
_TOKEN_MAX = 64 * 1024
_WHAT = "The identity provider's token"
_SENTENCES = {
    "iss": "is of another issuer; whoever operates the log should check AUDITLOG_OIDC_ISSUER",
    "aud": "is for another application; whoever operates the log should check AUDITLOG_OIDC_CLIENT_ID",
    "azp": "is for another application; whoever operates the log should check AUDITLOG_OIDC_CLIENT_ID",
    "nonce": "belongs to another sign-in; sign in again",
    "iat": "is from the future: its clock and this server's differ",
    "nbf": "is not valid yet: its clock and this server's differ",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token has to be: by whom, for whom, and for which sign-in."""

    issuer: str
    client_id: str
    nonce: str


def verified_claims(
    token: str,
    expected: Expected,
    find_key: Callable[[str | None], VerifyingKey],
    now: datetime,
) -> Mapping[str, Any]:
    """Return the claims of a token that is genuine, ours and of now. Raises SignInError.

    Clocks may differ by a minute.
    """
    if len(token) > _TOKEN_MAX:
        raise SignInError(f"{_WHAT} is too long; it may name too many groups")
    try:
        claims = jwt.decode(token, lambda guest: find_key(_key_id(guest.headers())), ALGORITHMS).claims
        _registry(expected, now).validate(claims)
        _check_authorized_party(claims, expected.client_id)
    except ExpiredTokenError:
        raise SignInError(f"{_WHAT} has expired; sign in again") from None
    except (InvalidClaimError, MissingClaimError) as error:
        why = _SENTENCES.get(error.claim, "lacks what it needs")
        raise SignInError(f"{_WHAT} {why}") from None
    except BadSignatureError:
        raise SignInError(f"{_WHAT} has an invalid signature") from None
    except (JoseError, ValueError, TypeError):
        raise SignInError(
            f"{_WHAT} can't be read, or is signed in a way that is not accepted"
        ) from None
    return claims


def _key_id(headers: Mapping[str, Any]) -> str | None:
    key_id = headers.get("kid")
    return None if key_id is None else str(key_id)


def _registry(expected: Expected, now: datetime) -> jwt.JWTClaimsRegistry:
    required: ClaimsOption = {"essential": True}
    return jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=_SKEW_SECONDS,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.client_id},
        nonce={"essential": True, "value": expected.nonce},
        sub=required,
        exp=required,
        iat=required,
    )


def _check_authorized_party(claims: Mapping[str, Any], client_id: str) -> None:
    """Of a token for several applications, be sure that it was given to us."""
    audience = claims["aud"]
    party = claims.get("azp")
    is_shared = isinstance(audience, list) and len(audience) > 1
    if (party is not None or is_shared) and party != client_id:
        raise InvalidClaimError("azp")
