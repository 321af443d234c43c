"""The page's routes, and what it shows instead of an answer."""

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from audit_query.web.problems import Problem

__all__ = ["error_page", "login_page", "router"]

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index() -> HTMLResponse:
    """Show the page."""
    return HTMLResponse("<!doctype html><title>Audit Logs</title>")


def login_page(_: Request, *, problem: str | None, after: str) -> HTMLResponse:
    """Return the form for the token, which is posted to /login as `token` and `next`."""
    return HTMLResponse(
        f"<!doctype html><title>Audit Logs</title><p>{escape(problem or '')}</p>"
        '<form method="post" action="/login"><input name="token" type="password">'
        f'<input name="next" type="hidden" value="{escape(after)}"><button>Log in</button></form>'
    )


def error_page(_: Request, problem: Problem) -> HTMLResponse:
    """Return a problem, for people."""
    return HTMLResponse(
        f"<!doctype html><title>Audit Logs</title><p>{escape(problem.detail)}</p>",
        int(problem.status),
        headers=dict(problem.headers),
    )
