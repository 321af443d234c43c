"""`report team`: what each did, in the time before too, and the waits that they ended. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from audit_query.objectives import Objective
from audit_query.reports.chat_tally import ChatTally, GroupTally
from audit_query.reports.staff_report import StaffReport, StaffRow
from audit_query.reports.wait_row import KINDS, Spread
from audit_query.teams import Teams

__all__ = ["TeamRow", "team_rows"]

_WAITS = ("until_assigned", "until_joined", "until_answered", "handling")
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
        if tally is None:
            waits = dict.fromkeys(_WAITS, _json(None))
            return {**waits, "percent_in_time": self._percents(None), "most_at_once": None}
        spreads = (*map(tally.spread, KINDS[:-1]), tally.handled)
        return {
            **dict(zip(_WAITS, map(_json, spreads), strict=True)),
            "percent_in_time": self._percents(tally),
            "most_at_once": tally.at_once.most,
        }

    def _percents(self, tally: GroupTally | None) -> dict[str, float | None]:
        return {
            one.kind: None if tally is None else tally.ratio(one).percent for one in self.objectives
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
