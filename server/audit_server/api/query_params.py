"""What the API's routes have in common in their query parameters: filters, times, the interval."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from audit_query import (
    NAMES,
    VALUE_MAX,
    Filter,
    ParameterError,
    QuerySpec,
    TimeRangeError,
    zone,
)
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from audit_server.api.openapi import documented_parameters

__all__ = [
    "INTERVAL",
    "PREFIX",
    "ChatFilterParams",
    "FilterParams",
    "Order",
    "QueryParams",
    "Search",
    "Text",
    "check_query",
]

PREFIX = "/api/v1"

_QUERY_MAX = 16 * 1024

Text = Annotated[str, Field(max_length=VALUE_MAX)]
Order = Literal["newest", "oldest"]

INTERVAL = (
    "A number and s, m, h or d, such as 15m; or minute, hour, day, week, month, quarter, year by "
    "the calendar; `auto` takes what suits the time."
)

_FILTERS = {
    "user": ("A user's whole id or name; `system` for what the system did.", "Ada"),
    "effective_user": ("A user as whom somebody else acted, by whole id or name.", "bob"),
    "activity": ("An activity of the catalogue.", "login-failed"),
    "outcome": ("success, failure or unknown.", "failure"),
    "ip": ("An address, a CIDR range of IPv4 or IPv6, or `none`: unknown.", "192.0.2.0/24"),
    "country": ("A country's two letters, as databases of places had it on that day.", "DE"),
    "asn": ("A network, by its number.", "AS64500"),
    "list": ("Addresses and networks on a list that the deployment keeps.", "tor"),
    "org": ("An organization's id.", "acme"),
    "service": ("The service that published the event.", "chat-api"),
    "chat": ("A chat's id.", "chat-42"),
    "session": ("A session's id.", "s-1"),
    "text": ("Words of the message, or how a label's value begins.", "invoice"),
}


def _any_of(name: str) -> Any:
    description, example = _FILTERS[name]
    return Field(
        [], alias=name, description=f"{description} May be repeated; any of them.", examples=[[example]]
    )


def _none_of(name: str) -> Any:
    description, example = _FILTERS[name]
    text = f"Excludes: {description} May be repeated; all of them."
    return Field([], description=text, examples=[[example]])


def _time_zone(name: str) -> str:
    try:
        return zone(name).key
    except TimeRangeError as error:
        raise ValueError(str(error)) from None  # pydantic reports it under the parameter's name


@dataclass(frozen=True, slots=True)
class Search:
    """A request's filters at the time of the request."""

    spec: QuerySpec
    filter: Filter
    now: datetime
    time_zone: str


class QueryParams(BaseModel):
    """Base of all: unknown names are refused, blank values count as left out."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: dict[str, Any]) -> dict[str, Any]:
        stripped = {k: v.strip() if isinstance(v, str) else v for k, v in values.items()}
        return {name: value for name, value in stripped.items() if value != ""}


class _SearchParams(QueryParams):
    """When, in which zone; the filters are those of the subclasses."""

    from_: Text | None = Field(
        None,
        alias="from",
        description="From then on: 2026-11-23, 2026-11-23T09:30Z, -24h, today.",
        examples=["-24h"],
    )
    to: Text | None = Field(
        None, description="Up to, but not including, then; forms as `from`.", examples=["now"]
    )
    time_zone: Annotated[Text, AfterValidator(_time_zone)] | None = Field(
        None,
        description="IANA zone of times without one, of `today`, and of calendar intervals; the "
        "server's, if left out.",
        examples=["Europe/Istanbul"],
    )

    def resolve(self, request: Request) -> Search:
        """Return what is searched for, by the server's clock and its zone. Raises ParameterError."""
        time_zone = self.time_zone or request.app.state.settings.time_zone
        now = request.app.state.clock().astimezone(zone(time_zone))
        spec = self._spec()
        return Search(spec, spec.filter(now), now, time_zone)

    def _spec(self) -> QuerySpec:
        given = self.model_dump(by_alias=True, exclude_none=True)
        values = {name: given[name] for name in NAMES if name in given}
        lists = {name: [v] if isinstance(v, str) else v for name, v in values.items()}
        return QuerySpec.parse((name, value) for name, some in lists.items() for value in some)


class ChatFilterParams(_SearchParams):
    """The filters that don't tear chats apart."""

    user: list[Text] = _any_of("user")
    org: list[Text] = _any_of("org")
    chat: list[Text] = _any_of("chat")
    not_user: list[Text] = _none_of("user")
    not_org: list[Text] = _none_of("org")
    not_chat: list[Text] = _none_of("chat")


class FilterParams(ChatFilterParams):
    """All filters."""

    effective_user: list[Text] = _any_of("effective_user")
    activity: list[Text] = _any_of("activity")
    outcome: list[Text] = _any_of("outcome")
    ip: list[Text] = _any_of("ip")
    country: list[Text] = _any_of("country")
    asn: list[Text] = _any_of("asn")
    list_: list[Text] = _any_of("list")
    service: list[Text] = _any_of("service")
    session: list[Text] = _any_of("session")
    text: list[Text] = _any_of("text")
    not_effective_user: list[Text] = _none_of("effective_user")
    not_activity: list[Text] = _none_of("activity")
    not_outcome: list[Text] = _none_of("outcome")
    not_ip: list[Text] = _none_of("ip")
    not_country: list[Text] = _none_of("country")
    not_asn: list[Text] = _none_of("asn")
    not_list: list[Text] = _none_of("list")
    not_service: list[Text] = _none_of("service")
    not_session: list[Text] = _none_of("session")
    not_text: list[Text] = _none_of("text")


async def check_query(request: Request) -> None:
    """Refuse what a model can't see: a query that is too long, and a single value given twice.

    Of the latter FastAPI takes the last. Raises ParameterError.
    """
    if len(request.url.query) > _QUERY_MAX:
        raise ParameterError("query", f"must have at most {_QUERY_MAX} characters in all")
    counts = Counter(name for name, _ in request.query_params.multi_items())
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        known = await run_in_threadpool(documented_parameters, request)
        for name in repeated:
            if name in known and known[name]["schema"].get("type") != "array":
                raise ParameterError(name, "give it once")
