"""Splunk's HTTP Event Collector: https://docs.splunk.com/Documentation/Splunk/latest/Data/FormateventsforHTTPEventCollector."""

from collections.abc import Sequence
from typing import Any

import msgspec
from audit_runtime import SecretSettings

from audit_forward.forms.stored import milliseconds
from audit_forward.item import Item, Limits
from audit_forward.receiver_tables import SplunkTable
from audit_forward.receivers.http import HttpReceiver
from audit_forward.receivers.receiver import Answer
from audit_forward.secret_file import read_secret

__all__ = ["SplunkReceiver"]

_PATH = "/services/collector/event"
_BYTES = 800_000
"""Splunk's own limit of a request was 1 MB in older versions."""


class SplunkReceiver:
    """See `audit_forward.receivers.Receiver`.

    Splunk answers 200 before it has indexed: what it takes is acknowledged, and no more.
    """

    def __init__(self, table: SplunkTable, settings: SecretSettings, seconds: float) -> None:
        self.limits = Limits(table.events_per_request, _BYTES)
        self._token_file = table.token_file
        url = table.url if "/services/collector" in table.url else table.url.rstrip("/") + _PATH
        self._http = HttpReceiver(settings, url, seconds, table.ca_file)
        given = {
            "host": table.host,
            "source": table.source,
            "sourcetype": table.sourcetype,
            "index": table.index,
        }
        self._fields = {name: value for name, value in given.items() if value is not None}

    def send(self, items: Sequence[Item]) -> Answer:
        """Post them, each in an envelope with its time and its id."""
        body = b"".join([self._envelope(item) for item in items])
        token = read_secret(self._token_file).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Splunk {token}"}
        return self._http.post(body, headers)

    def close(self) -> None:
        """Do nothing: each post has a connection of its own."""

    def _envelope(self, item: Item) -> bytes:
        is_json = item.body[:1] == b"{"
        envelope: dict[str, Any] = {
            **self._fields,
            "fields": {"auditlog_id": item.id},
            "event": msgspec.Raw(item.body) if is_json else item.body.decode(),
        }
        if (happened := milliseconds(item.happened)) is not None:
            envelope["time"] = happened / 1000
        return msgspec.json.encode(envelope)
