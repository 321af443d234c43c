"""`report team`: what each did, in the time before too, and the waits that they ended. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from audit_query.reports.chat_tally import ChatTally, GroupTally
from audit_query.reports.staff_report import StaffReport, StaffRow
from audit_query.reports.wait_row import Spread
from audit_query.teams import Teams

__all__ = ["TeamRow", "team_rows"]

_COMPARED = ("events", "opened", "assigned", "joined", "answered", "closed", "active_seconds")


@dataclass(frozen=True, slots=True)
class TeamRow:
    """Somebody's figures; `before` are those of the time before, if it was asked for."""

    staff: StaffRow
    before: StaffRow | None
    tally: GroupTally
    teams: tuple[str, ...]
    objectives: Mapping[str, float | None]
    """The percentage within each objective, by its kind."""

    def to_json(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the row as JSON has it: times in a zone, durations in seconds."""
        before = self.before.to_json() if self.before is not None else {}
        return {
            **self.staff.to_json(zone),
            "teams": list(self.teams),
            "before": {name: before.get(name) for name in _COMPARED},
            "until_assigned": _json(self.tally.spread("assigned")),
            "until_joined": _json(self.tally.spread("joined")),
            "until_answered": _json(self.tally.spread("answered")),
            "handling": _json(self.tally.handled),
            "percent_in_time": dict(self.objectives),
            "most_at_once": self.tally.at_once.most,
        }


def team_rows(report: StaffReport, tally: ChatTally, teams: Teams) -> Iterator[TeamRow]:
    """Yield a row for each of the staff, by name."""
    objectives = [one for one in tally.objectives if one.kind != "closed"]
    for row in report.rows:
        group = tally.people.get(row.person) or GroupTally()
        yield TeamRow(
            row,
            report.before.get(row.person),
            group,
            teams.of(row.person.user, row.person.id),
            {one.kind: group.ratio(one).percent for one in objectives},
        )


def _json(spread: Spread) -> dict[str, Any]:
    return {
        "count": spread.count,
        "median_seconds": spread.median,
        "p95_seconds": spread.p95,
    }
