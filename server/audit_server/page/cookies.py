"""The page's cookies: a token, a session, or a sign-in that was begun."""

from fastapi import Request, Response

from audit_server.access import SESSION_COOKIE, TOKEN_COOKIE, Access
from audit_server.sign_in import Attempt

__all__ = [
    "attempt_of",
    "delete_attempt",
    "delete_cookies",
    "set_attempt",
    "set_session_cookie",
    "set_token_cookie",
]

_ATTEMPT_COOKIE = "auditlog_sign_in"
_ATTEMPT_SECONDS = 600


def set_token_cookie(request: Request, response: Response, token: str) -> None:
    """Let the browser keep a token until it is closed; it sends it for no other site's link or form."""
    response.set_cookie(
        _name(request, TOKEN_COOKIE),
        token,
        httponly=True,
        samesite="strict",
        secure=request.app.state.is_https,
    )


def set_session_cookie(request: Request, response: Response, secret: str) -> None:
    """Let the browser keep a session's secret until it is closed.

    Lax, since the provider's site leads here: a strict one would not be sent on the way back.
    """
    response.set_cookie(
        _name(request, SESSION_COOKIE),
        secret,
        httponly=True,
        samesite="lax",
        secure=request.app.state.is_https,
    )


def delete_cookies(request: Request, response: Response, *, but: str | None = None) -> None:
    """Let the browser forget token and session, as far as it has them; `but` names one to keep."""
    for what in (TOKEN_COOKIE, SESSION_COOKIE):
        if what != but and _name(request, what) in request.cookies:
            _delete(request, response, _name(request, what))


def set_attempt(request: Request, response: Response, attempt: Attempt) -> None:
    """Let the browser keep a sign-in that was begun, for ten minutes."""
    response.set_cookie(
        _name(request, _ATTEMPT_COOKIE),
        attempt.to_cookie(),
        max_age=_ATTEMPT_SECONDS,
        httponly=True,
        samesite="lax",
        secure=request.app.state.is_https,
    )


def attempt_of(request: Request) -> Attempt | None:
    """Return the sign-in that this browser has begun."""
    return Attempt.from_cookie(request.cookies.get(_name(request, _ATTEMPT_COOKIE), ""))


def delete_attempt(request: Request, response: Response) -> None:
    """Let the browser forget a sign-in that is over."""
    _delete(request, response, _name(request, _ATTEMPT_COOKIE))


def _delete(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(name, httponly=True, samesite="lax", secure=request.app.state.is_https)


def _name(request: Request, what: str) -> str:
    access: Access = request.app.state.access
    return access.cookie_name(request, what)
