"""What Sigma has no word for: which events are new, or out of hours, for those they belong to. Pure."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from audit_alerts.hits import Group, Hit, group_of
from audit_alerts.plan import FirstSeen, Mark, UnusualHours

__all__ = ["marked"]

_DAY = 86_400_000
_MINUTE = 60_000
_MINUTES = 1440


def marked(mark: Mark | None, hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits that the mark keeps, in order of time; `hits` are in it, and have the history."""
    if mark is None:
        return list(hits)
    kept: list[Hit] = []
    for members in _groups(hits, mark.group_by).values():
        kept += _new(mark, members) if isinstance(mark, FirstSeen) else _odd(mark, members)
    return sorted(kept, key=lambda hit: (hit.at, hit.order, hit.id))


def _groups(hits: Iterable[Hit], names: Sequence[str]) -> dict[Group, list[Hit]]:
    found: dict[Group, list[Hit]] = {}
    for hit in hits:
        if (group := group_of(hit, names)) is not None:
            found.setdefault(group, []).append(hit)
    return found


def _new(mark: FirstSeen, hits: Sequence[Hit]) -> Iterator[Hit]:
    """Yield hits whose value was not there in the history, if another one was."""
    seen: OrderedDict[str, int] = OrderedDict()  # value -> when last, the latest at the end
    for at, together in groupby(hits, key=lambda hit: hit.at):
        members = [hit for hit in together if hit.values.get(mark.field) is not None]
        while seen and next(iter(seen.values())) < at - mark.history:
            seen.popitem(last=False)
        if seen:
            yield from (hit for hit in members if hit.values[mark.field] not in seen)
        for hit in members:
            value = str(hit.values[mark.field])
            seen[value] = at
            seen.move_to_end(value)


def _odd(mark: UnusualHours, hits: Sequence[Hit]) -> Iterator[Hit]:
    """Yield hits at minutes that lie far from all of the history's, and from what these enclose."""
    days = [(day, list(found)) for day, found in groupby(hits, key=lambda hit: hit.at // _DAY)]
    active: Counter[int] = Counter()  # minute of the day -> days of the history with events then
    minutes = _active(mark, hits)
    first = 0
    for number, (day, found) in enumerate(days):
        while days[first][0] * _DAY < day * _DAY - mark.history:
            active.subtract(minutes[days[first][0]])
            first += 1
        if number - first >= mark.days:
            yield from _far(mark, found, {minute for minute, times in active.items() if times > 0})
        active.update(minutes[day])


def _active(mark: UnusualHours, hits: Sequence[Hit]) -> dict[int, set[int]]:
    """Return each day's minutes: its hits', and those since the hit before, if that is near enough.

    A stretch over midnight belongs to the day of its end, so that no day's own hits are its history.
    """
    found: dict[int, set[int]] = {}
    before: int | None = None
    for hit in hits:
        known = before is not None and hit.at - before <= mark.shift
        begin = before if known and before is not None else hit.at
        minutes = range(begin // _MINUTE, hit.at // _MINUTE + 1)
        found.setdefault(hit.at // _DAY, set()).update(minute % _MINUTES for minute in minutes)
        before = hit.at
    return found


def _far(mark: UnusualHours, hits: Sequence[Hit], usual: set[int]) -> Iterator[Hit]:
    margin = mark.margin // _MINUTE
    for hit in hits:
        minute = _minute(hit)
        if not any((minute + step) % _MINUTES in usual for step in range(-margin, margin + 1)):
            yield hit


def _minute(hit: Hit) -> int:
    return hit.at % _DAY // _MINUTE
