"""All that publishers do to a topic, in known numbers: what the seal's equation has to give back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from confluent_kafka import Producer
from support.events import chat_opened, fields
from support.servers import Deployment

__all__ = ["Published", "publish_mixed"]

_ABORTED = 10
"""In each aborted transaction, and in each committed one."""


@dataclass(frozen=True)
class Published:
    """What was published, by what has to become of it."""

    indexed: int
    duplicates: int
    refused: int
    no_record: int

    @property
    def equation(self) -> dict[str, int]:
        """Return the terms of `seal verify` that are not zero."""
        sealed = self.indexed + self.duplicates + self.refused + self.no_record
        return {
            "sealed": sealed,
            "indexed": self.indexed,
            "duplicates": self.duplicates,
            "dead-lettered": self.refused,
            "no record": self.no_record,
        }


def publish_mixed(deployment: Deployment, count: int) -> Published:
    """Publish about so many events; of a hundred, seventy are the SDK's."""
    hundreds = count // 100
    server = {"bootstrap.servers": deployment.servers.kafka}
    topic = deployment.consumer.topic
    producer = Producer(server)
    for number in range(hundreds):
        for value in _hundred(number):
            producer.produce(topic, value, key=b"%d" % number)
            producer.poll(0)
    assert producer.flush(600) == 0
    marks = _transactions(Producer(server | {"transactional.id": deployment.name}), topic)
    return Published(86 * hundreds + _ABORTED, 7 * hundreds, 7 * hundreds, _ABORTED + marks)


def _transactions(producer: Producer, topic: str) -> int:
    """Publish a transaction that is committed, and one that is not; return how many marks there are."""
    producer.init_transactions(60)
    for number, end in enumerate((producer.commit_transaction, producer.abort_transaction)):
        producer.begin_transaction()
        for at in range(_ABORTED):
            producer.produce(topic, chat_opened(number * _ABORTED + at), partition=0)
        producer.flush(60)
        end(60)
    return 2


def _hundred(number: int) -> Iterator[bytes | None]:
    """Yield a hundred records: 86 events, copies of 7 of them, and 7 that are refused."""
    own = [chat_opened(number * 100 + at) for at in range(70)]
    yield from own
    for at in range(16):
        yield _other(number * 100 + at, at)
    yield from own[:7]
    for value in own[:5]:
        conflict = json.loads(value)
        conflict["user"]["id"] = "someone-else"
        yield json.dumps(conflict).encode()
    yield b"no event"
    yield None


def _other(number: int, way: int) -> bytes:
    """Return an event as a publisher in another language writes it."""
    event = fields(**_free_text()[way % 2])
    event["event"]["id"] = f"other-publisher-{number:010}"
    match way % 4:
        case 0:
            return json.dumps(event).encode()
        case 1:
            return json.dumps(event, indent=2, sort_keys=True).encode()
        case 2:
            return json.dumps(dict(reversed(event.items())), separators=(",", ":")).encode()
        case _:
            return json.dumps(event | {"labels": None}, ensure_ascii=False).encode()


@cache
def _free_text() -> tuple[dict[str, str], dict[str, str]]:
    """Return a plain message, and one that the consumer has to sanitize."""
    return {"message": "caf\u00e9"}, {"message": "\u202eevil\x07" + "a" * 20_000}
