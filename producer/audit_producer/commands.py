"""`auditlog publish`."""

from collections import Counter
from typing import Annotated

import typer
from audit_runtime.terminal import Json
from audit_schemas import EventRefusedError
from rich.console import Console

from audit_producer.lines import Line, read_lines
from audit_producer.producer import AuditProducer
from audit_producer.publishing import (
    fail_if_undelivered,
    file_size,
    open_producer,
    opened,
    publishing_bar,
    report_counts,
)
from audit_producer.report import Failure

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this component's command."""
    app.command(epilog="Example: auditlog publish events.ndjson")(publish)


def publish(
    file: Annotated[str, typer.Argument(help="NDJSON, one event a line; - reads standard input.")],
    json_output: Json = False,
) -> None:
    """Publish a file of events to Kafka.

    A line without event.id gets one that is the same at every run, so that a second run adds
    nothing. Lines that are refused are listed with number and reason; the exit status is 1 if
    there were any.
    """
    notes = Console(stderr=True, emoji=False)
    refused: Counter[str] = Counter()
    failures: list[Failure] = []
    with opened(file) as source, open_producer(failures) as producer, publishing_bar(notes) as progress:
        task = progress.add_task("Publishing", total=file_size(source), events=0)
        for line in read_lines(source):
            if (refusal := _publish_line(producer, line)) is not None:
                refused[refusal.reason] += 1
                notes.print(
                    f"line {line.number}: {refusal}", markup=False, highlight=False, soft_wrap=True
                )
            progress.update(task, advance=line.size, events=producer.counts.published)
        producer.flush()
        done = progress.tasks[task].completed
        progress.update(task, total=done or 1, completed=done or 1)
    report_counts(producer.counts, refused, json_output=json_output)
    fail_if_undelivered(producer.counts, failures)
    if refused:
        raise typer.Exit(1)


def _publish_line(producer: AuditProducer, line: Line) -> EventRefusedError | None:
    if line.event is None:
        return line.refusal
    try:
        producer.publish(line.event)
    except EventRefusedError as refusal:
        return refusal
    return None
