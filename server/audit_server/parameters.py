"""What a route takes: its own parameters and those of a question, read, refused and documented."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_query import (
    AUTO,
    DIMENSIONS,
    EXCLUDE,
    NAMES,
    PARAMETERS,
    VALUE_MAX,
    Filter,
    ParameterError,
    Question,
    TimeRangeError,
    check_interval,
    decode_cursor,
    zone,
)
from fastapi import Request

__all__ = [
    "BY",
    "CURSOR",
    "INTERVAL",
    "ORDER",
    "TIME_ZONE",
    "Form",
    "Given",
    "Parameter",
    "choice",
    "interval",
    "number",
    "text",
]

_QUERY_MAX = 16 * 1024
_PARTITION_MAX = 2**31

_MEANINGS = {
    "user": ("A user's whole id or name; `system` for what the system did.", "Ada"),
    "activity": ("An activity of the catalogue.", "login-failed"),
    "outcome": ("success, failure or unknown.", "failure"),
    "ip": ("An address, a CIDR range of IPv4 or IPv6, or `none`: unknown.", "192.0.2.0/24"),
    "org": ("An organization's id.", "acme"),
    "service": ("The service that published the event.", "chat-api"),
    "chat": ("A chat's id.", "chat-42"),
    "session": ("A session's id.", "s-1"),
    "text": ("Words of the message, or how a label's value begins.", "invoice"),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of a route's own parameters. `read` raises ValueError or QueryError with a sentence."""

    name: str
    description: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    default: Any = None
    is_required: bool = False
    example: str | int | None = None

    def as_openapi(self) -> dict[str, Any]:
        """Return its entry in the OpenAPI document."""
        default = {} if self.default is None else {"default": self.default}
        example = {} if self.example is None else {"example": self.example}
        return {
            "name": self.name,
            "in": "query",
            "required": self.is_required,
            "description": self.description,
            "schema": {**self.schema, **default},
            **example,
        }

    def value_of(self, given: Sequence[str]) -> Any:
        """Return the value, or the default. Raises ParameterError."""
        if len(given) > 1:
            raise ParameterError(self.name, "give it once")
        if not given or not given[0].strip():
            if self.is_required:
                raise ParameterError(self.name, f"is missing. {self.description}")
            return self.default
        if len(given[0]) > VALUE_MAX:
            raise ParameterError(self.name, f"is longer than {VALUE_MAX} characters")
        try:
            return self.read(given[0].strip())
        except (ValueError, TimeRangeError) as error:
            raise ParameterError(self.name, str(error)) from None


def number(name: str, description: str, *, default: int, most: int) -> Parameter:
    """Return a parameter that is a whole number from 1 to `most`."""

    def read(given: str) -> int:
        if not (given.isascii() and given.isdigit() and len(given) <= len(str(most))):
            raise ValueError(f"{given[:32]!r} is no whole number from 1 to {most}")
        if not 1 <= int(given) <= most:
            raise ValueError(f"can be 1 to {most}, not {int(given)}")
        return int(given)

    schema = {"type": "integer", "minimum": 1, "maximum": most}
    return Parameter(name, description, schema, read, default)


def choice(
    name: str, description: str, values: Sequence[str], *, default: str | None = None, **more: Any
) -> Parameter:
    """Return a parameter that is one of some words."""

    def read(given: str) -> str:
        if given not in values:
            near = difflib.get_close_matches(given, values, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(values)}"
            raise ValueError(f"{given[:64]!r} is none of its values; {hint}")
        return given

    schema = {"type": "string", "enum": list(values)}
    return Parameter(name, description, schema, read, default, **more)


def interval(*, default: str, also: Sequence[str] = ()) -> Parameter:
    """Return the parameter of how long a bucket is; `also` are words that it takes besides."""

    def read(given: str) -> str:
        if given != AUTO and given not in also:
            check_interval(given)
        return given

    description = (
        "A number and s, m, h or d, such as 15m; or minute, hour, day, week, month, quarter, year by "
        "the calendar; `auto` takes what suits the time."
    )
    more = "".join(f" `{word}`: all of it." for word in also)
    schema = {"type": "string"}
    return Parameter("interval", description + more, schema, read, default, example="1h")


