"""The Elasticsearch document: the event as its publisher meant it, plus what the consumer knows.

The event's canonical text is kept as it is; added fields are spliced in after `{"event":{` and
before the `}}` that closes `audit` and the document. So nothing is serialised twice, and the hash
of the publisher's part can be recomputed from `_source` alone. So can the published bytes
(`audit_schemas.original`).
"""

import hashlib
import json
from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit_schemas.added import ADDED, FORMER
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
    "hash_text",
    "meaning_of",
    "place_of",
    "publisher_fields",
    "splice",
    "stored_hash",
]

ECS_VERSION = "9.4.0"
"""Whose names the fields have."""

_HASH_BYTES, _HASH_LENGTH, _WHOLE = 16, 22, 64

_HEAD = '{"event":{'
_ADDRESS = '"source":{"ip":"'


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
        digest = hash_text(hashlib.sha256(canonical).digest())
        ip = event.source.ip if event.source else None
        user = event.user
        shown = shown_user(event.audit.actor.kind, (user.name or user.id) if user else None)
        body = splice(
            canonical.decode(),
            digest,
            meaning_of(activity),
            created,
            ingested,
            _escaped(shown) if shown else None,
            ip,
            place_of(origin.topic, origin.partition),
            origin.offset,
            None if published is None else original_of(published, canonical),
            place,
        )
        return cls(event.event.id, digest, body.encode())


def splice(
    canonical: str,
    digest: str,
    meaning: str,
    created: str,
    ingested: str,
    shown: str | None,
    ip: str | None,
    place: str,
    offset: int,
    original: str | None = None,
    located: str = "",
) -> str:
    """Write the fields of `ADDED` into an event's canonical text.

    `shown`, the user that the log counts by, is a JSON string without its quotation marks; `original`
    is text to be written as one, and `located` the text of where `ip` is. Raises ValueError if `ip` is
    not an IP address.
    """
    network = user = kept = ""
    if shown:
        user = f',"user":"{shown}"'
    if original is not None:
        kept = f'"original":"{_escaped(original)}",'
    if ip:
        network = f',"source":{{"network":"{network_of(ip)}"}}'
    cut = len(_HEAD)
    if not ip:
        located = ""
    elif located:
        # Nothing else can be the first: in a string, a quotation mark has a backslash before it.
        cut = canonical.index(_ADDRESS) + len(_ADDRESS) + len(ip) + 1
    return (
        f'{_HEAD}{meaning},"created":"{created}","ingested":"{ingested}","hash":"{digest}",'
        f"{kept}{canonical[len(_HEAD) : cut]}{located}{canonical[cut:-2]}"
        f'{user}{network},"kafka":{{{place}{offset}}}}}}}'
    )


def meaning_of(activity: Activity) -> str:
    """Return what the catalogue says of an activity, as JSON fields of `event`."""
    return _inner({"category": activity.category, "type": activity.type})


def place_of(topic: str, partition: int) -> str:
    """Return the JSON fields of `audit.kafka`, up to the value of `offset`."""
    return _inner({"topic": topic, "partition": partition}) + ',"offset":'


def content_hash(event: AuditEvent) -> str:
    """Return the hash of the event's canonical form: equal for equal content.

    See `hash_text`.
    """
    return hash_text(hashlib.sha256(encode(event)).digest())


def hash_text(digest: bytes) -> str:
    """Return the first 128 bits of a SHA-256 in base64, without padding.

    They tell contents apart, and no codec makes a hash smaller, so its length is what it costs.
    """
    return b2a_base64(digest[:_HASH_BYTES], newline=False)[:_HASH_LENGTH].decode()


def stored_hash(source: Mapping[str, Any]) -> str:
    """Return a document's `event.hash` as it is written now; older ones have it whole, in hex.

    Empty, if it was not written by a consumer.
    """
    found = source.get("event", {}).get("hash", "")
    if not isinstance(found, str) or len(found) != _WHOLE:
        return str(found)
    try:
        return hash_text(bytes.fromhex(found))
    except ValueError:
        return found


def publisher_fields(source: Mapping[str, Any]) -> AuditEvent:
    """Return the event inside a stored `_source`, as its publisher meant it.

    `content_hash` of it is the `stored_hash`, or the document was tampered with.
    Raises EventRefusedError if what is stored is no event.
    """
    fields = json.loads(json.dumps(source))
    for leaf in (*ADDED, *FORMER):
        _drop(fields, leaf.path.split("."))
    return validate(fields)


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
