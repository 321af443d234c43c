"""`auditlog retention`."""

import contextlib
import getpass
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from audit_consumer import ConsumerSettings, EventIndex, SetupFaultError
from audit_producer import AuditProducer, PublishError
from audit_producer.publishing import PublisherSettings
from audit_runtime.elastic import connect
from audit_runtime.terminal import print_lines
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from audit_admin.indices.inventory import Held
from audit_admin.indices.lifecycle import set_lifecycle
from audit_admin.indices.retention import Keep, Sentence, Verdict, delete, judge
from audit_admin.settings import SetupSettings

__all__ = ["register"]

_EXAMPLE = "Example: auditlog retention --keep-months 24; then: the same with --delete --yes --as NAME"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("retention", epilog=_EXAMPLE)(retention_command)


def retention_command(
    keep_months: Annotated[
        int | None,
        typer.Option(min=1, max=1200, help="Months that an index is kept after its period's end."),
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(min=1, max=36500, help="Days that it is kept after its period's end, instead."),
    ] = None,
    delete_them: Annotated[
        bool, typer.Option("--delete", help="Delete what the policy lets go; without it, only show it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before deleting; for timers.")] = False,
    who: Annotated[
        str | None, typer.Option("--as", help="Who deletes, in the log's own event; else the account.")
    ] = None,
    ilm: Annotated[
        bool,
        typer.Option(
            "--ilm", help="Let Elasticsearch do it (ILM): put the policy, name it everywhere."
        ),
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Show the indices, their age and size, and which of them a policy lets go; delete those.

    Whole indices only, by the end of the month or day in their name; never the current one, nor one
    that carries the name and is not ours, nor one of which Kafka still holds events: a replay would
    bring it back, and verify would call its events missing. Before an index is deleted, the log gets
    an event of it (audit-log-deleted); where that can't be published, nothing is deleted. The index
    of alerts and the dead-letter topic are left alone.
    """
    keep = _keep(keep_months, keep_days, needed=delete_them or ilm)
    settings = ConsumerSettings()
    index = EventIndex(settings, settings.request_seconds)
    naming = index.naming()
    index.close()
    with connect(settings, seconds=settings.request_seconds) as client:
        if ilm and keep is not None:
            print_lines(*set_lifecycle(client, naming, SetupSettings(), keep))
            return
        sentence = judge(client, naming, settings, keep, datetime.now(UTC).date())
        if not json_output:
            _show(sentence, keep)
        gone: list[Held] = []
        if delete_them and keep is not None and sentence.going and _is_wanted(sentence.going, yes=yes):
            with _noting(who or getpass.getuser(), keep) as note:
                for held in delete(client, naming, sentence.going, note):
                    gone.append(held)
                    if not json_output:
                        print_lines(f"deleted {held.index}")
        if json_output:
            _print_json(sentence, keep, gone)


def _keep(months: int | None, days: int | None, *, needed: bool) -> Keep | None:
    if months is not None and days is not None:
        raise typer.BadParameter("give one of --keep-months and --keep-days")
    if months is None and days is None:
        if needed:
            raise typer.BadParameter("say how long events are kept: --keep-months or --keep-days")
        return None
    return Keep(months or 0, days or 0)


def _is_wanted(going: Sequence[Verdict], *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise SetupFaultError("Nobody is there to ask before deleting: say --yes if it is meant")
    events = sum(verdict.held.documents or 0 for verdict in going)
    return typer.confirm(f"Delete {len(going)} indices with {events:,} events for good?", err=True)


@contextlib.contextmanager
def _noting(who: str, keep: Keep) -> Iterator[Callable[[Held, str | None], None]]:
    """Give what writes deletions into the log. It returns when Kafka has acknowledged the event."""
    with AuditProducer(PublisherSettings()) as audit:
        audit.check()

        def note(held: Held, failure: str | None) -> None:
            audit.audit_log_deleted(
                user={"name": who},
                outcome="failure" if failure else None,
                reason=failure,
                service="auditlog-retention",
                labels={
                    "index": held.index,
                    "from": str(held.begin),
                    "before": str(held.end),
                    "events": str(held.documents),
                    "bytes": str(held.bytes),
                    "policy": str(keep),
                },
            )
            if audit.flush() or audit.counts.undelivered:
                raise PublishError(
                    f"Kafka did not take the event that {held.index} is deleted, so it is not deleted"
                )

        yield note


def _show(sentence: Sentence, keep: Keep | None) -> None:
    table = Table("Index", "Holds", "Age", box=None, pad_edge=False)
    for heading in ("Events", "Size"):
        table.add_column(heading, justify="right")
    table.add_column("" if keep is None else f"With {keep}")
    today = datetime.now(UTC).date()
    for verdict in sentence.verdicts:
        held = verdict.held
        table.add_row(
            escape(held.index),
            f"{held.begin} to {held.end}",
            _age(held.end, today),
            "closed" if held.documents is None else f"{held.documents:,}",
            "" if held.bytes is None else decimal(held.bytes),
            escape(_meaning(verdict)) if keep else _state(held),
        )
    for index in sentence.foreign:
        table.add_row(escape(index), "", "", "", "", "not ours, left alone")
    Console(emoji=False).print(table)


def _age(end: date, today: date) -> str:
    return "current" if end > today else f"{(today - end).days:,} days"


def _state(held: Held) -> str:
    return "" if held.is_live else "a copy that reindex made or kept"


def _meaning(verdict: Verdict) -> str:
    if verdict.goes:
        return "is deleted" + ("" if verdict.held.is_live else ", a copy")
    return (verdict.why_not and f"stays: {verdict.why_not}") or "stays"


def _print_json(sentence: Sentence, keep: Keep | None, gone: Sequence[Held]) -> None:
    rows = [
        {
            "index": verdict.held.index,
            "name": verdict.held.name,
            "from": str(verdict.held.begin),
            "before": str(verdict.held.end),
            "documents": verdict.held.documents,
            "bytes": verdict.held.bytes,
            "live": verdict.held.is_live,
            "over": verdict.is_over,
            "stays_because": verdict.why_not or None,
            "deleted": verdict.held in gone,
        }
        for verdict in sentence.verdicts
    ]
    data = {"policy": str(keep) if keep else None, "indices": rows, "foreign": list(sentence.foreign)}
    sys.stdout.write(json.dumps(data) + "\n")
