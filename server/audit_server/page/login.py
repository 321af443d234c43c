"""The login page: a token, entered once, becomes a cookie; or the way to the identity provider."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from audit_server.access import TOKEN_COOKIE, Access
from audit_server.errors import ProblemError
from audit_server.page.cookies import delete_cookies, set_token_cookie
from audit_server.page.forms import after_sign_in, form_of, local_path
from audit_server.page.render import render
from audit_server.page.sign_in import end_session

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/login")
async def login_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - the URL's word
    """Show the ways to sign in; where none is needed, go to the log."""
    access: Access = request.app.state.access
    if not access.requires_sign_in:
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)
    return _form(access, local_path(next))


@router.post("/login")
async def submit_login(request: Request) -> Response:
    """Check the token, set the cookie, and go to the page that was asked for."""
    access: Access = request.app.state.access
    access.check_origin(request)
    if not access.requires_sign_in:
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)
    form = await form_of(request)
    after, token = local_path(form.get("next", "/")), form.get("token", "").strip()
    try:
        await run_in_threadpool(access.authenticate, request, token)
    except ProblemError as error:
        if error.status != HTTPStatus.UNAUTHORIZED:
            raise
        return _form(access, after, "This token is unknown or has expired")
    response = RedirectResponse(after_sign_in(after), HTTPStatus.SEE_OTHER)
    delete_cookies(request, response, but=TOKEN_COOKIE)  # a session's would come first
    set_token_cookie(request, response, token)
    return response


@router.post("/logout")
async def logout(request: Request) -> Response:
    """End the session, delete the cookies, and sign out at the identity provider if there is one.

    The way there is a page and no redirect: browsers hold redirects of a form to the policy's
    form-action, and providers send people on to wherever they like.
    """
    access: Access = request.app.state.access
    access.check_origin(request)
    elsewhere = await run_in_threadpool(end_session, request)
    response: Response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    if elsewhere is not None:
        response = render("signed-out.html", elsewhere=elsewhere)
    delete_cookies(request, response)
    return response


def _form(access: Access, after: str, error: str | None = None) -> HTMLResponse:
    return render(
        "login.html",
        status=HTTPStatus.OK if error is None else HTTPStatus.UNAUTHORIZED,
        error=error,
        next=after,
        takes_tokens=access.takes_tokens,
        provider=access.sign_in.display_name if access.sign_in is not None else None,
    )
