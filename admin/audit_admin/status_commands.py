"""`auditlog status`: lag and rates, once or continuously."""

from itertools import islice
from typing import Annotated

import typer
from audit_consumer import ConsumerSettings
from audit_runtime.terminal import Json, print_json
from rich.console import Console
from rich.live import Live
from rich.table import Table

from audit_admin.status import PartitionStatus, watch

__all__ = ["register", "summary"]

_MINUTE, _HOUR = 60, 3600


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status", epilog="Example: auditlog status --watch")(status_command)


def status_command(
    watched: Annotated[bool, typer.Option("--watch", "-w", help="Keep updating until Ctrl-C.")] = False,
    seconds: Annotated[
        float, typer.Option(min=0.2, help="Interval over which rates are measured.")
    ] = 2.0,
    json_output: Json = False,
) -> None:
    """Show how far the consumers are behind, and how fast records are published and consumed.

    The columns are those of Kafka's own tools: CURRENT-OFFSET is the offset that the consumer group has
    committed, LOG-END-OFFSET the one that the next record gets, LAG the difference.
    """
    console = Console(emoji=False)
    statuses = watch(ConsumerSettings(), seconds)
    if json_output:
        for partitions in statuses if watched else islice(statuses, 1):
            print_json([_as_json(partition) for partition in partitions])
        return
    if not watched:
        with console.status(f"Measuring for {seconds:g} s"):
            partitions = next(statuses)
        console.print(_table(partitions))
        console.print(summary(partitions), highlight=False, soft_wrap=True)
        return
    with Live(console=console, refresh_per_second=4) as live:
        for partitions in statuses:
            table = _table(partitions)
            table.caption = summary(partitions)
            live.update(table)


def summary(partitions: list[PartitionStatus]) -> str:
    """Return how far the consumers are behind, and when they will have caught up at this rate."""
    lag = sum(p.lag for p in partitions)
    gain = sum(p.consumed_per_second - p.published_per_second for p in partitions)
    if lag == 0:
        return "Caught up: every record is committed"
    if all(p.consumed_per_second == 0 for p in partitions):
        return f"{lag:,} records behind, and none was consumed just now. Is a consumer running?"
    if gain <= 0:
        return f"{lag:,} records behind, and more are published than consumed"
    return f"{lag:,} records behind; caught up in {_duration(lag / gain)} at this rate"


def _table(partitions: list[PartitionStatus]) -> Table:
    table = Table("PARTITION", box=None)
    for heading in ("CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMED/S", "PUBLISHED/S"):
        table.add_column(heading, justify="right")
    for p in partitions:
        table.add_row(
            str(p.partition),
            f"{p.current_offset:,}",
            f"{p.log_end_offset:,}",
            f"{p.lag:,}",
            f"{p.consumed_per_second:,.0f}",
            f"{p.published_per_second:,.0f}",
        )
    return table


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"


def _as_json(p: PartitionStatus) -> dict[str, int | float]:
    return {
        "partition": p.partition,
        "current_offset": p.current_offset,
        "log_end_offset": p.log_end_offset,
        "lag": p.lag,
        "consumed_per_second": round(p.consumed_per_second, 1),
        "published_per_second": round(p.published_per_second, 1),
    }
