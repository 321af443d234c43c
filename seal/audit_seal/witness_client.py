"""Asks witnesses for cosignatures: the log's side of C2SP tlog-witness."""

import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import urlsplit

from audit_runtime.http_client import HttpClient, NoAnswerError

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import FormatError, HistoryError, SealError, SignatureError, WitnessError
from audit_seal.merkle import HashAt, consistency_proof
from audit_seal.note import Note, Signature, VerifierKey
from audit_seal.policy import Witness
from audit_seal.witness_request import SIZE_TYPE, AddCheckpoint

__all__ = ["Answers", "WitnessClient", "ask_witnesses", "clients_of"]

SECONDS = 10.0
_MAX_ANSWER_BYTES = 64 * 1024
_ATTEMPTS = 3
_MAX_SIZE_DIGITS = 19


class WitnessClient:
    """One witness. How far it has seen the log is remembered, so it is asked once a checkpoint."""

    def __init__(self, url: str, key: VerifierKey, seconds: float = SECONDS) -> None:
        """Take where the witness is and its key. Raises FormatError for what is not a web address."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise FormatError(f"{url} is not the web address of a witness")
        self.key = key
        self._url = url.rstrip("/")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._seconds = seconds
        self._size = 0

    def cosign(self, note: Note, hash_at: HashAt) -> Signature:
        """Return the witness's cosignature of a checkpoint, verified.

        `hash_at` finds the hashes of the checkpoint's tree. Blocks for as long as the three requests
        that it may take, each at most `seconds`. Raises WitnessError; HistoryError if the witness has
        seen another history, or a longer one.
        """
        size = Checkpoint.parse(note.text).size
        for _ in range(_ATTEMPTS):
            self._check_size(size)
            proof = consistency_proof(self._size, size, hash_at) if self._size else []
            request = AddCheckpoint(self._size, tuple(proof), note)
            status, kind, body = self._exchange("POST", "/add-checkpoint", request.encode())
            if status == HTTPStatus.OK:
                signature = self._signature(note, body)
                self._size = size
                return signature
            if status == HTTPStatus.CONFLICT and kind == SIZE_TYPE:
                self._size = self._size_of(body)
                continue
            raise self._error(status, body)
        raise WitnessError(f"{self.key.name} is asked by somebody else at the same time")

    def compare(self, log_key: VerifierKey, size: int) -> None:
        """Raise HistoryError if the witness has cosigned more than so many entries of the log.

        Only what the log itself has signed counts. Raises WitnessError if the witness can't be asked.
        One that serves no checkpoints, as the standard allows, has none to compare with.
        """
        path = f"/{sha256(log_key.name.encode()).hexdigest()}/checkpoint"
        status, _, body = self._exchange("GET", path)
        if status == HTTPStatus.NOT_FOUND:
            return
        if status != HTTPStatus.OK:
            raise self._error(status, body)
        try:
            note = Note.parse(body)
            note.verify(self.key)
            note.verify(log_key)
            self._size = Checkpoint.parse(note.text).size
        except (FormatError, SignatureError) as error:
            raise WitnessError(f"{self.key.name} does not serve a signed checkpoint: {error}") from None
        self._check_size(size)

    def _check_size(self, size: int) -> None:
        seen = self._size
        if seen > size:
            self._size = 0  # whoever said it may be wrong: ask again next time
            raise HistoryError(
                f"{self.key.name} has cosigned {seen} entries of this log, which has {size}: "
                "the folder was restored from an old copy, or another sealer runs"
            )

    def _signature(self, note: Note, body: str) -> Signature:
        """Return the key's own line, once it is verified; lines of other keys are ignored."""
        try:
            lines = [Signature.parse(line) for line in body.removesuffix("\n").split("\n")]
            own = [
                line for line in lines if (line.name, line.key_id) == (self.key.name, self.key.key_id)
            ]
            Note(note.text, tuple(own)).verify(self.key)
        except (FormatError, SignatureError) as error:
            raise WitnessError(
                f"{self.key.name} does not answer with a signature of its key: {error}"
            ) from None
        return own[0]

    def _size_of(self, body: str) -> int:
        digits = body.removesuffix("\n")
        if not digits.isascii() or not digits.isdecimal() or len(digits) > _MAX_SIZE_DIGITS:
            raise WitnessError(f"{self.key.name} answers a size that is not a number")
        return int(digits)

    def _error(self, status: int, body: str) -> WitnessError:
        reason = body.strip().split("\n")[0][:200]
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return HistoryError(f"{self.key.name} has seen another history of this log: {reason}")
        return WitnessError(f"{self.key.name} answers {status}: {reason}")

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str, str]:
        client = HttpClient(self._url + path, self._seconds, max_bytes=_MAX_ANSWER_BYTES, tls=self._tls)
        try:
            answer = client.send(body, {}, method=method)
        except NoAnswerError as error:
            reason = getattr(error.__cause__, "strerror", None) or error
            raise WitnessError(f"{self.key.name} can't be reached: {reason}") from None
        return answer.status, answer.media_type, answer.body.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Answers:
    """The cosignatures that came in time, and by witness why the others did not."""

    signatures: tuple[Signature, ...]
    errors: dict[str, SealError]


def ask_witnesses(
    clients: Sequence[WitnessClient], note: Note, hash_at: HashAt, seconds: float = SECONDS
) -> Answers:
    """Ask all witnesses at once, and wait for at most so many seconds, whatever they do.

    Each is asked in a thread of its own, and `hash_at` is called from all of these.
    """
    asked = [_Asked(client, note, hash_at) for client in clients]
    for each in asked:
        each.start()
    deadline = time.monotonic() + seconds
    for each in asked:
        each.join(max(0.0, deadline - time.monotonic()))
    late = WitnessError(f"no answer within {seconds:g} s")
    return Answers(
        tuple(each.signature for each in asked if each.signature),
        {each.client.key.name: each.error or late for each in asked if not each.signature},
    )


class _Asked(threading.Thread):
    def __init__(self, client: WitnessClient, note: Note, hash_at: HashAt) -> None:
        super().__init__(name="witness", daemon=True)
        self.client = client
        self.signature: Signature | None = None
        self.error: SealError | None = None
        self._question = note, hash_at

    def run(self) -> None:
        try:
            self.signature = self.client.cosign(*self._question)
        except SealError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - one witness must not end the sealer
            self.error = WitnessError(f"{self.client.key.name} failed: {type(error).__name__}")


def clients_of(witnesses: Sequence[Witness]) -> list[WitnessClient]:
    """Return clients of the witnesses whose addresses a policy names. Raises FormatError."""
    return [WitnessClient(each.url, each.key) for each in witnesses if each.url is not None]
