"""Kafka -> validated -> Elasticsearch: nothing lost, nothing twice."""

from audit_consumer.errors import (
    ConsumerError,
    NotDrainedError,
    OffsetsExpiredError,
    SelectionError,
    SetupFaultError,
    StartUnknownError,
    UnreachableError,
)
from audit_consumer.proof.verify import PartitionProof, verify
from audit_consumer.service import run_consumer
from audit_consumer.settings import ConsumerSettings, SetupSettings
from audit_consumer.setup import set_up

__all__ = [
    "ConsumerError",
    "ConsumerSettings",
    "NotDrainedError",
    "OffsetsExpiredError",
    "PartitionProof",
    "SelectionError",
    "SetupFaultError",
    "SetupSettings",
    "StartUnknownError",
    "UnreachableError",
    "run_consumer",
    "set_up",
    "verify",
]
