"""What the API answers with, and how that is documented: shapes and examples."""

from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "EVENT",
    "MODELS",
    "BucketAnswer",
    "BucketsAnswer",
    "EventAnswer",
    "EventsAnswer",
    "ProblemAnswer",
    "RankedAnswer",
    "SuggestAnswer",
    "TopAnswer",
    "answers",
    "json_response",
]

EVENT: dict[str, Any] = {
    "event": {
        "id": "0197f1b0c8a07d2e9f0c1b2a3d4e5f60",
        "action": "login-failed",
        "outcome": "failure",
        "reason": "wrong password",
        "hash": "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
        "kind": "event",
        "category": ["authentication"],
        "type": ["start"],
        "created": "2026-11-23T09:30:00.512Z",
        "ingested": "2026-11-23T09:30:01.020Z",
    },
    "@timestamp": "2026-11-23T09:30:00.120Z",
    "user": {"id": "u-7", "name": "Ada"},
    "source": {"ip": "192.0.2.7"},
    "organization": {"id": "acme"},
    "ecs": {"version": "9.4.0"},
    "related": {"user": ["u-7", "Ada"], "ip": ["192.0.2.7"]},
    "audit": {
        "actor": {"kind": "user"},
        "user": "Ada",
        "source": {"network": "192.0.2.0/24"},
        "kafka": {"topic": "audit.events", "partition": 3, "offset": 1042},
    },
}
_CURSOR = "WzE3OTUzODU0MDAxMjAsMywxMDQyXQ"


class EventAnswer(BaseModel):
    """An event as it is stored: in ECS shape, with what the log added."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": EVENT})

    event: dict[str, Any]
    timestamp: str = Field(alias="@timestamp")
    audit: dict[str, Any]


class EventsAnswer(BaseModel):
    """A page of events."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"events": [EVENT], "cursor": _CURSOR}}
    )

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

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "interval": "1h",
                "time_zone": "Europe/Istanbul",
                "buckets": [
                    {
                        "start": "2026-11-23T12:00:00+03:00",
                        "count": 12,
                        "parts": {"login": 9, "login-failed": 2},
                        "other": 1,
                    }
                ],
            }
        },
    )

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

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"values": [{"value": "203.0.113.9", "count": 312}]}},
    )

    values: list[RankedAnswer]


class SuggestAnswer(BaseModel):
    """Values that begin so."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"values": ["Ada", "Adalyn"]}}
    )

    values: list[str]


class ProblemAnswer(BaseModel):
    """Why there is no answer (RFC 9457)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Bad Request",
                "status": 400,
                "detail": "can be 1 to 1000, not 5000",
                "parameter": "size",
            }
        },
    )

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
