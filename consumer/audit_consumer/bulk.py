"""Bulk requests and their answers. Pure: what to send, and what each item's answer means."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from audit_schemas import Origin, Reason

from audit_consumer.record import Outcome, Prepared, Refusal

__all__ = ["RESPONSE_FIELDS", "Answers", "Stored", "body_of", "compare", "packs", "sort_out"]

RESPONSE_FIELDS = "errors,items.*.status,items.*.error.type,items.*.error.reason"
"""The `filter_path` of a bulk request: all that `sort_out` reads."""

_REASON_MAX = 300


@dataclass(slots=True)
class Answers:
    """One bulk's items, sorted by what their answers ask for."""

    indexed: list[Prepared] = field(default_factory=list)
    conflicts: list[Prepared] = field(default_factory=list)
    """409: the id is taken, by our own earlier try, a duplicate, or another event."""
    retry: list[Prepared] = field(default_factory=list)
    """429 and 5xx: not now."""
    rejected: list[tuple[Prepared, str]] = field(default_factory=list)
    """400: the event's own fault, if its index is ours and sound; else the set-up's."""
    faults: list[tuple[Prepared, str]] = field(default_factory=list)
    """401, 403, 404 and the like: always the set-up's."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the index holds under an id."""

    hash: str
    origin: Origin | None
    """None: it was not written by a consumer."""


def packs(items: Sequence[Prepared], limit: int) -> Iterator[list[Prepared]]:
    """Yield runs of items whose bodies have at most `limit` bytes; a larger one goes alone."""
    pack: list[Prepared] = []
    size = 0
    for item in items:
        length = len(item.document.body)
        if pack and size + length > limit:
            yield pack
            pack, size = [], 0
        pack.append(item)
        size += length
    if pack:
        yield pack


def body_of(items: Sequence[Prepared]) -> bytes:
    """Return NDJSON, less the last newline, that creates each document under its event's id."""
    lines: list[bytes] = []
    for item in items:
        # Index names and ids need no escaping: their characters are restricted by the contract.
        lines.append(
            b'{"create":{"_index":"%b","_id":"%b"}}' % (item.index.encode(), item.document.id.encode())
        )
        lines.append(item.document.body)
    return b"\n".join(lines)


def sort_out(items: Sequence[Prepared], response: Mapping[str, Any]) -> Answers:
    """Sort a bulk's items by their own status; 200 for the whole says nothing of them.

    By status, never by the names of errors, which the server may change. Raises ValueError if the
    answer does not have one item for each that was sent.
    """
    answers = Answers()
    results = response.get("items", [])
    for item, result in zip(items, results, strict=True):
        answer = result["create"]
        status = answer["status"]
        if status in (HTTPStatus.OK, HTTPStatus.CREATED):
            answers.indexed.append(item)
        elif status == HTTPStatus.CONFLICT:
            answers.conflicts.append(item)
        elif status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            answers.retry.append(item)
        elif status == HTTPStatus.BAD_REQUEST:
            answers.rejected.append((item, _why(answer)))
        else:
            answers.faults.append((item, f"{status} {_why(answer)}"))
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


def _why(answer: Mapping[str, Any]) -> str:
    """Return Elasticsearch's type and reason, cut before the event's value that it may quote."""
    error = answer.get("error", {})
    reason = str(error.get("reason", "")).split("Preview of field's value")[0].split(": '")[0]
    return f"{error.get('type', 'unknown error')}: {reason[:_REASON_MAX]}"
