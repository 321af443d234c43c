"""What the API responds with, and how that is documented: models and examples."""

from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from audit_server.api import examples

__all__ = [
    "BucketResponse",
    "BucketsResponse",
    "DeadLettersResponse",
    "DecidedRowsResponse",
    "EventResponse",
    "EventsResponse",
    "ObjectiveRowsResponse",
    "ProblemResponse",
    "RankedResponse",
    "RowsResponse",
    "SuggestResponse",
    "TeamRowsResponse",
    "TimelineEntryResponse",
    "TimelineResponse",
    "TopResponse",
    "TransferRowsResponse",
    "UnansweredRowsResponse",
    "UserResponse",
    "ViewResponse",
    "ViewsResponse",
    "documented",
    "json_response",
]


class EventResponse(BaseModel):
    """An event as it is stored: in ECS shape, with what the log added."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": examples.EVENT})

    event: dict[str, Any]
    timestamp: str = Field(alias="@timestamp")
    audit: dict[str, Any]


class EventsResponse(BaseModel):
    """A page of events."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.EVENTS})

    events: list[EventResponse]
    cursor: str | None = Field(description="For the next page; null where this was the last.")


class BucketResponse(BaseModel):
    """One interval."""

    model_config = ConfigDict(extra="forbid")

    start: str
    count: int
    parts: dict[str, int] = Field(description="The values it is split by, with their counts.")
    other: int = Field(description="What none of the parts counts.")


class BucketsResponse(BaseModel):
    """Events over time, without a gap."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.BUCKETS})

    interval: str
    time_zone: str
    buckets: list[BucketResponse]


class RankedResponse(BaseModel):
    """A value and its number of events."""

    model_config = ConfigDict(extra="forbid")

    value: str
    count: int


class TopResponse(BaseModel):
    """The most frequent values."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.TOP})

    values: list[RankedResponse]


class SuggestResponse(BaseModel):
    """Values that begin so."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.SUGGEST})

    values: list[str]


class RowsResponse(BaseModel):
    """The rows of a report."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.USERS})

    rows: list[dict[str, Any]]
    more: bool = Field(description="Whether there are rows beyond `size`.")
    time_zone: str


class TeamRowsResponse(RowsResponse):
    """A row for each of the staff."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.TEAM})


class TransferRowsResponse(RowsResponse):
    """A row for each pair."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.TRANSFERS})


class UnansweredRowsResponse(RowsResponse):
    """A row for each chat."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.UNANSWERED})


class ObjectiveRowsResponse(RowsResponse):
    """A row for each objective: of all, then of each interval."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.OBJECTIVE})


class DecidedRowsResponse(RowsResponse):
    """A row for each chat for which it is decided."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.DECIDED})


class UserResponse(BaseModel):
    """What one user did, in sum and by session."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": examples.USER})

    user: str
    events: int
    shown: int = Field(description="How many of the events the sessions hold here.")
    sessions: list[dict[str, Any]]


class TimelineEntryResponse(BaseModel):
    """An event in its place."""

    model_config = ConfigDict(extra="allow")

    event: EventResponse


class TimelineResponse(BaseModel):
    """Events, oldest first, and how many there are in all."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.TIMELINE})

    total: int
    events: list[TimelineEntryResponse]
    warning: str | None = Field(
        None, description="Only there if other events were published under the same id."
    )


class DeadLettersResponse(BaseModel):
    """The newest dead letters by reason, the most frequent first."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.DEAD_LETTERS})

    read: str = Field(description="When Kafka was read.")
    examined: int = Field(description="How many records of the topic were read, from its end.")
    total: int = Field(description="How many there are.")
    reasons: list[dict[str, Any]]


class ViewResponse(BaseModel):
    """A saved view."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.VIEW})

    id: str
    name: str
    address: str = Field(description="Path and query of the page that it opens.")
    owner: str
    shared: bool = Field(description="Whether others of the organization see it.")
    mine: bool = Field(description="Whether it is one's own, to change and delete.")
    created: str
    changed: str
    version: str = Field(description="Changes with each change; sent with the next one.")


class ViewsResponse(BaseModel):
    """Saved views: one's own, then shared ones, by name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.VIEWS})

    views: list[ViewResponse]


class ProblemResponse(BaseModel):
    """Why a request failed (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.PROBLEM})

    type: str
    title: str
    status: int
    detail: str = Field(description="A sentence for people.")
    parameter: str | None = Field(None, description="The parameter that is wrong.")


_DESCRIPTIONS = {
    400: "A parameter is wrong; `parameter` says which, `detail` why.",
    401: "A token is missing, unknown, or has expired.",
    403: "Another site's page asked, or the Host header is not this machine's.",
    404: "There is none, or none that this token may see.",
    409: "It was changed since it was read, and `detail` says by whom; or there would be too many.",
    503: "The log is slow, away, or busy; try again after `Retry-After` seconds.",
}


def documented(
    model: type[BaseModel] | None, *more: int, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of a route's responses: its model, and its problems.

    What is documented for all other statuses keeps FastAPI from adding its own 422.
    """
    problem = {
        "application/problem+json": {
            "schema": {"$ref": f"#/components/schemas/{ProblemResponse.__name__}"}
        }
    }
    responses: dict[int | str, dict[str, Any]] = {
        refusal: {"description": _DESCRIPTIONS[refusal], "content": problem}
        for refusal in sorted({400, 401, 403, 503, *more})
    }
    responses["default"] = {"description": "Any other problem.", "content": problem}
    if model is not None:
        responses[status] = {"description": str(model.__doc__), "model": model}
    return responses


def json_response(content: object, **headers: str) -> Response:
    """Return a response of JSON."""
    return Response(msgspec.json.encode(content), media_type="application/json", headers=headers)
