"""Poison: hostile records and damaged events, each of which is indexed or refused with its reason."""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from audit_admin.lag import Lag
from audit_consumer.record import Record
from audit_schemas import Catalogue, Reason, content_hash, decode, published_forms
from audit_schemas.dead_letter import DIGEST_HEADER, REASON_HEADER, SIZE_HEADER
from audit_schemas.event import PRINTABLE
from confluent_kafka import Message, Producer
from faults.census import Place, a_deployment, letters, proof, stored
from faults.hostile_values import INDEXED
from faults.mutations import mutants, valid_events
from faults.poison import CORPUS, Poison, twenty_megabytes
from faults.topics import set_topic
from support.conditions import wait_until
from support.consumers import settle
from support.events import chat_opened
from support.raw_header import publish_with_header
from support.servers import Deployment, Servers

pytestmark = pytest.mark.servers

MUTANTS, SEED, ROUNDS = 16_000, 20261123, 2


@dataclass(frozen=True)
class Fates:
    """What became of the corpus, each record by its place in Kafka."""

    twenty: Poison
    """That of 20 MB, of which the dead-letter topic takes no more than the beginning."""
    places: dict[str, Place]
    documents: dict[Place, dict[str, Any]]
    letters: dict[Place, Record]
    deployment: Deployment


class Publisher:
    """Publishes as any client may, and notes each record's place."""

    def __init__(self, deployment: Deployment) -> None:
        self.places: dict[str, Place] = {}
        self._topic = f"{deployment.name}.events"
        servers = {"bootstrap.servers": deployment.servers.kafka}
        self._producer = Producer(servers | {"message.max.bytes": 100_000_000, "linger.ms": 5})

    def publish(self, poison: Poison) -> None:
        """Publish one; `flush` waits for the acknowledgements."""

        def report(error: object, message: Message) -> None:
            assert error is None, f"{poison.name}: {error}"
            partition, offset = message.partition(), message.offset()
            assert partition is not None
            assert offset is not None
            self.places[poison.name] = partition, offset

        self._producer.produce(
            self._topic,
            poison.value,
            key=poison.key,
            headers=list(poison.headers),
            on_delivery=report,
        )
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until all are acknowledged."""
        assert self._producer.flush(120) == 0


@pytest.fixture(scope="module")
def fates(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fates]:
    """Publish the whole corpus, consume it in one process, and give what became of it."""
    log = tmp_path_factory.mktemp("poison") / "consumer.log"
    with a_deployment(servers) as deployment:
        set_topic(deployment, f"{deployment.name}.events", "max.message.bytes", str(32 * 1024 * 1024))
        publisher, twenty = Publisher(deployment), twenty_megabytes()
        for poison in (*CORPUS, twenty):
            publisher.publish(poison)
        publisher.flush()
        with deployment.consuming(log=log) as process:
            settle(deployment, log, process)
            process.terminate()
            assert process.wait(120) == 0
        yield Fates(twenty, publisher.places, stored(deployment), letters(deployment), deployment)


def test_each_poison_meets_its_fate(fates: Fates) -> None:
    """It is indexed, mended where it had to be, or dead-lettered with just this reason."""

    def fate(poison: Poison) -> tuple[str, list[str]]:
        place = fates.places[poison.name]
        if (document := fates.documents.get(place)) is not None:
            return INDEXED, document["audit"].get("altered", [])
        letter = fates.letters.get(place)
        return (letter.header(REASON_HEADER) or b"").decode() if letter else "vanished", []

    wanted = {p.name: (p.fate, [p.altered] if p.altered else []) for p in CORPUS}
    assert wanted == {poison.name: fate(poison) for poison in CORPUS}


def test_refused_poison_is_kept_as_it_was(fates: Fates) -> None:
    """Its bytes, its key and its headers are those that were published."""
    for poison in CORPUS:
        if (letter := fates.letters.get(fates.places[poison.name])) is not None:
            assert (poison.value, poison.key) == (letter.value, letter.key), poison.name
            assert poison.headers == letter.headers[: len(poison.headers)], poison.name


def test_accepted_poison_comes_back_as_it_was(fates: Fates) -> None:
    """From its document alone, whatever had to be mended in it."""
    for poison in CORPUS:
        if (document := fates.documents.get(fates.places[poison.name])) is not None:
            source = {name: value for name, value in document.items() if name != "_id"}
            assert poison.value in list(published_forms(source)), poison.name


def test_no_poison_has_vanished(fates: Fates) -> None:
    """All were indexed or dead-lettered, once; the proof says so too."""
    assert not fates.documents.keys() & fates.letters.keys()
    wanted = len(CORPUS) + 1  # that of 20 MB
    assert wanted == len(fates.documents) + len(fates.letters)
    found = proof(fates.deployment)
    assert (wanted, 0) == (found.published, found.duplicates)
    assert (len(fates.documents), len(fates.letters)) == (found.indexed, found.dead_lettered)


def test_poison_of_twenty_megabytes_is_cut(fates: Fates) -> None:
    """What no topic of ours takes leaves its beginning, its length and its digest."""
    value, letter = fates.twenty.value, fates.letters[fates.places[fates.twenty.name]]
    assert value is not None
    assert letter.header(REASON_HEADER) == b"too-large"
    assert letter.value == value[: 64 * 1024]
    assert letter.header(SIZE_HEADER) == str(len(value)).encode()
    assert letter.header(DIGEST_HEADER) == hashlib.sha256(value).hexdigest().encode()


def test_header_whose_name_is_no_text_is_refused_amid_others(deployment: Deployment, log: Path) -> None:
    """It is dead-lettered alone, also after so many records that the interpreter's short cuts hold.

    A call that Python has specialised no longer notices that the client failed inside.
    """
    topic, poison = f"{deployment.name}.events", chat_opened(0)
    deployment.publish_raw(*(chat_opened(n) for n in range(1, 301)), key=b"one partition")
    deployment.publish_raw(*(chat_opened(n) for n in range(301, 601)))
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
        publish_with_header(deployment.servers.kafka, topic, poison, b"trace-\xff\xfe")
        deployment.publish_raw(*(chat_opened(n) for n in range(601, 701)))
        settle(deployment, log, process)
    (letter,) = letters(deployment).values()
    assert (letter.value, letter.header(REASON_HEADER)) == (poison, b"malformed")
    assert deployment.count() == 700


def test_no_control_character_reaches_a_terminal(fates: Fates) -> None:
    """What is shown of an event holds none; what is kept as it was published is another matter."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield key
                yield from texts(inner) if key not in ("before", "after") else ()
        elif isinstance(value, list):
            for inner in value:
                yield from texts(inner)
        elif isinstance(value, str):
            yield value

    for document in fates.documents.values():
        event = {name: value for name, value in document["event"].items() if name != "original"}
        for text in texts(document | {"event": event}):
            assert re.fullmatch(f"{PRINTABLE}*", text)


