"""Kafka -> validated -> Elasticsearch: nothing lost, nothing twice."""

from audit_consumer.batch import Batch, portions
from audit_consumer.bulk import RESPONSE_FIELDS, Stored, classify_items, compare
from audit_consumer.dead_letters import DeadLetters
from audit_consumer.decode import Decoder
from audit_consumer.elastic import EventIndex
from audit_consumer.errors import (
    ConsumerError,
    NotDrainedError,
    OffsetsExpiredError,
    SetupFaultError,
    StartUnknownError,
    UnreachableError,
)
from audit_consumer.geo_file import GeoFile
from audit_consumer.places import Places
from audit_consumer.record import Outcome, Prepared, Record, Refusal
from audit_consumer.settings import ConsumerSettings
from audit_consumer.settle import Settler
from audit_consumer.strays import resolve_strays

__all__ = [
    "RESPONSE_FIELDS",
    "Batch",
    "ConsumerError",
    "ConsumerSettings",
    "DeadLetters",
    "Decoder",
    "EventIndex",
    "GeoFile",
    "NotDrainedError",
    "OffsetsExpiredError",
    "Outcome",
    "Places",
    "Prepared",
    "Record",
    "Refusal",
    "Settler",
    "SetupFaultError",
    "StartUnknownError",
    "Stored",
    "UnreachableError",
    "classify_items",
    "compare",
    "portions",
    "resolve_strays",
]
