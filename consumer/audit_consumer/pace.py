"""How much Elasticsearch is asked to do at once: documents a bulk, and bulks in flight.

Additive increase while bulks are answered quickly, multiplicative decrease where they are slow or
refused, as TCP does with packets. A server that has room gets more until it has work at all times;
one that is busy answers late, and gets less. Bulks grow faster than their number, and shrink after it:
in few large ones a document costs Elasticsearch and the consumer less than in many small ones.
"""

from dataclasses import dataclass

__all__ = ["Pace"]

_BULKS_FIRST, _BULKS_MAX, _BULKS_STEP = 2.0, 8.0, 0.5
_EVENTS_FIRST, _EVENTS_MAX, _EVENTS_STEP = 1000.0, 8000.0, 500.0
_EVENTS_MIN, _EVENTS_MIN_SLOW = 100.0, 500.0
"""The smaller one is for a server that refuses; on one that is only slow, since others keep it busy,
less than the larger would not be answered sooner, and each bulk has a cost of its own."""
_QUICK, _SLOW = 0.6, 1.2
"""Seconds. In between all stays as it is; a bulk that takes longer holds up what stands behind it."""
_GENTLY, _FIRMLY = 0.8, 0.5


@dataclass(slots=True)
class Pace:
    """Settles by itself; a fixed number stays as it is. Pure: it is told how long bulks took."""

    fixed_events: int | None = None
    fixed_bulks: int | None = None
    _events: float = _EVENTS_FIRST
    _bulks: float = _BULKS_FIRST

    @property
    def events(self) -> int:
        """Documents that a bulk should have."""
        return self.fixed_events or int(self._events)

    @property
    def bulks(self) -> int:
        """Bulks that may be in flight."""
        return self.fixed_bulks or int(self._bulks)

    def succeeded(self, seconds: float) -> None:
        """Note that a full bulk was taken, and how long it took."""
        if seconds > _SLOW:
            self._decrease(_GENTLY, _EVENTS_MIN_SLOW)
        elif seconds < _QUICK:
            # Divided by the number in flight, so that one round of them is one step.
            self._events = min(_EVENTS_MAX, self._events + _EVENTS_STEP / self._bulks)
            self._bulks = min(_BULKS_MAX, self._bulks + _BULKS_STEP / self._bulks)

    def throttled(self) -> None:
        """Note that Elasticsearch did not take a bulk, or not all of it."""
        self._decrease(_FIRMLY, _EVENTS_MIN)

    def _decrease(self, factor: float, least: float) -> None:
        """Have fewer in flight first."""
        if self._bulks > 1:
            self._bulks = max(1.0, self._bulks * factor)
        else:
            self._events = min(self._events, max(least, self._events * factor))
