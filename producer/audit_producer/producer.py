"""The producer: an event in, an acknowledged record out, or a failure that is counted and told."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from audit_schemas import (
    MAX_EVENT_BYTES,
    SCHEMA_HEADER,
    SCHEMA_HEADER_VALUE,
    AuditEvent,
    decode,
    too_large,
    validate,
)
from confluent_kafka import KafkaError, KafkaException, Message

from audit_producer.activities import Activities, User
from audit_producer.build import event_fields
from audit_producer.client import Client, no_topic
from audit_producer.errors import (
    ClosedError,
    DeliveryError,
    KafkaUnavailableError,
    PublishError,
    QueueFullError,
    UndeliveredError,
    sentence_of,
)
from audit_producer.fast_path import Ready
from audit_producer.process_lifetime import follow_process
from audit_producer.record_maker import RecordMaker
from audit_producer.report import Counts, Failure
from audit_producer.settings import ProducerSettings

__all__ = ["AuditProducer"]

_log = logging.getLogger("audit_producer")
_POLL_SECONDS = 0.1
_SERVE_SECONDS = 0.05
"""How often Kafka's reports are served: together, so that they don't interrupt whoever publishes."""
_HEADERS: list[tuple[str, str | bytes | None]] = [(SCHEMA_HEADER, SCHEMA_HEADER_VALUE)]


class AuditProducer(Activities):
    """Publishes audit events to Kafka. Safe for threads, forked workers and asyncio.

    Use it as a context manager, or call `close()`, which tells what was not delivered.

    With `raises=False` nothing is ever raised into the caller, since a login must not fail because
    its audit event did: `publish` and the activities return False, the failure is counted, logged,
    and handed to `on_failure`. Failures of delivery come later and always go to `on_failure`, from
    the producer's own thread; it should return quickly, and what it raises is logged.

    A process that forks (gunicorn with preload) may make the producer before: each worker gets a
    connection and counts of its own. Events that the parent had queued stay the parent's.

    A process that ends without `close()` closes its producers, a child of multiprocessing too. Where
    Python runs no code at the end, what is queued is lost: after `os._exit`, and in workers that a
    signal ends, as `Pool.terminate()`, leaving `with Pool()` and the end of a daemonic process's
    parent do. Call `flush()` at the end of a task there, or `Pool.close()` and `join()`.
    """

    _left: int | None
    """How many were neither delivered nor given up when it was closed."""

    def __init__(
        self,
        settings: ProducerSettings | None = None,
        *,
        on_failure: Callable[[Failure], None] | None = None,
        raises: bool = True,
    ) -> None:
        self._settings = settings or ProducerSettings()
        self._settings.kafka_config()  # what is wrong with credentials is told here, not to a login
        self._on_failure = on_failure
        self._raises = raises
        self._records = RecordMaker(self._settings)
        self._prepare = self._records.of
        self._closed = False
        self._begin()
        follow_process(self, AuditProducer._restart)

    @property
    def counts(self) -> Counts:
        """What became of the events of this process so far."""
        with self._lock:
            left = self._left if self._left is not None else sum(map(len, self._clients))
            delivered = max(0, self._published - self._undelivered - left)
            return Counts(self._published, delivered, self._undelivered, self._refused)

    def publish(self, event: AuditEvent | Mapping[str, Any]) -> bool:
        """Queue an event for Kafka and return True; its acknowledgement comes later.

        Wire fields may be given instead of an event, and get an id and a time if they have none.
        Blocks for at most `block_seconds`, where the queue is full. Raises EventRefusedError or
        PublishError, or returns False with `raises=False`.
        """
        try:
            self._queue(self._prepare(event))
        except Exception as error:  # noqa: BLE001 - by contract nothing escapes with raises=False
            return self._refuse(event, error)
        return True

    async def publish_async(self, event: AuditEvent | Mapping[str, Any]) -> bool:
        """Do as `publish` does, without blocking the event loop where the queue is full."""
        deadline = time.monotonic() + self._settings.block_seconds
        try:
            ready = self._prepare(event)
            while not self._offer(ready):
                if time.monotonic() >= deadline:
                    raise self._full()
                await asyncio.sleep(_POLL_SECONDS / 10)
            if self._closed:  # as in _queue
                await asyncio.to_thread(self._finish)
        except Exception as error:  # noqa: BLE001 - as in publish
            return self._refuse(event, error)
        return True

    def record(self, action: str, *, user: User | None, **fields: Any) -> bool:
        """Publish an event of any activity of the catalogue; the fields are those of `new_event`."""
        event = ready = None
        try:
            fields["action"], fields["user"] = action, user
            ready = self._records.of_arguments(fields)
            if ready is None:
                event = validate(event_fields(fields))
                ready = self._prepare(event)
            self._queue(ready)
        except Exception as error:  # noqa: BLE001 - as in publish
            if event is None and ready is not None:
                event = AuditEvent.model_validate_json(ready.value)
            return self._refuse(event, error)
        return True

    def publisher(
        self, arrange: Callable[[Mapping[str, Any]], dict[str, Any]], *, fixed: Iterable[str]
    ) -> Callable[[Mapping[str, Any]], bool]:
        """Return a function that does `publish(arrange(values))`, in less time where many are alike.

        `arrange` makes wire fields in the model's order. Where it puts a value may depend on the names
        and types of all values and on what those at `fixed`, which have few, are; on nothing else. The
        activity is one of them.
        """
        prepare = self._records.of_alike(arrange, fixed)

        def publish(values: Mapping[str, Any]) -> bool:
            try:
                self._queue(prepare(values))
            except Exception as error:  # noqa: BLE001 - as in publish
                return self._refuse(None, error)
            return True

        return publish

    def check(self, timeout: float = 5.0) -> None:
        """Raise KafkaUnavailableError, with what to do, if Kafka or the topic can't be reached."""
        topic, servers = self._settings.topic, self._settings.kafka_bootstrap_servers
        try:
            found = self._connect().list_topics(topic, timeout=timeout).topics[topic]
        except KafkaException as error:
            raise KafkaUnavailableError(
                f"Kafka at {servers} does not answer ({error.args[0].str()}). Is it up? "
                "Set AUDITLOG_KAFKA_BOOTSTRAP_SERVERS, or start one with: auditlog local up"
            ) from error
        if found.error is not None:
            raise KafkaUnavailableError(no_topic(topic, found.error))

    def flush(self, timeout: float | None = None) -> int:
        """Wait until all that is queued is acknowledged; return how many are still not."""
        with self._lock:
            producer = self._producer
        seconds = self._settings.close_seconds if timeout is None else timeout
        return producer.flush(seconds) if producer is not None else 0

    def close(self) -> None:
        """Wait for outstanding acknowledgements, at most `close_seconds`, and close.

        What is left by then is given up and handed to `on_failure`, event by event; then raises
        UndeliveredError, unless `raises=False`. Closing twice is harmless.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        left = self._finish()
        self._stop_polling()
        if left and self._raises:
            raise UndeliveredError(left)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            self.close()
        except UndeliveredError:
            if kind is None:  # else the body's own error says more
                raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, None, None)

    def _begin(self) -> None:
        """Start afresh: no connection yet, nothing counted."""
        self._lock = threading.Lock()
        self._published = self._undelivered = self._refused = 0
        self._producer: Client | None = None
        self._clients: list[Client] = []  # those that may still deliver
        self._left = None
        self._poller: threading.Thread | None = None
        self._stopped = False
        self._wake = threading.Event()

    def _queue(self, ready: Ready) -> None:
        if not self._offer(ready):
            deadline = time.monotonic() + self._settings.block_seconds
            while not self._offer(ready):
                if time.monotonic() >= deadline:
                    raise self._full()
                self._connect().poll(_POLL_SECONDS / 10)
        if self._closed:  # while this was queued: it may have waited for all but this
            self._finish()

    def _offer(self, ready: Ready) -> bool:
        """Hand the record to librdkafka; False means that its queue is full."""
        value, key = ready
        if len(value) > MAX_EVENT_BYTES:
            raise too_large(len(value))
        client = self._connect()
        try:
            client.produce(self._settings.topic, value, key=key, headers=_HEADERS)
        except BufferError:
            self._wake.set()
            return False
        except KafkaException as error:
            if error.args[0].code() == KafkaError._FATAL:  # noqa: SLF001 - librdkafka's public code
                client.poll(_POLL_SECONDS)  # it tells why
                self._reconnect(client)
                raise PublishError(client.why(error.args[0])) from error
            raise PublishError(f"Kafka's client refused the event: {error.args[0].str()}") from error
        with self._lock:
            self._published += 1
        return True

    def _finish(self) -> int:
        """Wait for what is queued and give up the rest; return how many that are."""
        left = self.flush()
        producer = self._producer
        if producer is not None and left:
            producer.give_up()
        self._left = sum(len(client) for client in self._clients if left or client is not producer)
        return left

    def _connect(self) -> Client:
        if self._closed:
            raise ClosedError("the producer is closed")
        if self._producer is None:
            with self._lock:
                if self._producer is None:
                    self._producer = self._new_producer()
                    self._poller = threading.Thread(
                        target=self._poll, args=(self._producer,), name="auditlog", daemon=True
                    )
                    self._poller.start()
        return self._producer

    def _reconnect(self, client: Client) -> None:
        """Let go of a client that will never publish again, so that the next event gets another."""
        with self._lock:
            if self._producer is client:
                self._producer = None

    def _new_producer(self) -> Client:
        try:
            client = Client(self._settings, self._on_undelivered)
        except KafkaException as error:
            raise PublishError(f"Kafka's client can't be set up: {error.args[0].str()}") from error
        self._clients = [*filter(len, self._clients), client]
        return client

    def _poll(self, producer: Client) -> None:
        """Serve what Kafka reports, also while the service publishes nothing."""
        while not self._stopped and producer is self._producer:
            self._wake.wait(_SERVE_SECONDS)
            self._wake.clear()
            producer.poll(0)
            if producer.fatal_error is not None:
                self._reconnect(producer)

    def _stop_polling(self) -> None:
        self._stopped = True
        self._wake.set()
        if self._poller is not None and self._poller is not threading.current_thread():
            self._poller.join()

    def _on_undelivered(self, client: Client, error: KafkaError, message: Message) -> None:
        with self._lock:
            self._undelivered += 1
        value = message.value()
        event = decode(value) if value is not None else None
        self._tell(Failure(event, DeliveryError(client.why(error))))

    def _refuse(self, event: AuditEvent | Mapping[str, Any] | None, error: Exception) -> bool:
        with self._lock:
            self._refused += 1
        self._tell(
            Failure(event if isinstance(event, AuditEvent) else None, error), raised=self._raises
        )
        if self._raises:
            raise error
        return False

    def _tell(self, failure: Failure, *, raised: bool = False) -> None:
        """Hand a failure over, or log it where nobody else is told."""
        if self._on_failure is None:
            if not raised:
                _log.warning("audit event not published: %s", sentence_of(failure.error))
        else:
            try:
                self._on_failure(failure)
            except Exception:  # noqa: BLE001 - the service's own code
                _log.exception("on_failure raised")

    def _full(self) -> QueueFullError:
        return QueueFullError(
            f"the local queue of {self._settings.queue_events} events stayed full for "
            f"{self._settings.block_seconds:g} s: Kafka is slow or away"
        )

    def _restart(self) -> None:
        # After a fork: librdkafka's threads did not come along, and the parent's handles must not be
        # destroyed here.
        _inherited.extend(self._clients)
        self._begin()


_inherited: list[Client] = []
