"""The fast path from records to their lines of a bulk request, for events in the canonical form.

One search of a regular expression through the text of many records tells which events are valid and
where their parts are; a document is spliced together from these. No model, no parse, no object that
outlives the call. Pure. It returns exactly the lines that `Decoder.prepare` leads to, or None, which
sends the record there.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from audit_schemas import (
    MAX_EVENT_BYTES,
    SCHEMA_HEADER,
    SCHEMA_HEADER_VALUE,
    SCHEMA_HEADER_VALUES,
    Catalogue,
    IndexNaming,
    TimeBounds,
    canonical_lines,
    format_timestamp,
    group_of,
    hash_text,
    meaning_of,
    place_of,
    shown_user,
    splice,
)
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from audit_consumer.home_index import HomeIndex
from audit_consumer.places import Places
from audit_consumer.record import LAST_MILLISECOND, Headers, StrayLines

__all__ = ["FastPath"]

_PATHS = (
    "event.id",
    "event.action",
    "event.outcome",
    "@timestamp",
    "user.id",
    "user.name",
    "source.ip",
    "labels",
    "audit.actor.kind",
)
_KEPT = 1000

_USUAL = [(SCHEMA_HEADER, SCHEMA_HEADER_VALUE)]
"""The headers of a record that the SDK wrote."""

_SHA256 = sha256()
"""Copied for each event: OpenSSL takes longer to find the algorithm than to copy it."""

_Row = tuple[str, ...]
"""What the groups of one event hold; empty where it has nothing there."""


class _Second(NamedTuple):
    """A second in which Kafka took records, and texts that an event's time is between."""

    until_point: str
    """Its text, up to the decimal point."""
    after: str
    before: str


class _Moment(NamedTuple):
    """A millisecond in which Kafka took records, and the same bounds."""

    created: str
    after: str
    before: str


