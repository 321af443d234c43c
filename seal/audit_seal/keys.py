"""The keys of a log on disk: the log's own, and that of the period.

    keys/log          signs every checkpoint
    keys/period-N     cosigns the checkpoints of period N, and is destroyed at its end
    period-1.pub      the first period's public key, and `policy`, with the log's: for an auditor

A private key is stored in the form of Go's sumdb/note: PRIVATE+KEY+NAME+ID+KEY.
"""

import os
import re
from pathlib import Path

from audit_runtime import output_file, sync, write_durably

from audit_seal.errors import FormatError, SealError
from audit_seal.note import COSIGNATURE, ED25519, KeyType, SigningKey, VerifierKey
from audit_seal.policy import Witness

__all__ = ["KeyFolder", "create_keys", "has_log"]

_LOG = "log"
_PERIOD = re.compile(r"period-([1-9]\d{0,8})")


class KeyFolder:
    """The keys in the folder of a log. Raises SealError for one that is missing or can't be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys = folder / "keys"

    def log_key(self) -> SigningKey:
        """Return the key that signs every checkpoint; its name is the log's origin."""
        return self._read(_LOG, ED25519)

    def check_cluster(self, cluster_id: str) -> None:
        """Raise SealError if the log is one of another Kafka cluster."""
        origin = self.log_key().name
        if not origin.endswith(f"/{cluster_id}"):
            raise SealError(
                f"{self._folder} has the sealed log {origin}, and this Kafka is {cluster_id}. Set "
                "AUDITLOG_SEAL_FOLDER to a folder of its own, and run: auditlog seal init"
            )

    def period_key(self, number: int) -> SigningKey:
        """Return a period's key."""
        return self._read(f"period-{number}", COSIGNATURE)

    def period_started(self, number: int) -> float:
        """Return when a period's key was made, in seconds since the epoch."""
        try:
            return (self._keys / f"period-{number}").stat().st_mtime
        except OSError:
            raise self._missing(f"period-{number}") from None

    def write_log_key(self, key: SigningKey) -> None:
        """Keep the log's key."""
        self._write(_LOG, key)

    def create_period_key(self, number: int, origin: str | None = None) -> SigningKey:
        """Make the key of a period of this log, in place of one that no checkpoint covers."""
        key = SigningKey.generate(f"{origin or self.log_key().name}/period-{number}", COSIGNATURE)
        self._write(f"period-{number}", key)
        return key

    def keep_period_key(self, number: int) -> None:
        """Destroy the private keys of all other periods.

        The bytes are overwritten first, which helps where the disk writes in place.
        """
        for path in self._keys.iterdir():
            found = _PERIOD.fullmatch(path.name)
            if found and int(found[1]) != number:
                with path.open("r+b") as file:
                    file.write(bytes(path.stat().st_size))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
        sync(self._keys)

    def _read(self, name: str, kind: KeyType) -> SigningKey:
        path = self._keys / name
        try:
            text = path.read_text("ascii").strip()
        except (OSError, ValueError):
            raise self._missing(name) from None
        try:
            key = SigningKey.parse(text)
        except FormatError:
            key = None
        if key is None or key.type != kind:
            raise SealError(f"{path} is not a key of the sealed log: restore it")
        return key

    def _missing(self, name: str) -> SealError:
        path = self._keys / name
        if (self._folder / "log" / "checkpoint").exists():
            return SealError(
                f"{path} is missing or can't be read, beside a log that it signs. Restore it: another "
                "key can't continue this log"
            )
        return SealError(f"{path} is missing: make the log with: auditlog seal init")

    def _write(self, name: str, key: SigningKey) -> None:
        with output_file(self._keys / name) as out:
            out.write(f"{key.encode()}\n".encode())
        sync(self._keys)


def has_log(folder: Path) -> bool:
    """Tell whether a folder has a log, or the key of one."""
    return (folder / "log").exists() or (folder / "keys" / _LOG).exists()


def create_keys(
    folder: Path, origin: str, witness: Witness | None = None
) -> tuple[VerifierKey, VerifierKey]:
    """Make a log's folder and first keys; return the log's public key and the first period's.

    The policy names the witness, if there is one. The log's own key comes last: whoever is killed
    before that begins anew. Raises SealError where there is a log or its key already, or for an origin
    that can't be a key's name.
    """
    keys = folder / "keys"
    if has_log(folder):
        raise SealError(f"{folder} has a sealed log already; set AUDITLOG_SEAL_FOLDER to another one")
    log_key = SigningKey.generate(origin, ED25519)
    folder.mkdir(parents=True, exist_ok=True)
    keys.mkdir(mode=0o700, exist_ok=True)
    made = KeyFolder(folder)
    period_key = made.create_period_key(1, origin)
    write_durably(folder / "period-1.pub", f"{period_key.verifier}\n".encode())
    line = f"witness {witness.name} {witness.key} {witness.url}\n" if witness else ""
    write_durably(folder / "policy", f"log {log_key.verifier}\n{line}quorum none\n".encode())
    made.write_log_key(log_key)
    return log_key.verifier, period_key.verifier
