"""What Kafka gets of an event: its record, or why it is refused. Needs no connection."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from audit_schemas import AuditEvent, Service, encode, validate

from audit_producer.build import complete, settle
from audit_producer.fast_path import FastPath, Ready
from audit_producer.settings import ProducerSettings

__all__ = ["RecordMaker"]


class RecordMaker:
    """Makes the records of one producer, by its catalogue, its bounds and its default service."""

    def __init__(self, settings: ProducerSettings) -> None:
        self._catalogue = settings.load_catalogue()
        self._bounds = settings.time_bounds()
        self._fast_path = FastPath(self._catalogue, self._bounds)
        self._service = Service(name=settings.service) if settings.service else None

    def of(self, event: AuditEvent | Mapping[str, Any]) -> Ready:
        """Return the record of an event or of wire fields. Raises EventRefusedError."""
        if not isinstance(event, AuditEvent):
            fields = complete(event)
            if self._service is None or "service" in fields:
                ready = self._fast_path.ready_fields(fields, datetime.now(UTC))
                if ready is not None:
                    return ready
            event = validate(fields)
        if event.service is None and self._service is not None:
            event = event.model_copy(update={"service": self._service})
        self._bounds.check(event.timestamp, datetime.now(UTC))
        self._catalogue.check(event)  # a default outcome is for the consumer to fill in
        return Ready(encode(event), _key(event))

    def of_arguments(self, given: dict[str, Any]) -> Ready | None:
        """Settle arguments of `new_event` and return their record, None for what the model is to judge.

        Raises ValueError for a time without a zone.
        """
        if self._service is not None and given.get("service") is None:
            given["service"] = self._service.name
        received = datetime.now(UTC) if given.get("at") or given.get("event_id") else None
        settle(given)
        return self._fast_path.ready(given, received)

    def of_alike(
        self, arrange: Callable[[Mapping[str, Any]], dict[str, Any]], fixed: Iterable[str]
    ) -> Callable[[Mapping[str, Any]], Ready]:
        """Return a function that does `of(arrange(values))`; see `AuditProducer.publisher`."""
        fast_path = FastPath(self._catalogue, self._bounds, arrange, fixed)
        if self._service is not None:
            return lambda values: self.of(arrange(values))

        def of(values: Mapping[str, Any]) -> Ready:
            return fast_path.ready(values, datetime.now(UTC)) or self.of(arrange(values))

        return of


def _key(event: AuditEvent) -> str | None:
    if event.user is None or event.audit.actor.kind == "system":
        return None
    return event.user.id or event.user.name
