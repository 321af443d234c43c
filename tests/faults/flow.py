"""Events that keep coming, so that a fault always hits work in progress, however fast that is."""

import contextlib
import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from audit_producer import AuditProducer, Failure, UndeliveredError
from audit_producer.build import new_event
from audit_runtime.kafka import KafkaProducer
from audit_schemas import AuditEvent
from confluent_kafka import KafkaError, Message
from support.servers import Deployment

__all__ = ["RATE", "Flow"]

RATE = 500
"""Records a second: few enough for a machine that has much else to do."""
_USERS = 500
_REFUSED_OF = 250
"""One record in so many is no event, and has to be dead-lettered."""
_REPEATED_OF = 400
"""One event in so many is published twice, and has to be there once."""
_OLDER_OF = 50
"""One event in so many is of an earlier month, and so belongs to another index."""
_OLDER = timedelta(days=40)
_TICK_SECONDS = 0.05


class Flow:
    """Publishes at a bounded rate in a thread of its own, and remembers what.

    As a context manager it ends by waiting for every acknowledgement. A fault of the broker must
    not make it fail: the producer retries for longer than any fault lasts.
    """

    def __init__(self, deployment: Deployment, *, per_second: int = RATE) -> None:
        self.ids: list[str] = []
        self.refused: list[bytes] = []
        self.repeated = 0
        self._per_second = per_second
        self._topic = f"{deployment.name}.events"
        self._failures: list[object] = []
        settings = deployment.producer.model_copy(update={"close_seconds": 5.0})
        self._audit = AuditProducer(settings, on_failure=self._on_failure)
        self._raw = KafkaProducer(deployment.producer, deployment.producer.producer_config())
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._random = random.Random(len(deployment.name))

    @property
    def records(self) -> int:
        """How many records were published."""
        return len(self.ids) + self.repeated + len(self.refused)

    def burst(self, count: int) -> None:
        """Publish records as fast as it goes."""
        for _ in range(count):
            self._publish()

    def publish(self, event: AuditEvent) -> None:
        """Publish an event of the caller's besides."""
        with self._lock:
            self.ids.append(event.event.id)
            self._audit.publish(event)

    def start(self) -> None:
        """Publish from now on, until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Publish no more, and return when all is acknowledged."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        assert self._audit.flush(120) + self._raw.flush(120) == 0
        self._audit.close()
        self._check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None:
            self.stop()
        else:  # the broker may be dead: what is queued goes nowhere
            self._stop.set()
            self._raw.purge()
            with contextlib.suppress(UndeliveredError):
                self._audit.close()

    def _run(self) -> None:
        begun, already = time.monotonic(), 0
        while not self._stop.wait(_TICK_SECONDS):
            due = int((time.monotonic() - begun) * self._per_second)
            while already < due and not self._stop.is_set():
                self._publish()
                already += 1

    def _publish(self) -> None:
        with self._lock:
            self._publish_next()

    def _publish_next(self) -> None:
        number = self.records
        if number % _REFUSED_OF == _REFUSED_OF - 1:
            self._publish_refused(number)
            return
        at = datetime.now(UTC) - (_OLDER if number % _OLDER_OF == 0 else timedelta())
        user = f"user-{self._random.randrange(_USERS)}"
        event = new_event("chat-opened", user=user, chat=f"chat-{number}", ip="192.0.2.7", at=at)
        self.ids.append(event.event.id)
        self._audit.publish(event)
        if number % _REPEATED_OF == 0:
            self.repeated += 1
            self._audit.publish(event)

    def _publish_refused(self, number: int) -> None:
        self.refused.append(f'{{"no event": {number}}}'.encode())
        self._raw.produce(self._topic, self.refused[-1], on_delivery=self._delivered)
        self._raw.poll(0)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failures.append(error)

    def _on_failure(self, failure: Failure) -> None:
        self._failures.append(failure.error)

    def _check(self) -> None:
        first: Sequence[object] = self._failures[:3]
        assert not self._failures, f"{len(self._failures)} records were not published: {first}"
