"""`report team`: what each did, in the time before too, and the waits that they ended. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from audit_query.objectives import Objective
from audit_query.reports.chat_tally import ChatTally, GroupTally
from audit_query.reports.staff_report import StaffReport, StaffRow
from audit_query.reports.wait_row import Spread
from audit_query.teams import Teams

__all__ = ["TeamRow", "team_rows"]

_COMPARED = ("events", "opened", "assigned", "joined", "answered", "closed", "active_seconds")


@dataclass(frozen=True, slots=True)
class TeamRow:
    """Somebody's figures; `before` and `tally_before` are those of the time before, if asked for."""

    staff: StaffRow
    before: StaffRow | None
    tally: GroupTally
    tally_before: GroupTally | None
    teams: tuple[str, ...]
    objectives: Sequence[Objective]
    """Those that staff can meet: visitors close chats, too."""

    def to_json(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the row as JSON has it: times in a zone, durations in seconds."""
        before = self.before.to_json() if self.before is not None else {}
        return {
            **self.staff.to_json(zone),
            "teams": list(self.teams),
            "before": {name: before.get(name) for name in _COMPARED} | self._waits(self.tally_before),
            **self._waits(self.tally),
        }

    def _waits(self, tally: GroupTally | None) -> dict[str, Any]:
        """Return the waits that they ended, each None where they were not counted."""
        return {
            "until_assigned": _json(tally and tally.spread("assigned")),
            "until_joined": _json(tally and tally.spread("joined")),
            "until_answered": _json(tally and tally.spread("answered")),
            "handling": _json(tally and tally.handled),
            "percent_in_time": {
                one.kind: tally and tally.ratio(one).percent for one in self.objectives
            },
            "most_at_once": tally and tally.at_once.most,
        }


def team_rows(
    report: StaffReport, tally: ChatTally, teams: Teams, before: ChatTally | None = None
) -> Iterator[TeamRow]:
    """Yield a row for each of the staff, by name; `before` is the tally of the time before."""
    objectives = [one for one in tally.objectives if one.kind != "closed"]
    for row in report.rows:
        yield TeamRow(
            row,
            report.before.get(row.person),
            tally.people.get(row.person) or GroupTally(),
            None if before is None else before.people.get(row.person) or GroupTally(),
            teams.of(row.person.user, row.person.id),
            objectives,
        )


def _json(spread: Spread | None) -> dict[str, Any]:
    return {
        "count": spread and spread.count,
        "median_seconds": spread and spread.median,
        "p95_seconds": spread and spread.p95,
    }
