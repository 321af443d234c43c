"""Publish for time, by the SDK or by the bare client. A process of its own.

`record` is what a service calls: from its own terms to the acknowledged record, with everything
that is checked. `publish` takes a ready event. `bare` is confluent-kafka's own `produce` in a loop,
with the same bytes, keys, headers and configuration.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from audit_generator.traffic import Traffic
from audit_producer import AuditProducer, ProducerSettings
from audit_schemas import SCHEMA_HEADER, SCHEMA_HEADER_VALUE, AuditEvent, encode
from confluent_kafka import KafkaError, Message, Producer

from benchmarks.children import job_of

__all__ = ["Published", "Publishing", "Way"]

Way = Literal["record", "publish", "bare"]

_HEADERS: list[tuple[str, str | bytes | None]] = [(SCHEMA_HEADER, SCHEMA_HEADER_VALUE)]
_POLL_EVERY = 100


@dataclass(frozen=True, slots=True)
class Publishing:
    """What to publish, where, and how."""

    kafka: str
    topic: str
    events: int
    way: Way


@dataclass(frozen=True, slots=True)
class Published:
    """What it took, to the last delivery report."""

    events: int
    seconds: float
    cpu_seconds: float
    """Of the whole process, librdkafka's threads included."""
    caller_cpu_seconds: float
    """Of the calling thread alone: what the service waits for."""


def main(work: Publishing) -> Published:
    """Make the events, then publish them for time. An event that does not arrive fails it.

    Half as many are made, and each is published twice: making them takes longer than publishing.
    """
    settings = ProducerSettings(
        kafka_bootstrap_servers=work.kafka, topic=work.topic, block_seconds=120, close_seconds=120
    )
    half = list(Traffic((work.events + 1) // 2, datetime.now(UTC), agents=200))
    events = (half * 2)[: work.events]
    ways = {"record": _recording, "publish": _publishing, "bare": _bare}
    run = ways[work.way](settings, events)
    del events, half
    gc.collect()
    gc.freeze()  # what is ready beforehand must not cost the collector's time
    begin, cpu, caller = time.perf_counter(), time.process_time(), time.thread_time()
    delivered = run()
    found = Published(
        work.events,
        time.perf_counter() - begin,
        time.process_time() - cpu,
        time.thread_time() - caller,
    )
    if delivered != work.events:
        sys.exit(f"{delivered} of {work.events} events were delivered")
    return found


def arguments_of(event: AuditEvent) -> dict[str, Any]:
    """Return what a service would call `record` with, less id and time, which are made anew."""
    user, audit = event.user, event.audit
    person = user.model_dump(exclude_none=True, exclude={"target"}) if user else {}
    target_user = user.target.model_dump(exclude_none=True) if user and user.target else None
    given = {
        "action": event.event.action,
        "reason": event.event.reason,
        "target_user": target_user,
        "ip": event.source.ip if event.source else None,
        "service": event.service.name if event.service else None,
        "organization": event.organization.id if event.organization else None,
        "user_agent": event.user_agent.original if event.user_agent else None,
        "chat": audit.chat.id if audit.chat else None,
        "session": audit.session.id if audit.session else None,
        "target": audit.target.model_dump(exclude_none=True) if audit.target else None,
        "changes": {c.field: (c.before, c.after) for c in audit.changes or []} or None,
    }
    system = audit.actor.kind == "system"
    return {k: v for k, v in given.items() if v is not None} | {"user": None if system else person}


def _recording(settings: ProducerSettings, events: list[AuditEvent]) -> Callable[[], int]:
    calls = list(map(arguments_of, events))

    def run() -> int:
        with AuditProducer(settings) as producer:
            for call in calls:
                producer.record(**call)
        return producer.counts.delivered

    return run


def _publishing(settings: ProducerSettings, events: list[AuditEvent]) -> Callable[[], int]:
    ready = list(events)

    def run() -> int:
        with AuditProducer(settings) as producer:
            for event in ready:
                producer.publish(event)
        return producer.counts.delivered

    return run


def _bare(settings: ProducerSettings, events: list[AuditEvent]) -> Callable[[], int]:
    records = [(_key(event), encode(event)) for event in events]

    def run() -> int:
        producer = Producer(settings.producer_config())
        reports = _Reports()
        for number, (key, value) in enumerate(records):
            while not _offered(producer, settings.topic, key, value, reports):
                producer.poll(0.01)
            if number % _POLL_EVERY == 0:
                producer.poll(0)
        producer.flush(120)
        return reports.delivered

    return run


class _Reports:
    def __init__(self) -> None:
        self.delivered = 0

    def __call__(self, error: KafkaError | None, _: Message) -> None:
        self.delivered += error is None


def _offered(producer: Producer, topic: str, key: str | None, value: bytes, reports: _Reports) -> bool:
    try:
        producer.produce(topic, value, key=key, headers=_HEADERS, on_delivery=reports)
    except BufferError:
        return False
    return True


def _key(event: AuditEvent) -> str | None:
    if event.user is None or event.audit.actor.kind == "system":
        return None
    return event.user.id or event.user.name


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(main(Publishing(**job_of(sys.argv))))))
