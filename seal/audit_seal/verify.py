"""`seal verify`: the log, its signatures and every document, from Elasticsearch or an export.

Memory is bounded by the log's blocks (some 100 bytes each), whatever the number of documents.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from audit_consumer import EventIndex
from audit_query import AuditLog, Filter, any_of, from_partition
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from audit_schemas import Catalogue, IndexNaming

from audit_seal.checkpoint import Checkpoint
from audit_seal.document_check import DocumentChecker, StoredDocument
from audit_seal.errors import SealError
from audit_seal.log_check import CheckedLog, check_log, read_keys
from audit_seal.log_folder import LogReader
from audit_seal.mapping_check import mapping_faults
from audit_seal.policy import Policy
from audit_seal.published import Published, read_published
from audit_seal.reconciliation import Reconciliation, reconcile
from audit_seal.sealed_log import EVERY_TIME, SealedLog, TimeRange
from audit_seal.settings import SealSettings
from audit_seal.slot_reader import SlotReader
from audit_seal.tally import Tally
from audit_seal.time_stamp import read_roots

__all__ = [
    "CheckedLog",
    "DocumentCheck",
    "Verification",
    "check_log",
    "documents_in_elasticsearch",
    "documents_in_export",
    "documents_of_index",
    "read_keys",
    "read_sound_log",
    "tally_documents",
    "verify_documents",
    "verify_log",
]

_WORKERS = 2
_FEW = 20_000
"""So many documents are checked before other processes would have started."""
_BATCH_BYTES = 4 * 1024 * 1024
_SECONDS = 60.0

Batch = Sequence[StoredDocument]
Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Verification:
    """All that was found."""

    checked: CheckedLog
    result: Reconciliation
    mapping_faults: list[str]
    times: TimeRange
    is_export: bool
    has_own_keys: bool
    """Whether the keys were given by whoever checks; else they are those beside the log."""
    has_own_authority: bool = False
    """Whether the time-stamping authority's certificates were."""

    @property
    def is_sound(self) -> bool:
        """Tell whether nothing is wrong."""
        return self.result.is_sound and not self.checked.faults and not self.mapping_faults


@dataclass(frozen=True, slots=True)
class DocumentCheck:
    """What documents are checked by; it can be sent to another process."""

    folder: Path
    log: SealedLog
    catalogue: Path | None
    """The file of the deployment's own activities."""
    naming: IndexNaming
    times: TimeRange = EVERY_TIME

    def checker(self) -> DocumentChecker:
        """Return a checker."""
        slots = SlotReader(LogReader(self.folder), self.log.size)
        catalogue = Catalogue.load(self.catalogue)
        return DocumentChecker(self.log, slots, catalogue, self.naming, self.times)


def verify_log(
    settings: SealSettings,
    report: Report,
    *,
    times: TimeRange = EVERY_TIME,
    export: Path | None = None,
    policy: Path | None = None,
    first_key: Path | None = None,
    stamp_ca: Path | None = None,
    published: bool = False,
) -> Verification:
    """Check the log, then the documents of Elasticsearch or of an export by it.

    `policy`, `first_key` and `stamp_ca`, the root certificates of the time-stamping authority, are the
    files that an auditor was given; else those beside the log and of the settings are used.
    `published` asks Kafka for what was published. Raises SealError, ConsumerError, KafkaException and
    what Elasticsearch's client raises if it can't be checked.
    """
    keys = (policy, first_key)
    rules, first = read_keys(settings.folder, *keys)
    # What is published first: the folder has it by then, unless it is an old one.
    seals = _published(settings, rules, report) if published else None
    # The log first: what is sealed and settled by now is in the index afterwards.
    authority = stamp_ca or settings.stamp_ca_file
    roots = read_roots(authority) if authority else ()
    checked = check_log(settings.folder, rules, first, report, roots, seals)
    hidden: list[str] = []
    if export is None:
        with closing(EventIndex(settings, settings.request_seconds)) as index:
            naming = index.naming()
        batches, total, hidden = documents_in_elasticsearch(settings, checked.log, times)
    else:
        naming = IndexNaming(settings.index_prefix)
        batches, total = documents_in_export(export)
    check = DocumentCheck(settings.folder, checked.log, settings.catalogue, naming, times)
    result = verify_documents(check, batches, total, report)
    is_own = all(key is not None for key in keys)
    return Verification(
        checked, result, hidden, times, export is not None, is_own, stamp_ca is not None
    )


def _published(settings: SealSettings, rules: Policy, report: Report) -> Published:
    """Read the published checkpoints of the log in the folder."""
    note = LogReader(settings.folder).checkpoint()
    if note is None:
        raise SealError(f"{settings.folder} has no checkpoint: nothing is sealed yet")
    origin = Checkpoint.parse(note.text).origin
    keys = [key for key in rules.logs if key.name == origin]
    return read_published(settings, origin, keys, report)


def read_sound_log(folder: Path, report: Report) -> CheckedLog:
    """Check a log by the keys beside it. Raises SealError if anything is wrong with it."""
    checked = check_log(folder, *read_keys(folder, None, None), report)
    if checked.faults:
        raise SealError(f"The log is not sound: {checked.faults[0]}")
    return checked


