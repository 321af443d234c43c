"""`auditlog verify`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated

import typer
from audit_consumer import ConsumerSettings, Outcome
from audit_runtime.logs import configure_logging
from audit_runtime.terminal import Json, print_json, print_lines, report_progress
from rich.console import Console
from rich.table import Table

from audit_admin.offset_set import OffsetSet
from audit_admin.verification.reconciliation import PartitionReconciliation, verify
from audit_admin.verification.repair import repair

__all__ = ["closing_line", "register"]

_MAX_RANGES = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify", epilog="Example: auditlog verify --repair")(verify_command)


def verify_command(
    repair_missing: Annotated[
        bool,
        typer.Option("--repair", help="Index missing records from Kafka, then verify again."),
    ] = False,
    json_output: Json = False,
) -> None:
    """Verify that every record in Kafka is indexed, a duplicate, or dead-lettered.

    Reconciles Kafka with Elasticsearch, partition by partition. Exits with status 1 if a record is
    missing that the consumer has committed; records not consumed yet are counted separately. A dead
    letter counts only if the record in Kafka would be refused: use the consumers' settings.

    With --repair, for use after an index was lost or restored from an old snapshot, missing records are
    read from Kafka again and processed as a consumer would. Consumers may be running.
    """
    settings = ConsumerSettings()
    configure_logging(settings.log_format)
    repaired: Counter[Outcome] | None = None
    with report_progress(hidden=json_output) as report:
        results = list(verify(settings, report))
    if repair_missing and any(result.missing for result in results):
        if not json_output:
            print_lines(*_findings(results))
        with report_progress(hidden=json_output) as report:
            repaired = repair(settings, results, report)
            results = list(verify(settings, report))
    if json_output:
        print_json(_as_json(results, repaired, with_repair=repair_missing))
    else:
        if repair_missing:
            print_lines(_repaired(repaired))
        _show(results)
    if not all(result.is_reconciled for result in results):
        raise typer.Exit(1)


def closing_line(results: Sequence[PartitionReconciliation]) -> str:
    """Return the totals of all partitions as the equation that has to hold."""
    published, indexed, duplicates, dead, unread = (
        sum(getattr(result, name) for result in results)
        for name in ("published", "indexed", "duplicates", "dead_lettered", "unread")
    )
    missing = sum(len(result.missing) for result in results)
    line = f"published {published} = indexed {indexed} + duplicates {duplicates} + dead-lettered {dead}"
    return line + "".join(
        f" + {name} {count}"
        for name, count in (("not consumed yet", unread), ("missing", missing))
        if count
    )


def _show(results: Sequence[PartitionReconciliation]) -> None:
    table = Table("Partition", box=None, pad_edge=False)
    for heading in ("Published", "Indexed", "Duplicates", "Dead-lettered", "Not consumed", "Missing"):
        table.add_column(heading, justify="right")
    for r in results:
        numbers = (r.published, r.indexed, r.duplicates, r.dead_lettered, r.unread, len(r.missing))
        table.add_row(str(r.partition), *(f"{n:,}" for n in numbers))
    Console(emoji=False).print(table)
    print_lines(*_findings(results), *_advice(results), closing_line(results))


def _findings(results: Sequence[PartitionReconciliation]) -> Iterator[str]:
    """Yield which offsets are missing, and which have several documents."""
    for result in results:
        yield from _ranges("missing", result.partition, result.missing)
        yield from _ranges("conflicting", result.partition, result.conflicting)


def _ranges(what: str, partition: int, offsets: OffsetSet) -> Iterator[str]:
    for first, last in islice(offsets.ranges(), _MAX_RANGES):
        where = f"offset {first}" if first == last else f"offsets {first} to {last}"
        yield f"{what}: partition {partition}, {where}"
    if more := sum(1 for _ in islice(offsets.ranges(), _MAX_RANGES, None)):
        yield f"{what}: partition {partition}, {more:,} more ranges; --json lists them all"


def _advice(results: Sequence[PartitionReconciliation]) -> Iterator[str]:
    """Yield likely causes, and what to do."""
    refused: Counter[str] = Counter()
    for result in results:
        refused.update(result.refused)
    for reason, count in refused.most_common():
        yield (
            f"{count:,} of the missing records would now be refused as {reason}: "
            "does AUDITLOG_CATALOGUE have the same value here as for the consumers?"
        )
    if unexcused := sum(result.unexcused for result in results):
        have, are = ("has", "is") if unexcused == 1 else ("have", "are")
        yield (
            f"{unexcused:,} of the missing records {have} a dead letter, but {are} valid. Was the "
            "catalogue or a time limit changed since then? Else somebody forged the dead letter"
        )
    if any(result.missing for result in results):
        yield "To index what is missing: auditlog verify --repair"
    if any(result.conflicting for result in results):
        yield (
            "conflicting: several documents claim the same record. Does another Kafka cluster have a "
            "topic of this name, and use the same index? Give it a different name"
        )


def _repaired(outcomes: Counter[Outcome] | None) -> str:
    if outcomes is None:
        return "Nothing is missing, so there was nothing to repair"
    parts = [f"{outcomes[outcome]:,} {outcome}" for outcome in Outcome]
    return f"Repaired {outcomes.total():,} records: {', '.join(parts)}"


def _as_json(
    results: Sequence[PartitionReconciliation], repaired: Counter[Outcome] | None, *, with_repair: bool
) -> object:
    """Return the partitions; with `--repair`, together with what the repair did."""
    rows = [_row(result) for result in results]
    counts = {outcome: (repaired or Counter())[outcome] for outcome in Outcome}
    return {"repaired": counts, "partitions": rows} if with_repair else rows


def _row(result: PartitionReconciliation) -> dict[str, object]:
    return {
        "partition": result.partition,
        "published": result.published,
        "indexed": result.indexed,
        "duplicates": result.duplicates,
        "dead_lettered": result.dead_lettered,
        "unread": result.unread,
        "missing": [list(r) for r in result.missing.ranges()],
        "unexcused": result.unexcused,
        "conflicting": [list(r) for r in result.conflicting.ranges()],
    }
