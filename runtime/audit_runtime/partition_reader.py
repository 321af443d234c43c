"""Reads partitions batch by batch, in bounded memory, whatever a publisher sent.

For those that can't trust what they read to fit: librdkafka unpacks what it fetches at once.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message
from kafka.errors import KafkaError as ClientError
from kafka.errors import LeaderNotAvailableError, SaslAuthenticationFailedError
from kafka.net.compat import KafkaNetClient
from kafka.protocol.consumer import FetchRequest
from kafka.structs import TopicPartition

from audit_runtime.offsets import TIMEOUT_SECONDS
from audit_runtime.record_batches import RecordBatch, read_batches
from audit_runtime.settings import KafkaSettings

__all__ = ["Fetched", "PartitionReader"]

_FETCH_BYTES = 512 * 1024
"""The first batch is returned whole, even if it is larger; the topic bounds it."""
_RESPONSE_BYTES = 256 * 1024 * 1024
_FETCH_VERSION = 12  # the last one that names topics
_READ_COMMITTED = 1
_PAUSE_SECONDS = 0.1
_MOVED = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.OFFSET_NOT_AVAILABLE,
)

logging.getLogger("kafka").addHandler(logging.NullHandler())  # what matters, we raise
logging.getLogger("kafka").propagate = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a partition returned from an offset on."""

    records: Iterator[Message]
    """In order. They are unpacked one by one: take them before the next fetch."""
    next_offset: int
    """The offset to go on at, after all of them; that of the request if nothing was there."""
    end: int
    """The offset that the next record to come will have, as far as it is committed."""
    batches: Sequence[RecordBatch] = ()
    """The same records, in the batches that they came in; some may be before the offset asked for."""


class PartitionReader:
    """Reads topics without joining a group. For one thread."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._client: KafkaNetClient | None = None
        self._leaders: dict[TopicPartition, int] = {}

    def fetch(
        self,
        topic: str,
        partition: int,
        offset: int,
        *,
        wait_seconds: float = 0.0,
        seconds: float = TIMEOUT_SECONDS,
    ) -> Fetched:
        """Return the records from `offset` on that came within `wait_seconds`, about 512 KiB of them.

        Those of aborted transactions are left out. Asks again for `seconds` while brokers are away.
        Raises KafkaException, for an offset that Kafka does not have with OFFSET_OUT_OF_RANGE.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = self._fetch(TopicPartition(topic, partition), offset, wait_seconds)
            except SaslAuthenticationFailedError as error:
                self.close()
                raise _exception(KafkaError._AUTHENTICATION, error) from error  # noqa: SLF001 - public code
            except (ClientError, OSError) as error:
                self.close()  # leaders may have moved, brokers may have gone
                if time.monotonic() > deadline:
                    raise _exception(KafkaError._TRANSPORT, error) from error  # noqa: SLF001
            else:
                if found is None:
                    if time.monotonic() > deadline:
                        raise KafkaException(KafkaError(KafkaError.THROTTLING_QUOTA_EXCEEDED))
                    continue  # the broker delays its next answer by itself
                if not found.error_code:
                    return _fetched(found, topic, partition, offset)
                self._leaders.clear()
                if found.error_code not in _MOVED or time.monotonic() > deadline:
                    raise KafkaException(KafkaError(found.error_code))
            time.sleep(_PAUSE_SECONDS)

    def close(self) -> None:
        """Close the connections; another fetch opens them again."""
        self._leaders.clear()
        if self._client is not None:
            client, self._client = self._client, None
            client.close()

    def _fetch(self, place: TopicPartition, offset: int, wait_seconds: float) -> Any:
        """Return what Kafka answers for a partition; None if a quota keeps it from answering now."""
        client = self._connected()
        request = FetchRequest(
            min_version=_FETCH_VERSION,
            max_version=_FETCH_VERSION,
            max_wait_ms=int(wait_seconds * 1000),
            min_bytes=1,
            max_bytes=_FETCH_BYTES,
            isolation_level=_READ_COMMITTED,
            session_id=0,
            session_epoch=-1,
            topics=[
                FetchRequest.FetchTopic(
                    topic=place.topic,
                    partitions=[
                        FetchRequest.FetchTopic.FetchPartition(
                            partition=place.partition,
                            current_leader_epoch=-1,
                            fetch_offset=offset,
                            last_fetched_epoch=-1,
                            log_start_offset=-1,
                            partition_max_bytes=_FETCH_BYTES,
                        )
                    ],
                )
            ],
            forgotten_topics_data=[],
            rack_id="",
        )
        answer = client.send_and_receive(self._leader(client, place), request)
        return answer.responses[0].partitions[0] if answer.responses else None

    def _connected(self) -> KafkaNetClient:
        if self._client is None:
            client = KafkaNetClient(**_client_options(self._settings))
            try:
                client.check_version()
            except BaseException:
                client.close()
                raise
            self._client = client
        return self._client

    def _leader(self, client: KafkaNetClient, place: TopicPartition) -> int:
        if place not in self._leaders:
            client.cluster.add_topic(place.topic)
            client.poll(timeout_ms=int(TIMEOUT_SECONDS * 1000), future=client.cluster.request_update())
            leader = client.cluster.leader_for_partition(place)
            if leader is None or leader < 0:
                raise LeaderNotAvailableError(f"{place.topic} [{place.partition}] has no leader")
            self._leaders[place] = leader
        return self._leaders[place]


def _fetched(found: Any, topic: str, partition: int, offset: int) -> Fetched:
    batches = list(read_batches(found.records or b""))
    committed = list(_committed(batches, found.aborted_transactions or ()))
    records = (
        record
        for batch in committed
        for record in batch.records(topic, partition)
        if (record.offset() or 0) >= offset
    )
    end = batches[-1].end if batches else offset
    return Fetched(records, max(offset, end), max(0, found.last_stable_offset), committed)


def _committed(batches: list[RecordBatch], aborted: Any) -> Iterator[RecordBatch]:
    """Leave out the ends of transactions, and batches of those that were aborted."""
    begins = sorted((each.first_offset, each.producer_id) for each in aborted)
    open_: set[int] = set()
    for batch in batches:
        while begins and begins[0][0] < batch.end:
            open_.add(begins.pop(0)[1])
        if batch.is_control:
            if batch.is_abort():
                open_.discard(batch.producer_id)
        elif not (batch.is_transactional and batch.producer_id in open_):
            yield batch


def _client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the client's configuration, in kafka-python's names. Raises CredentialsError."""
    config = settings.kafka_config()
    options: dict[str, Any] = {
        "bootstrap_servers": [each.strip() for each in config["bootstrap.servers"].split(",")],
        "client_id": config["client.id"],
        "security_protocol": config["security.protocol"],
        "receive_message_max_bytes": _RESPONSE_BYTES,
    }
    if "ssl.ca.location" in config:
        options["ssl_cafile"] = config["ssl.ca.location"]
    if "sasl.mechanism" in config:
        options["sasl_mechanism"] = config["sasl.mechanism"]
        options["sasl_plain_username"] = config["sasl.username"]
        options["sasl_plain_password"] = config["sasl.password"]
    return options


def _exception(code: int, error: Exception) -> KafkaException:
    return KafkaException(KafkaError(code, str(error)))