def verify_documents(
    check: DocumentCheck, batches: Iterable[Batch], total: int, report: Report
) -> Reconciliation:
    """Check documents, and reconcile them with the log."""
    return reconcile(check.log, tally_documents(check, batches, total, report), check.times)


def tally_documents(
    check: DocumentCheck, batches: Iterable[Batch], total: int, report: Report
) -> Tally:
    """Check documents; many of them in two processes."""
    tally = Tally()
    done = 0
    in_turn = _in_turn if total <= _FEW else _in_parallel
    for counted, found in in_turn(check, batches):
        tally.merge(found)
        done += counted
        report("Checking documents", done, total)
    return tally


def documents_in_elasticsearch(
    settings: ElasticsearchSettings, check: SealedLog, times: TimeRange
) -> tuple[Iterator[Batch], int, list[str]]:
    """Return the documents behind the alias, how many there are, and what the mappings hide.

    Errors of the Elasticsearch client pass through.
    """
    query = _query(check, times)
    with connect(settings, seconds=_SECONDS) as client:
        client.indices.refresh(index=f"{settings.index_prefix}-*", allow_no_indices=True)
        indices = client.indices.get(index=f"{settings.index_prefix}-*", allow_no_indices=True).body
        live = {
            name: each for name, each in indices.items() if settings.index_prefix in each["aliases"]
        }
        total = 0
        if live:
            found = client.count(
                index=settings.index_prefix, query=query, allow_no_indices=True, ignore_unavailable=True
            )
            total = int(found["count"])
    return _scanned(settings, query), total, mapping_faults(settings.index_prefix, live)


def documents_of_index(settings: ElasticsearchSettings, index: str) -> tuple[Iterator[Batch], int]:
    """Return the documents of one index behind the alias, and how many there are."""
    query: dict[str, object] = {"term": {"_index": index}}
    with connect(settings, seconds=_SECONDS) as client:
        client.indices.refresh(index=f"{settings.index_prefix}-*", allow_no_indices=True)
        found = client.count(index=settings.index_prefix, query=query, ignore_unavailable=True)
    return _scanned(settings, query), int(found["count"])


def documents_in_export(path: Path) -> tuple[Iterator[Batch], int]:
    """Return the documents of an NDJSON export, and about how many there are. Raises SealError."""
    try:
        with path.open("rb") as file:
            head = file.read(_BATCH_BYTES)
        size = path.stat().st_size
    except OSError as error:
        raise SealError(f"{path} can't be read: {error.strerror}") from None
    if head and head[:1] != b"{":
        raise SealError(f"{path} is not an NDJSON export; make one with: auditlog export FILE.ndjson")
    about = size * head.count(b"\n") // max(1, len(head))
    return _lines(path), about


def _scanned(settings: ElasticsearchSettings, query: dict[str, object]) -> Iterator[Batch]:
    with (
        AuditLog(settings, seconds=_SECONDS) as log,
        log.scan(Filter(), query=query) as pages,
    ):
        for hits in pages:
            yield [StoredDocument(hit.line, hit.id, hit.index) for hit in hits]


def _lines(path: Path) -> Iterator[Batch]:
    with path.open("rb") as file:
        while lines := file.readlines(_BATCH_BYTES):
            if batch := [StoredDocument(line.rstrip(b"\r\n")) for line in lines if line.strip()]:
                yield batch


def _query(log: SealedLog, times: TimeRange) -> dict[str, object]:
    """Return the query for the documents of a time: by the offsets of the blocks that have it."""
    if times.is_all:
        return {"match_all": {}}
    ranges = []
    for place, partition in log.partitions.items():
        blocks = [block for block in partition.blocks if times.has(block)]
        if blocks:
            span = blocks[0].first, blocks[-1].end
            ranges.append(from_partition(place.topic, place.partition, span))
    return any_of(ranges)


def _in_turn(check: DocumentCheck, batches: Iterable[Batch]) -> Iterator[tuple[int, Tally]]:
    checker = check.checker()
    for batch in batches:
        yield _tallied(checker, batch)


def _in_parallel(check: DocumentCheck, batches: Iterable[Batch]) -> Iterator[tuple[int, Tally]]:
    """Check batches in processes of their own, a few at a time."""
    pending: deque[Future[tuple[int, Tally]]] = deque()
    with ProcessPoolExecutor(
        _WORKERS, get_context("spawn"), initializer=_prepare, initargs=(check,)
    ) as pool:
        for batch in batches:
            # By column: five times as quick to send as objects.
            pending.append(pool.submit(_check, *zip(*batch, strict=True)))
            if len(pending) > 2 * _WORKERS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


_checkers: list[DocumentChecker] = []
"""The checker of a process that checks for another one."""


def _prepare(check: DocumentCheck) -> None:
    _checkers.append(check.checker())


def _check(*columns: Sequence[Any]) -> tuple[int, Tally]:
    return _tallied(_checkers[0], list(map(StoredDocument, *columns)))


def _tallied(checker: DocumentChecker, batch: Batch) -> tuple[int, Tally]:
    tally = Tally()
    for document in batch:
        tally.add(checker.check(document))
    return len(batch), tally
