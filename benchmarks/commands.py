"""The commands of the bench. Each starts servers of its own, and leaves nothing behind."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Annotated, NoReturn

import elastic_transport
import elasticsearch
import typer
from audit_consumer import ConsumerError
from audit_local import LocalError
from confluent_kafka import KafkaException

from benchmarks.adaptive import measure_adaptive
from benchmarks.alerts import measure_alerts
from benchmarks.contestants import Arena
from benchmarks.detection_report import FULL_SEEDS, detection_tables, put
from benchmarks.errors import BenchError
from benchmarks.fields import measure_fields
from benchmarks.forms import forms_table
from benchmarks.forward import measure_forward
from benchmarks.index import client_of
from benchmarks.latency import measure_latency
from benchmarks.machine import describe
from benchmarks.places import places_table
from benchmarks.producer import measure_producer
from benchmarks.query import measure_query
from benchmarks.questions import DAYS
from benchmarks.screen import Screen
from benchmarks.seal import measure_seal
from benchmarks.servers import running_servers
from benchmarks.sizes import measure_sizes
from benchmarks.speed import CONTESTANTS, ONE, measure_scaling, measure_speed
from benchmarks.topic import end_of_traffic, preload_topic

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

_FULL, _SOME, _QUERY = 1_000_000, 200_000, 2_000_000

Events = Annotated[int, typer.Option(min=1000, help="How many events the topic has.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often each is measured, in turn.")]
Seconds = Annotated[float, typer.Option(min=1, help="How long to sample.")]


@app.command("all")
def all_command(events: Events = _FULL, rounds: Rounds = 3, seconds: Seconds = 25) -> None:
    """Measure places, then side by side, scaling, latency and producer."""
    Screen().show(places_table())
    with _bench(events) as (arena, _):
        runs = measure_speed(arena, rounds)
        measure_scaling(arena, rounds)
        rate = median(run.documents_per_second for run in runs[ONE])
        measure_latency(arena, rate / 2, seconds)
        measure_producer(arena, rounds)


@app.command()
def speed(
    events: Events = _FULL,
    rounds: Rounds = 3,
    only: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(CONTESTANTS)}; may be repeated.")
    ] = None,
) -> None:
    """Measure the ceiling, this consumer in one and two processes, one by hand, and rsyslog."""
    if unknown := set(only or ()) - CONTESTANTS.keys():
        raise typer.BadParameter(f"{min(unknown)} must be one of {', '.join(CONTESTANTS)}")
    with _bench(events) as (arena, _):
        measure_speed(arena, rounds, only or ())


@app.command()
def scaling(events: Events = _FULL, rounds: Rounds = 3) -> None:
    """Measure one process, two and four, against a sink that answers at once."""
    with _bench(events) as (arena, _):
        measure_scaling(arena, rounds)


@app.command()
def latency(
    rate: Annotated[float, typer.Option(min=1, help="Events a second.")],
    events: Events = _SOME,
    seconds: Seconds = 25,
) -> None:
    """Measure from publish to searchable, at a steady rate."""
    with _bench(events) as (arena, _):
        measure_latency(arena, rate, seconds)


@app.command()
def producer(events: Events = _SOME, rounds: Rounds = 3) -> None:
    """Measure the SDK beside the bare client."""
    with _bench(events) as (arena, _):
        measure_producer(arena, rounds)


@app.command()
def adaptive(
    events: Events = _FULL,
    rounds: Rounds = 1,
    settle: Annotated[float, typer.Option(help="Seconds that the settings may take.")] = 60,
    seconds: Seconds = 45,
) -> None:
    """Compare the adaptive bulk settings with the best fixed ones."""
    with _bench(events) as (arena, _):
        measure_adaptive(arena, rounds, settle, seconds)


@app.command()
def fields(
    events: Events = _SOME,
    rounds: Rounds = 3,
    only: Annotated[str, typer.Option(help="Take the variants whose name has this.")] = "",
) -> None:
    """Measure what each field, setting, id, answer and size costs Elasticsearch."""
    with _bench(events) as (arena, _):
        measure_fields(arena, rounds, only)


@app.command()
def sizes(events: Events = _SOME) -> None:
    """Measure how many bytes an event takes, in Kafka and in Elasticsearch."""
    with _bench(events) as (arena, event_bytes):
        measure_sizes(arena, event_bytes)


@app.command()
def query(events: Events = _QUERY, rounds: Rounds = 3) -> None:
    """Measure the query module beside requests by hand, on a tenth of the events and on all."""
    for part in (events // 10, events):
        with _bench(part, DAYS) as (arena, _):
            measure_query(arena, end_of_traffic(), rounds)


@app.command()
def alerts(events: Events = _QUERY) -> None:
    """Measure a five-minute step of all rules over 90 days of events."""
    with _bench(events, DAYS) as (arena, _):
        measure_alerts(arena, end_of_traffic())


@app.command()
def places() -> None:
    """Measure what the place of an address costs the consumer; needs no server."""
    Screen().show(places_table())


@app.command()
def forms() -> None:
    """Measure what writing an event in each form of a stream costs; needs no server."""
    Screen().show(forms_table())


@app.command()
def forward(events: Events = _FULL, rounds: Rounds = 3) -> None:
    """Measure one process that forwards the whole topic to a receiver that answers at once."""
    with _bench(events) as (arena, _):
        measure_forward(arena, rounds)


@app.command()
def seal(events: Events = _FULL, rounds: Rounds = 3) -> None:
    """Measure the sealer beside bare reading, the check of all documents, and evidence."""
    with _bench(events) as (arena, _):
        measure_seal(arena, rounds)


@app.command()
def detection(
    seeds: Annotated[
        int, typer.Option(min=1, help="How many weeks of generated attacks.")
    ] = FULL_SEEDS,
    real: Annotated[Path | None, typer.Option(help="Folder of linux-auth.ndjson.")] = None,
    docs: Annotated[Path | None, typer.Option(help="Put the tables into this file.")] = None,
) -> None:
    """Measure what the rules find of attacks, generated and real; needs no server."""
    screen = Screen()
    for name, result in detection_tables(seeds, real, say=screen.say):
        screen.show(result)
        if docs is not None and name:
            put(docs, name, result)


def main() -> None:
    """Run a command. An error is a sentence, not a traceback; whatever happens, all is ended."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        app()
    except (
        BenchError,
        ConsumerError,
        LocalError,
        KafkaException,
        elasticsearch.ApiError,
        elastic_transport.TransportError,
    ) as error:
        Screen().say(str(error))
        sys.exit(1)


@contextmanager
def _bench(events: int, days: int | None = None) -> Iterator[tuple[Arena, float]]:
    """Give servers with a preloaded topic, and the mean bytes of an event."""
    screen = Screen()
    machine = describe()
    with running_servers(screen.console) as servers, client_of(servers) as client:
        event_bytes = preload_topic(servers, screen, events, days)
        yield Arena(servers, client, screen, events), event_bytes
    screen.say(f"Measured on {machine}.")


def _leave(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
