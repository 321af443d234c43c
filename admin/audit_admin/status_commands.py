"""`auditlog status`: lag and rates, once or for as long as one watches."""

import json
from itertools import islice
from typing import Annotated

import typer
from audit_consumer import ConsumerSettings
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
    watched: Annotated[bool, typer.Option("--watch", "-w", help="Go on until Ctrl-C.")] = False,
    seconds: Annotated[float, typer.Option(min=0.2, help="How long to measure rates.")] = 2.0,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Show how far the consumers are behind, and how fast records come and are settled."""
    console = Console(emoji=False)
    found = watch(ConsumerSettings(), seconds)
    if json_output:
        for partitions in found if watched else islice(found, 1):
            typer.echo(json.dumps([_as_json(partition) for partition in partitions]))
        return
    if not watched:
        with console.status(f"Measuring for {seconds:g} s"):
            partitions = next(found)
        console.print(_table(partitions))
        console.print(summary(partitions), highlight=False, soft_wrap=True)
        return
    with Live(console=console, refresh_per_second=4) as live:
        for partitions in found:
            table = _table(partitions)
            table.caption = summary(partitions)
            live.update(table)


def summary(partitions: list[PartitionStatus]) -> str:
    """Return how far it is, and when it will be caught up at this rate."""
    lag = sum(p.lag for p in partitions)
    gain = sum(p.settled_rate - p.published_rate for p in partitions)
    if lag == 0:
        return "Caught up: every record is settled"
    if all(p.settled_rate == 0 for p in partitions):
        return f"{lag:,} records behind, and none was settled just now. Does a consumer run?"
    if gain <= 0:
        return f"{lag:,} records behind, and more come than are settled"
    return f"{lag:,} records behind; caught up in {_span(lag / gain)} at this rate"


def _table(partitions: list[PartitionStatus]) -> Table:
    table = Table("Partition", box=None)
    for heading in ("Published", "Settled", "Behind", "In a second", "Settled a second"):
        table.add_column(heading, justify="right")
    for p in partitions:
        table.add_row(
            str(p.partition),
            f"{p.published:,}",
            f"{p.settled:,}",
            f"{p.lag:,}",
            f"{p.published_rate:,.0f}",
            f"{p.settled_rate:,.0f}",
        )
    return table


def _span(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"


def _as_json(p: PartitionStatus) -> dict[str, int | float]:
    return {
        "partition": p.partition,
        "published": p.published,
        "settled": p.settled,
        "lag": p.lag,
        "published_per_second": round(p.published_rate, 1),
        "settled_per_second": round(p.settled_rate, 1),
    }
