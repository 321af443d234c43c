"""Asks the witnesses in the log's policy to cosign each checkpoint, once it is in the folder."""

from pathlib import Path

import structlog

from audit_seal.errors import HistoryError
from audit_seal.merkle import HashAt
from audit_seal.note import Note
from audit_seal.policy import Policy
from audit_seal.witness_client import ask_witnesses, clients_of

__all__ = ["Cosigner"]

_log = structlog.get_logger()


class Cosigner:
    """The witnesses whose addresses the file `policy` in the folder names, if any."""

    def __init__(self, folder: Path) -> None:
        """Read the policy. Raises FormatError for one that is none."""
        path = folder / "policy"
        witnesses = Policy.parse(path.read_text("utf-8")).witnesses if path.exists() else ()
        self._clients = clients_of(witnesses)
        self.cosigned: dict[str, bool] = {}
        """For each witness whether it has cosigned the last checkpoint; empty before the first."""

    def cosign(self, note: Note, hash_at: HashAt) -> Note:
        """Return a checkpoint with the cosignatures of the witnesses that answer within seconds.

        Raises HistoryError if one of them has seen another history of the log: it must not go on.
        """
        if not self._clients:
            return note
        answers = ask_witnesses(self._clients, note, hash_at)
        for name, error in answers.errors.items():
            if isinstance(error, HistoryError):
                raise error
            if self.cosigned.get(name, True):
                _log.warning("not cosigned", witness=name, why=str(error))
        names = [client.key.name for client in self._clients]
        self.cosigned = {name: name not in answers.errors for name in names}
        return note.with_signatures(answers.signatures)
