"""`auditlog consume`, `setup`, `doctor` and `verify`."""

import contextlib
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from audit_consumer.assignment import Start
from audit_consumer.doctor import examine
from audit_consumer.log import configure_logging
from audit_consumer.service import run_consumer
from audit_consumer.settings import ConsumerSettings, SetupSettings
from audit_consumer.setup import set_up
from audit_consumer.status_command import status_command
from audit_consumer.verify import PartitionProof, ranges_of, verify

__all__ = ["register"]

_SHOWN_RANGES = 20

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    app.command("setup", epilog="Example: auditlog setup")(setup_command)
    app.command("doctor", epilog="Example: auditlog doctor --json")(doctor_command)
    app.command("consume", epilog="Example: auditlog consume --start earliest")(consume_command)
    app.command("status", epilog="Example: auditlog status --watch")(status_command)
    app.command("verify", epilog="Example: auditlog verify")(verify_command)


def setup_command(json_output: Json = False) -> None:
    """Create the topics and the index template; say what was changed. Safe to run again."""
    console = Console(emoji=False)
    changes = []
    for change in set_up(SetupSettings()):
        changes.append(change)
        if not json_output:
            console.print(escape(change), highlight=False)
    if json_output:
        console.print_json(data={"changes": changes})
    elif not changes:
        console.print("Nothing to change: all is as it should be")


def doctor_command(json_output: Json = False) -> None:
    """Say in words what is wrong with connections, topics, template and privileges."""
    findings = []
    console = Console(emoji=False)
    with console.status("Examining") if not json_output else contextlib.nullcontext():
        findings = list(examine(ConsumerSettings(), SetupSettings()))
    if json_output:
        console.print_json(
            data=[
                {"subject": f.subject, "ok": f.is_well, "says": f.says, "mend": f.mend}
                for f in findings
            ]
        )
    else:
        for finding in findings:
            mark = "[green]ok[/]   " if finding.is_well else "[red]wrong[/]"
            console.print(f"{mark}  {escape(finding.subject)}: {escape(finding.says)}", highlight=False)
            if finding.mend:
                console.print(f"       -> {escape(finding.mend)}", highlight=False)
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)


def consume_command(
    start: Annotated[
        Start | None,
        typer.Option(help="Where a group starts that has no offset yet; else it has no effect."),
    ] = None,
    skip_expired: Annotated[
        bool,
        typer.Option(
            "--skip-expired", help="Go on where records expired unread; the lost range is logged."
        ),
    ] = False,
) -> None:
    """Validate events from Kafka and index them into Elasticsearch, until SIGTERM or Ctrl-C.

    Refused records go to the dead-letter topic with the reason. Only what is settled is committed.
    """
    settings = ConsumerSettings()
    configure_logging(settings.log_format)
    run_consumer(settings, start=start, skip_expired=skip_expired)


def verify_command(json_output: Json = False) -> None:
    """Prove that every record in Kafka is indexed, a duplicate, or dead-lettered.

    Counted from Kafka and Elasticsearch, for each partition. Exit status 1 if any is missing that
    the consumer has committed; what it has not read yet is counted apart.
    """
    settings = ConsumerSettings()
    console = Console(emoji=False)
    with console.status("Verifying") if not json_output else contextlib.nullcontext():
        proofs = list(verify(settings))
    if json_output:
        console.print_json(data=[_as_json(proof) for proof in proofs])
    else:
        _show(console, proofs)
    if not all(proof.holds for proof in proofs):
        raise typer.Exit(1)


def _show(console: Console, proofs: list[PartitionProof]) -> None:
    table = Table("Partition", box=None)
    for heading in ("Published", "Indexed", "Duplicates", "Dead-lettered", "Not read yet", "Missing"):
        table.add_column(heading, justify="right")
    for p in proofs:
        numbers = (p.published, p.indexed, p.duplicates, p.dead_lettered, p.unread, len(p.missing))
        table.add_row(str(p.partition), *(f"{n:,}" for n in numbers))
    console.print(table)
    for p in proofs:
        ranges = list(ranges_of(p.missing))
        for first, last in ranges[:_SHOWN_RANGES]:
            console.print(f"missing: partition {p.partition}, offsets {first} to {last}")
        if len(ranges) > _SHOWN_RANGES:
            console.print(
                f"missing: partition {p.partition}, {len(ranges) - _SHOWN_RANGES} ranges more"
            )
    console.print(closing_line(proofs), highlight=False, soft_wrap=True)


def closing_line(proofs: list[PartitionProof]) -> str:
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


def _as_json(p: PartitionProof) -> dict[str, object]:
    return {
        "partition": p.partition,
        "published": p.published,
        "indexed": p.indexed,
        "duplicates": p.duplicates,
        "dead_lettered": p.dead_lettered,
        "unread": p.unread,
        "missing": [list(r) for r in ranges_of(p.missing)],
    }
