"""Hours and days by a zone's clock, for times that come in their order. Pure."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Literal

__all__ = ["BucketClock"]

_QUARTER = 900
_KNOWN_MAX = 50_000


class BucketClock:
    """Tells in which hour or day of the clock a moment is; a day may last 23 hours, or 25."""

    def __init__(self, zone: tzinfo, interval: Literal["hour", "day"]) -> None:
        self._zone = zone
        self._interval = interval
        self._known: dict[int, tuple[datetime, tuple[int, int]]] = {}

    def start_of(self, moment: datetime) -> datetime:
        """Return when the moment's bucket begins, in UTC."""
        return self._look_up(moment)[0]

    def hour_of_week(self, moment: datetime) -> tuple[int, int]:
        """Return the weekday, 0 for Monday, and the hour."""
        return self._look_up(moment)[1]

    def _look_up(self, moment: datetime) -> tuple[datetime, tuple[int, int]]:
        """Zones change at full quarters of an hour, of those that anybody uses today."""
        quarter = int(moment.timestamp() // _QUARTER)
        known = self._known.get(quarter)
        if known is None:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            here = moment.astimezone(self._zone)
            known = self._known[quarter] = (self._begin(moment, here), (here.weekday(), here.hour))
        return known

    def _begin(self, moment: datetime, here: datetime) -> datetime:
        if self._interval == "hour":  # an hour that comes twice is two
            since = timedelta(minutes=here.minute, seconds=here.second, microseconds=here.microsecond)
            return moment.astimezone(UTC) - since
        return datetime.combine(here.date(), time(), self._zone).astimezone(UTC)
