"""Conditions on an event's group and its past, which Sigma lacks: new terms, hours, travel. Pure."""

import math
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from audit_alerts.matches import LOCATION, GroupValues, Match, group_values, place
from audit_alerts.plan import HistoryCondition, ImpossibleTravel, NewTerms, UnusualHours

__all__ = ["filter_by_history"]

_DAY = 86_400_000
_MINUTE = 60_000
_MINUTES = 1440
_HOUR = 3_600_000
_EARTH_KM = 6371.0

_Point = tuple[float, float]


def filter_by_history(condition: HistoryCondition | None, matches: Iterable[Match]) -> Iterable[Match]:
    """Return the matches that the condition keeps, in order of time.

    `matches` are in that order too, and reach back far enough for the condition's history. They are
    not held, but for unusual hours.
    """
    match condition:
        case None:
            return matches
        case NewTerms():
            return _new(condition, matches)
        case ImpossibleTravel():
            return _too_far(condition, matches)
        case UnusualHours():
            groups = _groups(matches, condition.group_by).values()
            return sorted((odd for members in groups for odd in _odd(condition, members)), key=place)


def _groups(matches: Iterable[Match], names: Sequence[str]) -> dict[GroupValues, list[Match]]:
    found: dict[GroupValues, list[Match]] = {}
    for match in matches:
        if (group := group_values(match, names)) is not None:
            found.setdefault(group, []).append(match)
    return found


def _new(condition: NewTerms, matches: Iterable[Match]) -> Iterator[Match]:
    """Yield matches whose value was not there in the group's history, if another one was."""
    # Of each group: value -> when last, the latest at the end.
    known: dict[GroupValues, OrderedDict[str, int]] = {}
    for at, together in groupby(matches, key=lambda match: match.at):
        members = [
            (known.setdefault(group, OrderedDict()), value, match)
            for match in together
            if (group := group_values(match, condition.group_by)) is not None
            and (value := match.values.get(condition.field)) is not None
        ]
        for seen, value, match in members:
            while seen and next(iter(seen.values())) < at - condition.history:
                seen.popitem(last=False)
            if seen and value not in seen:
                yield match
        for seen, value, _ in members:
            seen[value] = at
            seen.move_to_end(value)


def _too_far(condition: ImpossibleTravel, matches: Iterable[Match]) -> Iterator[Match]:
    """Yield matches that are too far from their group's match before.

    The one before is enough: who was too far from an earlier one was too far on one leg of the way.
    """
    last: dict[GroupValues, tuple[int, _Point]] = {}
    for match in matches:
        group, point = group_values(match, condition.group_by), _point(match)
        if group is None or point is None:
            continue
        if (before := last.get(group)) is not None:
            hours = (match.at - before[0]) / _HOUR
            if _kilometres(before[1], point) > max(condition.distance, condition.speed * hours):
                yield match
        last[group] = match.at, point


def _point(match: Match) -> _Point | None:
    latitude, longitude = (match.values.get(name) for name in LOCATION)
    return None if latitude is None or longitude is None else (float(latitude), float(longitude))


def _kilometres(one: _Point, other: _Point) -> float:
    """Return the distance of two points on a sphere as large as the earth (haversine)."""
    (south, west), (north, east) = (tuple(map(math.radians, point)) for point in (one, other))
    across = math.sin((north - south) / 2) ** 2
    across += math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(across)))


def _odd(condition: UnusualHours, matches: Sequence[Match]) -> Iterator[Match]:
    """Yield matches at minutes that lie far from all of the history's, and from what these enclose."""
    days = [(day, list(found)) for day, found in groupby(matches, key=lambda match: match.at // _DAY)]
    active: Counter[int] = Counter()  # minute of the day -> days of the history with events then
    minutes = _active(condition, matches)
    first = 0
    for number, (day, found) in enumerate(days):
        while days[first][0] * _DAY < day * _DAY - condition.history:
            active.subtract(minutes[days[first][0]])
            first += 1
        if number - first >= condition.days:
            yield from _far(condition, found, {minute for minute, times in active.items() if times > 0})
        active.update(minutes[day])


def _active(condition: UnusualHours, matches: Sequence[Match]) -> dict[int, set[int]]:
    """Return each day's minutes: its hits', and those since the match before, if that is near enough.

    A stretch over midnight belongs to the day of its end, so that no day's own matches are its history.
    """
    found: dict[int, set[int]] = {}
    before: int | None = None
    for match in matches:
        known = before is not None and match.at - before <= condition.shift
        begin = before if known and before is not None else match.at
        minutes = range(begin // _MINUTE, match.at // _MINUTE + 1)
        found.setdefault(match.at // _DAY, set()).update(minute % _MINUTES for minute in minutes)
        before = match.at
    return found


def _far(condition: UnusualHours, matches: Sequence[Match], usual: set[int]) -> Iterator[Match]:
    margin = condition.margin // _MINUTE
    for match in matches:
        minute = _minute(match)
        if not any((minute + step) % _MINUTES in usual for step in range(-margin, margin + 1)):
            yield match


def _minute(match: Match) -> int:
    return match.at % _DAY // _MINUTE
