"""The page's routes, and its error page."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from audit_query import QuerySpec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from audit_server.access import Caller, EventCaller
from audit_server.errors import ProblemError
from audit_server.page import (
    alert_routes,
    chat_routes,
    dead_letter_routes,
    exception_routes,
    login,
    overview_routes,
    report_routes,
    saved_view_routes,
    sign_in,
)
from audit_server.page.alert_marks import marks_of_events, marks_of_user
from audit_server.page.assets import assets
from audit_server.page.event_page import event_page
from audit_server.page.expanded_event import expand_first
from audit_server.page.log_page import live_page, log_page, rows_page
from audit_server.page.problem_page import problem_page
from audit_server.page.render import now_of, render, show, view_of
from audit_server.page.seal_card import event_seal
from audit_server.page.user_page import user_page
from audit_server.page.view import View
from audit_server.problems import Problem

__all__ = ["error_page", "router"]

router = APIRouter(include_in_schema=False)
router.include_router(login.router)
router.include_router(overview_routes.router)
router.include_router(alert_routes.router)
router.include_router(exception_routes.router)
router.include_router(chat_routes.router)
router.include_router(report_routes.router)
router.include_router(sign_in.router)
router.include_router(dead_letter_routes.router)
router.include_router(saved_view_routes.router)


@router.get("/")
def index(request: Request, caller: EventCaller) -> Response:
    """Show the log. Blank fields of the form are removed from the address first."""
    view = view_of(request)
    if any(not value.strip() for _, value in request.query_params.multi_items()):
        return RedirectResponse(view.link(), HTTPStatus.SEE_OTHER)
    shown = log_page(caller.log, view, now_of(request))
    caller.record_search(view.spec, shown.total)
    if view.expanded is not None:
        caller.record_event(view.expanded)
    marks = marks_of_events(caller, shown.context["events"], view)
    return show(
        request, caller, "log.html", part="Events", view=view, alert_marks=marks, **shown.context
    )


@router.get("/rows")
def rows(request: Request, caller: EventCaller) -> Response:
    """Return the rows of the next page, for a page that is open."""
    view = view_of(request)
    shown = rows_page(caller.log, view, now_of(request))
    _record(request, caller, view)
    marks = marks_of_events(caller, shown["events"], view)
    return render("rows.html", view=view, alert_marks=marks, **shown)


@router.get("/live")
def live(request: Request, caller: EventCaller) -> Response:
    """Return the rows that arrived, for a page that is open."""
    given = request.query_params.multi_items()
    view = view_of(request, without=("since",))
    since = next((value for name, value in given if name == "since"), None)
    shown = live_page(caller.log, view, now_of(request), since)
    _record(request, caller, view)
    marks = marks_of_events(caller, shown["events"], view)
    return render("rows.html", view=view, alert_marks=marks, **shown)


@router.get("/events/{event_id}")
def event(
    request: Request, caller: EventCaller, event_id: str, window: Annotated[str, Query()] = "10m"
) -> Response:
    """Show one event, and what happened around it."""
    view = view_of(request, without=("window",))
    claims = _claims(caller, event_id)
    context = event_page(caller.log, claims, view, window)
    caller.record_event(event_id, window)
    marks = marks_of_events(caller, context["events"], view)
    return show(
        request,
        caller,
        "event.html",
        part="Events",
        view=view,
        alert_marks=marks,
        seal=event_seal(request, claims[0], view),
        **context,
    )


@router.get("/events/{event_id}/details")
def details(request: Request, caller: EventCaller, event_id: str) -> Response:
    """Return one event's fields, for a row that is expanded."""
    view = view_of(request)
    claims = _claims(caller, event_id)
    event, marks = expand_first(claims, view), marks_of_events(caller, claims[:1], view)
    caller.record_event(event_id)
    return render("details.html", view=view, event=event, alert_marks=marks)


@router.get("/users/")
def user_by_query(request: Request, caller: EventCaller, name: str) -> Response:
    """Show the page of a user whose name can't be part of an address."""
    return _user(request, caller, name, view_of(request, without=("name",)))


@router.get("/users/{name:path}")
def user(request: Request, caller: EventCaller, name: str) -> Response:
    """Show a user's page."""
    return _user(request, caller, name, view_of(request))


@router.get("/static/{name}")
def static(request: Request, name: str) -> Response:
    """Return one of the page's own files; browsers revalidate it each time."""
    asset = assets().get(name)
    if asset is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "No such file")
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def error_page(request: Request, problem: Problem) -> HTMLResponse:
    """Return a problem as a page: what is wrong, and what to do."""
    shown = render(
        "message.html",
        status=problem.status,
        **problem_page(request.url.path, request.url.query, problem),
    )
    shown.headers.update(problem.headers)
    return shown


def _user(request: Request, caller: Caller, name: str, view: View) -> Response:
    context = user_page(caller.log, name, view)
    caller.record_search(QuerySpec().with_("user", name), context["seen"].count)
    return show(
        request,
        caller,
        "user.html",
        part="Events",
        view=view,
        user_marks=marks_of_user(caller, name, view),
        alert_marks=marks_of_events(caller, context["events"], view),
        **context,
    )


def _record(request: Request, caller: Caller, view: View) -> None:
    """Record the search that these rows are part of; mostly the page they are for has been already."""
    wanted = view.spec.filter(now_of(request).astimezone(view.zone))
    caller.record_search(view.spec, lambda: caller.log.count(wanted))


def _claims(caller: Caller, event_id: str) -> Sequence[Mapping[str, Any]]:
    claims = caller.log.claims(event_id)
    if claims:
        return claims
    raise ProblemError(
        HTTPStatus.NOT_FOUND, f"The event {event_id[:128]} is not in the log, or you may not see it"
    )
