"""Has checkpoints stamped by the authority that is set: the last of each period, and on demand.

An authority that is away, slow or wrong stops nothing: the next checkpoint contains all that the missed
one had, so it is stamped in its place.
"""

import ssl
from http import HTTPStatus
from pathlib import Path

import structlog
from audit_runtime import Backoff, write_durably
from audit_runtime.http_client import HttpClient, NoAnswerError

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import SealError, StampError
from audit_seal.log_folder import LogReader
from audit_seal.note import Note
from audit_seal.settings import SealSettings
from audit_seal.stamp_folder import StampFolder
from audit_seal.time_stamp import MAX_STAMP_BYTES, TimeStamp, read_roots, stamp_request

__all__ = ["StampAuthority", "Stamper", "stamp_now", "stamp_problem"]

_log = structlog.get_logger()

SECONDS = 10.0
_LONGEST_PAUSE = 600.0
_PROBLEM = "stamp-problem"
_HEADERS = {"Content-Type": "application/timestamp-query", "User-Agent": "auditlog"}


class StampAuthority:
    """A time-stamping authority, over HTTP as in RFC 3161, 3.4. Raises SealError for wrong settings."""

    def __init__(self, settings: SealSettings, seconds: float = SECONDS) -> None:
        if settings.stamp_url is None:
            raise SealError("Set AUDITLOG_STAMP_URL to the address of a time-stamping authority")
        if settings.stamp_ca_file is None:
            raise SealError(
                "Set AUDITLOG_STAMP_CA_FILE to the root certificates of the time-stamping authority"
            )
        self.url = settings.stamp_url
        self._roots = read_roots(settings.stamp_ca_file)
        tls = _tls(settings.stamp_tls_ca_file)
        self._client = HttpClient(self.url, seconds, max_bytes=MAX_STAMP_BYTES + 1, tls=tls)

    def stamp(self, note: Note) -> TimeStamp:
        """Return the stamp of a checkpoint, verified. Takes at most `seconds`. Raises StampError."""
        request = stamp_request(note)
        try:
            answer = self._client.send(request.as_bytes(), _HEADERS)
        except NoAnswerError as error:
            raise StampError(f"{self.url} does not answer ({error})") from None
        if answer.status != HTTPStatus.OK:
            raise StampError(f"{self.url} answers {answer.status}")
        found = TimeStamp(note, answer.body)
        try:
            found.verify(self._roots, request.nonce)
        except StampError as error:
            raise StampError(f"{self.url}: {error}") from None
        return found


class Stamper:
    """Stamps what is due, for the sealer; why it could not is in `problem`, and in the folder.

    Raises SealError for wrong settings. Without an authority nothing is due.
    """

    def __init__(self, settings: SealSettings) -> None:
        self._folder = settings.folder
        self._authority = StampAuthority(settings) if settings.stamp_url else None
        self._backoff = Backoff(_LONGEST_PAUSE)
        self.problem = stamp_problem(self._folder) if self._authority else ""

    @property
    def last_time(self) -> float:
        """Return the time of the last stamp, in seconds since the epoch; 0 if there is none."""
        try:
            found = StampFolder(self._folder).latest()
            return found.time.timestamp() if found else 0
        except StampError:
            return 0

    def stamp_if_due(self, period: int) -> None:
        """Stamp the log's checkpoint, if none was since the last period before this one ended."""
        if self._authority is None or self._backoff.left() or not self._is_due(period):
            return
        try:
            stamp_now(self._folder, self._authority)
        except Exception as error:  # noqa: BLE001 - an authority must not end the sealer
            self._backoff.wait()
            self.problem = stamp_problem(self._folder) or str(error)
            _log.warning("not time-stamped", why=self.problem)
        else:
            self._backoff.reset()
            self.problem = ""

    def _is_due(self, period: int) -> bool:
        try:
            raw = (self._folder / "log" / "periods" / str(period - 1)).read_bytes()
            ended = Checkpoint.parse(Note.parse(raw).text).size
        except (FileNotFoundError, SealError):
            return False
        sizes = StampFolder(self._folder).sizes
        return not sizes or sizes[-1] < ended


def stamp_now(folder: Path, authority: StampAuthority) -> TimeStamp:
    """Have the log's checkpoint stamped, and keep the stamp. Raises SealError, OSError."""
    note = LogReader(folder).checkpoint()
    if note is None:
        raise SealError(f"{folder} has no checkpoint: nothing is sealed yet. Is auditlog seal run up?")
    try:
        found = authority.stamp(note)
    except StampError as error:
        write_durably(folder / _PROBLEM, f"{error}\n".encode())
        raise
    StampFolder(folder).add(found)
    (folder / _PROBLEM).unlink(missing_ok=True)
    _log.info("time-stamped", entries=found.checkpoint.size, authority=found.authority)
    return found


def stamp_problem(folder: Path) -> str:
    """Return why the last attempt to stamp a checkpoint failed; empty if it did not."""
    try:
        return (folder / _PROBLEM).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _tls(ca_file: Path | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:  # also what is no certificate
        raise SealError(f"{ca_file} can't be used: {error.strerror}") from None
