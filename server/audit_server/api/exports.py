"""/export: all events that match, as a file."""

from typing import Annotated, Any

from audit_query import CsvFormat, Delimiter, Format, export
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from audit_server.access import ExportCaller
from audit_server.api.export_response import ExportResponse, ExportSlots
from audit_server.api.query_params import PREFIX, FilterParams, Order, check_query
from audit_server.api.responses import documented

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["export"], dependencies=[Depends(check_query)])


class ExportParams(FilterParams):
    """Filters, and what kind of file."""

    format: Format = Field("csv", description="What kind of file.")
    delimiter: Delimiter = Field("comma", description="What separates the cells of CSV.")
    excel: bool = Field(
        False, description="Begin CSV with a byte order mark, by which Excel recognises UTF-8."
    )
    order: Order = Field("oldest", description="Which events come first.")


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
    responses=documented(None) | _FILES,
)
def export_events(
    request: Request, caller: ExportCaller, params: Annotated[ExportParams, Query()]
) -> Response:
    """Return all events that match as a file, row by row as they are read."""
    search, kind = params.resolve(request), params.format
    slots: ExportSlots = request.app.state.exports
    with slots.taken() as slot:
        rows = export(
            caller.log,
            search.filter,
            kind,
            newest_first=params.order == "newest",
            csv_format=CsvFormat(params.delimiter, params.excel),
        )
        name = f"audit-log-{search.now:%Y%m%d-%H%M%S}.{kind}"
        response = ExportResponse(rows, slot.hand_over(), kind=kind, name=name)
    caller.record_export(search.spec, kind)
    return response
