"""The log itself held to its signatures: tree, periods and time stamps."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import SealError, SignatureError
from audit_seal.log_folder import LogEntry, LogReader
from audit_seal.note import Note, VerifierKey
from audit_seal.period_check import PeriodSignature, check_periods
from audit_seal.policy import Cosigned, Policy
from audit_seal.published import Published, check_published_log
from audit_seal.sealed_log import SealedLog, read_log
from audit_seal.stamp_check import CheckedStamp, check_stamps
from audit_seal.stamp_folder import StampFolder
from audit_seal.time_stamp import Roots

__all__ = ["CheckedLog", "check_log", "read_keys"]

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
    stamps: list[CheckedStamp] = field(default_factory=list)
    """Time stamps that hold, the oldest first."""
    unchecked_stamps: int = 0
    """How many could not be checked, for want of their authority's certificates."""
    published: int | None = None
    """How many published checkpoints it was compared with; None if it was with none."""


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
    folder: Path,
    policy: Policy,
    first_key: VerifierKey | None,
    report: Report,
    stamp_roots: Roots = (),
    published: Published | None = None,
) -> CheckedLog:
    """Read the whole log, and check its tree, signatures and time stamps, and by what was published.

    Raises SealError if that can't be done.
    """
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

    def entries() -> Iterator[LogEntry]:
        for entry in reader.entries(0, checkpoint.size):
            if entry.index % 1024 == 0:
                report("Reading the log", entry.index, checkpoint.size)
            yield entry

    stamps = StampFolder(folder)
    sizes = {*stamps.sizes, *(published.roots if published else ())}
    log = read_log(entries(), sizes)
    roots = log.roots | {log.size: log.root}
    if (log.size, log.root) != (checkpoint.size, checkpoint.root):
        faults.append("the log was changed: its entries do not have the root that was signed")
    signatures, wrong = check_periods(log, note, _ended_periods(folder), first_key)
    stamped, false = check_stamps(stamps, roots, stamp_roots)
    forked = check_published_log(published, checkpoint, roots) if published else []
    faults += [*wrong, *false, *forked, *log.faults]
    unchecked = 0 if stamp_roots else len(stamps.sizes)
    count = len(published.roots) if published else None
    return CheckedLog(log, checkpoint, note, cosigned, signatures, faults, stamped, unchecked, count)


def _ended_periods(folder: Path) -> dict[int, Note]:
    """Return the last checkpoints of periods that have ended, by their sizes. Raises SealError."""
    notes = {}
    kept = folder / "log" / "periods"
    for path in sorted(kept.iterdir()) if kept.is_dir() else ():
        if path.name.isdecimal():
            note = Note.parse(path.read_bytes())
            notes[Checkpoint.parse(note.text).size] = note
    return notes
