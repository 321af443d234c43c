"""Periods: whose key cosigns, and when it gives way to the next, so that yesterday's key is no more.

The last checkpoint of a period covers the next period's public key, and is kept as `log/periods/N`.
Only then is the period's private key destroyed. Whatever was killed in between is finished here.
"""

from pathlib import Path

from audit_runtime import write_durably

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import SealError
from audit_seal.keys import KeyFolder
from audit_seal.note import Note, VerifierKey
from audit_seal.statement import PeriodStatement

__all__ = ["Periods"]


class Periods:
    """Signs checkpoints with the keys of today. Raises SealError where one is missing."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._log = folder / "log"
        self._keys = KeyFolder(folder)
        self._seconds = seconds
        self._log_key = self._keys.log_key()
        self.number = 1
        """Which period it is; the first is 1."""

    @property
    def log_key(self) -> VerifierKey:
        """The log's public key, whose name is its origin."""
        return self._log_key.verifier

    def first_statement(self) -> PeriodStatement:
        """Return the first entry of a log."""
        return PeriodStatement(1, self._keys.period_key(1).verifier)

    def resume(self, number: int, note: Note, before_tick: object) -> None:
        """Go on after a checkpoint: it was signed in period `number`, and may be its last."""
        self.number = number
        if isinstance(before_tick, PeriodStatement) and before_tick.number == number + 1:
            if self._keys.period_key(number + 1).verifier != before_tick.key:
                raise SealError(f"The key of period {number + 1} is not the one that the log names")
            self.advance(note)
        else:
            self._keys.keep_period_key(number)
            note.verify(self._keys.period_key(number).verifier)

    def next_period(self, now: float) -> PeriodStatement | None:
        """Return the statement of the next period's key, if it is time; None otherwise."""
        if now - self._keys.period_started(self.number) < self._seconds:
            return None
        return PeriodStatement(self.number + 1, self._keys.create_period_key(self.number + 1).verifier)

    def sign(self, checkpoint: Checkpoint, now: float) -> Note:
        """Return the checkpoint, signed by the log's key and cosigned by the period's."""
        period_key = self._keys.period_key(self.number)
        return Note(checkpoint.text).signed_by(self._log_key, period_key, time=int(now))

    def advance(self, note: Note) -> None:
        """Begin the next period: `note` is in the folder as the log's checkpoint."""
        write_durably(self._log / "periods" / str(self.number), str(note).encode())
        self.number += 1
        self._keys.keep_period_key(self.number)
