"""Objects in a bucket of S3, or of what speaks like it, by time."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from audit_runtime import SecretSettings
from audit_schemas import printable

from audit_forward.errors import ForwardError, NotDeliveredError
from audit_forward.item import Item
from audit_forward.receiver_tables import S3Table
from audit_forward.receivers.file_formats import FileMaker
from audit_forward.receivers.receiver import Answer

if TYPE_CHECKING:  # these are not there at run time
    from obstore.store import ClientConfig, S3Config

__all__ = ["S3Receiver"]

_MACHINE = "//169.254."
"""Where the library asks the machine for credentials, when it has found none elsewhere."""
_STATUS = re.compile(r"status code: ([0-9]{3}[^:<\n]*)")
_REASON = re.compile(r"<(?:Code|Message)>([^<]*)<")
_BEFORE = re.compile(r"^.* in [0-9.]+[a-zµ]+ - ")
_CAUSE = re.compile(
    r"TimedOut|ConnectionRefused|BadScheme|dns error|"
    r"UnknownIssuer|NotValidForName|Expired"
)


class S3Receiver:
    """See `audit_forward.receivers.Receiver`. An object is put whole, by one request, and not changed.

    Credentials are found as AWS' own libraries do: in AWS_ACCESS_KEY_ID and its like, by a token of
    Kubernetes, of the container, or of the machine.
    """

    def __init__(self, table: S3Table, stream: str, settings: SecretSettings, seconds: float) -> None:
        """Connect to nothing yet.

        Raises ForwardError where a library is not installed, or the bucket can't be addressed, and
        CredentialsError for another machine's address without TLS.
        """
        try:
            import obstore  # noqa: PLC0415 - an extra of its own
            from obstore.exceptions import BaseError  # noqa: PLC0415
            from obstore.store import S3Store  # noqa: PLC0415
        except ModuleNotFoundError:
            raise ForwardError(
                "type = \"s3\" needs obstore: pip install 'chat-auditlog[forward-s3]'"
            ) from None
        is_plain = table.endpoint is not None and urlsplit(table.endpoint).scheme == "http"
        if table.endpoint is not None and is_plain:
            settings.require_tls("The bucket", table.endpoint, "Use https", carried="events")
        where: S3Config = {"bucket": table.bucket}
        if table.region is not None:
            where["region"] = table.region
        if table.endpoint is not None:
            where["endpoint"] = table.endpoint
        client: ClientConfig = {"timeout": timedelta(seconds=seconds), "allow_http": is_plain}
        self._maker = FileMaker(table, stream)
        self.limits = self._maker.limits
        self._where = f"s3://{table.bucket}/{table.prefix}".rstrip("/")
        self._put = obstore.put
        self._errors = (BaseError, OSError)  # FileNotFoundError stands for a missing bucket
        try:
            self._store = S3Store(
                prefix=table.prefix or None,
                config=where,
                client_options=client,
                retry_config={"max_retries": 0},  # the forwarder tries again, and says so
            )
        except self._errors as error:
            raise ForwardError(f"{self._where}: {_sentence(error)}") from None

    def send(self, items: Sequence[Item]) -> Answer:
        """Put an object."""
        name, contents = self._maker.make(items)
        try:
            self._put(self._store, name, contents, use_multipart=False)
        except self._errors as error:
            raise NotDeliveredError(f"{self._where}: {_sentence(error)}") from error
        return Answer(f"written to {self._where}/{name}")

    def close(self) -> None:
        """Do nothing: connections end with the process."""


def _sentence(error: Exception) -> str:
    """Return why, in the same words each time: without durations, names and numbers of requests."""
    said, _, details = str(error).partition("\n\nDebug source")
    if _MACHINE in said:
        return "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role"
    if status := _STATUS.search(said):
        return printable(" ".join([status[1], *_REASON.findall(said)]))[:300]
    cause = _CAUSE.search(details)
    return printable(_BEFORE.sub("", said) + (f" ({cause[0]})" if cause else ""))[:300]
