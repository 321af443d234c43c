"""Reports of a team and its chats as tables that fit a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta, tzinfo

from rich.table import Table

from audit_query.objectives import Objective
from audit_query.reports.case import ChatRow
from audit_query.reports.chat_tally import TransferRow
from audit_query.reports.report_tables import ROWS, chats_table, short, text_of
from audit_query.reports.tallied import RatioRow
from audit_query.reports.team_rows import TeamRow

__all__ = ["chats_tables", "ratios_table", "team_table", "transfers_table"]


def team_table(rows: Sequence[TeamRow], objectives: Sequence[Objective]) -> Table:
    """Return a row a user: what they did, and the medians of the waits that they ended."""
    table = _table()
    table.add_column("User", no_wrap=True, overflow="ellipsis")
    kinds = [one for one in objectives if one.kind != "closed"]
    headings = ("Assigned", "Joined", "Closed", "Active", "To\njoin", "\n95 %", "Handling\nmedian")
    for heading in (*headings, *(f"{one.kind}\nin {one.text}" for one in kinds)):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        joined, handled = row.tally.spread("joined"), row.tally.handled
        table.add_row(
            text_of(row.staff.person.user or ""),
            *(f"{n:,}" if n else "" for n in (row.staff.assigned, row.staff.joined, row.staff.closed)),
            short(row.staff.active) if row.staff.active else "",
            *(_seconds(value) for value in (joined.median, joined.p95, handled.median)),
            *(_percent(row.objectives[one.kind]) for one in kinds),
        )
    return table


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


def chats_tables(rows: Iterable[ChatRow], zone: tzinfo, zone_name: str) -> Iterator[Table]:
    """Yield tables of so many chats each that memory is bounded."""
    held: list[ChatRow] = []
    for row in rows:
        held.append(row)
        if len(held) == ROWS:
            yield chats_table(held, zone, zone_name)
            held = []
    if held:
        yield chats_table(held, zone, zone_name)


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else short(timedelta(seconds=seconds))


def _percent(percent: float | None) -> str:
    return "" if percent is None else f"{percent:g} %"
