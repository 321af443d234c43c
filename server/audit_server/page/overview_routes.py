"""The route of the overview."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from audit_server.access import EventCaller
from audit_server.page.overview_page import PATH, overview_page, with_time
from audit_server.page.pipeline_card import pipeline_card
from audit_server.page.render import now_of, show, view_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get(PATH)
def show_overview(request: Request, caller: EventCaller) -> Response:
    """Show the overview. Blank fields of the form are removed from the address first."""
    asked = view_of(request)
    if any(not value.strip() for _, value in request.query_params.multi_items()):
        return RedirectResponse(asked.link(PATH), HTTPStatus.SEE_OTHER)
    view = with_time(asked)
    shown = overview_page(caller, view, now_of(request))
    context = {**shown, "pipeline": pipeline_card(request, caller, view, shown["arrival"])}
    caller.record_search(view.spec, shown["total"])
    return show(request, caller, "overview.html", part="Overview", view=view, **context)
