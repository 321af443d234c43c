"""`auditlog publish` and `auditlog generate`."""

import contextlib
import json
import os
import stat
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from audit_schemas import AuditEvent, EventRefused, encode, format_timestamp, new_event_id
from pydantic_settings import BaseSettings, SettingsConfigDict
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from audit_producer.attacks import Attacks
from audit_producer.errors import DeliveryError, PublishError, UndeliveredError
from audit_producer.lines import Line, read_lines
from audit_producer.producer import AuditProducer
from audit_producer.report import Counts, Failure
from audit_producer.settings import ProducerSettings
from audit_producer.traffic import Traffic

__all__ = ["PublisherSettings", "file_size", "opened", "publishing_bar", "register"]

_LABELLED_DAYS = 8
"""A week of attacks, and a day before it at least."""


class PublisherSettings(BaseSettings, ProducerSettings):
    """The producer's settings, from the environment, patient enough for whole files."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    block_seconds: float = 60.0
    close_seconds: float = 120.0


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    app.command(epilog="Example: auditlog publish events.ndjson")(publish)
    app.command(epilog="Example: auditlog generate --count 20000 --seed 7")(generate)


def publish(
    file: Annotated[str, typer.Argument(help="NDJSON, one event a line; - reads standard input.")],
    json_output: Annotated[
        bool, typer.Option("--json", help="Print the counts as one JSON object.")
    ] = False,
) -> None:
    """Publish a file of events to Kafka.

    A line without event.id gets one that is the same at every run, so that a second run adds
    nothing. Lines that are refused are listed with number and reason; the exit status is 1 if
    there were any.
    """
    notes = Console(stderr=True, emoji=False)
    refused: Counter[str] = Counter()
    failures: list[Failure] = []
    with opened(file) as source, _producer(failures) as producer, publishing_bar(notes) as progress:
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
    _report(producer.counts, refused, json_output=json_output)
    _fail_if_undelivered(producer.counts, failures)
    if refused:
        raise typer.Exit(1)


def generate(
    count: Annotated[int, typer.Option(min=1, help="How many events.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed, count and end: the same events.")] = 1,
    end: Annotated[
        datetime | None, typer.Option(help="Time of the last event, UTC; now, if left out.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=365, help="Days that the events span.")] = 3,
    rate: Annotated[
        float | None,
        typer.Option(min=0.01, help="Publish as they happen: so many a second, each dated now."),
    ] = None,
    attack: Annotated[bool, typer.Option(help="With passwords being guessed.")] = True,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Attacks of many kinds over the last seven days instead, and near misses; this NDJSON "
            "file will say who did what."
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Write NDJSON to this file (- is standard output) instead.")
    ] = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print the counts as one JSON object.")
    ] = False,
) -> None:
    """Make realistic traffic of a chat platform, and publish it.

    Agents with shifts, chats that are opened, assigned, joined and closed, log-ins and log-outs
    around them, mistyped passwords, and an attack from a few addresses.
    """
    moment = (end or datetime.now(UTC)).replace(tzinfo=UTC)
    traffic = Traffic(count, moment, seed=seed, days=days, attack=attack)
    events = iter(traffic) if labels is None else _labelled(traffic, labels, rate)
    if rate is not None:
        events = _live(events, rate)
    if out is not None:
        _write(events, out)
        return
    notes = Console(stderr=True, emoji=False)
    failures: list[Failure] = []
    with _producer(failures) as producer, publishing_bar(notes) as progress:
        task = progress.add_task("Publishing", total=count, events=0)
        for number, event in enumerate(events, start=1):
            producer.publish(event)
            progress.update(task, completed=number, events=number)
    _report(producer.counts, Counter(), json_output=json_output)
    _fail_if_undelivered(producer.counts, failures)


def _labelled(traffic: Traffic, labels: Path, rate: float | None) -> Iterator[AuditEvent]:
    """Lay attacks over the traffic, and write their labels."""
    if traffic.days < _LABELLED_DAYS or rate is not None:
        raise typer.BadParameter(
            f"attacks need the time of at least --days {_LABELLED_DAYS}, and no --rate",
            param_hint="--labels",
        )
    attacks = Attacks(traffic)
    lines = "".join(json.dumps(label.fields()) + "\n" for label in attacks.labels)
    try:
        labels.write_text(lines, "utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{labels} can't be written: {error.strerror}") from None
    return iter(attacks)


def _publish_line(producer: AuditProducer, line: Line) -> EventRefused | None:
    if line.event is None:
        return line.refusal
    try:
        producer.publish(line.event)
    except EventRefused as refusal:
        return refusal
    return None


def _live(events: Iterator[AuditEvent], rate: float) -> Iterator[AuditEvent]:
    """Yield events at a rate, each dated when it is yielded and so with an id of its own."""
    begin = time.monotonic()
    for number, event in enumerate(events):
        time.sleep(max(0.0, begin + number / rate - time.monotonic()))
        fresh = event.event.model_copy(update={"id": new_event_id()})
        now = format_timestamp(datetime.now(UTC))
        yield event.model_copy(update={"event": fresh, "timestamp": now})


@contextlib.contextmanager
def _producer(failures: list[Failure]) -> Iterator[AuditProducer]:
    """Open a producer whose topic is there; closing reports what was left undelivered.

    The first failure of delivery is put into `failures`: those that follow are of a kind, as a rule.
    """

    def note(failure: Failure) -> None:
        if not failures and isinstance(failure.error, DeliveryError):
            failures.append(failure)

    producer = AuditProducer(PublisherSettings(), on_failure=note)
    try:
        producer.check()
        with producer:
            yield producer
    except UndeliveredError as error:
        raise PublishError(f"{error}. Publish again: what did arrive will not be doubled") from error


@contextlib.contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """Give a file, or standard input for -, to read bytes from."""
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise typer.BadParameter(f"{file} can't be read: {error.strerror}") from None
    with source:
        yield source


def _write(events: Iterator[AuditEvent], out: str) -> None:
    target = sys.stdout.buffer if out == "-" else Path(out).open("wb")  # noqa: SIM115 - closed below
    with contextlib.nullcontext(target) if out == "-" else target:
        for event in events:
            target.write(encode(event) + b"\n")
        target.flush()


def file_size(source: BinaryIO) -> int | None:
    """Return the bytes of a file; None for a pipe, whose end nobody knows."""
    try:
        status = os.fstat(source.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def publishing_bar(console: Console) -> Progress:
    """Return a bar that counts events; none is drawn where nobody looks."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]:,} events"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _report(counts: Counts, refused: Counter[str], *, json_output: bool) -> None:
    console = Console(emoji=False)
    if json_output:
        console.print_json(
            data={
                "delivered": counts.delivered,
                "undelivered": counts.undelivered,
                "refused": sum(refused.values()),
                "refused_by_reason": dict(refused),
            }
        )
        return
    console.print(f"{_counted(counts.delivered, 'event')} published", highlight=False)
    for reason, number in refused.most_common():
        console.print(f"{_counted(number, 'line')} refused: {reason}", highlight=False)


def _fail_if_undelivered(counts: Counts, failures: list[Failure]) -> None:
    if counts.undelivered:
        why = failures[0].error if failures else "it is not known why"
        raise PublishError(
            f"{_counted(counts.undelivered, 'event')} not acknowledged: {why}. Publish again: what did "
            "arrive will not be doubled"
        )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