def publish(deployment: Deployment, values: Iterable[bytes]) -> dict[Place, bytes]:
    """Publish many, and return each one by its place."""
    found: dict[Place, bytes] = {}
    producer = Producer({"bootstrap.servers": deployment.servers.kafka, "linger.ms": 20})

    def report(error: object, message: Message) -> None:
        assert error is None
        found[message.partition() or 0, message.offset() or 0] = message.value() or b""

    for value in values:
        producer.produce(f"{deployment.name}.events", value, on_delivery=report)
        producer.poll(0)
    assert producer.flush(120) == 0
    return found


def rate(deployment: Deployment, count: int, log: Path) -> float:
    """Consume what is published, and return records a second, from readiness on."""
    log.write_text("")
    with deployment.consuming(log=log) as process, Lag(deployment.consumer) as lag:
        wait_until(lambda: "partitions assigned" in log.read_text(), what="it is ready")
        begun = time.perf_counter()
        wait_until(lambda: lag.records() == 0 or process.poll() is not None, what="all is settled")
        seconds = time.perf_counter() - begun
        assert process.poll() is None, log.read_text()
    return count / seconds


def test_every_mutant_is_accounted_for_at_a_bearable_rate(
    servers: Servers, tmp_path: Path, deployment: Deployment
) -> None:
    """16,000 damaged events: none vanishes, and they cost at most four times what clean ones do.

    It is about two and a half times: clean ones are told by one match, damaged ones are parsed.

    Clean and damaged ones take turns, and the best rate of each counts: whatever else the machine
    does, and servers that are not warm yet, only make a rate smaller.
    """
    rates: dict[str, list[float]] = {"clean": [], "damaged": []}
    values: dict[Place, bytes] = {}
    count, log = MUTANTS // ROUNDS, tmp_path / "consumer.log"
    with a_deployment(servers) as clean:
        for seed in range(SEED, SEED + ROUNDS):
            publish(clean, valid_events(count, seed))
            rates["clean"].append(rate(clean, count, log))
            values |= publish(deployment, mutants(count, seed))
            rates["damaged"].append(rate(deployment, count, log))
        assert (MUTANTS, 0) == (clean.count(), len(clean.dead_letters()))
    assert MUTANTS == len(values)
    assert_accounted_for(deployment, values)
    assert max(rates["damaged"]) >= max(rates["clean"]) / 4, rates


def assert_accounted_for(deployment: Deployment, values: dict[Place, bytes]) -> None:
    """Hold each record to be in the index, in the dead letters, or equal to what is in the index."""
    documents, refused = stored(deployment), letters(deployment)
    assert not documents.keys() & refused.keys()
    reasons = Counter((letter.header(REASON_HEADER) or b"").decode() for letter in refused.values())
    # What the model takes, the index takes too: no mutant gets as far as that refusal.
    assert reasons.keys() <= set(Reason) - {Reason.REJECTED_BY_INDEX}, reasons
    assert all(letter.value == values[place] for place, letter in refused.items())
    rest = values.keys() - documents.keys() - refused.keys()
    digests = {document["_id"]: document["event"]["hash"] for document in documents.values()}
    for place in rest:
        event = Catalogue.load().settle(decode(values[place]))
        assert digests[event.event.id] == content_hash(event), "it is no duplicate, and nowhere"
    found = proof(deployment)
    assert (len(values), 0) == (found.published, found.unread)
    assert (len(documents), len(rest)) == (found.indexed, found.duplicates)
    assert len(refused) == found.dead_lettered
    assert min(len(documents), len(rest), len(refused)) > MUTANTS // 1000, "all three are tried"
