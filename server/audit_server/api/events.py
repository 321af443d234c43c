"""/events: pages of events, and one by its id."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from audit_query import decode_cursor, encode_cursor
from audit_schemas import ID_PATTERN
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import Field

from audit_server.access import EventCaller
from audit_server.api.examples import EVENT
from audit_server.api.query_params import PREFIX, FilterParams, Order, Text, check_query
from audit_server.api.responses import EventResponse, EventsResponse, documented, json_response
from audit_server.errors import ProblemError
from audit_server.seals import seals_of

__all__ = ["router"]

_ZIP = "application/zip"
_EVIDENCE = (
    "The event's bytes, the block with its slot, the proof to a signed checkpoint, and its place."
)

router = APIRouter(prefix=PREFIX, tags=["events"], dependencies=[Depends(check_query)])


class EventsParams(FilterParams):
    """Filters, and which page."""

    size: int = Field(
        100, ge=1, le=1000, description="How many events, at most; fewer where events are large."
    )
    order: Order = Field("newest", description="Which events come first.")
    cursor: Text | None = Field(
        None, description="Where the page before ended, as its response says; a first page has none."
    )


@router.get(
    "/events",
    summary="Search",
    response_class=Response,
    responses=documented(EventsResponse),
)
def events(request: Request, caller: EventCaller, params: Annotated[EventsParams, Query()]) -> Response:
    """Return the events that match, a page at a time.

    A page ends early where events are large, after about 8 MB: whether there are more tells `cursor`
    alone. Pages neither repeat nor skip an event while new ones arrive.
    """
    search = params.resolve(request)
    page = caller.log.search_json(
        search.filter,
        size=params.size,
        newest_first=params.order == "newest",
        after=decode_cursor(params.cursor) if params.cursor else None,
    )
    count = caller.log.count
    is_all = params.cursor is None and page.cursor is None
    caller.record_search(search.spec, len(page.events) if is_all else lambda: count(search.filter))
    cursor = encode_cursor(page.cursor) if page.cursor is not None else None
    return json_response({"events": page.events, "cursor": cursor})


@router.get(
    "/events/{event_id}",
    summary="One event",
    response_class=Response,
    responses=documented(EventResponse, 404) | {304: {"description": "The event has not changed."}},
)
def event(
    caller: EventCaller,
    event_id: Annotated[str, Path(description="The event's id.", examples=[EVENT["event"]["id"]])],
    if_none_match: Annotated[str | None, Header(description="ETags of what you have.")] = None,
) -> Response:
    """Return an event by its id. It never changes, so its hash is its ETag.

    If other events were published under its id later, `Audit-Id-Conflicts` says how many.
    """
    claims = _claims(caller, event_id)
    stored = claims[0]
    caller.record_event(event_id)
    etag = f'"{stored["event"]["hash"]}"'
    # Asked for again each time, so that a token that is revoked sees nothing from then on.
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if len(claims) > 1:
        headers["Audit-Id-Conflicts"] = str(len(claims) - 1)
    if if_none_match is not None and _matches(etag, if_none_match):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return json_response(stored, **headers)


@router.get(
    "/events/{event_id}/evidence",
    summary="Evidence of one event",
    response_class=Response,
    responses=documented(None, 404) | {200: {"description": _EVIDENCE, "content": {_ZIP: {}}}},
)
def evidence(
    request: Request,
    caller: EventCaller,
    event_id: Annotated[str, Path(description="The event's id.", examples=[EVENT["event"]["id"]])],
) -> Response:
    """Return a ZIP archive that proves to anybody, offline, that the event was published as it is.

    404: the event is not sealed, or not as it is stored. What the files are: docs/evidence.md.
    """
    stored = _claims(caller, event_id)[0]
    seals = seals_of(request)
    if seals is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "This server has no sealed log: AUDITLOG_SEAL_FOLDER")
    archive = seals.evidence(stored)
    caller.record_event(event_id)
    name = f"{event_id}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(archive, media_type=_ZIP, headers=headers)


def _claims(caller: EventCaller, event_id: str) -> Sequence[Mapping[str, Any]]:
    claims = caller.log.claims(event_id) if re.fullmatch(ID_PATTERN, event_id) else []
    if not claims:
        raise ProblemError(HTTPStatus.NOT_FOUND, "There is no such event")
    return claims


def _matches(etag: str, given: str) -> bool:
    return given.strip() == "*" or etag in (
        part.strip().removeprefix("W/") for part in given.split(",")
    )
