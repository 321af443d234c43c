"""Those who index the topic, each as processes of its own, watched from outside."""

import http.client
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import elasticsearch
from audit_local.ports import free_port

from benchmarks.bodies import Bodies, push
from benchmarks.children import Child, Command, job, running
from benchmarks.errors import BenchError
from benchmarks.index import PARTITIONS, Codec, Index
from benchmarks.kafka import committed, ends
from benchmarks.run import STALL_SECONDS, Run, Sample, Watch, figures
from benchmarks.screen import Screen
from benchmarks.servers import Servers
from benchmarks.shippers import Shipper
from benchmarks.sink import serve
from benchmarks.topic import TOPIC, lengthened

CONSUMER = "audit_cli"
BY_HAND = "benchmarks.by_hand"

Indexer = str | Shipper
"""What indexes the topic: a module of ours, or a program of others."""

_ONE_EVENT, _KILL = "bench.one", "bench.kill"
_KILL_EVENTS = 300_000
_RETURN_SECONDS = 240.0
"""The group waits for the killed one's session to expire, and then there is still much to do."""
_STEADY_SECONDS = 3.0
_MIDDLE, _LATE = 1 / 3, 4 / 5
_SMALL = 50_000
_MILLION = 1_000_000

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Shape:
    """How the ready-made bodies are pushed: the ceiling's two parameters."""

    connections: int = 3
    documents: int = 2000

    def __str__(self) -> str:
        return f"{self.connections} connections, {self.documents:,} documents a body"


@dataclass(frozen=True, slots=True)
class Emptied:
    """A run against the sink."""

    run: Run
    requests: int
    sent_twice: int
    """Documents that came again: a process that joined took over what another had not committed."""
    sink_cpu_per_million: float


@dataclass(frozen=True, slots=True)
class Loss:
    """What a kill -9 in the middle, and a new start, left of the topic."""

    missing: int
    """Events without a document."""
    doubled: int
    """Documents beyond one for each event."""


