"""What commands that publish share: settings, a producer, a file, a bar, and the counts at the end.

Needs the extra `cli`.
"""

import contextlib
import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import typer
from audit_runtime.terminal import progress_bar
from pydantic_settings import BaseSettings, SettingsConfigDict
from rich.console import Console
from rich.progress import Progress, TaskProgressColumn, TextColumn

from audit_producer.errors import DeliveryError, PublishError, UndeliveredError
from audit_producer.producer import AuditProducer
from audit_producer.report import Counts, Failure
from audit_producer.settings import ProducerSettings

__all__ = [
    "PublisherSettings",
    "fail_if_undelivered",
    "file_size",
    "open_producer",
    "opened",
    "publishing_bar",
    "report_counts",
]


class PublisherSettings(BaseSettings, ProducerSettings):
    """The producer's settings, from the environment, patient enough for whole files."""

    model_config = SettingsConfigDict(env_prefix="AUDITLOG_", extra="ignore")

    block_seconds: float = 60.0
    close_seconds: float = 120.0


@contextlib.contextmanager
def open_producer(failures: list[Failure]) -> Iterator[AuditProducer]:
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


def file_size(source: BinaryIO) -> int | None:
    """Return the bytes of a file; None for a pipe, whose end nobody knows."""
    try:
        status = os.fstat(source.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def publishing_bar(console: Console) -> Progress:
    """Return a bar that counts events; none is drawn where that is no terminal."""
    events = TextColumn("{task.fields[events]:,} events")
    return progress_bar(TaskProgressColumn(), events, console=console, transient=False)


def report_counts(counts: Counts, refused: Counter[str], *, json_output: bool) -> None:
    """Print what became of the events."""
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


def fail_if_undelivered(counts: Counts, failures: list[Failure]) -> None:
    """Raise PublishError, with the first failure's reason, if an event was not acknowledged."""
    if counts.undelivered:
        why = failures[0].error if failures else "it is not known why"
        raise PublishError(
            f"{_counted(counts.undelivered, 'event')} not acknowledged: {why}. Publish again: what did "
            "arrive will not be doubled"
        )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
