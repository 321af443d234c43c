"""What the API answers with, and how that is documented: shapes and examples."""

from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from audit_server.api import examples

__all__ = [
    "MODELS",
    "BucketAnswer",
    "BucketsAnswer",
    "EventAnswer",
    "EventsAnswer",
    "MomentAnswer",
    "ProblemAnswer",
    "RankedAnswer",
    "RowsAnswer",
    "SuggestAnswer",
    "TimelineAnswer",
    "TopAnswer",
    "UserAnswer",
    "answers",
    "json_response",
]


class EventAnswer(BaseModel):
    """An event as it is stored: in ECS shape, with what the log added."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": examples.EVENT})

    event: dict[str, Any]
    timestamp: str = Field(alias="@timestamp")
    audit: dict[str, Any]


class EventsAnswer(BaseModel):
    """A page of events."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.EVENTS})

    events: list[EventAnswer]
    cursor: str | None = Field(description="For the next page; null where this was the last.")


class BucketAnswer(BaseModel):
    """One interval."""

    model_config = ConfigDict(extra="forbid")

    start: str
    count: int
    parts: dict[str, int] = Field(description="The values it is split by, with their counts.")
    other: int = Field(description="What none of the parts counts.")


class BucketsAnswer(BaseModel):
    """Events over time, without a gap."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.BUCKETS})

    interval: str
    time_zone: str
    buckets: list[BucketAnswer]


class RankedAnswer(BaseModel):
    """A value and its number of events."""

    model_config = ConfigDict(extra="forbid")

    value: str
    count: int


class TopAnswer(BaseModel):
    """The most frequent values."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.TOP})

    values: list[RankedAnswer]


class SuggestAnswer(BaseModel):
    """Values that begin so."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.SUGGEST})

    values: list[str]


class RowsAnswer(BaseModel):
    """The rows of a report."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.USERS})

    rows: list[dict[str, Any]]
    more: bool = Field(description="Whether there are rows beyond `size`.")
    time_zone: str


class UserAnswer(BaseModel):
    """What one user did, in sum and by session."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": examples.USER})

    user: str
    events: int
    shown: int = Field(description="How many of the events the sessions hold here.")
    sessions: list[dict[str, Any]]


class MomentAnswer(BaseModel):
    """An event in its place."""

    model_config = ConfigDict(extra="allow")

    event: EventAnswer


class TimelineAnswer(BaseModel):
    """Events, oldest first, and how many there are in all."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.TIMELINE})

    total: int
    events: list[MomentAnswer]


class ProblemAnswer(BaseModel):
    """Why there is no answer (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.PROBLEM})

    type: str
    title: str
    status: int
    detail: str = Field(description="A sentence for people.")
    parameter: str | None = Field(None, description="The parameter that is wrong.")


MODELS: tuple[type[BaseModel], ...] = (
    EventAnswer,
    EventsAnswer,
    BucketsAnswer,
    TopAnswer,
    SuggestAnswer,
    RowsAnswer,
    UserAnswer,
    TimelineAnswer,
    ProblemAnswer,
)
"""All shapes, for the document."""

_SAID = {
    400: "A parameter is wrong; `parameter` says which, `detail` why.",
    401: "A token is missing, unknown, or has expired.",
    403: "Another site's page asked, or the Host header is not this machine's.",
    404: "There is no such event, or none that this token may see.",
    503: "The log is slow, away, or busy; try again after `Retry-After` seconds.",
}


def answers(what: type[BaseModel] | None, *more: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of a route's answers: what it gives, and its problems."""
    problem = {"application/problem+json": {"schema": _ref(ProblemAnswer)}}
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": _SAID[status], "content": problem}
        for status in sorted({400, 401, 403, 503, *more})
    }
    if what is not None:
        found[200] = {
            "description": str(what.__doc__),
            "content": {"application/json": {"schema": _ref(what)}},
        }
    return found


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def json_response(content: object, **headers: str) -> Response:
    """Return an answer as JSON."""
    return Response(msgspec.json.encode(content), media_type="application/json", headers=headers)