@dataclass(frozen=True, slots=True)
class Arena:
    """What a measurement needs: servers, a client to watch with, the topic's size, a screen."""

    servers: Servers
    client: elasticsearch.Elasticsearch
    screen: Screen
    events: int
    topic: str = TOPIC
    starts: dict[Indexer, float] = field(default_factory=dict)
    """CPU seconds that one process of each takes to start; measured when first needed."""

    @property
    def is_small(self) -> bool:
        """Tell whether the topic is too small for a steady run."""
        return self.events < _SMALL

    def on_topic(self, topic: str, events: int, partitions: int = PARTITIONS) -> "Arena":
        """Return the same for another topic: so many of the preloaded events, under new ids."""
        Index.make_topic(self.servers, topic, partitions)
        if not ends(self.servers.kafka, topic):
            lengthened(self.servers, self.screen, topic, events)
        return replace(self, topic=topic, events=events)

    def ceiling(self, shape: Shape, limit: int, what: str = "") -> Run:
        """Push ready-made bodies into a fresh index, as `setup` makes it."""
        with self.fresh_index() as index:
            return self.pushed(index, shape, limit, what or str(shape))

    def pushed(
        self,
        index: Index,
        shape: Shape,
        limit: int,
        what: str,
        *,
        filter_path: str = "errors",
        folder: Path | None = None,
    ) -> Run:
        """Push ready-made bodies, those of `folder` or the topic's, into the index `<prefix>-all`."""
        limit = min(limit, self.events)
        path = f"/{index.prefix}-all/_bulk?filter_path={filter_path}"
        address, bodies = urlsplit(self.servers.elasticsearch).netloc, folder or self.servers.folder
        work = (address, path, str(bodies), shape.connections, shape.documents, limit)
        with running([job("ceiling", push, *work)], self.servers.folder) as children:
            samples = self._watched(children, index, limit, what)
            run = figures(samples, *_used(children), samples[1].contestant)
        index.check_count(limit, what)
        return run

    def consumers(
        self,
        indexer: Indexer,
        processes: int,
        what: str,
        *,
        settings: Mapping[str, str] | None = None,
        codec: Codec = "default",
        then: Callable[[Index], None] = lambda _: None,
    ) -> tuple[Run, list[Sample]]:
        """Let processes of one group index the whole topic; `then` gets the full index."""
        start_cpu = self._start_cpu(indexer, processes)
        with (
            self.fresh_index(codec) as index,
            self.consuming(index.prefix, what, indexer, processes, settings) as children,
        ):
            samples = self._watched(children, index, self.events, what)
            self.wait_for_commit(children, index.prefix)
            run = figures(samples, *_used(children), start_cpu)
            index.check_count(self.events, what)
            for child in children:
                child.stop()
            then(index)
            return run, samples

    def emptied(self, processes: int, what: str, *, keep: bool = False) -> Emptied:
        """Let consumers of one group send the whole topic to a sink that answers at once."""
        start_cpu = self._start_cpu(CONSUMER, processes)
        with self.fresh_index() as index, self._sink(keep=keep) as (sink, port):
            settings = {"AUDITLOG_ELASTICSEARCH_URL": f"http://127.0.0.1:{port}"}
            before = sink.family.cpu_seconds()
            with (
                self.consuming(index.prefix, what, processes=processes, settings=settings) as children,
                self.screen.bar(what, self.events) as show,
            ):
                watch = Watch(
                    self.servers,
                    children,
                    lambda: _received(port)["documents"],
                    self.events,
                    show,
                    (sink.family,),
                )
                watch.until_all()
                self.wait_for_commit(children, index.prefix)
                run = figures(watch.samples, *_used(children), start_cpu)
            received = _received(port)
            sink_cpu = (sink.family.cpu_seconds() - before) / received["documents"] * _MILLION
            twice = received["documents"] - self.events
            return Emptied(run, received["requests"], twice, sink_cpu)

    def killed(self, indexer: Indexer, what: str) -> Loss:
        """Kill what indexes a topic in the middle, start it again, and see what it makes up for.

        In the middle is where a third is indexed and something is committed, or four fifths are.
        """
        arena = self.on_topic(_KILL, min(self.events, _KILL_EVENTS))
        with arena.fresh_index() as index:
            with arena.consuming(index.prefix, what, indexer) as (child,):
                watch = Watch(arena.servers, [child], index.indexed, arena.events)
                watch.until(lambda: _is_midway(arena, index), "it can be killed")
                child.kill()
            with arena.consuming(index.prefix, what, indexer) as children:
                arena.wait_for_commit(children, index.prefix, _RETURN_SECONDS)
                _wait_for_rest(index)
                return Loss(*index.losses(arena.events))

    def make_bodies(self) -> Bodies:
        """Turn the topic into ready-made bulk bodies: what the consumer sends, kept by the sink."""
        emptied = self.emptied(1, "Making the ceiling's documents", keep=True)
        bodies = Bodies(self.servers.folder)
        if emptied.sent_twice or bodies.documents != self.events:
            raise BenchError(f"{bodies.documents:,} documents were made of {self.events:,} events")
        return bodies

    @contextmanager
    def fresh_index(self, codec: Codec = "default") -> Iterator[Index]:
        """Give a set-up prefix of its own, on servers that have become idle; it is deleted after."""
        index = Index(self.client, f"bench-{next(_numbers)}")
        index.set_up(self.servers, self.topic, codec)
        self.servers.calm_down()
        try:
            yield index
        finally:
            index.delete()

    @contextmanager
    def consuming(
        self,
        prefix: str,
        what: str,
        indexer: Indexer = CONSUMER,
        processes: int = 1,
        settings: Mapping[str, str] | None = None,
    ) -> Iterator[list[Child]]:
        """Run consumers of the topic into a prefix; what `settings` does not name is the default."""
        if isinstance(indexer, Shipper):
            command = indexer.command(what, self.servers, self.topic, prefix)
        else:
            command = self._command(prefix, what, indexer, settings or {})
        with running([command] * processes, self.servers.folder) as children:
            yield children

    def wait_for_commit(
        self, children: Sequence[Child], group: str, seconds: float = STALL_SECONDS
    ) -> None:
        """Wait until the group has committed the end of the topic."""
        kafka, topic = self.servers.kafka, self.topic
        total = ends(kafka, topic)
        watch = Watch(self.servers, children, lambda: 0, 0)
        watch.until(
            lambda: committed(kafka, group, topic) >= total, "all offsets are committed", seconds
        )

    def _command(self, prefix: str, what: str, module: str, settings: Mapping[str, str]) -> Command:
        environment = {
            "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": self.servers.kafka,
            "AUDITLOG_ELASTICSEARCH_URL": self.servers.elasticsearch,
            "AUDITLOG_TOPIC": self.topic,
            "AUDITLOG_DEAD_LETTER_TOPIC": f"{self.topic}.dead-letter",
            "AUDITLOG_ALERTS_TOPIC": f"{self.topic}.alerts",
            "AUDITLOG_GROUP": prefix,
            "AUDITLOG_INDEX_PREFIX": prefix,
            "AUDITLOG_LOG_FORMAT": "json",
            **settings,
        }
        arguments = ("consume", "--start", "earliest") if module == CONSUMER else ()
        return Command(what, module, arguments, environment)

    def _start_cpu(self, indexer: Indexer, processes: int) -> float | None:
        """Return the CPU seconds that processes take to start, and each to index one event.

        None for a topic so small that the start is a part of the run.
        """
        if self.is_small:
            return None
        if indexer not in self.starts:
            name = indexer if isinstance(indexer, str) else indexer.name
            run, _ = self.on_topic(_ONE_EVENT, 1).consumers(indexer, 1, f"Starting {name}")
            self.starts[indexer] = run.total_cpu_seconds
        return self.starts[indexer] * processes

    @contextmanager
    def _sink(self, *, keep: bool) -> Iterator[tuple[Child, int]]:
        port, real = free_port(), urlsplit(self.servers.elasticsearch).netloc
        command = job("sink", serve, port, real, str(self.servers.folder) if keep else None)
        with running([command], self.servers.folder) as (child,):
            Watch(self.servers, [child], lambda: 0, 0).until(lambda: _answers(port), "it answers")
            yield child, port

    def _watched(self, children: Sequence[Child], index: Index, target: int, what: str) -> list[Sample]:
        with self.screen.bar(what, target) as show:
            return Watch(self.servers, children, index.indexed, target, show).until_all()


def _used(children: Sequence[Child]) -> tuple[int, float]:
    """Return the largest memory of one, and the CPU seconds of all, until now."""
    peak = max(child.family.peak_bytes() for child in children)
    return peak, sum(child.family.cpu_seconds() for child in children)


def _is_midway(arena: Arena, index: Index) -> bool:
    """Tell whether a kill hits the middle, with an offset to go on from if one comes in time."""
    share = index.indexed() / arena.events
    if share < _MIDDLE:
        return False
    return share > _LATE or committed(arena.servers.kafka, index.prefix, arena.topic) > 0


def _wait_for_rest(index: Index) -> None:
    """Wait for what is committed, and still on its way to the index."""
    count = -1
    while (found := index.indexed()) != count:
        count = found
        time.sleep(_STEADY_SECONDS)


def _received(port: int) -> dict[str, int]:
    """Ask the sink what came so far; that completes what it keeps."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/_sink")
        counts: dict[str, int] = json.loads(connection.getresponse().read())
        return counts
    finally:
        connection.close()


def _answers(port: int) -> bool:
    try:
        return bool(_received(port))
    except OSError:
        return False
