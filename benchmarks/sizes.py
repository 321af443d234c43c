"""How many bytes an event takes: in Kafka, in batches and alone, and in Elasticsearch, by codec."""

from audit_producer import ProducerSettings
from confluent_kafka import Producer

from benchmarks.contestants import CONSUMER, Arena
from benchmarks.figures import table
from benchmarks.index import Codec, Index
from benchmarks.kafka import records
from benchmarks.records import record_of, send
from benchmarks.topic import TOPIC

_ALONE = "bench.alone"
_ALONE_EVENTS = 5_000
_CODECS: tuple[Codec, ...] = ("default", "best_compression")


def measure_sizes(arena: Arena, event_bytes: float) -> None:
    """Show bytes an event, by where it is stored. Indices of one segment, no replicas."""
    alone = min(_ALONE_EVENTS, arena.events)
    _publish_alone(arena, alone)
    sizes = {
        "the event itself": event_bytes,
        "Kafka, in batches (lz4)": _log_bytes(arena, TOPIC) / arena.events,
        "Kafka, each event alone": _log_bytes(arena, _ALONE) / alone,
        **{f"Elasticsearch, codec {codec}": _index_bytes(arena, codec) for codec in _CODECS},
    }
    rows = [(name, f"{size:.0f}") for name, size in sizes.items()]
    note = "One copy each: multiply by the replicas."
    arena.screen.show(table("Bytes an event", ("", "bytes"), rows, note))


def _publish_alone(arena: Arena, count: int) -> None:
    """Publish some of the events as a quiet service does: no two of them in one batch."""
    Index.make_topic(arena.servers, _ALONE)
    settings = ProducerSettings(kafka_bootstrap_servers=arena.servers.kafka).producer_config()
    producer = Producer(settings | {"linger.ms": 0})
    with arena.screen.bar("Publishing one by one", count) as show:
        for number, message in enumerate(records(arena.servers.kafka, TOPIC, count), 1):
            record = record_of(message)
            send(producer, _ALONE, record, record.renewed(number))
            producer.flush()
            show(number)


def _log_bytes(arena: Arena, topic: str) -> int:
    """Return what the broker has written for a topic."""
    home = arena.servers.folder.parent / "home"
    return sum(log.stat().st_size for log in home.rglob(f"{topic}-*/*.log"))


def _index_bytes(arena: Arena, codec: Codec) -> float:
    """Index the topic by a consumer, merge to one segment, and return the bytes of a document."""
    sizes: list[int] = []

    def measure_disk(index: Index) -> None:
        index.force_merge()
        sizes.append(index.disk().bytes)

    arena.consumers(CONSUMER, 1, f"Indexing, codec {codec}", codec=codec, then=measure_disk)
    return sizes[0] / arena.events
