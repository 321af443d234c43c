"""The consumer against a sink that answers at once: how it scales, and what documents it makes."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from audit_local.ports import free_port

from benchmarks import sink
from benchmarks.bodies import Bodies
from benchmarks.children import Child, job, running
from benchmarks.contestants import (
    CONSUMER,
    Arena,
    consumer_commands,
    consumer_environment,
    used,
)
from benchmarks.errors import BenchError
from benchmarks.run import Run, Watch, figures
from benchmarks.servers import Servers

__all__ = ["Emptied", "empty_topic", "make_bodies"]

_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Emptied:
    """A run against the sink."""

    run: Run
    requests: int
    mean_body_bytes: float
    sent_twice: int
    """Documents that came again: a process that joined took over what another had not committed."""
    sink_cpu_per_million: float


@dataclass(frozen=True, slots=True)
class _Sink:
    """A sink that runs."""

    child: Child
    address: str

    def received(self) -> sink.Received:
        """Ask it what came so far; that completes what it keeps."""
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request("GET", "/_sink")
            return sink.Received(**json.loads(connection.getresponse().read()))
        finally:
            connection.close()


def empty_topic(arena: Arena, processes: int, what: str, *, keep: bool = False) -> Emptied:
    """Let consumers of one group send the whole topic to a sink."""
    start_cpu = arena.start_cpu(CONSUMER, processes)
    with arena.fresh_index() as index, _sink(arena.servers, keep=keep) as drain:
        environment = consumer_environment(arena.servers, arena.topic, index.prefix)
        environment |= {"AUDITLOG_ELASTICSEARCH_URL": f"http://{drain.address}"}
        commands = consumer_commands(CONSUMER, processes, what, environment)
        with (
            running(commands, arena.servers.folder) as children,
            arena.screen.bar(what, arena.events) as advance,
        ):
            watch = Watch(
                arena.servers,
                children,
                lambda: drain.received().documents,
                arena.events,
                advance,
                (drain.child.family,),
            )
            before = drain.child.family.cpu_seconds()
            watch.until_all()
            arena.wait_for_commit(children, environment["AUDITLOG_GROUP"])
            run = figures(watch.samples, *used(children), start_cpu)
            return _emptied(arena, run, drain, before)


def make_bodies(arena: Arena) -> Bodies:
    """Turn the topic into ready-made bulk bodies: what the consumer sends, kept by the sink."""
    what = "Making the ceiling's documents"
    emptied = empty_topic(arena, 1, what, keep=True)
    bodies = Bodies(arena.servers.folder)
    if emptied.sent_twice or bodies.documents() != arena.events:
        raise BenchError(f"{bodies.documents():,} documents were made of {arena.events:,} events")
    return bodies


def _emptied(arena: Arena, run: Run, drain: _Sink, sink_cpu_before: float) -> Emptied:
    received = drain.received()
    sink_cpu = drain.child.family.cpu_seconds() - sink_cpu_before
    return Emptied(
        run,
        received.requests,
        received.bytes / received.requests,
        received.documents - arena.events,
        sink_cpu / received.documents * 1e6,
    )


@contextmanager
def _sink(servers: Servers, *, keep: bool) -> Iterator[_Sink]:
    port = free_port()
    folder = str(servers.folder) if keep else None
    work = sink.Sink(port, urlsplit(servers.elasticsearch).netloc, folder)
    with running([job("the sink", sink.__name__, work)], servers.folder) as (child,):
        found = _Sink(child, f"127.0.0.1:{port}")
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                found.received()
                break
            except OSError as error:
                child.check()
                if time.monotonic() > deadline:
                    raise BenchError("the sink does not answer") from error
                time.sleep(0.05)
        yield found
