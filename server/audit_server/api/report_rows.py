"""The rows of reports as responses: JSON with a limit, or CSV."""

import time
from collections.abc import Generator, Iterable
from contextlib import closing, nullcontext
from http import HTTPStatus
from itertools import islice
from typing import Any, Literal
from zoneinfo import ZoneInfo

from audit_query import CsvFormat, csv_cell
from audit_query.reports import Progress, flat_row
from fastapi import Request, Response
from pydantic import Field

from audit_server.access import Caller
from audit_server.api.query_params import QueryParams, Search
from audit_server.api.responses import json_response
from audit_server.errors import ProblemError

__all__ = ["TOO_LONG", "RowParams", "deadline", "rows_response"]

TOO_LONG = (
    "The report takes too long; give a shorter time, or run `auditlog report`, which has no limit"
)


class RowParams(QueryParams):
    """How many rows, and in what form."""

    size: int = Field(1000, ge=1, le=10_000, description="How many rows, at most.")
    format: Literal["json", "csv"] = Field(
        "json", description="JSON; or CSV, with times in UTC and without a note of further rows."
    )


def rows_response(
    caller: Caller,
    search: Search,
    params: RowParams,
    rows: Iterable[Any],
    activities: Iterable[str] = (),
) -> Response:
    """Return the first rows, and put on record that they were read. `activities` are CSV's columns."""
    scope = closing(rows) if isinstance(rows, Generator) else nullcontext()
    with scope:  # a report that is left half way has a point in time to give back
        found = list(islice(rows, params.size + 1))
    caller.record_search(search.spec, lambda: caller.log.count(search.filter))
    shown, more = found[: params.size], len(found) > params.size
    if params.format == "csv":
        return _csv([flat_row(row.to_json(), activities) for row in shown])
    zone = ZoneInfo(search.time_zone)
    return json_response(
        {"rows": [row.to_json(zone) for row in shown], "more": more, "time_zone": search.time_zone}
    )


def deadline(request: Request) -> Progress:
    """Return what ends a report once its request has timed out."""
    end = time.monotonic() + request.app.state.settings.query_seconds

    def check(_: int, __: int) -> None:
        if time.monotonic() > end:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, TOO_LONG, headers={"Retry-After": "30"})

    return check


def _csv(rows: list[dict[str, Any]]) -> Response:
    form = CsvFormat()
    text = form.heading(rows[0]) if rows else b""
    text += form.rows([csv_cell(value) for value in row.values()] for row in rows)
    headers = {"Content-Disposition": 'attachment; filename="report.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8; header=present", headers=headers)
