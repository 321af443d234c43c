"""`auditlog verify`."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated

import typer
from audit_consumer import ConsumerSettings, Outcome
from audit_runtime.logs import configure_logging
from audit_runtime.terminal import print_lines, report_progress
from rich.console import Console
from rich.table import Table

from audit_admin.offset_set import OffsetSet
from audit_admin.verification.repair import repair
from audit_admin.verification.verify import PartitionProof, verify

__all__ = ["closing_line", "register"]

_SHOWN_RANGES = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify", epilog="Example: auditlog verify --repair")(verify_command)


def verify_command(
    repair_missing: Annotated[
        bool,
        typer.Option("--repair", help="Index what is missing, from Kafka, then prove it again."),
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Prove that every record in Kafka is indexed, a duplicate, or dead-lettered.

    Counted from Kafka and Elasticsearch, for each partition. Exit status 1 if any is missing that
    the consumer has committed; what it has not read yet is counted apart.

    With --repair, after an index was lost or restored from an old snapshot, missing records are
    read from Kafka again, and go the consumer's own way. Consumers may run meanwhile.
    """
    settings = ConsumerSettings()
    configure_logging(settings.log_format)
    repaired: Counter[Outcome] | None = None
    with report_progress(hidden=json_output) as report:
        proofs = list(verify(settings, report))
    if repair_missing and any(proof.missing for proof in proofs):
        if not json_output:
            print_lines(*_named(proofs))
        with report_progress(hidden=json_output) as report:
            repaired = repair(settings, proofs, report)
            proofs = list(verify(settings, report))
    if json_output:
        _print_json(proofs, repaired, asked=repair_missing)
    else:
        if repair_missing:
            print_lines(_repaired(repaired))
        _show(proofs)
    if not all(proof.holds for proof in proofs):
        raise typer.Exit(1)


def closing_line(proofs: Sequence[PartitionProof]) -> str:
    """Return the sum of all partitions as the equation that has to hold."""
    published, indexed, duplicates, dead, unread = (
        sum(getattr(p, name) for p in proofs)
        for name in ("published", "indexed", "duplicates", "dead_lettered", "unread")
    )
    missing = sum(len(p.missing) for p in proofs)
    line = f"published {published} = indexed {indexed} + duplicates {duplicates} + dead-lettered {dead}"
    return line + "".join(
        f" + {name} {count}"
        for name, count in (("not read yet", unread), ("missing", missing))
        if count
    )


def _show(proofs: Sequence[PartitionProof]) -> None:
    table = Table("Partition", box=None, pad_edge=False)
    for heading in ("Published", "Indexed", "Duplicates", "Dead-lettered", "Not read", "Missing"):
        table.add_column(heading, justify="right")
    for p in proofs:
        numbers = (p.published, p.indexed, p.duplicates, p.dead_lettered, p.unread, len(p.missing))
        table.add_row(str(p.partition), *(f"{n:,}" for n in numbers))
    Console(emoji=False).print(table)
    print_lines(*_named(proofs), *_explained(proofs), closing_line(proofs))


def _named(proofs: Sequence[PartitionProof]) -> Iterator[str]:
    """Yield which offsets are missing, and which have too many documents."""
    for p in proofs:
        yield from _ranges("missing", p.partition, p.missing)
        yield from _ranges("doubled", p.partition, p.doubled)


def _ranges(what: str, partition: int, offsets: OffsetSet) -> Iterator[str]:
    for first, last in islice(offsets.ranges(), _SHOWN_RANGES):
        where = f"offset {first}" if first == last else f"offsets {first} to {last}"
        yield f"{what}: partition {partition}, {where}"
    if more := sum(1 for _ in islice(offsets.ranges(), _SHOWN_RANGES, None)):
        yield f"{what}: partition {partition}, {more:,} more such; --json has all"


def _explained(proofs: Sequence[PartitionProof]) -> Iterator[str]:
    """Yield what may be behind it, and what to do."""
    refused: Counter[str] = Counter()
    for p in proofs:
        refused.update(p.refused)
    for reason, count in refused.most_common():
        yield (
            f"{count:,} records that were read again would be refused now as {reason}: "
            "is AUDITLOG_CATALOGUE here what it is for the consumer?"
        )
    if any(p.missing for p in proofs):
        yield "To index what is missing: auditlog verify --repair"
    if any(p.doubled for p in proofs):
        yield (
            "doubled: several documents name the same record. Does another Kafka cluster have a topic "
            "of this name, and the same index? Give it another name"
        )


def _repaired(outcomes: Counter[Outcome] | None) -> str:
    if outcomes is None:
        return "Nothing is missing, so nothing was repaired"
    parts = [f"{outcomes[outcome]:,} {outcome}" for outcome in Outcome]
    return f"Repaired {outcomes.total():,} records: {', '.join(parts)}"


def _print_json(
    proofs: Sequence[PartitionProof], repaired: Counter[Outcome] | None, *, asked: bool
) -> None:
    """Print the partitions; after a repair, beside what it did."""
    rows = [_as_json(proof) for proof in proofs]
    counts = {outcome: (repaired or Counter())[outcome] for outcome in Outcome}
    data = {"repaired": counts, "partitions": rows} if asked else rows
    sys.stdout.write(json.dumps(data) + "\n")


def _as_json(p: PartitionProof) -> dict[str, object]:
    return {
        "partition": p.partition,
        "published": p.published,
        "indexed": p.indexed,
        "duplicates": p.duplicates,
        "dead_lettered": p.dead_lettered,
        "unread": p.unread,
        "missing": [list(r) for r in p.missing.ranges()],
        "doubled": [list(r) for r in p.doubled.ranges()],
    }
