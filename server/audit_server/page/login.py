"""The page's login form: a token, entered once, becomes a cookie."""

from http import HTTPStatus
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from audit_server.access import Access
from audit_server.errors import ProblemError
from audit_server.page.render import render

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_PATH_MAX = 8192


@router.get("/login")
async def login_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - the URL's word
    """Show the form; where no token is needed, go to the log."""
    access: Access = request.app.state.access
    if not access.needs_token:
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)
    return render("login.html", error=None, next=_local_path(next))


@router.post("/login")
async def submit_login(request: Request) -> Response:
    """Check the token, set the cookie, and go to the page that was asked for."""
    access: Access = request.app.state.access
    access.check_origin(request)
    if not access.needs_token:
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)
    form = await _form_of(request)
    after = _local_path(form.get("next", "/"))
    try:
        await run_in_threadpool(access.authenticate, request, form.get("token", "").strip())
    except ProblemError as error:
        if error.status != HTTPStatus.UNAUTHORIZED:
            raise
        message = "This token is unknown or has expired"
        return render("login.html", status=HTTPStatus.UNAUTHORIZED, error=message, next=after)
    response = RedirectResponse(after, HTTPStatus.SEE_OTHER)
    response.set_cookie(
        access.cookie_name(request),
        form.get("token", "").strip(),
        httponly=True,
        samesite="strict",
        secure=request.app.state.is_https,
    )
    return response


@router.post("/logout")
async def logout(request: Request) -> Response:
    """Delete the cookie."""
    access: Access = request.app.state.access
    access.check_origin(request)
    response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    response.delete_cookie(
        access.cookie_name(request),
        httponly=True,
        samesite="strict",
        secure=request.app.state.is_https,
    )
    return response


async def _form_of(request: Request) -> dict[str, str]:
    """Read the form: it is small, since the request limiter refuses others."""
    fields = parse_qsl((await request.body()).decode("utf-8", "replace"))
    return dict(reversed(fields))  # of one given twice, the first


def _local_path(path: str) -> str:
    """Return a path of ours; anything else, such as another site's address, becomes the page."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_ours and path.isprintable() and len(path) < _PATH_MAX else "/"
