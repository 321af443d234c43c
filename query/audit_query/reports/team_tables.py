"""Reports of a team and its chats as tables that fit a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta, tzinfo
from itertools import islice

from rich.table import Table

from audit_query.objectives import Objective
from audit_query.reports.case import ChatRow
from audit_query.reports.chat_tally import GroupTally, TransferRow
from audit_query.reports.decisions import Decision
from audit_query.reports.report_tables import ROWS, chats_table, short, text_of
from audit_query.reports.staff_report import StaffRow
from audit_query.reports.tallied import RatioRow
from audit_query.reports.team_rows import TeamRow

__all__ = ["chats_tables", "decided_tables", "ratios_table", "team_table", "transfers_table"]


def team_table(rows: Sequence[TeamRow], objectives: Sequence[Objective]) -> Table:
    """Return a row a user: what they did, and the medians of the waits that they ended.

    Where the waits of the time before were counted, a second row has all of that time.
    """
    table = _table()
    table.add_column("User", no_wrap=True, overflow="ellipsis")
    kinds = [one for one in objectives if one.kind != "closed"]
    headings = ("Assigned", "Joined", "Closed", "Active", "To\njoin", "\n95 %", "Handling\nmedian")
    for heading in (*headings, *(f"{one.kind}\nin {one.text}" for one in kinds)):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        user = text_of(row.staff.person.user or "")
        table.add_row(user, *_figures(row.staff, row.tally, kinds))
        if row.tally_before is not None:
            before = row.before or StaffRow(row.staff.person)
            table.add_row("  before", *_figures(before, row.tally_before, kinds), style="dim")
    return table


def _figures(staff: StaffRow, tally: GroupTally, kinds: Sequence[Objective]) -> Iterator[str]:
    yield from (f"{n:,}" if n else "" for n in (staff.assigned, staff.joined, staff.closed))
    yield short(staff.active) if staff.active else ""
    joined = tally.spread("joined")
    yield from (_seconds(value) for value in (joined.median, joined.p95, tally.handled.median))
    yield from (_percent(tally.ratio(one).percent) for one in kinds)


def transfers_table(rows: Sequence[TransferRow]) -> Table:
    """Return a row a pair of users."""
    table = _table()
    for heading in ("From", "To"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    table.add_column("Chats", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(text_of(row.giver.user or ""), text_of(row.taker.user or ""), f"{row.count:,}")
    return table


def ratios_table(rows: Sequence[RatioRow], zone: tzinfo, zone_name: str) -> Table:
    """Return a row a bucket and objective; all together first."""
    table = _table()
    table.add_column(f"From ({zone_name})", no_wrap=True)
    table.add_column("Objective", no_wrap=True)
    for heading in ("Share", "Met", "Of"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            f"{row.start.astimezone(zone):%Y-%m-%d %H:%M}" if row.start else "(all)",
            row.ratio.objective.name,
            _percent(row.ratio.percent),
            f"{row.ratio.met:,}",
            f"{row.ratio.of:,}",
        )
    return table


def decided_tables(rows: Iterable[Decision], zone: tzinfo, zone_name: str) -> Iterator[Table]:
    """Yield tables of chats that met or missed an objective, some at a time."""
    rest = iter(rows)
    while some := list(islice(rest, ROWS)):
        table = _table()
        for heading in (f"Opened ({zone_name})", "Chat", "Objective", "", "After", "By"):
            table.add_column(heading, no_wrap=True, overflow="ellipsis")
        for one in some:
            table.add_row(
                f"{one.row.opened.astimezone(zone):%Y-%m-%d %H:%M}" if one.row.opened else "",
                text_of(one.row.chat),
                one.objective.name,
                "met" if one.is_met else "missed",
                _seconds(one.seconds) or "never",
                text_of(one.person.user or "") if one.person else "",
            )
        yield table


def chats_tables(rows: Iterable[ChatRow], zone: tzinfo, zone_name: str) -> Iterator[Table]:
    """Yield tables of so many chats each that memory is bounded."""
    rest = iter(rows)
    while some := list(islice(rest, ROWS)):
        yield chats_table(some, zone, zone_name)


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else short(timedelta(seconds=seconds))


def _percent(percent: float | None) -> str:
    return "" if percent is None else f"{percent:g} %"
