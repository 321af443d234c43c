"""The Elasticsearch document: the event as its publisher meant it, plus what the consumer knows.

The event's canonical text is kept as it is; added fields are spliced in after `{"event":{` and
before the `}}` that closes `audit` and the document. So nothing is serialised twice, and the hash
of the publisher's part can be recomputed from `_source` alone. So can the published bytes
(`audit_schemas.original`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit_schemas.added import ADDED
from audit_schemas.addresses import network_of
from audit_schemas.catalogue import Activity
from audit_schemas.event import AuditEvent
from audit_schemas.original import original_of
from audit_schemas.shown_user import shown_user
from audit_schemas.wire import encode, validate

__all__ = [
    "ECS_VERSION",
    "Document",
    "Origin",
    "content_hash",
    "meaning_of",
    "place_of",
    "publisher_fields",
    "splice",
]

ECS_VERSION = "9.4.0"

_HEAD = '{"event":{'
_ACTION = '","action":"'
_ADDRESS = '"source":{"ip":"'
_AUDIT = 'audit":{"'


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the record stands in Kafka: what tells one writing of an event from another."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Document:
    """A document ready to be written: its id, its content hash, and its JSON text on one line."""

    id: str
    hash: str
    body: bytes

    @classmethod
    def of(
        cls,
        event: AuditEvent,
        activity: Activity,
        origin: Origin,
        created: str,
        ingested: str,
        published: bytes | None = None,
        place: str = "",
    ) -> "Document":
        """Make the document of a settled event. `created` and `ingested` are RFC 3339 times.

        `published` is what was published, if that may differ from what `encode` writes; `place` is
        `Place.to_json` of its address.
        """
        canonical = encode(event)
        digest = hashlib.sha256(canonical).hexdigest()
        ip = event.source.ip if event.source else None
        user = event.user
        shown = shown_user(event.audit.actor.kind, (user.name or user.id) if user else None)
        body = splice(
            *_cut(canonical.decode()),
            digest,
            meaning_of(activity),
            created,
            ingested,
            [_escaped(name) for name in _users(event)],
            _escaped(shown) if shown else None,
            ip,
            place_of(origin.topic, origin.partition),
            origin.offset,
            None if published is None else original_of(published, canonical),
            place,
        )
        return cls(event.event.id, digest, body.encode())


def splice(
    begin: str,
    middle: str,
    audit: str,
    digest: str,
    meaning: str,
    created: str,
    ingested: str,
    users: Sequence[str],
    shown: str | None,
    ip: str | None,
    place: str,
    offset: int,
    original: str | None = None,
    located: str = "",
) -> str:
    """Write the fields of `ADDED` into an event's canonical text.

    That text is `{"event":{`, `begin`, `middle`, `audit":{"`, `audit` and `}}`, with the value of
    `event.action` and a quotation mark at the end of `begin`. `users`, the names that are related to
    the event, and `shown`, the one that the log counts by, are JSON strings without their quotation
    marks; `original` is text to be written as one, and `located` the text of where `ip` is. Raises
    ValueError if `ip` is not an IP address.
    """
    related = network = user = kept = ""
    if users or ip:
        names = '"user":["' + '","'.join(users) + '"]' if users else ""
        addresses = f'"ip":["{ip}"]' if ip else ""
        related = f',"related":{{{names}{"," if users and ip else ""}{addresses}}}'
    if shown:
        user = f'"user":"{shown}",'
    if original is not None:
        kept = f'"original":"{_escaped(original)}",'
    if ip:
        network = f'"source":{{"network":"{network_of(ip)}"}},'
    if located and ip:
        # Nothing else can be the first: in a string, a quotation mark has a backslash before it.
        cut = middle.index(_ADDRESS) + len(_ADDRESS) + len(ip) + 1
        middle = f"{middle[:cut]}{located}{middle[cut:]}"
    return (
        f'{_HEAD}{meaning},"created":"{created}","ingested":"{ingested}","hash":"{digest}",'
        f'{kept}{begin}{middle}ecs":{{"version":"{ECS_VERSION}"}}{related},'
        f'"audit":{{"{audit},{user}{network}"kafka":{{{place}{offset}}}}}}}'
    )


def meaning_of(activity: Activity) -> str:
    """Return what the catalogue says of an activity, as JSON fields of `event`."""
    return _inner({"kind": "event", "category": activity.category, "type": activity.type})


def place_of(topic: str, partition: int) -> str:
    """Return the JSON fields of `audit.kafka`, up to the value of `offset`."""
    return _inner({"topic": topic, "partition": partition}) + ',"offset":'


def content_hash(event: AuditEvent) -> str:
    """Return the SHA-256 of the event's canonical form, in hex: equal for equal content."""
    return hashlib.sha256(encode(event)).hexdigest()


def publisher_fields(source: Mapping[str, Any]) -> AuditEvent:
    """Return the event inside a stored `_source`, as its publisher meant it.

    `content_hash` of it is the `event.hash` that was stored, or the document was tampered with.
    Raises EventRefusedError if what is stored is no event.
    """
    fields = json.loads(json.dumps(source))
    for leaf in ADDED:
        _drop(fields, leaf.path.split("."))
    return validate(fields)


def _cut(canonical: str) -> tuple[str, str, str]:
    """Return the parts of a canonical text that `splice` takes."""
    action = canonical.index(_ACTION) + len(_ACTION)
    behind = canonical.index('"', action) + 1
    audit = canonical.rindex(_AUDIT)
    return canonical[len(_HEAD) : behind], canonical[behind:audit], canonical[audit + len(_AUDIT) : -2]


def _users(event: AuditEvent) -> list[str]:
    """Return each id and name of who did it, as whom and to whom, once, in order."""
    if event.user is None:
        return []
    accounts = [event.user, event.user.effective, event.user.target]
    names = [name for each in accounts if each is not None for name in (each.id, each.name)]
    return list(dict.fromkeys(name for name in names if name))


def _inner(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))[1:-1]


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _drop(fields: dict[str, Any], path: list[str]) -> None:
    """Remove a path, and the objects that it leaves empty."""
    parent = fields
    for name in path[:-1]:
        inner = parent.get(name)
        if not isinstance(inner, dict):
            return
        parent = inner
    parent.pop(path[-1], None)
    if len(path) > 1 and not parent:
        _drop(fields, path[:-1])
