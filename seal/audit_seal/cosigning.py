"""The witnesses of a log, as the `policy` in its folder names them: asked before and after signing."""

from pathlib import Path

import structlog

from audit_seal.errors import HistoryError, SealError, WitnessError
from audit_seal.merkle import HashAt
from audit_seal.note import Note, VerifierKey
from audit_seal.policy import Policy
from audit_seal.witness_client import ask_witnesses, clients_of

__all__ = ["Cosigner"]

_log = structlog.get_logger()


class Cosigner:
    """Asks every witness that the policy gives an address of. Raises SealError for a wrong policy.

    A witness that is away delays a checkpoint by ten seconds, and stops nothing.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "policy"
        try:
            self._clients = clients_of(Policy.parse(path.read_text("utf-8")).witnesses)
        except FileNotFoundError:
            self._clients = []
        except (OSError, SealError, UnicodeDecodeError) as error:
            raise SealError(f"{path} can't be used: {error}") from None
        self._is_compared = False
        self.cosigned: dict[str, bool] = {}
        """For each witness whether it has cosigned the last checkpoint; empty before the first."""

    def compare(self, log_key: VerifierKey, size: int) -> None:
        """Raise HistoryError if a witness has seen more of the log than there is; asked once."""
        if self._is_compared:
            return
        for client in self._clients:
            try:
                client.compare(log_key, size)
            except HistoryError:
                raise
            except WitnessError as error:
                _log.warning("witness not asked", why=str(error))
        self._is_compared = True

    def cosign(self, note: Note, hash_at: HashAt) -> Note:
        """Return a checkpoint with the signatures of all witnesses that answer in time.

        One that has signed it already is not asked again, so it never has two signatures of a witness.
        One that says that it has seen another history is told in the log: it may be the one to blame.
        """
        signed = {(signature.name, signature.key_id) for signature in note.signatures}
        keys = [client.key for client in self._clients]
        missing = [each for each in self._clients if (each.key.name, each.key.key_id) not in signed]
        answers = ask_witnesses(missing, note, hash_at)
        for name, error in answers.errors.items():
            if isinstance(error, HistoryError):
                _log.error("not cosigned", witness=name, why=str(error))
            elif self.cosigned.get(name, True):
                _log.warning("not cosigned", witness=name, why=str(error))
        self.cosigned = {key.name: key.name not in answers.errors for key in keys}
        return note.with_signatures(answers.signatures)
