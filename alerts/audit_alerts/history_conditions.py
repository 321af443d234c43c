"""Conditions on an event's group and its history, which Sigma lacks: new terms, unusual hours. Pure."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from audit_alerts.matches import GroupValues, Match, group_values
from audit_alerts.plan import HistoryCondition, NewTerms, UnusualHours

__all__ = ["filter_by_history"]

_DAY = 86_400_000
_MINUTE = 60_000
_MINUTES = 1440


def filter_by_history(condition: HistoryCondition | None, matches: Sequence[Match]) -> list[Match]:
    """Return the matches that the condition keeps, in order of time.

    `matches` are in that order too, and reach back far enough for the condition's history.
    """
    if condition is None:
        return list(matches)
    kept: list[Match] = []
    for members in _groups(matches, condition.group_by).values():
        kept += (
            _new(condition, members) if isinstance(condition, NewTerms) else _odd(condition, members)
        )
    return sorted(kept, key=lambda match: (match.at, match.order, match.id))


def _groups(matches: Iterable[Match], names: Sequence[str]) -> dict[GroupValues, list[Match]]:
    found: dict[GroupValues, list[Match]] = {}
    for match in matches:
        if (group := group_values(match, names)) is not None:
            found.setdefault(group, []).append(match)
    return found


def _new(condition: NewTerms, matches: Sequence[Match]) -> Iterator[Match]:
    """Yield matches whose value was not there in the history, if another one was."""
    seen: OrderedDict[str, int] = OrderedDict()  # value -> when last, the latest at the end
    for at, together in groupby(matches, key=lambda match: match.at):
        members = [match for match in together if match.values.get(condition.field) is not None]
        while seen and next(iter(seen.values())) < at - condition.history:
            seen.popitem(last=False)
        if seen:
            yield from (match for match in members if match.values[condition.field] not in seen)
        for match in members:
            value = str(match.values[condition.field])
            seen[value] = at
            seen.move_to_end(value)


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
