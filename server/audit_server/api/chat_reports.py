"""/reports/team, transfers, unanswered and objective: a team, and what becomes of its chats."""

from typing import Annotated, Literal

from audit_query import Filter, Teams
from audit_query.reports import (
    WHOLE,
    Tallying,
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
from audit_server.api.query_params import PREFIX, ChatFilterParams, Search, Text, check_query
from audit_server.api.report_rows import RowParams, deadline, rows_response
from audit_server.api.responses import (
    ObjectiveRowsResponse,
    TeamRowsResponse,
    TransferRowsResponse,
    UnansweredRowsResponse,
    documented,
)
from audit_server.settings import ServeSettings

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["reports"], dependencies=[Depends(check_query)])


class TeamParams(ChatFilterParams, RowParams):
    """Filters, a team among them, and how many rows."""

    team: Text | None = Field(
        None, description="Only users of this team of the server's file of teams."
    )


class ObjectiveParams(TeamParams):
    """The same, and the interval."""

    interval: Literal["hour", "day", "whole"] = Field(
        "day", description=f"Hours or days by the calendar; `{WHOLE}`: only all of it."
    )


@router.get(
    "/reports/team",
    summary="Who handled how many chats",
    response_class=Response,
    responses=documented(TeamRowsResponse),
)
def report_team(
    request: Request, caller: ReportCaller, params: Annotated[TeamParams, Query()]
) -> Response:
    """Return what each did who handles chats, in the time before too, and the waits they ended."""
    asked, progress = _Asked(request, params), deadline(request)
    life_of(asked.filter)
    report = staff(
        caller.log,
        asked.filter,
        before=period_before(asked.filter, asked.search.now),
        check=lambda: progress(0, 0),
    )
    tally = asked.tallying().count(caller.log, asked.filter, progress=progress)
    rows = team_rows(report, tally, asked.teams)
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


class _Asked:
    """What a request asks for, with a team's users among its filter."""

    def __init__(self, request: Request, params: TeamParams) -> None:
        self._settings: ServeSettings = request.app.state.settings
        self.teams = Teams.load(self._settings.teams_file)
        search = params.resolve(request)
        spec = search.spec
        for user in self.teams.users(params.team) if params.team is not None else ():
            spec = spec.with_("user", user)
        self.search = Search(spec, spec.filter(search.now), search.now, search.time_zone)

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
