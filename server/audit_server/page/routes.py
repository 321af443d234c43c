"""The page's routes, and what it shows instead of an answer."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from audit_query import Question
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from audit_server.access import Asker, AskerOf
from audit_server.errors import ProblemError
from audit_server.page.assets import assets
from audit_server.page.event_page import event_page
from audit_server.page.log_page import live_page, log_page, rows_page
from audit_server.page.opened import opened
from audit_server.page.problem_page import problem_page
from audit_server.page.render import render, view_of
from audit_server.page.user_page import user_page
from audit_server.page.view import View
from audit_server.problems import Problem

__all__ = ["error_page", "login_page", "router"]

router = APIRouter(include_in_schema=False)


@router.get("/")
def index(request: Request, asker: Asker) -> Response:
    """Show the log. What a form left blank is taken out of the address first."""
    view = view_of(request)
    if any(not value.strip() for _, value in request.query_params.multi_items()):
        return RedirectResponse(view.link(), HTTPStatus.SEE_OTHER)
    shown = log_page(asker.log, view, _now(request))
    if view.after is None:
        asker.note_search(view.question, shown.total)
    return render("log.html", view=view, asker=_name(request, asker), **shown.context)


@router.get("/rows")
def rows(request: Request, asker: Asker) -> Response:
    """Give the rows that follow, for a page that is there."""
    view = view_of(request)
    return render("rows.html", view=view, **rows_page(asker.log, view, _now(request)))


@router.get("/live")
def live(request: Request, asker: Asker) -> Response:
    """Give the rows that came, for a page that is there."""
    given = request.query_params.multi_items()
    view = view_of(request, without=("since",))
    since = next((value for name, value in given if name == "since"), None)
    return render("rows.html", view=view, **live_page(asker.log, view, _now(request), since))


@router.get("/events/{event_id}")
def event(
    request: Request, asker: Asker, event_id: str, window: Annotated[str, Query()] = "10m"
) -> Response:
    """Show one event, and what happened around it."""
    view = view_of(request, without=("window",))
    found = asker.log.get(event_id)
    if found is None:
        raise _no_event(event_id)
    context = event_page(asker.log, found, view, window)
    return render("event.html", view=view, asker=_name(request, asker), **context)


@router.get("/events/{event_id}/details")
def details(request: Request, asker: Asker, event_id: str) -> Response:
    """Give one event's inside, for a row that is there."""
    view = view_of(request)
    found = asker.log.get(event_id)
    if found is None:
        raise _no_event(event_id)
    return render("details.html", view=view, event=opened(found, view))


@router.get("/users/")
def oddly_named_user(request: Request, asker: Asker, name: str) -> Response:
    """Show the page of a user whose name can't be part of an address."""
    return _user(request, asker, name, view_of(request, without=("name",)))


@router.get("/users/{name:path}")
def user(request: Request, asker: Asker, name: str) -> Response:
    """Show a user's page."""
    return _user(request, asker, name, view_of(request))


@router.get("/static/{name}")
def static(request: Request, name: str) -> Response:
    """Give one of the page's own files; browsers ask each time whether it is still the same."""
    asset = assets().get(name)
    if asset is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "The page has no such file")
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def login_page(request: Request, *, problem: str | None, after: str) -> HTMLResponse:  # noqa: ARG001
    """Return the form for the token, which is posted to /login as `token` and `next`."""
    return render("login.html", error=problem, next=after)


def error_page(request: Request, problem: Problem) -> HTMLResponse:
    """Return a problem, for people: what is wrong, and what to do."""
    shown = render(
        "message.html",
        status=problem.status,
        **problem_page(request.url.path, request.url.query, problem),
    )
    shown.headers.update(problem.headers)
    return shown


def _user(request: Request, asker: AskerOf, name: str, view: View) -> Response:
    context = user_page(asker.log, name, view)
    asker.note_search(Question().with_("user", name), context["seen"].count)
    return render("user.html", view=view, asker=_name(request, asker), **context)


def _no_event(event_id: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.NOT_FOUND, f"The event {event_id[:128]} is not in the log, or not yours to see"
    )


def _name(request: Request, asker: AskerOf) -> str | None:
    """Return who may sign out: whoever came with a token."""
    return asker.name if request.app.state.access.needs_token else None


def _now(request: Request) -> datetime:
    now: datetime = request.app.state.clock()
    return now.astimezone(UTC)
