"""A sealed log of a test's own."""

from dataclasses import dataclass
from pathlib import Path

from audit_seal.block import SALT_BYTES, Block
from audit_seal.checkpoint import Checkpoint
from audit_seal.log_folder import LogReader
from audit_seal.service import seal_now
from audit_seal.settings import SealSettings
from audit_seal.statement import Entry, decode_entry
from support.servers import Deployment

__all__ = ["SealedLog"]


@dataclass
class SealedLog:
    """A deployment, and the folder that it is sealed in."""

    deployment: Deployment
    folder: Path

    @property
    def settings(self) -> SealSettings:
        """Settings of the sealer."""
        return SealSettings(seal_folder=self.folder, **self.deployment._fields())

    def seal(self) -> Checkpoint:
        """Seal what there is."""
        return Checkpoint.parse(seal_now(self.settings).text)

    def entries(self) -> list[Entry]:
        """Return what the last checkpoint covers."""
        reader = LogReader(self.folder)
        note = reader.checkpoint()
        assert note is not None
        size = Checkpoint.parse(note.text).size
        return [decode_entry(each.entry) for each in reader.entries(0, size)]

    def slots(self) -> dict[tuple[int, int], tuple[bytes, bytes]]:
        """Return each sealed slot and its salt, by partition and offset."""
        reader = LogReader(self.folder)
        note = reader.checkpoint()
        assert note is not None
        found: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        for each in reader.entries(0, Checkpoint.parse(note.text).size):
            entry = decode_entry(each.entry)
            if isinstance(entry, Block):
                for at, offset in enumerate(range(entry.first, entry.end)):
                    salt = each.salts[at * SALT_BYTES : (at + 1) * SALT_BYTES]
                    assert (entry.partition, offset) not in found
                    found[entry.partition, offset] = entry.slot(offset), salt
        return found
