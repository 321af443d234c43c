"""How much Elasticsearch is asked to do at once: documents a bulk, and bulks in flight.

As TCP Vegas does with packets: while bulks take no longer than they do on an idle server, one more
is kept in flight; when they queue, one less. What Elasticsearch refuses halves the number. A bulk
grows while it is answered quickly, since each has a price of its own, and shrinks when it is slow.
"""

from dataclasses import dataclass, field

__all__ = ["Pace"]

_BULKS_MAX = 8
_BULKS_FIRST = 2.0
_QUEUED_LOW, _QUEUED_HIGH = 1.0, 2.0
_EVENTS_MIN, _EVENTS_MAX, _EVENTS_STEP = 100, 5000, 200
_EVENTS_FIRST = 1000
_QUICK, _SLOW = 0.25, 1.0
_FORGET = 1.02


@dataclass(slots=True)
class Pace:
    """Additive increase, multiplicative decrease; a fixed number stays as it is."""

    fixed_events: int | None = None
    fixed_bulks: int | None = None
    _events: float = _EVENTS_FIRST
    _bulks: float = _BULKS_FIRST
    _least: float = field(default=float("inf"))

    @property
    def events(self) -> int:
        """Documents that a bulk should have."""
        return self.fixed_events or int(self._events)

    @property
    def bulks(self) -> int:
        """Bulks that may be in flight."""
        return self.fixed_bulks or int(self._bulks)

    @property
    def most_bulks(self) -> int:
        """The most that `bulks` ever gets."""
        return self.fixed_bulks or _BULKS_MAX

    def went_well(self, events: int, seconds: float) -> None:
        """Note that a full bulk was taken, and how long it took."""
        each = seconds / events
        # What is least drifts up, so that a server that became slower is not measured by its youth.
        self._least = min(self._least * _FORGET, each)
        queued = self._bulks * (1 - self._least / each)
        if queued < _QUEUED_LOW:
            self._bulks = min(_BULKS_MAX, self._bulks + 1 / self._bulks)
        elif queued > _QUEUED_HIGH:
            self._bulks = max(1.0, self._bulks - 1 / self._bulks)
        if seconds > _SLOW:
            self._events = max(_EVENTS_MIN, self._events / 2)
        elif seconds < _QUICK:
            self._events = min(_EVENTS_MAX, self._events + _EVENTS_STEP / self._bulks)

    def was_refused(self) -> None:
        """Note that Elasticsearch did not take a bulk, or not all of it."""
        if self._bulks > 1:
            self._bulks = max(1.0, self._bulks / 2)
        else:
            self._events = max(_EVENTS_MIN, self._events / 2)
