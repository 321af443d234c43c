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
from audit_query import AuditLog, Filter
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from audit_schemas import Catalogue, IndexNaming

from audit_seal.checkpoint import Checkpoint
from audit_seal.document_check import DocumentChecker, StoredDocument
from audit_seal.errors import SealError, SignatureError
from audit_seal.log_folder import LogReader
from audit_seal.mapping_check import mapping_faults
from audit_seal.note import Note, VerifierKey
from audit_seal.period_check import PeriodSignature, check_periods
from audit_seal.policy import Cosigned, Policy
from audit_seal.reconciliation import Reconciliation, reconcile
from audit_seal.sealed_log import EVERY_TIME, SealedLog, TimeRange, read_log
from audit_seal.settings import SealSettings
from audit_seal.slot_reader import SlotReader
from audit_seal.tally import Tally

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
class CheckedLog:
    """A log whose tree and signatures were checked."""

    log: SealedLog
    checkpoint: Checkpoint
    note: Note
    cosigned: tuple[Cosigned, ...]
    periods: list[PeriodSignature]
    faults: list[str]
    """What is wrong with the log itself."""


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
) -> Verification:
    """Check the log, then the documents of Elasticsearch or of an export by it.

    `policy` and `first_key` are the files that an auditor was given; else those beside the log are
    used. Raises SealError, ConsumerError and what Elasticsearch's client raises if it can't be checked.
    """
    keys = (policy, first_key)
    rules, first = read_keys(settings.folder, *keys)
    # The log first: what is sealed and settled by now is in the index afterwards.
    checked = check_log(settings.folder, rules, first, report)
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
    return Verification(checked, result, hidden, times, export is not None, is_own)


def read_keys(
    folder: Path, policy: Path | None, first_key: Path | None
) -> tuple[Policy, VerifierKey | None]:
    """Return the keys that were given, or those beside the log. Raises SealError."""
    path = policy or folder / "policy"
    key_path = first_key or folder / "period-1.pub"
    try:
        rules = Policy.parse(path.read_text())
        if first_key is None and not key_path.exists():
            return rules, None
        return rules, VerifierKey.parse(key_path.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SealError(f"{path} or {key_path} can't be read: {error}") from None


def check_log(
    folder: Path, policy: Policy, first_key: VerifierKey | None, report: Report
) -> CheckedLog:
    """Read the whole log, and check its tree and signatures. Raises SealError if that can't be done."""
    reader = LogReader(folder)
    note = reader.checkpoint()
    if note is None:
        raise SealError(f"{folder} has no checkpoint: nothing is sealed yet. Is auditlog seal run up?")
    checkpoint = Checkpoint.parse(note.text)
    faults: list[str] = []
    cosigned: tuple[Cosigned, ...] = ()
    try:
        cosigned = policy.verify(note).cosigned
    except SignatureError as error:
        faults.append(str(error))

    def entries() -> Iterator[object]:
        for entry in reader.entries(0, checkpoint.size):
            if entry.index % 1024 == 0:
                report("Reading the log", entry.index, checkpoint.size)
            yield entry

    log = read_log(entries())  # type: ignore[arg-type]
    if (log.size, log.root) != (checkpoint.size, checkpoint.root):
        faults.append("the log was changed: its entries do not have the root that was signed")
    signatures, wrong = check_periods(log, note, _ended_periods(folder), first_key)
    return CheckedLog(log, checkpoint, note, cosigned, signatures, [*faults, *wrong, *log.faults])


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
            offsets = {"gte": blocks[0].first, "lt": blocks[-1].end}
            ranges.append(
                {
                    "bool": {
                        "filter": [
                            {"term": {"audit.kafka.topic": place.topic}},
                            {"term": {"audit.kafka.partition": place.partition}},
                            {"range": {"audit.kafka.offset": offsets}},
                        ]
                    }
                }
            )
    return {"bool": {"should": ranges, "minimum_should_match": 1}} if ranges else {"match_none": {}}


def _ended_periods(folder: Path) -> dict[int, Note]:
    """Return the last checkpoints of periods that have ended, by their sizes. Raises SealError."""
    notes = {}
    kept = folder / "log" / "periods"
    for path in sorted(kept.iterdir()) if kept.is_dir() else ():
        if path.name.isdecimal():
            note = Note.parse(path.read_bytes())
            notes[Checkpoint.parse(note.text).size] = note
    return notes


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
