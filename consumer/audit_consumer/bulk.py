"""The answers to bulk requests. Pure: what each item's status means, and what a conflict is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from audit_schemas import Origin, Reason, format_timestamp

from audit_consumer.record import Outcome, Prepared, Refusal

__all__ = ["RESPONSE_FIELDS", "ItemResults", "Stored", "classify_items", "compare", "is_earlier"]

RESPONSE_FIELDS = "errors,items.*.status,items.*.error.type,items.*.error.reason"
"""The `filter_path` of a bulk request: all that `classify_items` reads."""

_REASON_MAX = 300
_FULL = re.compile("number of documents in the index can(?:no|')t exceed", re.IGNORECASE)
"""A shard has as many documents as Lucene can hold. That is a 400, too, and no event's fault."""


@dataclass(slots=True)
class ItemResults:
    """One bulk's items, by their positions, sorted by what their answers ask for."""

    indexed: int = 0
    """How many were created."""
    conflicts: list[int] = field(default_factory=list)
    """409: the id is taken, by our own earlier try, a duplicate, or another event."""
    retry: list[int] = field(default_factory=list)
    """429 and 5xx: not now."""
    rejected: list[tuple[int, str]] = field(default_factory=list)
    """400: the event's own fault, if its index is ours and sound; else the set-up's."""
    faults: list[tuple[int, str]] = field(default_factory=list)
    """401, 403, 404 and the like, and a shard that is full: always the set-up's."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the index holds under an id."""

    hash: str
    origin: Origin | None
    """None: it was not written by a consumer."""
    created: str = ""
    """When Kafka received it, in RFC 3339; empty if it was not written by a consumer."""


def classify_items(count: int, response: Mapping[str, Any]) -> ItemResults:
    """Sort a bulk's items by their own status; 200 for the whole says nothing of them.

    By status, never by the names of errors, which the server may change; but for a full shard. Raises
    ValueError, KeyError, TypeError or AttributeError if the answer is not one to `count` items.
    """
    items = response["items"]
    if len(items) != count:
        raise ValueError(f"{len(items)} answers to {count} items")
    answers = ItemResults()
    if response.get("errors") is False:
        answers.indexed = count
        return answers
    for position, item in enumerate(items):
        answer = item["create"]
        status = answer["status"]
        if status in (HTTPStatus.OK, HTTPStatus.CREATED):
            answers.indexed += 1
        elif status == HTTPStatus.CONFLICT:
            answers.conflicts.append(position)
        elif status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            answers.retry.append(position)
        elif status == HTTPStatus.BAD_REQUEST and not _FULL.search(_why(answer)):
            answers.rejected.append((position, _why(answer)))
        else:
            answers.faults.append((position, f"{status} {_why(answer)}"))
    return answers


def compare(item: Prepared, stored: Stored | None) -> Outcome | Refusal | None:
    """Say what a 409 means, given what is stored under the id. None: it is gone again, retry."""
    if stored is None:
        return None
    if stored.origin == item.record.origin:
        return Outcome.INDEXED
    if stored.hash == item.document.hash:
        return Outcome.DUPLICATE
    at = stored.origin
    where = f"{at.topic} [{at.partition}] offset {at.offset}" if at else "not from Kafka"
    return Refusal(
        item.record,
        Reason.ID_CONFLICT,
        "event.id",
        f"another event with other content has this id: {where}",
    )


def is_earlier(stored: Stored, item: Prepared) -> bool:
    """Tell whether Kafka received what is stored before the item; of one millisecond, not after it.

    By the broker's time and place, which no publisher can choose.
    """
    at, own = stored.origin, item.record.origin
    created = format_timestamp(item.record.received)
    if stored.created != created:
        return stored.created < created
    is_same_partition = at and (at.topic, at.partition) == (own.topic, own.partition)
    return not is_same_partition or at is None or at.offset <= own.offset


def _why(answer: Mapping[str, Any]) -> str:
    """Return Elasticsearch's type and reason, cut before the event's value that it may quote."""
    error = answer.get("error", {})
    reason = str(error.get("reason", "")).split("Preview of field's value")[0].split(": '")[0]
    return f"{error.get('type', 'unknown error')}: {reason[:_REASON_MAX]}"
