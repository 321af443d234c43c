"""A webhook: events are posted as NDJSON, signed as alerts are."""

from collections.abc import Sequence

from audit_runtime import SecretSettings, signed_headers

from audit_forward.item import Item, Limits
from audit_forward.receiver_tables import WebhookTable
from audit_forward.receivers.http import HttpReceiver
from audit_forward.receivers.receiver import Answer
from audit_forward.secret_file import read_secret

__all__ = ["WebhookReceiver"]

_BYTES = 1024 * 1024


class WebhookReceiver:
    """See `audit_forward.receivers.Receiver`."""

    def __init__(
        self, table: WebhookTable, stream: str, settings: SecretSettings, seconds: float
    ) -> None:
        self.limits = Limits(table.events_per_request, _BYTES)
        self._stream = stream
        self._secret_file = table.secret_file
        self._http = HttpReceiver(settings, table.url, seconds, table.ca_file)

    def send(self, items: Sequence[Item]) -> Answer:
        """Post them, a line each; where a request has one event at most, as JSON."""
        is_one = self.limits.events == 1
        body = items[0].body if is_one else b"".join([item.body + b"\n" for item in items])
        secret = read_secret(self._secret_file) if self._secret_file is not None else None
        kind = "application/json" if is_one else "application/x-ndjson"
        headers = {
            "Content-Type": kind if body[:1] == b"{" else "text/plain; charset=utf-8",
            "X-Auditlog-Stream": self._stream,
            "X-Auditlog-Events": str(len(items)),
            **signed_headers(body, secret),
        }
        return self._http.post(body, headers)

    def close(self) -> None:
        """Do nothing: each post has a connection of its own."""
