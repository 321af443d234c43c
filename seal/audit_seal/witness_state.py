"""What a witness keeps on disk, and how it decides: never two histories of one log.

key                        signs, and is the keeper's alone
policy                     the logs that it cosigns for: a line `log KEY` each
logs/HASH/checkpoint       the last checkpoint that it cosigned, by the hash of the log's origin
logs/HASH/split-view-SIZE  a checkpoint that the log signed beside it: proof that it has two trees
"""

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from audit_runtime import output_file, sync

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import FormatError, ProofError, SealError, SignatureError
from audit_seal.merkle import EMPTY_ROOT, verify_consistency
from audit_seal.note import COSIGNATURE, Note, Signature, SigningKey, VerifierKey
from audit_seal.policy import Policy
from audit_seal.witness_request import AddCheckpoint

__all__ = [
    "OldSizeError",
    "SplitViewError",
    "StaleSizeError",
    "UnknownLogError",
    "WitnessState",
    "create_witness",
    "origin_hash",
    "take_over_logs",
]


class UnknownLogError(SealError):
    """The checkpoint is of a log that the witness does not know."""


class OldSizeError(SealError):
    """The old size is larger than the checkpoint's."""


class StaleSizeError(SealError):
    """The witness has cosigned another size than the old one."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The last checkpoint that was cosigned has {size} entries")
        self.size = size


class SplitViewError(ProofError):
    """The log has signed two trees of one size."""


def origin_hash(origin: str) -> str:
    """Return what a log is called in addresses and folders."""
    return sha256(origin.encode()).hexdigest()


def create_witness(folder: Path, name: str, logs: tuple[VerifierKey, ...]) -> VerifierKey:
    """Make a witness's folder and key; return the public key.

    Raises SealError where there is one already, FormatError for a name that a key can't have.
    """
    key = SigningKey.generate(name, COSIGNATURE)
    if (folder / "key").exists() or (folder / "logs").exists():
        raise SealError(f"{folder} has a witness already; set AUDITLOG_WITNESS_FOLDER to another one")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_policy(folder, logs)
    with output_file(folder / "key") as file:
        file.write(f"{key.encode()}\n".encode())
    sync(folder)
    return key.verifier


def take_over_logs(folder: Path, policy_file: Path) -> None:
    """Let a new witness cosign for the logs of a policy; one that has its own policy keeps it.

    So whoever can write that file later can't have another log cosigned. Raises SealError.
    """
    if (folder / "policy").exists():
        return
    try:
        logs = Policy.parse(policy_file.read_text("utf-8")).logs
    except (OSError, ValueError) as error:
        raise SealError(f"{policy_file} can't be read ({error}): is the sealed log made?") from None
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_policy(folder, logs)
    sync(folder)


def _write_policy(folder: Path, logs: tuple[VerifierKey, ...]) -> None:
    with output_file(folder / "policy", private=False) as policy:
        policy.write("".join(f"log {log}\n" for log in logs).encode() + b"quorum none\n")


class WitnessState:
    """Cosigns checkpoints, from any thread. One process a folder: see `open`."""

    def __init__(
        self, folder: Path, key: SigningKey, policy: Policy, clock: Callable[[], float]
    ) -> None:
        self.key = key
        self._logs = folder / "logs"
        self._policy = policy
        self._clock = clock
        self._lock = threading.Lock()

    @classmethod
    @contextmanager
    def open(
        cls, folder: Path, clock: Callable[[], float] = time.time, *, key_file: Path | None = None
    ) -> Iterator["WitnessState"]:
        """Give the witness of a folder, alone; its key may be in a file elsewhere.

        Raises SealError if there is none, something of it is missing, or another process has it.
        """
        try:
            key = SigningKey.parse((key_file or folder / "key").read_text("ascii").strip())
            policy = Policy.parse((folder / "policy").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SealError(
                f"The witness in {folder} can't be read ({error}). Restore it, or make one with: "
                "auditlog witness init"
            ) from None
        if key.type != COSIGNATURE:
            raise SealError(f"{key_file or folder / 'key'} is not the key of a witness: restore it")
        if not policy.logs:
            raise SealError(f"{folder / 'policy'} names no log: add a line with a log's key")
        with (folder / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SealError(f"Another witness runs in {folder}") from None
            yield cls(folder, key, Policy(policy.logs, (), "none"), clock)

    def checkpoint(self, name: str) -> bytes | None:
        """Return the last checkpoint that was cosigned, by the hash of its log's origin."""
        if name not in {origin_hash(log.name) for log in self._policy.logs}:
            return None
        try:
            return (self._logs / name / "checkpoint").read_bytes()
        except FileNotFoundError:
            return None

    def add(self, request: AddCheckpoint) -> Signature:
        """Return the cosignature of a checkpoint that extends the last one; it is on disk by then.

        Raises UnknownLogError, SignatureError, OldSizeError, StaleSizeError, ProofError, FormatError.
        """
        new = Checkpoint.parse(request.note.text)
        if new.origin not in {log.name for log in self._policy.logs}:
            raise UnknownLogError(f"The witness does not know the log {new.origin}")
        self._policy.verify(request.note)
        if request.old_size > new.size:
            raise OldSizeError(f"The old size {request.old_size} is larger than {new.size}")
        with self._lock:
            self._check_history(request, new)
            signature = self.key.sign(request.note.text, int(self._clock()))
            self._store(new.origin, "checkpoint", self._of_known_keys(request.note, signature))
        return signature

    def _check_history(self, request: AddCheckpoint, new: Checkpoint) -> None:
        last = self._last(new.origin)
        size = last.size if last else 0
        if request.old_size != size:
            raise StaleSizeError(size)
        if new.size == 0 and new.root != EMPTY_ROOT:
            raise ProofError("A log without entries has another root")
        if last is None or size == 0:
            if request.proof:
                raise ProofError("Nothing leads from a log without entries")
            return
        if new.size == size and new.root != last.root:
            self._store(new.origin, f"split-view-{size}", request.note)
            raise SplitViewError(f"{new.origin} has signed two trees of {size} entries")
        verify_consistency(size, new.size, last.root, new.root, request.proof)

    def _last(self, origin: str) -> Checkpoint | None:
        raw = self.checkpoint(origin_hash(origin))
        if raw is None:
            return None
        try:
            note = Note.parse(raw)
            note.verify(self.key.verifier)  # what somebody else put there decides nothing
            return Checkpoint.parse(note.text)
        except (FormatError, SignatureError):
            raise SealError(
                f"The witness's own checkpoint of {origin} is damaged: restore it"
            ) from None

    def _of_known_keys(self, note: Note, signature: Signature) -> Note:
        known = {(log.name, log.key_id) for log in self._policy.logs}
        kept = [line for line in note.signatures if (line.name, line.key_id) in known]
        return Note(note.text, (*kept, signature))

    def _store(self, origin: str, name: str, note: Note) -> None:
        folder = self._logs / origin_hash(origin)
        folder.mkdir(parents=True, exist_ok=True)
        with output_file(folder / name, private=False) as file:
            file.write(str(note).encode())
        for path in (folder, self._logs, self._logs.parent):
            sync(path)
