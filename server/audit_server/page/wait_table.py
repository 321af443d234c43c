"""The table of waits: how long chats waited for each, against the time before, and the objectives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_query import Objective, Ratio
from audit_query.reports import ChatTally, GroupTally, Person, Spread

from audit_server.page.report_columns import Column, headings, in_order
from audit_server.page.report_view import Period, ReportView

__all__ = ["Compared", "Share", "WaitLine", "compared", "share_of", "wait_table"]

_SPREADS = (
    ("assigned", "Until assigned"),
    ("joined", "Until joined"),
    ("answered", "Until answered"),
    ("handled", "Handling"),
)


@dataclass(frozen=True, slots=True)
class Compared:
    """Waits of a kind, and those of the time before, if they were counted."""

    now: Spread
    before: Spread | None


@dataclass(frozen=True, slots=True)
class Share:
    """How many chats met an objective, the same in the time before, and the link to these chats."""

    now: Ratio
    before: Ratio | None
    link: str


@dataclass(frozen=True, slots=True)
class WaitLine:
    """A row: somebody, or a team."""

    name: str
    id: str | None
    link: str
    spreads: Sequence[Compared]
    shares: Sequence[Share]
    chats: str
    most: int
    """Chats at the same time."""


def wait_table(
    tally: ChatTally, view: ReportView, period: Period, before: ChatTally | None
) -> Mapping[str, Any]:
    """Return the table of waits that each ended, sorted, and those of the teams, for its template."""
    spreads = [one for one in _SPREADS if one[0] != "answered" or tally.has_answers]
    objectives = [one for one in tally.objectives if one.kind != "closed"]
    columns = _columns(spreads, objectives)
    lines = _Lines(view, period, [kind for kind, _ in spreads], objectives)
    people = [
        lines.of_person(
            person, group, None if before is None else before.people.get(person, GroupTally())
        )
        for person, group in tally.people.items()
        if person.user is not None
    ]
    teams = [
        lines.of_team(name, group, None if before is None else before.teams.get(name, GroupTally()))
        for name, group in tally.teams.items()
    ]
    return {
        "compared": before is not None,
        "headings": headings(columns, view, "-joined_n"),
        "lines": in_order(people, columns, view, "-joined_n"),
        "teams": in_order(teams, columns, view, "-joined_n"),
    }


def compared(kind: str, now: GroupTally, before: GroupTally | None) -> Compared:
    """Return the waits of a kind, or the handling."""
    return Compared(_spread_of(now, kind), None if before is None else _spread_of(before, kind))


def share_of(objective: Objective, now: GroupTally, before: GroupTally | None, link: str) -> Share:
    """Return the share of an objective."""
    return Share(now.ratio(objective), None if before is None else before.ratio(objective), link)


def _columns(
    spreads: Sequence[tuple[str, str]], objectives: Sequence[Objective]
) -> Sequence[Column[WaitLine]]:
    columns: list[Column[WaitLine]] = [Column("user", "User", lambda line: line.name.casefold())]
    for place, (name, title) in enumerate(spreads):
        columns += [
            Column(f"{name}_n", "Chats", _value(place, "count"), title),
            Column(f"{name}_median", "Median", _value(place, "median"), title),
            Column(f"{name}_p95", "95 %", _value(place, "p95"), title),
        ]
    for place, objective in enumerate(objectives):
        title = f"{objective.kind} in {objective.text}".capitalize()
        columns.append(Column(f"{objective.kind}_in_time", title, _percent(place), "Objective"))
    return [*columns, Column("most", "Most at once", lambda line: line.most, "Chats")]


def _value(place: int, name: str) -> Callable[[WaitLine], Any]:
    return lambda line: getattr(line.spreads[place].now, name)


def _percent(place: int) -> Callable[[WaitLine], Any]:
    return lambda line: line.shares[place].now.percent


@dataclass(frozen=True, slots=True)
class _Lines:
    view: ReportView
    period: Period
    kinds: Sequence[str]
    objectives: Sequence[Objective]

    def of_person(self, person: Person, now: GroupTally, before: GroupTally | None) -> WaitLine:
        user = person.user or ""
        link, chats = self.view.to_user(user), self.view.to_chats(self.period, person)
        whose = {"by": user, "by_id": person.id or "none"}
        return self._line(user, person.id, link, chats, now, before, whose)

    def of_team(self, name: str, now: GroupTally, before: GroupTally | None) -> WaitLine:
        link = self.view.of_team(name)
        return self._line(name, None, link, link, now, before, {"by_team": name})

    def _line(
        self,
        name: str,
        its_id: str | None,
        link: str,
        chats: str,
        now: GroupTally,
        before: GroupTally | None,
        whose: Mapping[str, str],
    ) -> WaitLine:
        return WaitLine(
            name,
            its_id,
            link,
            [compared(kind, now, before) for kind in self.kinds],
            [
                share_of(one, now, before, self.view.to_decided(self.period, one.kind, **whose))
                for one in self.objectives
            ],
            chats,
            now.at_once.most,
        )


def _spread_of(group: GroupTally, kind: str) -> Spread:
    return group.handled if kind == "handled" else group.spread(kind)  # type: ignore[arg-type]
