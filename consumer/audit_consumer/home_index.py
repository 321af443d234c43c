"""The index where an event with a given id is expected.

Elasticsearch holds an id unique inside one index only, and an event chooses its index by its own time,
which a publisher can choose as well. So an id that is taken can be published again under the time of
another month, and meets no conflict there.

The SDK's ids (UUIDv7) say when they were made. Of two events with such an id, at most one is in the
index that the id leads to; the other is a stray, and is looked up elsewhere before it is written. That
costs nothing for events that are not strays, also if they were published late. For other ids the time
at which Kafka received the record has to do. Pure.
"""

from datetime import UTC, datetime

from audit_schemas import IndexNaming, format_timestamp

__all__ = ["HomeIndex"]

_KEPT = 1000
_UUID_LENGTH = 36


class HomeIndex:
    """Says where an id is expected. Safe to use from several threads."""

    def __init__(self, naming: IndexNaming) -> None:
        self._naming = naming
        self._known: dict[str, str] = {}

    def of(self, event_id: str, created: str) -> str:
        """Return the index for an id; `created` is when Kafka received it, in RFC 3339."""
        key = event_id[:8] if _is_uuid7(event_id) else created[:10]
        home = self._known.get(key)
        if home is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            home = self._known[key] = self._naming.index_of(_time_of(key) or created)
        return home


def _is_uuid7(event_id: str) -> bool:
    return len(event_id) == _UUID_LENGTH and event_id[8] == "-" and event_id[14] == "7"


def _time_of(key: str) -> str | None:
    """Return the time in the first 32 of a UUIDv7's 48 bits, which is exact to 66 seconds."""
    try:
        return format_timestamp(datetime.fromtimestamp((int(key, 16) << 16) / 1000, UTC))
    except (OSError, OverflowError, ValueError):  # a day; not hexadecimal; beyond the year 9999
        return None
