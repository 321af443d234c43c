"""/events: pages of events, and one by its id."""

import re
from http import HTTPStatus
from typing import Annotated

from audit_query import encode_cursor
from audit_schemas import ID_PATTERN
from fastapi import APIRouter, Depends, Header, Path, Response

from audit_server.access import Asker
from audit_server.api.answers import EventAnswer, EventsAnswer, answers, json_response
from audit_server.api.examples import EVENT
from audit_server.errors import ProblemError
from audit_server.parameters import CURSOR, ORDER, Form, Given, number

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["events"])

_PAGE_MAX = 1000
_EVENTS = Form(number("size", "How many events, at most.", default=100, most=_PAGE_MAX), ORDER, CURSOR)


@router.get(
    "/events",
    summary="Search",
    response_class=Response,
    responses=answers(EventsAnswer),
    openapi_extra=_EVENTS.openapi,
)
def events(asker: Asker, given: Annotated[Given, Depends(_EVENTS)]) -> Response:
    """Return the events that match, a page at a time.

    Pages neither repeat nor skip an event while new ones arrive.
    """
    page = asker.log.search(
        given.filter,
        size=given["size"],
        newest_first=given["order"] == "newest",
        after=given["cursor"],
    )
    if given["cursor"] is None:
        is_all = page.cursor is None
        asker.note_search(
            given.question,
            len(page.events) if is_all else lambda: asker.log.count(given.filter),
        )
    cursor = encode_cursor(page.cursor) if page.cursor is not None else None
    return json_response({"events": page.events, "cursor": cursor})


@router.get(
    "/events/{event_id}",
    summary="One event",
    response_class=Response,
    responses=answers(EventAnswer, 404) | {304: {"description": "It is the one you have."}},
)
def event(
    asker: Asker,
    event_id: Annotated[str, Path(description="The event's id.", examples=[EVENT["event"]["id"]])],
    if_none_match: Annotated[str | None, Header(description="ETags that you have.")] = None,
) -> Response:
    """Return an event by its id. It never changes, so its hash is its ETag."""
    found = asker.log.get(event_id) if re.fullmatch(ID_PATTERN, event_id) else None
    if found is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "There is no such event")
    etag = f'"{found["event"]["hash"]}"'
    # Asked for again each time, so that a token that is revoked sees nothing from then on.
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and _matches(etag, if_none_match):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return json_response(found, **headers)


def _matches(etag: str, given: str) -> bool:
    return given.strip() == "*" or etag in (
        part.strip().removeprefix("W/") for part in given.split(",")
    )
