"""The time of a row: where it comes from, and its formats. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from audit_schemas import format_timestamp

from audit_admin.importing.errors import RowError, quoted
from audit_admin.importing.row_path import RowPath, text_of
from audit_admin.importing.time_format import has_year, read_time

__all__ = ["TIME_FORMS", "Clock", "TimestampRule"]

_UNITS = {"epoch": 1, "epoch-ms": 10**3, "epoch-us": 10**6, "epoch-ns": 10**9}
TIME_FORMS = ("rfc3339", *_UNITS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAUSIBLE = (
    datetime(1990, 1, 1, tzinfo=UTC).timestamp(),
    datetime(2100, 1, 1, tzinfo=UTC).timestamp(),
)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))? ?(Z|z|UTC|GMT|[+-]\d\d:?\d\d)?"
)
_BEYOND_MICROSECONDS = re.compile(r"([.,]\d{6})\d+")


@dataclass(frozen=True, slots=True)
class TimestampRule:
    """Where the time comes from, and how it is written."""

    sources: tuple[RowPath, ...]
    """Joined by a space: some logs have a column for the day and one for the time."""
    formats: tuple[str, ...]
    """The first one that fits counts."""
    zone: ZoneInfo | None
    """For times that say none. An hour that occurs twice, in autumn, is taken as the first one."""
    year: int | None = None
    """Of the first row, for formats without a year."""

    @property
    def name(self) -> str:
        """The fields that it is read from."""
        return ", ".join(source.text for source in self.sources)


class Clock:
    """Reads the times of a file's rows, in their order.

    A format without a year gets the year in which a time is closest to the row before, so a log may
    run past a new year.
    """

    def __init__(self, rule: TimestampRule) -> None:
        self._rule = rule
        self._last: datetime | None = None

    def time_of(self, row: Mapping[str, Any]) -> str:
        """Return the time of a row as RFC 3339, to the millisecond. Raises RowError."""
        rule = self._rule
        texts = [text_of(source.of(row)) for source in rule.sources]
        if None in texts:
            raise RowError(rule.sources[texts.index(None)].text, "has no time")
        text = " ".join(filter(None, texts))
        moment = next(filter(None, (self._read(text, form) for form in rule.formats)), None)
        if moment is None:
            raise RowError(rule.name, f"{quoted(text)} is not a time in {self._wanted()}")
        if moment.tzinfo is None:
            moment = self._in_zone(moment, text)
        self._last = moment
        return format_timestamp(moment)

    def _read(self, text: str, form: str) -> datetime | None:
        """Return the time; None if it isn't in this format."""
        try:
            if form == "rfc3339":
                return _rfc3339(text)
            if form in _UNITS:
                return self._since_epoch(text, form)
            if "%f" in form:
                text = _BEYOND_MICROSECONDS.sub(r"\1", text)
            if has_year(form):
                return read_time(text, form)
            return self._nearest(text, form)
        except (ValueError, OverflowError, InvalidOperation):
            return None

    def _nearest(self, text: str, form: str) -> datetime | None:
        """Read a time without a year."""
        last, year = self._last, self._rule.year
        if last is None:
            return _in_year(text, form, year)
        found = [_in_year(text, form, last.year + step) for step in (-1, 0, 1)]
        there = [moment for moment in found if moment is not None]
        return min(
            there, key=lambda m: abs(m.replace(tzinfo=None) - last.replace(tzinfo=None)), default=None
        )

    def _since_epoch(self, text: str, form: str) -> datetime:
        number = Decimal(text)
        if not _is_plausible(number / _UNITS[form]):
            fits = next((unit for unit, per in _UNITS.items() if _is_plausible(number / per)), None)
            fix = f': set format = "{fits}"' if fits else ""
            raise RowError(self._rule.name, f"{quoted(text)} as {form} is not a time from 1990 on{fix}")
        return _EPOCH + timedelta(microseconds=int(number * 10**6 / _UNITS[form]))

    def _in_zone(self, moment: datetime, text: str) -> datetime:
        name, zone = self._rule.name, self._rule.zone
        if zone is None:
            raise RowError(name, f"{quoted(text)} has no time zone: set zone in the mapping's [time]")
        local = moment.replace(tzinfo=zone)
        if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
            raise RowError(
                name, f"{quoted(text)} does not exist in {zone.key}: the clocks were put forward then"
            )
        return local

    def _wanted(self) -> str:
        wanted = ["RFC 3339" if form == "rfc3339" else form for form in self._rule.formats]
        named = ", with UTC, GMT or Z for %Z" if any("%Z" in form for form in wanted) else ""
        return f"the format {' or '.join(wanted)}{named}"


def _rfc3339(text: str) -> datetime:
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError
    day, clock, fraction, zone = found.groups()
    offset = "+00:00" if zone and zone[0] not in "+-" else zone or ""
    return datetime.fromisoformat(f"{day}T{clock}{'.' + fraction[:6] if fraction else ''}{offset}")


def _in_year(text: str, form: str, year: int | None) -> datetime | None:
    try:
        return read_time(f"{year} {text}", f"%Y {form}")
    except ValueError:
        return None


def _is_plausible(seconds: Decimal) -> bool:
    return _PLAUSIBLE[0] <= seconds < _PLAUSIBLE[1]
