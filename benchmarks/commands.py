"""The commands of the bench. Each starts servers of its own, and leaves nothing behind."""

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import elastic_transport
import elasticsearch
import typer
from audit_consumer import ConsumerError
from audit_local import LocalError
from confluent_kafka import KafkaException
from rich.console import Console

from benchmarks.adaptive import Settling, measure_adaptive
from benchmarks.alerts import measure_alerts
from benchmarks.children import ROOT
from benchmarks.contestants import Arena
from benchmarks.detection_report import FULL_SEEDS, detection_tables, put
from benchmarks.emptying import make_bodies
from benchmarks.errors import BenchError
from benchmarks.fields import measure_fields
from benchmarks.index import client_of
from benchmarks.latency import WARM_SECONDS, Pace, measure_latency
from benchmarks.machine import facts
from benchmarks.picture import draw
from benchmarks.producer import measure_producer
from benchmarks.query import FULL_QUERY_EVENTS, measure_query
from benchmarks.questions import DAYS
from benchmarks.report import rewrite, sheets, to_table
from benchmarks.results import FOLDER, FULL_EVENTS, FULL_ROUNDS, Results
from benchmarks.scaling import measure_scaling
from benchmarks.screen import Screen
from benchmarks.servers import running_servers
from benchmarks.sizes import measure_sizes, size_sheet
from benchmarks.speed import CONTESTANTS, ONE, measure_speed
from benchmarks.topic import end_of_traffic, preload_topic

__all__ = ["app", "main"]

_SOME_EVENTS = 200_000
"""What is enough for a figure that does not need the whole stretch."""

_FILE_WIDTH = 150

README = ROOT / "benchmarks" / "README.md"

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

Events = Annotated[int, typer.Option(min=1000, help="How many events the topic has.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often each is measured, in turn.")]
Out = Annotated[Path, typer.Option(help="Folder of the results.")]
Seconds = Annotated[float, typer.Option(min=1, help="How long to sample.")]


@dataclass(frozen=True, slots=True)
class _Bench:
    """Servers with a preloaded topic, and where results go."""

    arena: Arena
    event_bytes: float
    machine: Mapping[str, Any]
    results: Results

    def put(self, name: str, section: Mapping[str, Any]) -> None:
        """Keep and show a section at once: what comes after it may fail."""
        self.results.put(name, self.machine, section)
        for sheet in sheets({name: {"machine": self.machine, **section}}):
            self.arena.screen.show(to_table(sheet))

    def speed(self, rounds: int, only: Sequence[str]) -> dict[str, Any]:
        """Measure side by side; the documents are made beforehand."""
        bodies = make_bodies(self.arena)
        about = {"event_bytes": self.event_bytes, "document_bytes": bodies.mean_bytes()}
        return about | measure_speed(self.arena, rounds, only)


@app.command("all")
def all_command(
    events: Events = FULL_EVENTS, rounds: Rounds = FULL_ROUNDS, out: Out = FOLDER, seconds: Seconds = 25
) -> None:
    """Measure side by side, scaling, latency and producer: what the README shows."""
    with _bench(events, rounds, out) as bench:
        section = bench.speed(rounds, ())
        bench.put("speed", section)
        bench.put("scaling", measure_scaling(bench.arena, rounds))
        rate = section["contestants"][ONE]["summary"]["documents_per_second"]["median"] / 2
        bench.put("latency", measure_latency(bench.arena, _pace(rate, seconds)))
        bench.put("producer", measure_producer(bench.arena, rounds))


@app.command()
def speed(
    events: Events = FULL_EVENTS,
    rounds: Rounds = FULL_ROUNDS,
    out: Out = FOLDER,
    only: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(c.name for c in CONTESTANTS)}.")
    ] = None,
) -> None:
    """Measure the ceiling, this consumer in one and two processes, and the one written by hand."""
    names = [contestant.name for contestant in CONTESTANTS]
    if unknown := set(only or ()) - set(names):
        raise typer.BadParameter(f"{min(unknown)} is none of {', '.join(names)}")
    with _bench(events, rounds, out, in_part=bool(only)) as bench:
        bench.put("speed", bench.speed(rounds, only or ()))


@app.command()
def sizes(events: Events = _SOME_EVENTS, out: Out = FOLDER) -> None:
    """Measure how many bytes an event takes, in Kafka and in Elasticsearch."""
    with _bench(events, 1, out, in_part=True) as bench:
        sheet = size_sheet(bench.event_bytes, measure_sizes(bench.arena))
        bench.arena.screen.show(to_table(sheet))


@app.command()
def scaling(events: Events = FULL_EVENTS, rounds: Rounds = FULL_ROUNDS, out: Out = FOLDER) -> None:
    """Measure one process and two, against a sink that answers at once."""
    with _bench(events, rounds, out) as bench:
        bench.put("scaling", measure_scaling(bench.arena, rounds))


@app.command()
def latency(
    rate: Annotated[float, typer.Option(min=1, help="Events a second.")],
    events: Events = _SOME_EVENTS,
    out: Out = FOLDER,
    seconds: Seconds = 25,
) -> None:
    """Measure from publish to searchable, at a steady rate."""
    with _bench(events, 1, out, (_SOME_EVENTS, 1)) as bench:
        bench.put("latency", measure_latency(bench.arena, _pace(rate, seconds)))


