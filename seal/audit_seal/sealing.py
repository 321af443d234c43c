"""How far a log is sealed, and by which checkpoint an entry was first covered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import SealError, SignatureError
from audit_seal.log_folder import LogReader
from audit_seal.log_proof import LogProof
from audit_seal.policy import Cosigned, Policy
from audit_seal.statement import TickStatement, decode_entry
from audit_seal.status import seal_status

__all__ = ["SealState", "Sealing", "seal_state", "sealing_of"]


@dataclass(frozen=True, slots=True)
class Sealing:
    """A checkpoint: how many entries it covers, and when it was made by the sealer's clock."""

    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SealState:
    """The last checkpoint, and who signed it as the policy beside the log wants it."""

    origin: str
    last: Sealing
    cosigned: Sequence[Cosigned] = ()
    fault: str = ""
    """Why the policy does not take the checkpoint; empty if it does."""


def seal_state(folder: Path) -> SealState | None:
    """Return how far the log is sealed; None before its first checkpoint. Raises SealError."""
    status = seal_status(folder)
    if status is None:
        return None
    try:
        policy = Policy.parse((folder / "policy").read_text())
        cosigned, fault = policy.verify(status.note).cosigned, ""
    except SignatureError as error:
        cosigned, fault = (), str(error)
    except (OSError, UnicodeDecodeError):
        cosigned, fault = (), f"{folder / 'policy'} can't be read: the signatures were not checked"
    return SealState(status.origin, Sealing(status.entries, status.time), cosigned, fault)


def sealing_of(folder: Path, proof: LogProof) -> Sealing:
    """Return the checkpoint that covered the entry of a proof first. Raises SealError."""
    size = Checkpoint.parse(proof.checkpoint.text).size
    for each in LogReader(folder).entries(proof.index, size):
        statement = decode_entry(each.entry)
        if isinstance(statement, TickStatement):  # the last entry of each checkpoint
            return Sealing(each.index + 1, datetime.fromtimestamp(statement.time_ms / 1000, UTC))
    raise SealError(f"Entry {proof.index} of the log is behind the last checkpoint")
