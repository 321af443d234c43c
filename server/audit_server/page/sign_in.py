"""The way to the identity provider and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from audit_server.access import SESSION_COOKIE, Access
from audit_server.errors import ProblemError
from audit_server.metrics import ServerMetrics
from audit_server.page.cookies import (
    attempt_of,
    delete_attempt,
    delete_cookies,
    set_attempt,
    set_session_cookie,
)
from audit_server.page.forms import after_sign_in, local_path
from audit_server.sign_in import Outcome, SignedIn, SignIn, SignInError

__all__ = ["end_session", "router"]

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
def begin(request: Request, next: str = "/", again: bool = False) -> Response:  # noqa: A002, FBT001, FBT002
    """Go to the provider; `again`: to sign in as somebody else."""
    access: Access = request.app.state.access
    access.check_origin(request)
    with _counted(request):
        begun = _sign_in(access).begin(local_path(next), asks_again=again)
    response = RedirectResponse(begun.url, HTTPStatus.SEE_OTHER)
    set_attempt(request, response, begun.attempt)
    return response


@router.get("/sign-in/callback")
def complete(request: Request) -> Response:
    """Come back from the provider: check what it says, begin a session, and go on."""
    access: Access = request.app.state.access
    access.check_origin(request)
    sign_in, attempt = _sign_in(access), attempt_of(request)
    try:
        with _counted(request):
            signed_in = sign_in.complete(dict(request.query_params), attempt)
    except SignInError as error:
        access.record_refusal(request, error.person, error.detail)
        raise
    after = local_path(attempt.after) if attempt is not None else "/"
    return _signed_in(request, sign_in, signed_in, after)


def end_session(request: Request) -> str | None:
    """End the session of a request; return where to sign out at the provider. Blocks."""
    access: Access = request.app.state.access
    secret = access.session_of(request)
    if access.sign_in is None or not secret:
        return None
    session, elsewhere = access.sign_in.end(secret)
    if session is not None:
        access.record_sign_out(request, session)
    return elsewhere


def _signed_in(request: Request, sign_in: SignIn, signed_in: SignedIn, after: str) -> Response:
    access: Access = request.app.state.access
    _count(request, Outcome.SUCCEEDED)
    access.record_sign_in(request, signed_in.session, signed_in.grant)
    before = access.session_of(request)
    if before:  # it is replaced, and good for nobody
        sign_in.sessions.end(before)
    response = RedirectResponse(after_sign_in(after), HTTPStatus.SEE_OTHER)
    delete_cookies(request, response, but=SESSION_COOKIE)
    delete_attempt(request, response)
    set_session_cookie(request, response, signed_in.secret)
    return response


@contextmanager
def _counted(request: Request) -> Iterator[None]:
    """Count what fails."""
    try:
        yield
    except SignInError as error:
        _count(request, error.outcome)
        raise


def _count(request: Request, outcome: Outcome) -> None:
    metrics: ServerMetrics = request.app.state.metrics
    metrics.signed_in(outcome)


def _sign_in(access: Access) -> SignIn:
    if access.sign_in is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "This log has no identity provider to sign in with")
    return access.sign_in
