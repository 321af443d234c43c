"""The time of a row: where it comes from, and its formats. Pure."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from audit_schemas import format_timestamp

from audit_admin.importing.errors import RowError, quoted
from audit_admin.importing.row import Fields
from audit_admin.importing.row_path import RowPath, text_of
from audit_admin.importing.time_format import has_year, time_reader

__all__ = ["TIME_FORMS", "Clock", "TimestampRule"]

_UNITS = {"epoch": 1, "epoch-ms": 10**3, "epoch-us": 10**6, "epoch-ns": 10**9}
TIME_FORMS = ("rfc3339", *_UNITS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAUSIBLE = (
    int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()),
    int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()),
)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))? ?(Z|z|UTC|GMT|[+-]\d\d:?\d\d)?"
)
_AS_WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z").fullmatch
"""Finds times that have the very form of those in events, as many logs do."""
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
        self._readers = [self._reader(form) for form in rule.formats]
        self._is_rfc3339 = rule.formats[0] == "rfc3339"
        self._last: datetime | None = None

    def time_of(self, row: Fields) -> str:
        """Return the time of a row as RFC 3339, to the millisecond. Raises RowError."""
        rule = self._rule
        texts = [text_of(source.of(row)) for source in rule.sources]
        if None in texts:
            raise RowError(rule.sources[texts.index(None)].text, "has no time")
        text = " ".join(filter(None, texts))
        if (written := self._as_written(text)) is not None:
            return written
        moment = self._read(text)
        try:
            if moment.tzinfo is None:
                moment = self._in_zone(moment, text)
            written = format_timestamp(moment)
        except OverflowError:  # such as 0001-01-01, by which some systems mean that they have no time
            raise RowError(
                rule.name, f"{quoted(text)} is before the year 1 or after 9999 in UTC"
            ) from None
        self._last = moment
        return written

    def _as_written(self, text: str) -> str | None:
        """Return a text that is a time as it is written, None for all others."""
        if not self._is_rfc3339 or _AS_WRITTEN(text) is None:
            return None
        try:
            self._last = datetime.fromisoformat(text)
        except ValueError:
            return None
        return text

    def _read(self, text: str) -> datetime:
        implausible: RowError | None = None
        for read in self._readers:
            try:
                return read(text)
            except RowError as error:  # another format may fit
                implausible = implausible or error
            except (ValueError, ArithmeticError):
                continue
        raise implausible or RowError(
            self._rule.name, f"{quoted(text)} is not a time in {self._wanted()}"
        )

    def _reader(self, form: str) -> Callable[[str], datetime]:
        """Return a function that reads a format; it raises one of what `_read` passes over."""
        if form == "rfc3339":
            return _rfc3339
        if form in _UNITS:
            return partial(self._since_epoch, form)
        read = (
            time_reader(form) if has_year(form) else partial(self._nearest, time_reader(f"%Y {form}"))
        )
        return (lambda text: read(_BEYOND_MICROSECONDS.sub(r"\1", text))) if "%f" in form else read

    def _nearest(self, read: Callable[[str], datetime], text: str) -> datetime:
        """Read a time without a year."""
        last = self._last
        if last is None:
            return read(f"{self._rule.year} {text}")
        there = []
        for year in (last.year - 1, last.year, last.year + 1):
            with suppress(ValueError):  # such as a 29 February
                there.append(read(f"{year} {text}"))
        return min(there, key=lambda m: abs(m.replace(tzinfo=None) - last.replace(tzinfo=None)))

    def _since_epoch(self, form: str, text: str) -> datetime:
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


def _is_plausible(seconds: Decimal) -> bool:
    return _PLAUSIBLE[0] <= seconds < _PLAUSIBLE[1]
