"""Indexing missing records from Kafka again, after an index was lost or restored from an old snapshot.

Records are processed as a consumer would: the same decoder validates each one, the same settler
indexes it or writes its dead letter. So a repair is safe while consumers run, and can be repeated: a
document is created under its event's id, once.

Alert rules evaluate repaired events as newly ingested ones: `event.ingested` is the time of the
attempt that wrote the document. Rules only stay `AUDITLOG_ALERT_MARGIN_SECONDS` behind the present,
and no offset holds them back for these records, so they miss what a bulk request wrote that took
longer than that: `auditlog alerts backfill` finds it.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from audit_consumer import (
    Batch,
    ConsumerSettings,
    DeadLetters,
    Decoder,
    EventIndex,
    Outcome,
    Places,
    Refusal,
    Settler,
    SetupFaultError,
    portions,
)
from audit_runtime.kafka import message_batches
from audit_runtime.terminal import Report, silent
from audit_schemas import format_timestamp
from confluent_kafka import Message

from audit_admin.topic_reader import TopicReader
from audit_admin.verification.reconciliation import PartitionReconciliation

__all__ = ["repair"]

_BATCH_RECORDS = 1000
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.5


def repair(
    settings: ConsumerSettings, results: Sequence[PartitionReconciliation], report: Report = silent
) -> Counter[Outcome]:
    """Index or dead-letter the missing records; return how many had which outcome.

    Waits for busy servers. Raises SetupFaultError or UnreachableError if one stays away or refuses;
    what was settled by then stays settled, and the next repair continues from there.
    """
    total = sum(len(result.missing) for result in results)
    outcomes: Counter[Outcome] = Counter()
    index = EventIndex(settings, settings.request_seconds)
    dead_letters = DeadLetters(settings)
    try:
        places = Places(settings.geo_paths) if settings.geo_paths else None
        decoder = Decoder(settings.load_catalogue(), settings.time_bounds(), index.naming(), places)
        send_seconds = settings.drain_seconds or 1.0
        settler = Settler(decoder, index, dead_letters, send_seconds=send_seconds)
        for messages in _missing(settings, results):
            outcomes += settle(messages, decoder, settler)
            report("Indexing missing records", outcomes.total(), total)
    finally:
        dead_letters.close()
        index.close()
    return outcomes


def settle(messages: Sequence[Message], decoder: Decoder, settler: Settler) -> Counter[Outcome]:
    """Index or dead-letter all of these records. Raises an error that keeps blocking it."""
    batch = _decode(messages, decoder)
    outcomes: Counter[Outcome] = Counter()
    last_progress = time.monotonic()
    while len(batch):
        progress = settler.advance(batch)
        outcomes += progress.outcomes
        if progress.outcomes.total():
            last_progress = time.monotonic()
        if progress.blocking_error is not None:
            waited = time.monotonic() - last_progress
            if isinstance(progress.blocking_error, SetupFaultError) or waited > _PATIENCE_SECONDS:
                raise progress.blocking_error
            time.sleep(_PAUSE_SECONDS)
            batch = _decode(batch.messages, decoder, batch.refusals)
    return outcomes


def _decode(messages: Sequence[Message], decoder: Decoder, refusals: Sequence[Refusal] = ()) -> Batch:
    """Return a batch of these records, with the present as their time of ingestion."""
    batch = Batch(refusals=[*refusals])
    ingested = format_timestamp(datetime.now(UTC))
    for some in portions(messages):
        batch.extend(some, decoder.read_all(some, ingested))
    return batch


def _missing(
    settings: ConsumerSettings, results: Sequence[PartitionReconciliation]
) -> Iterator[list[Message]]:
    """Yield the missing records in batches, each partition in order."""
    with TopicReader(settings) as reader:
        for result in results:
            messages = reader.read_all(settings.topic, result.partition, result.missing)
            yield from message_batches(messages, _BATCH_RECORDS)
