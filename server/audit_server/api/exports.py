"""/export: all events that match, as a file."""

from dataclasses import replace
from typing import Annotated, Any

from audit_query import MEDIA_TYPES, export
from fastapi import APIRouter, Depends, Request, Response

from audit_server.access import Asker
from audit_server.api.answers import answers
from audit_server.parameters import ORDER, Form, Given, choice
from audit_server.streaming import ExportResponse, ExportSlots

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["export"])

_EXPORT = Form(
    choice("format", "What kind of file.", tuple(MEDIA_TYPES), default="csv"),
    replace(ORDER, default="oldest"),
)
_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "All events that match, as they were when it began. A connection that ends "
        "before the last chunk means that it is not whole.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


@router.get(
    "/export",
    summary="Export",
    response_class=Response,
    responses=answers(None) | _FILES,
    openapi_extra=_EXPORT.openapi,
)
def export_events(
    request: Request, asker: Asker, given: Annotated[Given, Depends(_EXPORT)]
) -> Response:
    """Return all events that match as a file, row by row as they are read."""
    slots: ExportSlots = request.app.state.exports
    form = given["format"]
    with slots.taken() as slot:
        rows = export(asker.log, given.filter, form, newest_first=given["order"] == "newest")
        response = ExportResponse(
            rows, slot.hand_over(), form=form, name=f"audit-log-{given.now:%Y%m%d-%H%M%S}.{form}"
        )
    asker.note_export(given.question, form)
    return response
