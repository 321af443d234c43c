"""How many bytes an event takes: in Kafka, in batches and alone, and in Elasticsearch, by codec."""

from itertools import islice
from pathlib import Path
from typing import Literal

from audit_producer import ProducerSettings
from confluent_kafka import Producer

from benchmarks.children import running
from benchmarks.contestants import CONSUMER, Arena, consumer_commands, consumer_environment
from benchmarks.index import Index
from benchmarks.kafka import records
from benchmarks.sheet import Sheet
from benchmarks.topic import TOPIC

__all__ = ["measure_sizes", "size_sheet"]

_ALONE = "bench.alone"
_ALONE_EVENTS = 5_000
_Codec = Literal["default", "best_compression"]
_CODECS: tuple[_Codec, ...] = ("default", "best_compression")


def measure_sizes(arena: Arena) -> dict[str, float]:
    """Return bytes an event, by where it lies. Files of one segment, no replicas."""
    alone = min(_ALONE_EVENTS, arena.events)
    _publish_alone(arena, alone)
    return {
        "Kafka, in batches (lz4)": _log_bytes(arena, TOPIC) / arena.events,
        "Kafka, each event alone": _log_bytes(arena, _ALONE) / alone,
        **{f"Elasticsearch, codec {codec}": _index_bytes(arena, codec) for codec in _CODECS},
    }


def size_sheet(event_bytes: float, sizes: dict[str, float]) -> Sheet:
    """Show the bytes."""
    rows = [("the event itself", f"{event_bytes:.0f}")]
    rows += [(name, f"{value:.0f}") for name, value in sizes.items()]
    return Sheet("Bytes an event", ("", "bytes"), rows, "One copy each: multiply by the replicas.")


def _publish_alone(arena: Arena, count: int) -> None:
    """Publish some of the events as a quiet service does: no two of them in one batch."""
    template = Index(arena.client, "bench-alone")
    template.set_up(arena.servers, _ALONE)
    template.delete()
    settings = ProducerSettings(kafka_bootstrap_servers=arena.servers.kafka).producer_config()
    producer = Producer(settings | {"linger.ms": 0})
    with arena.screen.bar("Publishing one by one", count) as advance:
        events = islice(records(arena.servers.kafka, TOPIC), count)
        for number, message in enumerate(events, 1):
            producer.produce(
                _ALONE, message.value(), key=message.key(), headers=message.headers() or []
            )
            producer.flush()
            advance(number)


def _log_bytes(arena: Arena, topic: str) -> int:
    """Return what the broker has written for a topic."""
    home = arena.servers.folder.parent / "home"
    folders = [path for path in home.rglob(f"{topic}-*") if path.is_dir()]
    return sum(_size(log) for folder in folders for log in folder.glob("*.log"))


def _size(path: Path) -> int:
    return path.stat().st_size


def _index_bytes(arena: Arena, codec: _Codec) -> float:
    """Index the topic by a consumer, merge to one segment, and return the bytes of a document."""
    index = Index(arena.client, f"bench-{codec.replace('_', '-')}")
    index.set_up(arena.servers, arena.topic, codec)
    environment = consumer_environment(arena.servers, arena.topic, index.prefix)
    what = f"Indexing, codec {codec}"
    try:
        commands = consumer_commands(CONSUMER, 1, what, environment)
        with running(commands, arena.servers.folder) as children:
            arena.wait_for_index(children, index, what)
        index.force_merge()
        return index.disk().bytes / arena.events
    finally:
        index.delete()
