"""Bulk requests and their answers, without a server."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from audit_consumer.batch import Batch
from audit_consumer.bulk import Stored, classify_items, compare
from audit_consumer.decode import Decoder
from audit_consumer.errors import OverloadedError, UnreachableError
from audit_consumer.record import Outcome, Prepared, Record, Refusal
from audit_consumer.settle import Settler
from audit_schemas import Catalogue, Document, IndexNaming, Origin, Reason, TimeBounds
from support.events import chat_opened
from support.messages import message


def prepared(number: int, size: int = 10, digest: str = "h") -> Prepared:
    """Return a record that is ready to be indexed."""
    record = Record(Origin("t", 0, number), datetime(2026, 11, 1, tzinfo=UTC), None, b"{}")
    index = "audit-events-2026.11"
    return Prepared(record, index, Document(f"id-{number}", digest, b"x" * size), index)


def test_lines_create_the_document_under_its_id() -> None:
    """Never index or update: create alone can't overwrite."""
    action, document = prepared(1).lines.split(b"\n")
    assert json.loads(action) == {"create": {"_index": "audit-events-2026.11", "_id": "id-1"}}
    assert document == b"x" * 10


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (201, "indexed"),
        (200, "indexed"),
        (409, "conflicts"),
        (429, "retry"),
        (500, "retry"),
        (503, "retry"),
        (400, "rejected"),
        (401, "faults"),
        (403, "faults"),
        (404, "faults"),
        (413, "faults"),
    ],
)
def test_each_item_is_sorted_by_its_own_status(status: int, kind: str) -> None:
    """200 for the whole bulk hides items that failed; names of errors are never looked at."""
    error = {"type": "some_new_name", "reason": "because"}
    answers = classify_items(1, {"items": [{"create": {"status": status, "error": error}}]})
    kinds = {
        name: len(getattr(answers, name)) for name in ("conflicts", "retry", "rejected", "faults")
    } | {"indexed": answers.indexed}
    assert kinds == {**dict.fromkeys(kinds, 0), kind: 1}


@pytest.mark.parametrize(
    "reason",
    [
        "Number of documents in the index can't exceed [2147483519]",
        "number of documents in the index cannot exceed 2147483519",
    ],
)
def test_full_shard_is_no_fault_of_events(reason: str) -> None:
    """Elasticsearch answers 400 to each event from then on; they wait, and are no dead letters."""
    answer = {"status": 400, "error": {"type": "illegal_argument_exception", "reason": reason}}
    answers = classify_items(1, {"items": [{"create": answer}]})
    assert not answers.rejected
    assert "exceed" in answers.faults[0][1]


def test_answer_with_other_items_than_were_sent_is_an_error() -> None:
    """A truncated answer settles nothing."""
    with pytest.raises(ValueError, match="1 answers to 2 items"):
        classify_items(2, {"items": [{"create": {"status": 201}}]})


@pytest.mark.parametrize("page", ["<html>", {}, {"items": None}, {"items": [{"index": {}}]}, []])
def test_answer_that_is_none_settles_nothing(page: Any) -> None:
    """A proxy's error page with status 200 means: try again, and never: done."""

    class Index:
        """ItemResults as a proxy may."""

        def create(self, _: object) -> Any:
            return page

    batch = Batch()
    batch.add(message(b"{}"), b"lines")
    decoder = Decoder(Catalogue.load(), TimeBounds(), IndexNaming("audit-events"))
    settler = Settler(decoder, Index(), None, send_seconds=1)  # type: ignore[arg-type]
    progress = settler.advance(batch)
    assert isinstance(progress.blocking_error, UnreachableError)
    assert (progress.outcomes.total(), len(batch)) == (0, 1)


def test_event_that_no_request_has_room_for_is_named() -> None:
    """With its place, its size and the limits to raise; an operator can't find it otherwise."""

    class Index:
        """An Elasticsearch whose requests may not be as large as this."""

        def check(self, _: str) -> None: ...

        def create(self, _: object) -> Any:
            raise OverloadedError("HTTP 413", is_limit=True)

    value = message(chat_opened(), partition=3, offset=7)
    decoder = Decoder(Catalogue.load(), TimeBounds.unlimited(), IndexNaming("audit-events"))
    batch = Batch()
    batch.add(value, decoder.read(value, "2026-11-23T09:30:00.000Z"))
    settler = Settler(decoder, Index(), None, send_seconds=1)  # type: ignore[arg-type]
    said = str(settler.advance(batch).blocking_error)
    assert "audit.events [3] at offset 7" in said
    assert f"a request of {batch.size} bytes" in said
    assert "http.max_content_length" in said
    assert 1 == len(batch)


def test_reason_of_a_rejection_quotes_no_value() -> None:
    """Elasticsearch quotes the event's value; our dead letters and logs don't."""
    answer: dict[str, Any] = {
        "status": 400,
        "error": {
            "type": "document_parsing_exception",
            "reason": "failed to parse field [source.ip]. Preview of field's value: 'hunter2'",
        },
    }
    ((_, why),) = classify_items(1, {"items": [{"create": answer}]}).rejected
    assert why == "document_parsing_exception: failed to parse field [source.ip]. "


def test_conflict_with_our_own_earlier_write_is_indexed() -> None:
    """After a time-out the retry meets the document that the first try made."""
    assert compare(prepared(1), Stored("whatever", Origin("t", 0, 1))) is Outcome.INDEXED


def test_conflict_with_the_same_content_is_a_duplicate() -> None:
    """Another record, published twice."""
    assert compare(prepared(1, digest="h"), Stored("h", Origin("t", 3, 77))) is Outcome.DUPLICATE


def test_conflict_with_other_content_is_refused() -> None:
    """Someone used an id for two events: the second is dead-lettered, and says where the first is."""
    refusal = compare(prepared(1, digest="h"), Stored("other", Origin("t", 3, 77)))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == Reason.ID_CONFLICT
    assert "t [3] offset 77" in refusal.message


def test_conflict_with_nothing_is_tried_again() -> None:
    """The document was deleted between the conflict and the look at it."""
    assert compare(prepared(1), None) is None
