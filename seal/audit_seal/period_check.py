"""Forward security: each period's last checkpoint is signed by a key that no longer exists. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import SealError
from audit_seal.note import Note, VerifierKey
from audit_seal.sealed_log import SealedLog, last_size

__all__ = ["PeriodSignature", "check_periods"]


@dataclass(frozen=True, slots=True)
class PeriodSignature:
    """A checkpoint that a period's own key has signed."""

    number: int
    key: VerifierKey
    size: int
    time: int
    """In seconds since the epoch."""
    is_last: bool
    """Whether it is the last one of its period, after which the key was destroyed."""


def check_periods(
    log: SealedLog, note: Note, ended: Mapping[int, Note], first_key: VerifierKey | None
) -> tuple[list[PeriodSignature], list[str]]:
    """Check every period's signature: the current one's of `note`, the others' of `ended`, by size.

    Returns the signatures, and what is wrong. `first_key` is the first period's, as it was given to
    whoever checks; without one, the log's own word is taken.
    """
    signatures: list[PeriodSignature] = []
    faults: list[str] = []
    size = Checkpoint.parse(note.text).size
    if not log.periods or log.periods[0][0] != 0 or log.periods[0][1].number != 1:
        return [], ["the log does not begin with the key of its first period"]
    if first_key is not None and log.periods[0][1].key != first_key:
        faults.append("the first period's key is not the one that was given")
    begun = [each for each in log.periods if each[0] == 0 or last_size(each[0]) <= size]
    for at, (_, period) in enumerate(begun):
        if period.number != at + 1:
            faults.append(f"period {period.number} follows period {at}")
        following = begun[at + 1][0] if at + 1 < len(begun) else None
        end = size if following is None else last_size(following)
        if following is None and begun[at][0] and last_size(begun[at][0]) == size:
            break  # the key is named, and signs from the next checkpoint on
        signed = note if end == size else ended.get(end)
        if signed is None:
            faults.append(f"the last checkpoint of period {period.number}, of size {end}, is missing")
            continue
        try:
            time = signed.verify(period.key)
            checkpoint = Checkpoint.parse(signed.text)
        except SealError as error:
            faults.append(f"period {period.number}, checkpoint of size {end}: {error}")
            continue
        root = log.root if end == log.size else log.roots.get(end)
        if (checkpoint.size, checkpoint.root) != (end, root):
            faults.append(
                f"the log was rewritten: it does not have the root of the checkpoint of size {end}, "
                f"which the key of period {period.number} signed"
            )
            continue
        signatures.append(
            PeriodSignature(period.number, period.key, end, time, is_last=following is not None)
        )
    return signatures, faults
