"""What is missing, read from Kafka again and indexed: after an index was lost, or restored old.

It goes the consumer's own way: the same decoder judges each record, the same settler indexes it or
writes its dead letter. So it is safe beside consumers that run, and can be done again: a document
is created under its event's id, once.

Alert rules look at what is ingested from then on: `event.ingested` is the time of the try that wrote a
document. They stay `AUDITLOG_ALERT_MARGIN_SECONDS` behind now, and no offset holds them back for these
records; so what a bulk request that took longer than that wrote is not looked at by itself:
`auditlog alerts backfill` shows it.
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
    Refusal,
    Settler,
    SetupFaultError,
)
from audit_runtime.terminal import Report, silent
from audit_schemas import format_timestamp
from confluent_kafka import Message

from audit_admin.reader import Reader, batches
from audit_admin.verification.verify import PartitionProof

__all__ = ["repair"]

_BATCH = 1000
_PATIENCE_SECONDS = 120.0
_PAUSE = 0.5


def repair(
    settings: ConsumerSettings, proofs: Sequence[PartitionProof], report: Report = silent
) -> Counter[Outcome]:
    """Settle the missing records of these proofs; return what became of them.

    Waits for a server that is busy. Raises SetupFaultError or UnreachableError where one stays away
    or refuses; what was settled by then stays so, and the next repair goes on from there.
    """
    total = sum(len(proof.missing) for proof in proofs)
    outcomes: Counter[Outcome] = Counter()
    index = EventIndex(settings, settings.request_seconds)
    dead_letters = DeadLetters(settings)
    try:
        decoder = Decoder(settings.load_catalogue(), settings.time_bounds(), index.naming())
        send_seconds = settings.drain_seconds or 1.0
        settler = Settler(decoder, index, dead_letters, send_seconds=send_seconds)
        for messages in _missing(settings, proofs):
            outcomes += settle(messages, decoder, settler)
            report("Indexing what is missing", outcomes.total(), total)
    finally:
        dead_letters.close()
        index.close()
    return outcomes


def settle(messages: Sequence[Message], decoder: Decoder, settler: Settler) -> Counter[Outcome]:
    """Index or dead-letter all of these records. Raises what keeps hindering it."""
    batch = _read(messages, decoder)
    outcomes: Counter[Outcome] = Counter()
    moved = time.monotonic()
    while len(batch):
        progress = settler.advance(batch)
        outcomes += progress.outcomes
        if progress.outcomes.total():
            moved = time.monotonic()
        if progress.blocking_error is not None:
            waited = time.monotonic() - moved
            if isinstance(progress.blocking_error, SetupFaultError) or waited > _PATIENCE_SECONDS:
                raise progress.blocking_error
            time.sleep(_PAUSE)
            batch = _read(batch.messages, decoder, batch.refusals)
    return outcomes


def _read(messages: Sequence[Message], decoder: Decoder, refusals: Sequence[Refusal] = ()) -> Batch:
    """Return these records as a batch that is ingested now."""
    batch = Batch(refusals=[*refusals])
    ingested = format_timestamp(datetime.now(UTC))
    for message in messages:
        batch.add(message, decoder.read(message, ingested))
    return batch


def _missing(settings: ConsumerSettings, proofs: Sequence[PartitionProof]) -> Iterator[list[Message]]:
    """Yield the missing records, some at a time, each partition in order."""
    with Reader(settings) as reader:
        for proof in proofs:
            messages = reader.read_all(settings.topic, proof.partition, proof.missing)
            yield from batches(messages, _BATCH)
