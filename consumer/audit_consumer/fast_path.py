"""The fast path from a record to its lines of a bulk request, for events in the canonical form.

One match of a regular expression says that the event is valid and where its parts are; the document
is spliced together from the text as it is. No model, no parse, no object that outlives the call:
about 6 microseconds of CPU instead of 25. Pure. It returns exactly the lines that `Decoder.prepare`
leads to, or None, which sends the record there.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise

from audit_schemas import (
    MAX_EVENT_BYTES,
    SCHEMA_HEADER,
    SCHEMA_HEADER_VALUE,
    SCHEMA_HEADER_VALUES,
    Catalogue,
    IndexNaming,
    TimeBounds,
    canonical_form,
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
from audit_consumer.record import Headers, StrayLines

__all__ = ["FastPath"]

_READ = (
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

_Moment = tuple[datetime, str]


class FastPath:
    """Reads records that were written as the SDK writes them. One for each process."""

    def __init__(
        self, catalogue: Catalogue, bounds: TimeBounds, naming: IndexNaming, places: Places | None
    ) -> None:
        required = {path for activity in catalogue.values() for path in activity.requires}
        form = canonical_form({*_READ, *required})

        def groups(paths: Iterable[str]) -> tuple[int, ...]:
            return tuple(form.groupindex[group_of(path)] for path in paths)

        self._match = form.fullmatch
        self._groups = groups(_READ)
        self._action, self._ip = groups(["event.action", "source.ip"])
        self._required = {name: groups(activity.requires) for name, activity in catalogue.items()}
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

    def lines(  # noqa: C901, PLR0911, PLR0912
        self, message: Message, headers: Headers, ingested: str
    ) -> bytes | None:
        """Return the action and the document, or None if the record has to take the slow path.

        Long and linear on purpose: every call in here is made for every event.
        """
        if len(message) > MAX_EVENT_BYTES:
            return None
        value = message.value()
        if not isinstance(value, bytes):
            return None
        if headers != _USUAL and not _is_known_version(headers):
            return None
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return None
        found = self._match(text)
        if found is None:
            return None
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
        ) = found.group(*self._groups)
        required = self._required.get(action)
        if required is None:
            return None
        for group in required:
            if not _says_something(found[group]):
                return None
        if user_id is None and user_name is None and kind != "system":
            return None
        if labels is not None and not _is_in_order(labels):
            return None
        moment = self._moment_of(message)
        if moment is None:
            return None
        if outcome is None:
            at = found.end(self._action) + 1
            text = text[:at] + self._outcomes[action] + text[at:]
        digest = _SHA256.copy()
        digest.update(text.encode())
        try:
            if not self._bounds.hold(datetime.fromisoformat(timestamp), moment[0]):
                return None
            shown = user_name or user_id
            if not shown or not shown.isascii() or "system" in shown.lower():
                shown = _shown(kind, shown)
            located, behind = "", 0
            if self._located is not None and ip is not None:
                known = self._located.known.get(ip)
                located = self._located.of(ip) if known is None else known
                if located:
                    behind = found.end(self._ip) + 1 + len(text) - found.endpos
            document = splice(
                text,
                hash_text(digest.digest()),
                self._meanings[action],
                moment[1],
                ingested,
                shown,
                ip,
                self._place(message),
                message.offset(),  # type: ignore[arg-type]  # a message without error has one
                None,
                located,
                behind,
            )
        except ValueError:  # no such day, no address
            return None
        index = self._index_of(timestamp)
        lines = f'{{"create":{{"_index":"{index}","_id":"{event_id}"}}}}\n{document}'.encode()
        return lines if index == self._home.of(event_id, moment[1]) else StrayLines(lines)

    def _moment_of(self, message: Message) -> _Moment | None:
        """Return when Kafka took the record; many have the same time, so the last ones are kept."""
        kind, milliseconds = message.timestamp()
        moment = self._moments.get(milliseconds)
        if moment is None and kind != TIMESTAMP_NOT_AVAILABLE:
            if len(self._moments) >= _KEPT:
                self._moments.clear()
            received = datetime.fromtimestamp(milliseconds / 1000, UTC)
            moment = self._moments[milliseconds] = received, format_timestamp(received)
        return moment

    def _index_of(self, timestamp: str) -> str:
        """Return the event's index; those of UTC days are kept."""
        day = timestamp[:10] if timestamp[-1] == "Z" else None
        index = self._days.get(day) if day else None
        if index is None:
            index = self._naming.index_of(timestamp)
            self.indices.add(index)
            if day:
                if len(self._days) >= _KEPT:
                    self._days.clear()
                self._days[day] = index
        return index

    def _place(self, message: Message) -> str:
        key = (message.topic(), message.partition())
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = place_of(str(key[0]), int(key[1] or 0))
        return place


def _shown(kind: str | None, name_or_id: str | None) -> str | None:
    """Return the user that is shown, in JSON; only escapes of ours have a backslash."""
    shown = shown_user(kind, name_or_id)
    return shown.replace("\\", "\\\\") if shown else None


def _is_known_version(headers: Headers) -> bool:
    if headers is False:
        return False
    for name, value in headers:
        if name == SCHEMA_HEADER and value not in SCHEMA_HEADER_VALUES:
            return False
    return True


def _says_something(part: str | None) -> bool:
    """Tell whether a required part is plainly not blank; an object or list needs a value inside."""
    if not part:
        return False
    return part[0] not in "[{" or '":"' in part or '["' in part


def _is_in_order(labels: str) -> bool:
    """Tell whether the keys ascend, so that none stands twice; strings hold no quotation mark here."""
    keys = re.findall(r'"([^"]*)":', labels)
    return all(one < other for one, other in pairwise(keys))