def text(name: str, description: str, **more: Any) -> Parameter:
    """Return a parameter that is taken as it is."""
    return Parameter(name, description, {"type": "string", "maxLength": VALUE_MAX}, str, **more)


def _cursor(given: str) -> tuple[int, ...]:
    found = decode_cursor(given)
    if not -_PARTITION_MAX <= found[1] < _PARTITION_MAX:  # what Elasticsearch takes for an integer
        raise ValueError("is none that a page gave; leave it out to begin anew")
    return found


CURSOR = Parameter(
    "cursor",
    "Where the page before ended, as its answer says; a first page has none.",
    {"type": "string", "maxLength": VALUE_MAX},
    _cursor,
)
ORDER = choice("order", "Which events come first.", ("newest", "oldest"), default="newest")
INTERVAL = interval(default=AUTO)
BY = choice("by", "What to split or rank by.", tuple(DIMENSIONS))
TIME_ZONE = Parameter(
    "time_zone",
    "IANA zone of times without one, of `today`, and of calendar intervals; the server's, if left out.",
    {"type": "string"},
    lambda given: zone(given).key,
    example="Europe/Istanbul",
)


@dataclass(frozen=True, slots=True)
class Given:
    """What a request asks for."""

    question: Question
    filter: Filter
    now: datetime
    time_zone: str
    _own: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Return a parameter of the route's own."""
        return self._own[name]


class Form:
    """What a route takes; as a FastAPI dependency it gives what was asked. Raises ParameterError."""

    def __init__(self, *own: Parameter, names: Sequence[str] = NAMES) -> None:
        """Take the route's own parameters, and these of a question's."""
        self._own = {parameter.name: parameter for parameter in own}
        self._names = names
        if names:
            self._own[TIME_ZONE.name] = TIME_ZONE

    async def __call__(self, request: Request) -> Given:
        """Read a request's query."""
        if len(request.url.query) > _QUERY_MAX:
            raise ParameterError("query", f"is longer than {_QUERY_MAX} characters in all")
        pairs = request.query_params.multi_items()
        for name, _ in pairs:
            self._check(name)
        own = {
            name: parameter.value_of([value for given, value in pairs if given == name])
            for name, parameter in self._own.items()
        }
        zone_name = own.get(TIME_ZONE.name) or request.app.state.settings.time_zone
        now = request.app.state.clock().astimezone(zone(zone_name))
        question = Question.parse(pair for pair in pairs if pair[0] not in self._own)
        return Given(question, question.filter(now), now, zone_name, own)

    @property
    def openapi(self) -> dict[str, Any]:
        """What FastAPI can't see of it, for the OpenAPI document."""
        own = [parameter.as_openapi() for parameter in self._own.values()]
        asked = [found for found in _question_openapi() if found["name"] in self._names]
        return {"parameters": own + asked}

    def _check(self, name: str) -> None:
        known = (*self._own, *self._names)
        if name in known:
            return
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise ParameterError(name[:64], f"there is no such parameter; {hint}")


def _question_openapi() -> list[dict[str, Any]]:
    found = []
    for prefix, said in (("", ""), (EXCLUDE, "Leaves out: ")):
        for name in PARAMETERS:
            description, example = _MEANINGS[name]
            values = {"type": "string", "maxLength": VALUE_MAX}
            found.append(
                {
                    "name": f"{prefix}{name}",
                    "in": "query",
                    "required": False,
                    "description": f"{said}{description} May be repeated; any of them.",
                    "schema": {"type": "array", "items": values},
                    "style": "form",
                    "explode": True,
                    "example": [example],
                }
            )
    for name, description, example in (
        ("from", "From then on: 2026-11-23, 2026-11-23T09:30Z, -24h, today.", "-24h"),
        ("to", "Up to, but not with, then; forms as `from`.", "now"),
    ):
        schema = {"type": "string", "maxLength": VALUE_MAX}
        found.append(
            {"name": name, "in": "query", "description": description, "schema": schema}
            | {"required": False, "example": example}
        )
    return found
