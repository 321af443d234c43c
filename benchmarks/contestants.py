"""Those who index the topic, each as processes of its own, watched from outside."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import elasticsearch

from benchmarks import push
from benchmarks.children import Child, Command, job, running
from benchmarks.index import Index
from benchmarks.kafka import Group, ends
from benchmarks.run import Run, Sample, Watch, figures
from benchmarks.screen import Screen
from benchmarks.servers import Servers
from benchmarks.topic import TOPIC, lengthened

__all__ = [
    "BY_HAND",
    "CONSUMER",
    "Arena",
    "Shape",
    "consumer_commands",
    "consumer_environment",
    "used",
]

CONSUMER = "audit_cli"
BY_HAND = "benchmarks.by_hand"

_ONE_EVENT = "bench.one"
_SMALL = 50_000

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Shape:
    """How the ready-made bodies are pushed: the ceiling's two dials."""

    connections: int
    documents: int


@dataclass(frozen=True, slots=True)
class Arena:
    """What a race needs: servers, a client to watch with, the topic's size, a screen."""

    servers: Servers
    client: elasticsearch.Elasticsearch
    screen: Screen
    events: int
    topic: str = TOPIC
    starts: dict[str, float] = field(default_factory=dict)
    """CPU seconds that one process of each module takes to start; measured when first needed."""

    @property
    def is_small(self) -> bool:
        """Tell whether the topic is too small for even running."""
        return self.events < _SMALL

    def ceiling(self, shape: Shape, limit: int, what: str = "") -> Run:
        """Push ready-made bodies into a fresh index, as `setup` makes it."""
        with self.fresh_index() as index:
            what = what or f"{shape.connections} connections, {shape.documents:,} documents a body"
            return self.pushed(index, "all", shape, limit, what)

    def pushed(
        self,
        index: Index,
        name: str,
        shape: Shape,
        limit: int,
        what: str,
        *,
        filter_path: str = "errors",
        folder: Path | None = None,
    ) -> Run:
        """Push ready-made bodies, those of `folder` or the topic's, into one index of the prefix."""
        limit, folder = min(limit, self.events), folder or self.servers.folder
        path = f"/{index.prefix}-{name}/_bulk?filter_path={filter_path}"
        address = urlsplit(self.servers.elasticsearch).netloc
        work = push.Push(address, path, str(folder), shape.connections, shape.documents, limit)
        with running([job("the ceiling", push.__name__, work)], self.servers.folder) as children:
            samples = self._watched(children, index, limit, what)
            run = figures(samples, *used(children), samples[1].contestant)
        index.check_count(limit, what)
        return run

    def consumers(
        self,
        module: str,
        processes: int,
        what: str,
        *,
        settings: Mapping[str, str] | None = None,
        then: Callable[[Index], None] = lambda _: None,
    ) -> tuple[Run, list[Sample]]:
        """Let processes of one group index the whole topic; `then` may look at the full index."""
        start_cpu = self.start_cpu(module, processes)
        with self.fresh_index() as index:
            environment = consumer_environment(self.servers, self.topic, index.prefix)
            commands = consumer_commands(module, processes, what, environment | dict(settings or {}))
            with running(commands, self.servers.folder) as children:
                samples = self._watched(children, index, self.events, what)
                self.wait_for_commit(children, environment["AUDITLOG_GROUP"])
                run = figures(samples, *used(children), start_cpu)
            index.check_count(self.events, what)
            then(index)
            return run, samples

    def start_cpu(self, module: str, processes: int) -> float | None:
        """Return the CPU seconds that processes take to start, and each to settle one event.

        None for a topic so small that the start is a part of the run.
        """
        if self.is_small:
            return None
        if module not in self.starts:
            alone = replace(self, topic=_ONE_EVENT, events=1)
            with alone.fresh_index():  # which makes the topic
                if not ends(self.servers.kafka, _ONE_EVENT):
                    lengthened(self.servers, self.screen, _ONE_EVENT, 1)
            run, _ = alone.consumers(module, 1, f"Starting {module}")
            self.starts[module] = run.total_cpu_seconds
        return self.starts[module] * processes

    @contextmanager
    def fresh_index(self) -> Iterator[Index]:
        """Give a set-up prefix of its own, on servers that have calmed down; it is deleted after."""
        index = Index(self.client, f"bench-{next(_numbers)}")
        index.set_up(self.servers, self.topic)
        self.servers.calm_down()
        try:
            yield index
        finally:
            index.delete()

    def wait_for_index(self, children: Sequence[Child], index: Index, what: str) -> None:
        """Wait until the index has every event of the topic."""
        self._watched(children, index, self.events, what)
        index.check_count(self.events, what)

    def _watched(self, children: Sequence[Child], index: Index, target: int, what: str) -> list[Sample]:
        with self.screen.bar(what, target) as advance:
            return Watch(self.servers, children, index.indexed, target, advance).until_all()

    def wait_for_commit(self, children: Sequence[Child], group: str) -> None:
        """Wait until the group's committed offsets say what the index says."""
        total = ends(self.servers.kafka, self.topic)
        with Group(self.servers.kafka, group, self.topic) as onlooker:
            watch = Watch(self.servers, children, lambda: 0, 0)
            watch.until(lambda: onlooker.committed() >= total, "all offsets are committed")


def consumer_environment(servers: Servers, topic: str, prefix: str) -> dict[str, str]:
    """Return the settings of a consumer; all that is not named here is at its default."""
    return {
        "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": servers.kafka,
        "AUDITLOG_ELASTICSEARCH_URL": servers.elasticsearch,
        "AUDITLOG_TOPIC": topic,
        "AUDITLOG_DEAD_LETTER_TOPIC": f"{topic}.dead-letter",
        "AUDITLOG_ALERTS_TOPIC": f"{topic}.alerts",
        "AUDITLOG_GROUP": prefix,
        "AUDITLOG_INDEX_PREFIX": prefix,
        "AUDITLOG_LOG_FORMAT": "json",
    }


def consumer_commands(
    module: str, processes: int, what: str, environment: Mapping[str, str]
) -> list[Command]:
    """Return the commands of a group: `auditlog consume`, or the one written by hand."""
    arguments = ("consume", "--start", "earliest") if module == CONSUMER else ()
    return [Command(what, module, arguments, environment) for _ in range(processes)]


def used(children: Sequence[Child]) -> tuple[int, float]:
    """Return the largest memory of one, and the CPU seconds of all, until now."""
    peak = max(child.family.peak_bytes() for child in children)
    return peak, sum(child.family.cpu_seconds() for child in children)
