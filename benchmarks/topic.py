"""The topic that all contestants read: realistic traffic, all of one month, preloaded."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from audit_generator.traffic import Traffic
from audit_producer import AuditProducer, ProducerSettings
from confluent_kafka import Producer

from benchmarks.children import job, running
from benchmarks.errors import BenchError
from benchmarks.index import Index
from benchmarks.kafka import ends, records
from benchmarks.records import Record, in_order_of_time, record_of, send
from benchmarks.screen import Screen
from benchmarks.servers import Servers

TOPIC = "bench.events"

_PARTS = 4
"""Traffics side by side, of a seed each: as many on every machine, so the events are the same."""
_AGENTS = 200
_SECONDS_AN_EVENT = 1 / 500
_EVENTS_A_DAY = 50_000
_DAYS_MAX = 20
_POLL_EVERY = 1000


def end_of_traffic() -> datetime:
    """Return when the last event happens: as the month began."""
    return datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def preload_topic(
    servers: Servers, screen: Screen, events: int, days: int | None = None, topic: str = TOPIC
) -> float:
    """Fill the topic by the SDK and return the mean bytes of an event. Raises BenchError.

    `days` is how long the traffic lasts; else all of it lies in one month, and so in one index.
    """
    Index.make_topic(servers, topic)
    days = days or min(_DAYS_MAX, max(1, events // _EVENTS_A_DAY))
    end = end_of_traffic().isoformat()
    shares = [events // _PARTS + (part < events % _PARTS) for part in range(_PARTS)]
    commands = [
        job(f"preload {seed}", publish_part, servers.kafka, topic, share, seed, end, days)
        for seed, share in enumerate(shares)
    ]
    deadline = time.monotonic() + 60 + events * _SECONDS_AN_EVENT
    with running(commands, servers.folder) as children, screen.bar("Filling the topic", events) as show:
        while (found := ends(servers.kafka, topic)) < events:
            show(found)
            if time.monotonic() > deadline:
                raise BenchError(f"the topic has {found:,} events, and not {events:,}, in time")
            for child in children:
                child.check(may_be_done=True)
            time.sleep(0.2)
    sizes = [len(message.value() or b"") for message in records(servers.kafka, topic)]
    if len(sizes) != events:
        raise BenchError(f"the topic has {len(sizes):,} events, and not {events:,}")
    screen.say(f"{events:,} events of {sum(sizes) / events:.0f} bytes")
    return sum(sizes) / events


def publish_part(kafka: str, topic: str, events: int, seed: int, end: str, days: int) -> None:
    """Publish a part of the traffic, under ids as the SDK makes them. A process of its own."""
    settings = ProducerSettings(
        kafka_bootstrap_servers=kafka, topic=topic, block_seconds=120, close_seconds=120
    )
    traffic = Traffic(events, datetime.fromisoformat(end), seed=seed, days=days, agents=_AGENTS)
    with AuditProducer(settings) as producer:
        for event in traffic:
            fresh = in_order_of_time(event.event.id, event.timestamp)
            named = event.event.model_copy(update={"id": fresh})
            producer.publish(event.model_copy(update={"event": named}))


def lengthened(servers: Servers, screen: Screen, topic: str, events: int) -> None:
    """Fill an empty topic with so many of the preloaded events, repeated under new ids."""
    producer = Producer(ProducerSettings(kafka_bootstrap_servers=servers.kafka).producer_config())
    with screen.bar(f"Filling {topic}", events) as advance:
        for number, record in enumerate(islice(_repeated(servers), events)):
            send(producer, topic, record, record.renewed(number))
            if number % _POLL_EVERY == 0:
                producer.poll(0)
                advance(number)
        producer.flush(120)
    if (found := ends(servers.kafka, topic)) != events:
        raise BenchError(f"{topic} has {found:,} events, and not {events:,}")


def _repeated(servers: Servers) -> Iterator[Record]:
    while True:
        yield from map(record_of, records(servers.kafka, TOPIC))
