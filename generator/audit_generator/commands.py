"""`auditlog generate`."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from audit_producer import Failure
from audit_producer.publishing import fail_if_undelivered, open_producer, publishing_bar, report_counts
from audit_runtime import output_file
from audit_runtime.terminal import Json
from audit_schemas import AuditEvent, encode, format_timestamp, new_event_id
from rich.console import Console

from audit_generator.attacks import Attacks
from audit_generator.places import place_database
from audit_generator.traffic import Traffic

__all__ = ["register"]

_LABELLED_DAYS = 8
"""A week of attacks, and a day before it at least."""


def register(app: typer.Typer) -> None:
    """Add this component's command."""
    app.command(epilog="Example: auditlog generate --count 20000 --seed 7")(generate)


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
    places: Annotated[
        Path | None,
        typer.Option(
            help="Write where the made-up addresses are to this file (*.mmdb), for AUDITLOG_GEO_FILES."
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Write NDJSON to this file (- is standard output) instead.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Make realistic traffic of a chat platform, and publish it.

    Agents with shifts, chats that are opened, assigned, joined and closed, logins and logouts
    around them, mistyped passwords, and an attack from a few addresses.
    """
    moment = (end or datetime.now(UTC)).replace(tzinfo=UTC)
    if places is not None:
        with output_file(places, private=False) as file:
            file.write(place_database(datetime.now(UTC)))
    traffic = Traffic(count, moment, seed=seed, days=days, attack=attack)
    events = iter(traffic) if labels is None else _labelled(traffic, labels, rate)
    if rate is not None:
        events = _live(events, rate)
    if out is not None:
        _write(events, out)
        return
    notes = Console(stderr=True, emoji=False)
    failures: list[Failure] = []
    with open_producer(failures) as producer, publishing_bar(notes) as progress:
        task = progress.add_task("Publishing", total=count, events=0)
        for number, event in enumerate(events, start=1):
            producer.publish(event)
            progress.update(task, completed=number, events=number)
    report_counts(producer.counts, Counter(), json_output=json_output)
    fail_if_undelivered(producer.counts, failures)


def _labelled(traffic: Traffic, labels: Path, rate: float | None) -> Iterator[AuditEvent]:
    """Lay attacks over the traffic, and write their labels."""
    if traffic.days < _LABELLED_DAYS or rate is not None:
        raise typer.BadParameter(
            f"attacks need the time of at least --days {_LABELLED_DAYS}, and no --rate",
            param_hint="--labels",
        )
    attacks = Attacks(traffic)
    lines = "".join(json.dumps(label.fields()) + "\n" for label in attacks.labels)
    with output_file(labels, private=False) as target:
        target.write(lines.encode())
    return iter(attacks)


def _live(events: Iterator[AuditEvent], rate: float) -> Iterator[AuditEvent]:
    """Yield events at a rate, each dated when it is yielded and so with an id of its own."""
    begin = time.monotonic()
    for number, event in enumerate(events):
        time.sleep(max(0.0, begin + number / rate - time.monotonic()))
        fresh = event.event.model_copy(update={"id": new_event_id()})
        now = format_timestamp(datetime.now(UTC))
        yield event.model_copy(update={"event": fresh, "timestamp": now})


def _write(events: Iterator[AuditEvent], out: str) -> None:
    with _target(out) as target:
        for event in events:
            target.write(encode(event) + b"\n")
        target.flush()


def _target(out: str) -> AbstractContextManager[BinaryIO]:
    if out == "-":
        return nullcontext(sys.stdout.buffer)
    return output_file(Path(out), private=False)
