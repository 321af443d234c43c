"""What Elasticsearch says of one event, and what it leaves open."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import pytest
from audit_consumer.decode import Decoder
from audit_consumer.elastic import EventIndex
from audit_consumer.errors import UnreachableError
from audit_consumer.record import Prepared, Record
from audit_runtime import ElasticsearchSettings
from audit_schemas import Catalogue, IndexNaming, TimeBounds
from support.events import chat_opened
from support.fake_elasticsearch import answering, answering_with
from support.messages import message

OTHER = "audit-events-2026.10"


@contextmanager
def index_of(doc: Mapping[str, Any]) -> Iterator[EventIndex]:
    """Give the events of a cluster with one other index, which answers each look-up so."""

    def answer(end: socket.socket, request: bytes) -> None:
        answers: Any = {"docs": [doc]} if b"_mget" in request.split(b"\r\n", 1)[0] else {OTHER: {}}
        answering_with(200, json.dumps(answers))(end, request)

    with (
        answering(answer) as url,
        closing(EventIndex(ElasticsearchSettings(elasticsearch_url=url), 10)) as index,
    ):
        yield index


def stray() -> Prepared:
    """Return an event whose id another index may hold."""
    decoder = Decoder(Catalogue.load(), TimeBounds.unlimited(), IndexNaming("audit-events"))
    item = decoder.prepare(Record.of(message(chat_opened())))
    assert isinstance(item, Prepared)
    return Prepared(item.record, item.index, item.document, OTHER)


@pytest.mark.parametrize(
    "why", ["no_shard_available_action_exception", "circuit_breaking_exception", "a_new_name"]
)
def test_index_that_can_not_be_asked_is_waited_for(why: str) -> None:
    """Its id may be taken there: written now, the event would be in the log twice, or forged."""
    doc = {"_index": OTHER, "error": {"type": why}}
    with index_of(doc) as index, pytest.raises(UnreachableError, match=rf"2026\.10 .*: {why}"):
        index.elsewhere([stray()], 10)


@pytest.mark.parametrize(
    "doc",
    [
        {"_index": OTHER, "found": False},
        {"_index": OTHER, "error": {"type": "index_not_found_exception"}},
        {"_index": OTHER, "error": {"type": "index_closed_exception"}},
    ],
    ids=["not found", "deleted", "closed"],
)
def test_index_without_the_event_is_no_error(doc: Mapping[str, Any]) -> None:
    """Deleted since it was named, by retention; or closed, for as long as an operator likes."""
    with index_of(doc) as index:
        assert index.elsewhere([stray()], 10) == {}


def test_event_that_another_index_holds_is_found() -> None:
    """With where it stands in Kafka and when Kafka received it."""
    item = stray()
    kafka = {"topic": "audit.events", "partition": 1, "offset": 7}
    source = {"event": {"hash": "h", "created": "c"}, "audit": {"kafka": kafka}}
    with index_of({"_index": OTHER, "found": True, "_source": source}) as index:
        ((event_id, (stored,)),) = index.elsewhere([item], 10).items()
    assert (event_id, stored.hash, stored.created) == (item.document.id, "h", "c")
    assert stored.origin is not None
    assert stored.origin.offset == 7