class FastPath:
    """Reads records that were written as the SDK writes them. One for each process."""

    def __init__(
        self, catalogue: Catalogue, bounds: TimeBounds, naming: IndexNaming, places: Places | None
    ) -> None:
        required = {path for activity in catalogue.values() for path in activity.requires}
        self._captured = {*_PATHS, *required}
        form = canonical_lines(self._captured, is_ascii=True)
        at = {name: number - 1 for name, number in form.groupindex.items()}
        self._find_ascii = form.findall
        self._parts = itemgetter(*(at[name] for name in (*map(group_of, _PATHS), "rest")))
        self._required = {
            name: tuple(at[group_of(path)] for path in activity.requires)
            for name, activity in catalogue.items()
        }
        self._meanings = {name: meaning_of(activity) for name, activity in catalogue.items()}
        self._outcomes = {name: f',"outcome":"{each.outcome}"' for name, each in catalogue.items()}
        self.indices: set[str] = set()
        """Every index that lines were written for."""
        self._bounds = bounds
        self._naming = naming
        self._home = HomeIndex(naming)
        self._located = places
        self._places: dict[tuple[str | None, int | None], str] = {}
        self._days: dict[str, str] = {}
        self._moments: dict[int, _Moment] = {}
        self._seconds: dict[int, _Second] = {}

    def lines(  # noqa: C901, PLR0912
        self, messages: Sequence[Message], headers: Sequence[Headers], ingested: str
    ) -> list[bytes | None]:
        """Return each record's action and document, or None if it has to take the slow path.

        Long and linear on purpose: every call in the loop is made for every event.
        """
        values = [message.value() for message in messages]
        rows = self._rows(values)
        if rows is None:
            if len(messages) <= 1:
                return [None] * len(messages)
            each = zip(messages, headers, strict=True)
            return [self.lines([message], [its], ingested)[0] for message, its in each]
        found: list[bytes | None] = []
        days, moments, home_of, places = self._days, self._moments, self._home.of, self._places
        parts, located, location = self._parts, self._located, ""
        for message, its, row in zip(messages, headers, rows, strict=True):
            (
                event_id,
                action,
                outcome,
                timestamp,
                user_id,
                user_name,
                ip,
                labels,
                kind,
                rest,
            ) = parts(row)
            found.append(None)
            if not event_id or (its != _USUAL and not _is_known_version(its)):
                continue
            required = self._required.get(action)
            if required is None or (required and not _is_complete(row, required)):
                continue
            if not user_id and not user_name and kind != "system":
                continue
            if labels and not _is_in_order(labels):
                continue
            _, milliseconds = message.timestamp()
            moment = moments.get(milliseconds) or self._new_moment(message)
            if moment is None:
                continue
            created, after, before = moment
            index = days.get(timestamp[:10])
            if not (index and timestamp[-1] == "Z" and after < timestamp < before):
                index = self._index_of(timestamp, milliseconds)
                if index is None:
                    continue
            settled = "" if outcome else self._outcomes[action]
            canonical = f'{{"event":{{"id":"{event_id}","action":"{action}"{settled}{rest}'
            digest = _SHA256.copy()
            digest.update(canonical.encode())
            shown: str | None = user_name or user_id
            if not shown or not shown.isascii() or "system" in shown.lower():
                shown = _shown(kind, shown)
            place = places.get((message.topic(), message.partition())) or self._new_place(message)
            try:
                if ip and located is not None:
                    known = located.known.get(ip)
                    location = located.of(ip) if known is None else known
                document = splice(
                    canonical,
                    hash_text(digest.digest()),
                    self._meanings[action],
                    created,
                    ingested,
                    shown,
                    ip,
                    place,
                    message.offset(),  # type: ignore[arg-type]  # a message without error has one
                    None,
                    location if ip else "",
                )
            except ValueError:  # no address
                continue
            lines = f'{{"create":{{"_index":"{index}","_id":"{event_id}"}}}}\n{document}'.encode()
            found[-1] = lines if index == home_of(event_id, created) else StrayLines(lines)
        return found

    def _rows(self, values: Sequence[object]) -> list[_Row] | None:
        """Return what each value holds.

        None if one can't be read together with others: it is not there, no UTF-8, too large, or has a
        line break inside.
        """
        try:
            if max(map(len, values), default=0) > MAX_EVENT_BYTES:  # type: ignore[arg-type]
                return None
            text = b"\n".join((*values, b"")).decode()  # type: ignore[arg-type]
        except (TypeError, UnicodeDecodeError):
            return None
        rows = self._find_ascii(text) if text.isascii() else self._find(text)
        return rows if len(rows) == len(values) else None

    @cached_property
    def _find(self) -> Callable[[str], list[_Row]]:
        return canonical_lines(self._captured).findall

    def _new_moment(self, message: Message) -> _Moment | None:
        """Return when Kafka took a record; many have the same time, so the last ones are kept."""
        kind, milliseconds = message.timestamp()
        if kind == TIMESTAMP_NOT_AVAILABLE or not 0 <= milliseconds <= LAST_MILLISECOND:
            return None
        if len(self._moments) >= _KEPT:
            self._moments.clear()
        number, rest = divmod(milliseconds, 1000)
        second = self._seconds.get(number) or self._new_second(number)
        created = f"{second.until_point}{rest:03d}Z"
        moment = self._moments[milliseconds] = _Moment(created, second.after, second.before)
        return moment

    def _new_second(self, number: int) -> _Second:
        if len(self._seconds) >= _KEPT:
            self._seconds.clear()
        began = datetime.fromtimestamp(number, UTC)
        until_point = format_timestamp(began).removesuffix("000Z")
        second = self._seconds[number] = _Second(until_point, *self._bounds.around(began))
        return second

    def _index_of(self, timestamp: str, milliseconds: int) -> str | None:
        """Return an event's index, None for a day that does not exist or a time out of bounds.

        Those of UTC days are kept.
        """
        try:
            moment = datetime.fromisoformat(timestamp)
        except ValueError:
            return None
        if not self._bounds.hold(moment, _time_of(milliseconds)):
            return None
        index = self._naming.index_of(timestamp)
        self.indices.add(index)
        if timestamp[-1] == "Z":
            if len(self._days) >= _KEPT:
                self._days.clear()
            self._days[timestamp[:10]] = index
        return index

    def _new_place(self, message: Message) -> str:
        key = (message.topic(), message.partition())
        place = self._places[key] = place_of(str(key[0]), int(key[1] or 0))
        return place


def _time_of(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _shown(kind: str | None, name_or_id: str | None) -> str | None:
    """Return the user that is shown, in JSON; only escapes of ours have a backslash."""
    shown = shown_user(kind, name_or_id)
    return shown.replace("\\", "\\\\") if shown else None


def _is_known_version(headers: Headers) -> bool:
    if headers is False:
        return False
    for name, value in headers or ():
        if name == SCHEMA_HEADER and value not in SCHEMA_HEADER_VALUES:
            return False
    return True


def _is_complete(row: _Row, required: Sequence[int]) -> bool:
    """Tell whether required parts are plainly not blank; an object or list needs a value inside."""
    for number in required:
        part = row[number]
        if not part or (part[0] in "[{" and '":"' not in part and '["' not in part):
            return False
    return True


def _is_in_order(labels: str) -> bool:
    """Tell whether the keys ascend, so that none stands twice; strings hold no quotation mark here."""
    keys = re.findall(r'"([^"]*)":', labels)
    return all(one < other for one, other in pairwise(keys))
