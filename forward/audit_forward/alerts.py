"""The topic of alerts: each record is a revision of one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import structlog
from audit_runtime.record_values import StoredValue

from audit_forward.encoder import Encoder
from audit_forward.horizon import Horizon
from audit_forward.item import Item
from audit_forward.stream_file import StreamFile

__all__ = ["AlertTopic"]

_log = structlog.get_logger()

_INVALID = (ValueError, OverflowError, AttributeError, KeyError, TypeError, RecursionError)
"""What a record raises that is not an alert: whoever may write to the topic may write anything."""


class AlertTopic:
    """Alerts that a stream wants. See `audit_forward.record_source.Topic`."""

    def __init__(self, name: str, stream: StreamFile, horizon: Horizon, encoder: Encoder) -> None:
        self.name = name
        self._stream = stream
        self._horizon = horizon
        self._encoder = encoder

    def ends(self) -> Mapping[int, int]:
        """Return the ends of the partitions."""
        return self._horizon.ends(self.name)

    def bounds(self, partition: int) -> tuple[int, int]:
        """Ask Kafka."""
        return self._horizon.bounds(self.name, partition)

    def items(self, partition: int, records: Sequence[StoredValue]) -> list[Item]:
        """Return the alerts that the stream wants; invalid ones are passed over, and logged."""
        found = []
        for offset, _, value in records:
            try:
                document = msgspec.json.decode(value or b"null")
                if self._wants(document):
                    found.append(self._encoder.alert(document, partition, offset))
            except _INVALID:
                _log.error(
                    "a record is not an alert", topic=self.name, partition=partition, offset=offset
                )
        return found

    def lost(self, partition: int, first: int, end: int) -> Iterator[Item]:
        """Yield nothing: the index of alerts keeps no revisions."""
        _log.error(
            "revisions of alerts are lost to this stream: Kafka deleted them before",
            stream=self._stream.name, partition=partition, first=first, last=end - 1,
        )  # fmt: skip
        return iter(())

    def close(self) -> None:
        """Do nothing: the connection is others' too."""

    def _wants(self, alert: Mapping[str, Any]) -> bool:
        organization = self._stream.organization
        own = alert["audit"]["alert"]
        if organization is not None and own.get("sole_organization") != organization:
            return False
        values = {
            "level": {own["level"]},
            "rule": {alert["rule"].get("id"), alert["rule"].get("name")},
        }
        wanted = self._stream.alert_values
        return all(
            (not wanted(name) or wanted(name) & found) and not wanted(f"not_{name}") & found
            for name, found in values.items()
        )
