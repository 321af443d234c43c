"""The SDK that a service publishes its audit events with."""

from audit_schemas import AuditEvent, EventRefusedError

from audit_producer.build import Changes, Context, Person, new_event, shown_changes
from audit_producer.client_ip import client_ip
from audit_producer.errors import (
    ClosedError,
    DeliveryError,
    KafkaUnavailableError,
    PublishError,
    QueueFullError,
    UndeliveredError,
)
from audit_producer.lines import Line, read_lines
from audit_producer.masking import MASK, is_secret_name, masked_text
from audit_producer.producer import AuditProducer
from audit_producer.report import Counts, Failure
from audit_producer.settings import ProducerSettings

__all__ = [
    "MASK",
    "AuditEvent",
    "AuditProducer",
    "Changes",
    "ClosedError",
    "Context",
    "Counts",
    "DeliveryError",
    "EventRefusedError",
    "Failure",
    "KafkaUnavailableError",
    "Line",
    "Person",
    "ProducerSettings",
    "PublishError",
    "QueueFullError",
    "UndeliveredError",
    "client_ip",
    "is_secret_name",
    "masked_text",
    "new_event",
    "read_lines",
    "shown_changes",
]
