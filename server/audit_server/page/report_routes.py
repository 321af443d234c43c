"""Routes of the reports: team, chats, one user's sessions."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, cast

from audit_query import AuditLog, Filter, Teams
from audit_query.reports import (
    WHOLE,
    ChatTally,
    DecidedChats,
    Person,
    StaffRow,
    Tallying,
    life_of,
    staff,
    summed_staff,
    user_report,
)
from fastapi import APIRouter, Request, Response

from audit_server.access import Caller, ReportCaller
from audit_server.asked_decisions import asked_decisions
from audit_server.page.chats_page import chats_context
from audit_server.page.counting import Computed, Counting, Deadline, Earlier, Tallies
from audit_server.page.decided_page import DECIDED_OWN, decided_context
from audit_server.page.render import show, stream, view_of
from audit_server.page.report_view import DECIDED, OWN, RANGES, Period, ReportView
from audit_server.page.sessions_page import sessions_context
from audit_server.page.team_page import staff_table
from audit_server.page.wait_table import wait_table
from audit_server.settings import ServeSettings

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

PART = "Reports"
K = TypeVar("K", bound=Counting[ChatTally])


@router.get("/reports/team")
def team(request: Request, caller: ReportCaller) -> Response:
    """Show who handled how much, and the waits they ended, each when it is counted."""
    asked = _Asked(request, caller, "/reports/team")
    view, period = asked.view, asked.period

    def counted() -> Mapping[str, Any]:
        check = asked.deadline.check
        report = staff(caller.log, period.wanted, before=period.before, check=check)
        return staff_table(report, view, period)

    return asked.stream(
        "report_team.html",
        staff=lambda: Computed.by(counted),
        **asked.counts(),
        wait_table=lambda tally, before: wait_table(tally, view, period, before),
        csv=view.to_api("team", period, format="csv", size="10000"),
    )


@router.get("/reports/chats")
def chats(request: Request, caller: ReportCaller) -> Response:
    """Show how long chats wait, which of them nobody took, who gave them to whom."""
    asked = _Asked(request, caller, "/reports/chats")
    life_of(asked.period.wanted)  # refuses filters that tear chats apart, before the page begins
    context = chats_context(caller.log, asked.view, asked.period, asked.interval)
    return asked.stream("report_chats.html", **asked.counts(), **context)


@router.get(DECIDED)
def decided(request: Request, caller: ReportCaller) -> Response:
    """Show the chats behind the share of an objective."""
    asked = _Asked(request, caller, DECIDED, without=DECIDED_OWN)
    wanted = asked.period.wanted
    life_of(wanted)
    given = {name: value for name, value in request.query_params.items() if value}
    which = asked_decisions(given, asked.now.astimezone(asked.view.view.zone))
    tallying = asked.tallying()
    objective = tallying.objective(given.get("objective", ""))
    collected = DecidedChats(replace(tallying, objectives=(objective,)).decided(wanted, which))
    return asked.stream(
        "report_objective.html",
        counting=Counting(caller.log, wanted, collected, asked.deadline),
        **decided_context(which, objective, given, asked.view, asked.period),
    )


@router.get("/reports/users/")
def user_by_query(request: Request, caller: ReportCaller, name: str) -> Response:
    """Show the sessions of a user whose name can't be part of an address."""
    return _sessions(request, caller, name, without=("name",))


@router.get("/reports/users/{name:path}")
def user(request: Request, caller: ReportCaller, name: str) -> Response:
    """Show a user's sessions."""
    return _sessions(request, caller, name, without=())


class _Asked:
    """What a request asks of the reports, and how it is counted."""

    def __init__(
        self, request: Request, caller: Caller, path: str, without: tuple[str, ...] = ()
    ) -> None:
        self._request = request
        self._caller = caller
        settings: ServeSettings = request.app.state.settings
        self.teams = Teams.load(settings.teams_file)
        now: datetime = request.app.state.clock()
        self.now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as addresses have it
        given = request.query_params.multi_items()
        self.view = ReportView.of(view_of(request, without=(*OWN, *without)), path, given)
        self.period = self.view.period(self.now, self.teams)
        self.interval = self.view.interval(self.period)
        self.deadline = Deadline(settings.query_seconds)
        self._settings = settings

    def stream(self, template: str, **context: Any) -> Response:
        """Return the page of a report, which counts while it is sent.

        Before that the events are counted alone, which is quick: so a log that can't be searched is
        an answer with a status of its own.
        """
        events = self._caller.log.count(self.period.wanted)
        self.deadline.check()
        self._caller.record_search(self.view.view.spec, events, report=self.view.path)
        return stream(
            self._request,
            self._caller,
            template,
            part=PART,
            view=self.view.view,
            report=self.view,
            period=self.period,
            ranges=RANGES,
            teams=list(self.teams.members) if self._caller.organization is None else (),
            **context,
        )

    def counts(self) -> Mapping[str, Any]:
        """Return what counts the chats, and those of the time before, or has done so just now."""
        wanted, before, key = self.period.wanted, self.period.before, self.view.key
        counting = self._remembered(Counting, key, wanted, self.tallying().tally(wanted))
        whole = replace(self.tallying(), interval=WHOLE)
        earlier = self._remembered(Earlier, f"before {key}", before, whole.tally(before))
        earlier.is_asked = self.view.is_compared
        return {"counting": counting, "earlier": earlier}

    def _remembered(self, kind: type[K], key: str, wanted: Filter, tally: ChatTally) -> K:
        log, tallies = self._caller.log, cast("Tallies", self._request.app.state.tallies)
        organization, key = self._caller.organization, f"{key} {self.view.view.zone_name}"
        done = lambda tally: tallies.keep(organization, key, tally)  # noqa: E731
        counting = kind(log, wanted, tally, self.deadline, done=done)
        counting.tally = tallies.get(organization, key)
        return counting

    def tallying(self) -> Tallying:
        """Return how chats are added up."""
        return Tallying(
            self.now, self._settings.objectives, self.teams, self.interval, self.view.view.zone_name
        )


def _sessions(request: Request, caller: Caller, name: str, without: tuple[str, ...]) -> Response:
    view = ReportView.of(view_of(request, without=(*OWN, *without)), "/reports/users", ())
    period = view.period(request.app.state.clock(), Teams())
    report = user_report(caller.log, period.wanted, name)
    deadline = Deadline(request.app.state.settings.query_seconds)
    figures = _figures(caller.log, name, period, deadline)
    caller.record_search(
        view.view.spec.with_("user", name), report.facts.events if report.facts else 0, report="user"
    )
    return show(
        request,
        caller,
        "report_user.html",
        part=PART,
        view=view.view,
        report=view,
        period=period,
        ranges=RANGES,
        **sessions_context(report, figures, view, period),
    )


def _figures(log: AuditLog, name: str, period: Period, deadline: Deadline) -> tuple[StaffRow, StaffRow]:
    """Return what somebody did, and did in the time before; of several with one name, in sum."""
    wanted, before = (replace(one, users=(name,)) for one in (period.wanted, period.before))
    report = staff(log, wanted, before=before, check=deadline.check)
    person = Person(name, None)
    return summed_staff(person, report.rows), summed_staff(person, list(report.before.values()))
