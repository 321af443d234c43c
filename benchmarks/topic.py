"""The topic that all contestants read: realistic traffic, all of one month, preloaded."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from audit_producer import ProducerSettings
from confluent_kafka import Producer

from benchmarks import preload
from benchmarks.children import job, running
from benchmarks.cut import Cut, cut, offer
from benchmarks.errors import BenchError
from benchmarks.index import Index, client_of
from benchmarks.kafka import TopicSize, ends, measure_topic, records
from benchmarks.screen import Screen
from benchmarks.servers import Servers

__all__ = ["TOPIC", "end_of_traffic", "lengthened", "preload_topic"]

TOPIC = "bench.events"

_PARTS = 4
"""Traffics side by side, of a seed each: as many on every machine, so the events are the same."""
_SECONDS_AN_EVENT = 1 / 500
_EVENTS_A_DAY = 50_000
_DAYS_MAX = 20
_LOOK_EVERY = 1000


def lengthened(servers: Servers, screen: Screen, topic: str, events: int) -> None:
    """Fill an empty topic with so many of the preloaded events, again and again, under fresh ids."""
    producer = Producer(ProducerSettings(kafka_bootstrap_servers=servers.kafka).producer_config())
    with screen.bar(f"Filling {topic}", events) as advance:
        for number, record in enumerate(islice(_again_and_again(servers), events)):
            offer(producer, topic, record.key, record.renewed(number), record.headers)
            if number % _LOOK_EVERY == 0:
                producer.poll(0)
                advance(number)
        producer.flush(120)
    if (found := ends(servers.kafka, topic)) != events:
        raise BenchError(f"{topic} has {found:,} events, and not {events:,}")


def _again_and_again(servers: Servers) -> Iterator[Cut]:
    while True:
        yield from map(cut, records(servers.kafka, TOPIC))


def end_of_traffic() -> datetime:
    """Return when the last event happens: as the month began."""
    return datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def preload_topic(servers: Servers, screen: Screen, events: int, days: int | None = None) -> TopicSize:
    """Make the topic and fill it, by the SDK's own producer. Raises BenchError.

    `days` is how long the traffic lasts; else all of it lies in one month, and so in one index.
    """
    with client_of(servers) as client:
        template = Index(client, "bench-preload")
        template.set_up(servers, TOPIC)
        template.delete()
    days = days or min(_DAYS_MAX, max(1, events // _EVENTS_A_DAY))
    shares = [events // _PARTS + (part < events % _PARTS) for part in range(_PARTS)]
    commands = [
        job(
            f"preload {n}",
            preload.__name__,
            preload.Part(servers.kafka, TOPIC, share, n, str(end_of_traffic()), days),
        )
        for n, share in enumerate(shares)
    ]
    deadline = time.monotonic() + 60 + events * _SECONDS_AN_EVENT
    with (
        running(commands, servers.folder) as children,
        screen.bar("Preloading the topic", events) as advance,
    ):
        while (found := ends(servers.kafka, TOPIC)) < events:
            advance(found)
            if time.monotonic() > deadline:
                raise BenchError(f"the topic has {found:,} events, and not {events:,}, in time")
            for child in children:
                child.check(may_be_done=True)
            time.sleep(0.2)
        advance(found)
    size = measure_topic(servers.kafka, TOPIC)
    if size.events != events:
        raise BenchError(f"the topic has {size.events:,} events, and not {events:,}")
    return size
