"""What a stream costs: one process that forwards the whole topic to a receiver that answers at once."""

import resource
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from audit_forward import ForwardSettings, load_stream
from audit_forward.forwarder import Forwarder
from audit_forward.horizon import Horizon
from audit_forward.item import Item, Limits
from audit_forward.metrics import ForwardMetrics
from audit_forward.receivers import Answer
from audit_forward.record_source import RecordSource
from audit_forward.service import open_states, rarely_collect_garbage, topic_of
from audit_forward.state import StreamState
from audit_query import AuditLog

from benchmarks.children import job, running
from benchmarks.contestants import CONSUMER, Arena
from benchmarks.figures import Spread, interleaved, table
from benchmarks.index import Index

_FORMS = ("auditlog", "ecs", "ocsf", "cef")
_SECONDS_AN_EVENT = 1 / 1000
_MICROSECONDS = 1_000_000

Cost = tuple[float, float, float]
"""Events a second, microseconds of CPU an event, and the most memory in MiB."""


def measure_forward(arena: Arena, rounds: int) -> None:
    """Index the topic; then forward all of it in each form, by a process of its own."""
    arena.consumers(CONSUMER, 1, "Indexing", then=lambda index: _measure(arena, index, rounds))


def _measure(arena: Arena, index: Index, rounds: int) -> None:
    arena.servers.calm_down()

    def forward(form: str, what: str) -> Cost:
        servers = arena.servers
        where = (servers.kafka, servers.elasticsearch, arena.topic, index.prefix)
        command = job(what, forward_all, *where, form, arena.events)
        with running([command], servers.folder) as (child,):
            answer = child.finish(60 + arena.events * _SECONDS_AN_EVENT)
        *_, figures = answer.splitlines()  # behind what the forwarder logs
        rate, cpu, mib = map(float, figures.strip(b"[]").split(b","))
        return rate, cpu, mib

    ways = {form: partial(forward, form) for form in _FORMS}
    costs = interleaved(arena.screen, rounds, ways, lambda cost: f"{cost[0]:,.0f} events/s")
    rows = [
        [
            name,
            f"{Spread.of(rate for rate, _, _ in each):,.0f}",
            f"{Spread.of(cpu for _, cpu, _ in each):.1f}",
            f"{Spread.of(mib for _, _, mib in each):.0f}",
        ]
        for name, each in costs.items()
    ]
    heading = ("form", "events/s", "CPU us/event", "peak MiB")
    arena.screen.show(table(f"Forwarding {arena.events:,} events", heading, rows))


class AtOnce:
    """A receiver that takes everything, and ends the process when it has all."""

    limits = Limits(1000, 1024 * 1024)

    def __init__(self, events: int, stop: threading.Event) -> None:
        self._left = events
        self._stop = stop

    def send(self, items: Sequence[Item]) -> Answer:
        """Take them."""
        self._left -= len(items)
        if self._left <= 0:
            self._stop.set()
        return Answer("")

    def close(self) -> None:
        """Do nothing."""


def forward_all(
    kafka: str, elasticsearch: str, topic: str, prefix: str, form: str, events: int
) -> Cost:
    """Forward all events of the topic in one form, from the first on."""
    settings = ForwardSettings(
        kafka_bootstrap_servers=kafka,
        elasticsearch_url=elasticsearch,
        topic=topic,
        group=prefix,
        index_prefix=prefix,
        streams_index=f"streams-{form}-{time.time_ns()}",
    )
    with TemporaryDirectory() as folder:
        file = Path(folder, "bench.toml")
        file.write_text(
            f'form = "{form}"\nstart = "earliest"\nto = {{type = "files", folder = "nowhere"}}\n'
        )
        stream = load_stream(file)
    stop = threading.Event()
    with (
        AuditLog(settings, seconds=settings.query_seconds) as log,
        open_states(settings) as states,
        closing(Horizon(settings, log)) as horizon,
        closing(RecordSource(settings, topic_of(settings, stream, horizon), stream.start)) as source,
    ):
        states.prepare()
        rarely_collect_garbage()
        receiver = AtOnce(events, stop)
        shown = ForwardMetrics([stream.name]).of(stream.name)
        blank = StreamState("stream", stream.name)
        before, began = _cpu_seconds(), time.monotonic()
        Forwarder(blank, source, receiver, states, shown, stop).run()
        seconds = time.monotonic() - began
    cpu = (_cpu_seconds() - before) / events * _MICROSECONDS
    return events / seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
