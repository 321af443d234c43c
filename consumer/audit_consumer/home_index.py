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
_TICK = 1 << 16
"""Milliseconds for which the first eight digits of a UUIDv7 stay the same."""
_EPOCH = date(1970, 1, 1)


class HomeIndex:
    """Says where an id is expected. Safe to use from several threads."""

    def __init__(self, naming: IndexNaming) -> None:
        self._naming = naming
        self._of_start: dict[str, str] = {}
        self._of_day: dict[str, str] = {}
        self._of_number: dict[int, str] = {}

    def of(self, event_id: str, created: str) -> str:
        """Return the index for an id; `created` is when Kafka received it, in RFC 3339."""
        # This is for every event, and most begin as one before.
        if event_id[14:15] == "7" and event_id[8] == "-" and len(event_id) == _UUID_LENGTH:
            home = self._of_start.get(event_id[:8]) or self._learn_start(event_id)
            if home:
                return home
        return self._of_day.get(created[:10]) or self._on(created[:10])

    def _learn_start(self, event_id: str) -> str | None:
        """Return the index of the time in a UUIDv7, if that is one; keep it for its first digits."""
        try:
            first, at = int(event_id[:8], 16) * _TICK, int(event_id[:8] + event_id[9:13], 16)
        except ValueError:
            return None
        home = self._on_number(at // _DAY)
        if first // _DAY == (first + _TICK - 1) // _DAY:
            if len(self._of_start) >= _KEPT:
                self._of_start.clear()
            self._of_start[event_id[:8]] = home
        return home

    def _on_number(self, number: int) -> str:
        """Return the index of a day, counted since 1970."""
        home = self._of_number.get(number)
        if home is None:
            if len(self._of_number) >= _KEPT:
                self._of_number.clear()
            home = self._of_number[number] = self._on(_date_of(number))
        return home

    def _on(self, day: str) -> str:
        if day not in self._of_day:
            if len(self._of_day) >= _KEPT:
                self._of_day.clear()
            self._of_day[day] = self._naming.index_of(f"{day}T00:00:00Z")
        return self._of_day[day]


def _date_of(day: int) -> str:
    """Return a day of the years that an event can have, whatever an id says."""
    last = (date(2999, 12, 31) - _EPOCH).days
    return str(_EPOCH + timedelta(days=min(max(day, 0), last)))
