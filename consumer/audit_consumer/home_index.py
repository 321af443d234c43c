"""The index where an event with a given id is expected.

Elasticsearch holds an id unique inside one index only, and an event chooses its index by its own time,
which a publisher can choose as well. So an id that is taken can be published again under the time of
another month, and meets no conflict there.

The SDK's ids (UUIDv7) say when they were made. Of two events with such an id, at most one is in the
index that the id leads to; the other is a stray, and is looked up elsewhere before it is written. That
costs nothing for events that are not strays, also if they were published late. For other ids the time
at which Kafka received the record has to do. Pure.
"""

from datetime import date, timedelta

from audit_schemas import IndexNaming

__all__ = ["HomeIndex"]

_KEPT = 1000
_UUID_LENGTH = 36
_DAY = 24 * 60 * 60 * 1000
_EPOCH = date(1970, 1, 1)


class HomeIndex:
    """Says where an id is expected. Safe to use from several threads."""

    def __init__(self, naming: IndexNaming) -> None:
        self._naming = naming
        self._known: dict[int | str, str] = {}

    def of(self, event_id: str, created: str) -> str:
        """Return the index for an id; `created` is when Kafka received it, in RFC 3339."""
        # Not in functions of their own: this is for every event.
        day: int | str = created[:10]
        if event_id[14:15] == "7" and event_id[8] == "-" and len(event_id) == _UUID_LENGTH:
            try:  # noqa: SIM105 - three times as quick as `suppress`
                day = int(event_id[:8] + event_id[9:13], 16) // _DAY
            except ValueError:
                pass
        return self._known.get(day) or self._learn(day)

    def _learn(self, day: int | str) -> str:
        if len(self._known) >= _KEPT:
            self._known.clear()
        text = day if isinstance(day, str) else _date_of(day)
        home = self._known[day] = self._naming.index_of(f"{text}T00:00:00Z")
        return home


def _date_of(day: int) -> str:
    """Return a day of the years that an event can have, whatever an id says."""
    last = (date(2999, 12, 31) - _EPOCH).days
    return str(_EPOCH + timedelta(days=min(max(day, 0), last)))
