"""What the receivers that are reached by HTTP have in common: each try, and what its status means."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from audit_runtime import CredentialsError, SecretSettings
from audit_runtime.http_client import HttpClient, NoAnswerError
from audit_schemas import printable

from audit_forward.errors import NotDeliveredError, RefusedError
from audit_forward.receivers.receiver import Answer

__all__ = ["HttpReceiver", "tls_context"]

_ANSWER_BYTES = 2000


class HttpReceiver:
    """Posts to an address. It follows no redirection, to wherever."""

    def __init__(
        self, settings: SecretSettings, url: str, seconds: float, ca_file: Path | None
    ) -> None:
        """Connect to nothing yet. Raises CredentialsError for another machine's address without TLS."""
        parts = urlsplit(url)
        self._where = f"{parts.scheme}://{parts.netloc}"
        tls = None
        if parts.scheme == "http":
            settings.require_tls("The receiver", self._where, "Use https", carried="events")
        else:
            tls = tls_context(ca_file)
        self._client = HttpClient(url, seconds, max_bytes=_ANSWER_BYTES, tls=tls)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body; any status from 200 to 299 acknowledges it."""
        try:
            answer = self._client.send(body, {"User-Agent": "auditlog", **headers})
        except NoAnswerError as error:
            raise NotDeliveredError(f"{self._where} does not answer ({error})") from error
        text = printable(answer.body.decode("utf-8", "replace").strip())
        said = f"{answer.status} {text}".strip()
        if answer.is_success:
            return Answer(said)
        if answer.refuses_contents:
            raise RefusedError(said)
        raise NotDeliveredError(f"{self._where} answers {said[:300]}")

    def close(self) -> None:
        """Do nothing: each post has a connection of its own."""


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return what checks the other side, by the system's authorities or by those of a file.

    Raises CredentialsError for a file that can't be used.
    """
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise CredentialsError(f"{ca_file} holds no certificates that can be used: {error}") from error
