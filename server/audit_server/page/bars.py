"""Where the bars of the histogram begin and end, and what each of them zooms into. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from audit_query import Bucket, Buckets, Filter, fixed_width

__all__ = ["Bar", "bars_of", "end_of"]

_CLOCK = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - what Elasticsearch counts from, by any zone's clock
_DAYS = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class Bar:
    """A bucket, its end, its part within the filter's time, and the link that zooms there."""

    bucket: Bucket
    end: datetime
    zoom: tuple[datetime, datetime]
    link: str


def bars_of(
    histogram: Buckets, zone: tzinfo, wanted: Filter, link: Callable[[datetime, datetime], str]
) -> Sequence[Bar]:
    """Return the buckets with their ends; a zoom never shows more time than the filter does."""
    ends = [bucket.start for bucket in histogram.buckets[1:]]
    if histogram.buckets:
        ends.append(end_of(histogram.buckets[-1].start, histogram.interval, zone))
    return [
        _bar_of(bucket, end, wanted, link) for bucket, end in zip(histogram.buckets, ends, strict=True)
    ]


def end_of(start: datetime, interval: str, zone: tzinfo) -> datetime:
    """Return where an interval ends that begins at `start`: a day may have 23 hours, or 25.

    Elasticsearch cuts fixed intervals by the clock of the zone, too: the three hours around a change
    last two or four.
    """
    width = fixed_width(interval) or _CLOCK.get(interval)
    if width is not None and width <= _CLOCK["hour"]:
        return start + width
    here = start.astimezone(zone).replace(tzinfo=None)
    if width is not None:
        stop = _floor(here, width) + width
    elif interval in _DAYS:
        stop = here + timedelta(days=_DAYS[interval])
    else:
        month = here.month - 1 + _MONTHS[interval]
        stop = here.replace(year=here.year + month // 12, month=month % 12 + 1, day=1)
    return stop.replace(tzinfo=zone).astimezone(UTC)


def _floor(here: datetime, width: timedelta) -> datetime:
    """Return where the interval begins by the clock: one that begins in a skipped hour shows later."""
    return here - (here - _EPOCH) % width


def _bar_of(
    bucket: Bucket, end: datetime, wanted: Filter, link: Callable[[datetime, datetime], str]
) -> Bar:
    start = max(bucket.start, wanted.start) if wanted.start else bucket.start
    stop = min(end, wanted.end) if wanted.end else end
    zoom = (start, stop) if start < stop else (bucket.start, end)
    return Bar(bucket, end, zoom, link(*zoom))
