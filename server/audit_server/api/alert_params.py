"""What the routes of alerts take: filters in the query, steps of triage and exceptions in the body."""

from datetime import datetime
from typing import Annotated, Any

from audit_alerts import (
    BECAUSE_MAX,
    BULK_MAX,
    NAME_MAX,
    NOTE_MAX,
    PAGE_MAX,
    AlertFilter,
    AlertOrder,
    CloseReason,
    Step,
    TriageStep,
)
from audit_query import ParameterError, TimeRangeError, parse_time, zone
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from audit_server.api.query_params import QueryParams, Text

__all__ = ["AlertsParams", "BulkBody", "ExceptionBody", "StepBody", "time_of"]

_ID_MAX = 64
_Id = Annotated[str, Field(min_length=1, max_length=_ID_MAX)]
_VERSION = (
    "The alert's `version` that the step was decided on: if somebody took another step since, this "
    "one is refused (409). Left out: whatever has happened since."
)


def _any_of(description: str, example: str) -> Any:
    return Field([], description=f"{description} May be repeated; any of them.", examples=[[example]])


class AlertsParams(QueryParams):
    """Filters, order and page."""

    level: list[Text] = _any_of("critical, high, medium, low or informational.", "high")
    status: list[Text] = _any_of(
        "open, acknowledged, closed, merged or suppressed; the first three, if left out.", "open"
    )
    rule: list[Text] = _any_of("A rule's name.", "brute-force")
    address: list[Text] = _any_of("An address that is concerned, or a CIDR range.", "192.0.2.0/24")
    user: list[Text] = _any_of("A user who is concerned.", "Ada")
    assignee: list[Text] = _any_of("Whose alert it is; `none`: nobody's.", "none")
    org: list[Text] = _any_of("An organization of the evidence.", "acme")
    exception: list[Text] = _any_of("The id of an exception that suppressed evidence.", "3f8a")
    from_: Text | None = Field(
        None,
        alias="from",
        description="Alerts with evidence from then on: 2026-11-23, -24h.",
        examples=["-24h"],
    )
    to: Text | None = Field(None, description="Alerts that began before then.", examples=["now"])
    order: AlertOrder = Field("newest", description="newest: by the last evidence; worst: by level.")
    size: int = Field(50, ge=1, le=PAGE_MAX, description="How many alerts, at most.")
    cursor: Text | None = Field(None, description="Of the page before.")

    def filter(self, request: Request) -> AlertFilter:
        """Return which alerts that means by the server's clock. Raises ParameterError."""
        return AlertFilter(
            levels=self.level,
            statuses=self.status,
            rules=self.rule,
            addresses=self.address,
            users=self.user,
            assignees=self.assignee,
            organizations=self.org,
            exceptions=self.exception,
            start=time_of(request, "from", self.from_) if self.from_ else None,
            end=time_of(request, "to", self.to) if self.to else None,
        )


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StepBody(_Body):
    """What belongs to a step; all of it may be left out where the step does not need it."""

    note: str | None = Field(None, max_length=NOTE_MAX, description="Free text, with any step.")
    assignee: str | None = Field(
        None, max_length=NAME_MAX, description="For `assign`; left out, the alert is nobody's."
    )
    reason: CloseReason | None = Field(None, description="For `close`, which needs one.")
    duplicate_of: _Id | None = Field(None, description="For `close`: the alert it is a duplicate of.")
    version: int | None = Field(None, ge=0, description=_VERSION)

    def step(self, step: Step, version: int | None = None) -> TriageStep:
        """Return the step. Raises TriageError."""
        return TriageStep(
            step,
            self.note,
            self.assignee,
            self.reason,
            self.duplicate_of,
            self.version if version is None else version,
        )


class AlertChoice(_Body):
    """One of many alerts."""

    id: _Id = Field(description="The alert's id.")
    version: int | None = Field(None, ge=0, description=_VERSION)


class BulkBody(StepBody):
    """One step on many alerts."""

    step_: Step = Field(alias="step", description="acknowledge, assign, close, reopen or note.")
    alerts: list[AlertChoice] = Field(
        min_length=1, max_length=BULK_MAX, description="Which, at most 200."
    )

    def steps(self) -> dict[str, TriageStep]:
        """Return the step for each. Raises TriageError."""
        return {each.id: self.step(self.step_, each.version) for each in self.alerts}


class ExceptionBody(_Body):
    """An exception from an alert's rule."""

    alert: _Id = Field(description="The alert whose values it is for.")
    fields: list[Annotated[str, Field(max_length=128)]] = Field(
        [],
        max_length=10,
        description="Fields of the alert's group, such as source.ip or audit.user; all, if left out.",
    )
    range: str | None = Field(
        None,
        max_length=64,
        description="In place of the alert's own address, a range that it lies in: of IPv4 /16 at "
        "most, of IPv6 /48.",
        examples=["192.0.2.0/24"],
    )
    until: str = Field(
        max_length=64, description="When it ends: 2027-01-31, +7d.", examples=["2027-01-31"]
    )
    because: str = Field(min_length=1, max_length=BECAUSE_MAX, description="Why there is one.")


def time_of(request: Request, name: str, text: str) -> datetime:
    """Return a time by the server's clock and its zone. Raises ParameterError."""
    state = request.app.state
    try:
        return parse_time(text, state.clock().astimezone(zone(state.settings.time_zone)))
    except TimeRangeError as error:
        raise ParameterError(name, str(error)) from None