@app.command()
def producer(events: Events = _SOME_EVENTS, rounds: Rounds = FULL_ROUNDS, out: Out = FOLDER) -> None:
    """Measure the SDK beside the bare client."""
    with _bench(events, rounds, out, (_SOME_EVENTS, FULL_ROUNDS)) as bench:
        bench.put("producer", measure_producer(bench.arena, rounds))


@app.command()
def adaptive(
    events: Events = FULL_EVENTS,
    rounds: Rounds = 1,
    out: Out = FOLDER,
    settle: Annotated[float, typer.Option(help="Seconds that the settings may take.")] = 60,
    seconds: Seconds = 45,
) -> None:
    """Compare the settings that settle by themselves with the best fixed ones."""
    with _bench(events, rounds, out, (FULL_EVENTS, 1)) as bench:
        bench.put("adaptive", measure_adaptive(bench.arena, rounds, Settling(settle, seconds)))


@app.command()
def fields(
    events: Events = _SOME_EVENTS,
    rounds: Rounds = FULL_ROUNDS,
    out: Out = FOLDER,
    only: Annotated[str, typer.Option(help="Take the variants whose name has this.")] = "",
) -> None:
    """Measure what each field, setting, id, answer and size costs Elasticsearch."""
    with _bench(events, rounds, out, (_SOME_EVENTS, FULL_ROUNDS), in_part=bool(only)) as bench:
        make_bodies(bench.arena)
        bench.put("fields", measure_fields(bench.arena, rounds, only))


@app.command()
def query(events: Events = FULL_QUERY_EVENTS, rounds: Rounds = FULL_ROUNDS, out: Out = FOLDER) -> None:
    """Measure the query module beside requests by hand, on a tenth of the events and on all."""
    full = (FULL_QUERY_EVENTS, FULL_ROUNDS)
    for part, name in ((events // 10, "query_tenth"), (events, "query")):
        with _bench(part, rounds, out, (full[0] * part // events, full[1]), days=DAYS) as bench:
            bench.put(name, measure_query(bench.arena, end_of_traffic(), rounds))


@app.command()
def alerts(events: Events = FULL_QUERY_EVENTS, out: Out = FOLDER) -> None:
    """Measure a five-minute step of all rules over 90 days of events."""
    with _bench(events, 1, out, (FULL_QUERY_EVENTS, 1), days=DAYS) as bench:
        bench.put("alerts", measure_alerts(bench.arena, end_of_traffic()))


@app.command()
def detection(
    seeds: Annotated[
        int, typer.Option(min=1, help="How many weeks of generated attacks.")
    ] = FULL_SEEDS,
    real: Annotated[Path | None, typer.Option(help="Folder of linux-auth.ndjson.")] = None,
    docs: Annotated[Path | None, typer.Option(help="Put the tables into this file.")] = None,
) -> None:
    """Measure what the rules find of attacks, generated and real; needs no server."""
    console = _console()
    for name, tables in detection_tables(seeds, real, say=Screen(console).say):
        for sheet in tables:
            console.print(to_table(sheet))
        if docs is not None and name:
            put(docs, name, tables)


@app.command()
def report(out: Out = FOLDER, quick: bool = False) -> None:
    """Show what was measured last, and write picture and README anew."""
    results = Results(out, quick=quick)
    console = _console()
    for sheet in sheets(results.sections()):
        console.print(to_table(sheet))
    _publish(results)


def main() -> None:
    """Run a command. A fault is a sentence, not a traceback; whatever happens, all is ended."""
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
        Console(stderr=True, emoji=False).print(str(error), markup=False, highlight=False)
        sys.exit(1)


@contextmanager
def _bench(
    events: int,
    rounds: int,
    out: Path,
    full: tuple[int, int] = (FULL_EVENTS, FULL_ROUNDS),
    *,
    in_part: bool = False,
    days: int | None = None,
) -> Iterator[_Bench]:
    """Give servers with a preloaded topic; at the end, write picture and README.

    What has fewer events or rounds than `full`, or is a part of a section, is kept apart as quick.
    """
    screen = Screen(_console())
    results = Results(out, quick=in_part or events < full[0] or rounds < full[1])
    with running_servers(screen.console) as servers, client_of(servers) as client:
        machine = facts(client)
        size = preload_topic(servers, screen, events, days)
        parts = len(size.partitions)
        screen.say(f"{size.events:,} events of {size.mean_bytes:.0f} bytes on {parts} partitions")
        yield _Bench(Arena(servers, client, screen, events), size.mean_bytes, machine, results)
    _publish(results)


def _pace(rate: float, seconds: float) -> Pace:
    """Return the pace, with a shorter warming-up where less is sampled, as in a test."""
    return Pace(rate, min(WARM_SECONDS, seconds), seconds)


def _publish(results: Results) -> None:
    sections = results.sections()
    if "speed" in sections:
        results.picture.write_text(draw(sections["speed"]))
    if not results.is_quick and results.picture.parent == FOLDER:
        rewrite(README, sections)


def _console() -> Console:
    """Return the terminal; a file gets lines that are wide enough for the tables."""
    console = Console(emoji=False)
    return console if console.is_terminal else Console(emoji=False, width=_FILE_WIDTH)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
