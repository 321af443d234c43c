"""/reports/team, transfers, unanswered, objective: a team, and what becomes of its chats."""

from dataclasses import replace
from typing import Annotated, Literal

from audit_query import Filter, ParameterError, Teams
from audit_query.reports import (
    WHOLE,
    Tallying,
    decided,
    life_of,
    period_before,
    ratios,
    staff,
    team_rows,
    unanswered,
)
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from audit_server.access import ReportCaller
from audit_server.api.query_params import PREFIX, ChatFilterParams, Text, check_query
from audit_server.api.report_rows import RowParams, deadline, rows_response
from audit_server.api.responses import (
    DecidedRowsResponse,
    ObjectiveRowsResponse,
    TeamRowsResponse,
    TransferRowsResponse,
    UnansweredRowsResponse,
    documented,
)
from audit_server.asked_decisions import NO_ID, asked_decisions
from audit_server.settings import ServeSettings

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["reports"], dependencies=[Depends(check_query)])


class TeamParams(ChatFilterParams, RowParams):
    """Filters, a team among them, and how many rows."""

    team: Text | None = Field(
        None, description="Only users of this team of the server's file of teams."
    )


class ComparedParams(TeamParams):
    """The same, and whether to count the waits of the time before."""

    compare: Literal["yes", "no"] = Field(
        "no",
        description="Also the waits of the time before, which takes as long again; else they are null.",
    )


class ObjectiveParams(TeamParams):
    """The same, and the interval."""

    interval: Literal["hour", "day", "whole"] = Field(
        "day", description=f"Hours or days by the calendar; `{WHOLE}`: only all of it."
    )


class DecidedParams(TeamParams):
    """The same, and which of the chats behind a share."""

    objective: Literal["assigned", "joined", "answered", "closed"] = Field(
        description="Which of the server's objectives.", examples=["assigned"]
    )
    met: Literal["yes", "no"] | None = Field(
        None, description="Only chats that met it, or that missed it."
    )
    by: Text | None = Field(
        None, description="Only chats that this user was assigned, joined or answered, by name."
    )
    by_id: Text | None = Field(
        None, description=f"The id of that user, where several have the name; `{NO_ID}`: without one."
    )
    by_team: Text | None = Field(None, description="The same of a team of the server's file.")
    opened_from: Text | None = Field(
        None, description="Only chats opened from then on, with what happened to them up to `to`."
    )
    opened_to: Text | None = Field(None, description="Only chats opened before then.")


@router.get(
    "/reports/team",
    summary="Who handled how many chats",
    response_class=Response,
    responses=documented(TeamRowsResponse),
)
def report_team(
    request: Request, caller: ReportCaller, params: Annotated[ComparedParams, Query()]
) -> Response:
    """Return what each did who handles chats, in the time before too, and the waits they ended."""
    asked, progress = _Asked(request, params), deadline(request)
    life_of(asked.filter)
    before = period_before(asked.filter, asked.search.now)
    if params.compare == "yes" and before is None:
        raise ParameterError("compare", "needs from: the time before has no beginning without it")
    report = staff(caller.log, asked.filter, before=before, check=lambda: progress(0, 0))
    tallying = asked.tallying()
    tally = tallying.count(caller.log, asked.filter, progress=progress)
    earlier = None
    if params.compare == "yes" and before is not None:
        earlier = tallying.count(caller.log, before, progress=progress)
    rows = team_rows(report, tally, asked.teams, earlier)
    return rows_response(caller, asked.search, params, rows)


@router.get(
    "/reports/transfers",
    summary="Who gave chats to whom",
    response_class=Response,
    responses=documented(TransferRowsResponse),
)
def report_transfers(
    request: Request, caller: ReportCaller, params: Annotated[TeamParams, Query()]
) -> Response:
    """Return who had how many chats that were assigned to somebody else then, most first."""
    asked = _Asked(request, params)
    tally = asked.tallying().count(caller.log, asked.filter, progress=deadline(request))
    return rows_response(caller, asked.search, params, tally.transfers)


@router.get(
    "/reports/unanswered",
    summary="Chats that nobody took",
    response_class=Response,
    responses=documented(UnansweredRowsResponse),
)
def report_unanswered(
    request: Request, caller: ReportCaller, params: Annotated[TeamParams, Query()]
) -> Response:
    """Return the chats that nobody was assigned to, or nobody answered: the closed, then the open.

    Where first answers are not published, those that nobody joined.
    """
    asked = _Asked(request, params)
    rows = unanswered(caller.log, asked.filter, progress=deadline(request))
    return rows_response(caller, asked.search, params, rows)


@router.get(
    "/reports/objective",
    summary="Which share of the chats met an objective",
    response_class=Response,
    responses=documented(ObjectiveRowsResponse),
)
def report_objective(
    request: Request, caller: ReportCaller, params: Annotated[ObjectiveParams, Query()]
) -> Response:
    """Return the share within each objective of the server: of all chats, then by interval."""
    asked = _Asked(request, params)
    tallying = asked.tallying(params.interval)
    tally = tallying.count(caller.log, asked.filter, progress=deadline(request))
    return rows_response(caller, asked.search, params, ratios(tally))


@router.get(
    "/reports/objective/chats",
    summary="Which chats met an objective, and which missed it",
    response_class=Response,
    responses=documented(DecidedRowsResponse),
)
def report_decided(
    request: Request, caller: ReportCaller, params: Annotated[DecidedParams, Query()]
) -> Response:
    """Return the chats behind a share of `/reports/objective`: first the closed, then the open."""
    asked = _Asked(request, params)
    which = asked_decisions(params.model_dump(), asked.search.now)
    tallying = asked.tallying()
    tallying = replace(tallying, objectives=(tallying.objective(params.objective),))
    rows = decided(caller.log, asked.filter, tallying, which, progress=deadline(request))
    return rows_response(caller, asked.search, params, rows)


class _Asked:
    """What a request asks for, with a team's users among its filter."""

    def __init__(self, request: Request, params: TeamParams) -> None:
        self._settings: ServeSettings = request.app.state.settings
        self.teams = Teams.load(self._settings.teams_file)
        search = params.resolve(request)
        users = self.teams.users(params.team) if params.team is not None else ()
        wanted = replace(search.filter, users=(*search.filter.users, *users))
        self.search = replace(search, filter=wanted)

    @property
    def filter(self) -> Filter:
        return self.search.filter

    def tallying(self, interval: str = WHOLE) -> Tallying:
        return Tallying(
            self.search.now,
            self._settings.objectives,
            self.teams,
            interval,
            self.search.time_zone,
        )
