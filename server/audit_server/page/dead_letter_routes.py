"""The route of the dead letters."""

from fastapi import APIRouter, Request, Response

from audit_server.access import DeadLetterCaller
from audit_server.dead_letter_view import pipeline_of, read_dead_letters
from audit_server.page.dead_letter_page import dead_letter_page
from audit_server.page.render import show, view_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_WAIT_SECONDS = 2.0


@router.get("/dead-letters")
def show_dead_letters(request: Request, caller: DeadLetterCaller) -> Response:
    """Show the newest dead letters by reason."""
    view = view_of(request)
    reading = read_dead_letters(request, caller, wait_seconds=_WAIT_SECONDS)
    pipeline = pipeline_of(request)
    context = dead_letter_page(reading, view.zone, pipeline.dead_letter_topic if pipeline else None)
    return show(request, caller, "dead_letters.html", part="Dead letters", view=view, **context)
