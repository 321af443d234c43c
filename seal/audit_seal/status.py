"""How far the log is sealed and settled, read from its folder alone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import SealError, StampError
from audit_seal.log_folder import LogReader
from audit_seal.note import Signature
from audit_seal.place import Position
from audit_seal.stamp_folder import StampFolder
from audit_seal.stamping import stamp_problem
from audit_seal.statement import TickStatement, decode_entry

__all__ = ["SealStatus", "Signer", "Stamp", "seal_status"]

_TIME_BYTES = 8
_COSIGNATURE_BYTES = 72
_LAST_SECOND = 253_402_300_799
"""Of the year 9999: later ones are not times."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who claims to have signed the last checkpoint, and when if that is said.

    Its signature is not verified: that needs keys from elsewhere, and `auditlog seal verify`.
    """

    name: str
    time: datetime | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who claims that a checkpoint of so many entries existed at a time; not verified either."""

    entries: int
    time: datetime
    authority: str


@dataclass(frozen=True, slots=True)
class SealStatus:
    """What the last checkpoint says."""

    origin: str
    entries: int
    time: datetime
    """The sealer's clock at the last checkpoint."""
    period: int
    missing: int
    """How many records had no document when they were settled, ever."""
    positions: tuple[Position, ...]
    signers: tuple[Signer, ...]
    stamp: Stamp | None = None
    """The last time stamp."""
    stamp_problem: str = ""
    """Why no checkpoint has been stamped since."""


def seal_status(folder: Path) -> SealStatus:
    """Read the status of the log in a folder; a sealer may be running. Raises SealError."""
    reader = LogReader(folder)
    note = reader.checkpoint()
    if note is None:
        raise SealError(f"{folder} has no sealed log yet: auditlog seal init, auditlog seal run")
    checkpoint = Checkpoint.parse(note.text)
    tick = decode_entry(reader.entry(checkpoint.size - 1).entry)
    if not isinstance(tick, TickStatement):
        raise SealError("The last entry of the log is not a tick: this is not a log of the sealer")
    return SealStatus(
        checkpoint.origin,
        checkpoint.size,
        datetime.fromtimestamp(tick.time_ms / 1000, UTC),
        tick.period,
        tick.missing,
        tick.positions,
        tuple(Signer(each.name, _time_of(each)) for each in note.signatures),
        *_stamp(folder),
    )


def _stamp(folder: Path) -> tuple[Stamp | None, str]:
    """Return the last time stamp, and what is wrong with it or with the next one."""
    problem = stamp_problem(folder)
    try:
        found = StampFolder(folder).latest()
        stamp = Stamp(found.checkpoint.size, found.time, found.authority) if found else None
    except StampError as error:
        return None, str(error)
    return stamp, problem


def _time_of(signature: Signature) -> datetime | None:
    """Return a cosignature's time, which stands before its 64 bytes."""
    if len(signature.value) != _COSIGNATURE_BYTES:
        return None
    seconds = int.from_bytes(signature.value[:_TIME_BYTES], "big")
    return datetime.fromtimestamp(min(seconds, _LAST_SECOND), UTC)
