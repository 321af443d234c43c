"""A sealed log made by a test: the entries, keys and salts that the test says, without a sealer."""

import os
from collections.abc import Sequence
from pathlib import Path

from audit_seal import (
    COSIGNATURE,
    ED25519,
    EMPTY_SLOT,
    SALT_BYTES,
    Block,
    Checkpoint,
    Kind,
    Note,
    SigningKey,
    slot_of,
)
from audit_seal.log_folder import LogWriter
from audit_seal.statement import (
    OffsetRange,
    PeriodStatement,
    Place,
    SettledOffset,
    SettledStatement,
    Statement,
    TickStatement,
    encode_statement,
)

__all__ = ["Sealed", "SealedLogMaker"]

Sealed = tuple[Kind, int, bytes] | None
"""What a slot is made of: kind, broker's time in milliseconds, value; None for no record."""


class SealedLogMaker:
    """Writes a log into a folder."""

    def __init__(self, folder: Path, origin: str = "test.example/cluster") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.origin = origin
        self.log_key = SigningKey.generate(origin, ED25519)
        self.periods = [self._period_key(1)]
        self.writer = LogWriter(folder)
        self.say(PeriodStatement(1, self.periods[0].verifier))
        (folder / "policy").write_text(f"log {self.log_key.verifier}\nquorum none\n")
        (folder / "period-1.pub").write_text(f"{self.periods[0].verifier}\n")

    def say(self, statement: Statement) -> None:
        """Append a statement."""
        self.writer.append(encode_statement(statement))

    def seal(
        self, place: Place, first: int, records: Sequence[Sealed], *, settled: bool = True
    ) -> None:
        """Append a block, and that all of its records have documents."""
        salts = os.urandom(SALT_BYTES * len(records))
        slots = b""
        for at, record in enumerate(records):
            salt = salts[at * SALT_BYTES : (at + 1) * SALT_BYTES]
            slots += slot_of(salt, *record) if record else EMPTY_SLOT
        times = [record[1] for record in records if record] or [0]
        end = first + len(records)
        block = Block(
            place.topic, place.topic_id, place.partition, first, end, min(times), max(times), slots
        )
        self.writer.append(block.encode(), salts)
        if settled:
            self.settle(place, first, end)

    def settle(self, place: Place, first: int, end: int, *exceptions: SettledOffset) -> None:
        """Append what became of a range of offsets."""
        self.say(SettledStatement(OffsetRange(place, first, end), exceptions))

    def checkpoint(self, time: int = 1_800_000_000) -> Note:
        """Sign what there is."""
        self.say(TickStatement(time * 1000, ()))
        made = self.writer.sync()
        note = Note(Checkpoint(self.origin, made.size, made.root).text)
        note = note.signed_by(self.log_key, self.periods[-1], time=time)
        self.writer.publish(note)
        return note

    def end_period(self) -> None:
        """Sign the period's last checkpoint, and go on with the next one's key."""
        number = len(self.periods)
        following = self._period_key(number + 1)
        self.say(PeriodStatement(number + 1, following.verifier))
        note = self.checkpoint()
        kept = self.folder / "log" / "periods"
        kept.mkdir(exist_ok=True)
        (kept / str(number)).write_text(str(note))
        self.periods.append(following)

    def _period_key(self, number: int) -> SigningKey:
        return SigningKey.generate(f"{self.origin}/period-{number}", COSIGNATURE)
