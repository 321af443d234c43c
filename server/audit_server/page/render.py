"""Templates into responses: everything that is put into one is escaped."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from audit_schemas import printable
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from audit_server.access import Access, Caller
from audit_server.page.chips import LABELS
from audit_server.page.durations import duration
from audit_server.page.navigation import VIEWS, links_to_parts, views_link
from audit_server.page.page_stream import FLUSH, PageStream
from audit_server.page.report_columns import runs_of
from audit_server.page.view import ZONE_COOKIE, View, chat_path, user_path

__all__ = ["environment", "now_of", "render", "show", "stream", "view_of"]


def environment() -> Environment:
    """Return the templates: autoescape everywhere, and a name that is missing is an error."""
    templates = Environment(
        loader=PackageLoader("audit_server.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"duration": duration, "groupby_runs": runs_of, "printable": printable}
    templates.globals |= {
        "number": "{:,}".format,
        "user_path": user_path,
        "chat_path": chat_path,
        "labels": LABELS,
    }
    return templates


_TEMPLATES = environment()


def now_of(request: Request) -> datetime:
    """Return what time it is, by the application's clock, in UTC."""
    now: datetime = request.app.state.clock()
    return now.astimezone(UTC)


def view_of(request: Request, without: tuple[str, ...] = ()) -> View:
    """Return what the address asks for, less what only its own path knows. Raises ParameterError."""
    given = request.query_params.multi_items()
    return View.of(
        [(name, value) for name, value in given if name not in without],
        cookie=request.cookies.get(ZONE_COOKIE),
        default=request.app.state.settings.time_zone,
    )


def render(
    name: str,
    *,
    status: int = HTTPStatus.OK,
    view: View | None = None,
    **context: Any,
) -> HTMLResponse:
    """Return a page, or a part of one, without navigation; see `show`."""
    text = _TEMPLATES.get_template(name).render(**_frame(view), **_ABSENT | context)
    return HTMLResponse(text, int(status))


def show(
    request: Request,
    caller: Caller,
    name: str,
    *,
    part: str | None = None,
    view: View | None = None,
    **context: Any,
) -> HTMLResponse:
    """Return a whole page for somebody, with links to the parts that they may see.

    `part` is the name of the part that it belongs to.
    """
    return render(name, view=view, **_navigation(request, caller, view, part), **context)


def stream(
    request: Request,
    caller: Caller,
    name: str,
    *,
    part: str,
    view: View,
    **context: Any,
) -> PageStream:
    """Return a whole page as `show` does, sent while its template is worked on.

    What may fail must have been asked for before, or be shown by the template: by then the page has
    begun.
    """
    frame = _frame(view) | _ABSENT | _navigation(request, caller, view, part)
    return PageStream(_TEMPLATES.get_template(name).generate(**frame, flush=FLUSH, **context))


def _frame(view: View | None) -> dict[str, Any]:
    return {
        "view": view,
        "zone_name": view.zone_name if view else "UTC",
        "ask_zone": view is not None and not view.zone_known,
    }


def _navigation(
    request: Request, caller: Caller, view: View | None, part: str | None
) -> dict[str, Any]:
    access: Access = request.app.state.access
    return {
        "signed_in_as": caller.name if access.requires_sign_in else None,
        "parts_of_page": links_to_parts(caller.permissions, view, part),
        "start": "/start",
        "views_link": views_link(request.url.path, request.url.query),
        "on_views": request.url.path == VIEWS,
    }


_ABSENT: dict[str, Any] = {
    "signed_in_as": None,
    "parts_of_page": (),
    "start": "/",
    "views_link": None,
    "alert_marks": {},
}
