"""The model and Elasticsearch agree: what the one accepts, the other indexes."""

import pytest
from audit_consumer.bulk import classify_items
from audit_consumer.record import Prepared, Record
from audit_schemas import AuditEvent, Document, Origin
from audit_schemas.addresses import is_ip
from audit_schemas.catalogue import Activity
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.event_strategies import events, ips, some
from support.servers import Deployment

pytestmark = pytest.mark.servers

# The fixture's deployment is one for all examples: each has ids and offsets of its own.
shared = settings(some, max_examples=25, suppress_health_check=list(HealthCheck))

ADDRESSES = [
    "192.0.2.1", "255.255.255.255", "256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.04",
    "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/32", "1.2.3.4:80", "0x7f.0.0.1", "127.1", "16909060", "1.2.3.-4",
    "::", "::1", "2001:db8::", "2001:DB8::A", "2001:db8:::1", "2001:db8::1::2", "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "::ffff:192.0.2.1", "::192.0.2.1", "::ffff:1.2.3", "[::1]",
    "fe80::1%eth0", "fe80::1%", "::1/128", "12345::", "g::1", "1::2:3:4:5:6:7:8", "::1:2:3:4:5:6:7",
    "localhost", "a", ".", ":", ":::", "\u0661.2.3.4", "1.2.3.4\n",
]  # fmt: skip


def statuses(client: Elasticsearch, index: str, documents: list[dict[str, object]]) -> list[int]:
    """Index documents, and return each one's status."""
    operations: list[dict[str, object]] = []
    for document in documents:
        operations += [{"index": {}}, document]
    return [
        item["index"]["status"] for item in client.bulk(index=index, operations=operations)["items"]
    ]


def test_every_accepted_event_is_indexed(deployment: Deployment) -> None:
    """Whatever the model accepts, in each of its fields, Elasticsearch takes under our mapping."""
    with deployment.client() as client:
        offsets = iter(range(1_000_000))

        def prepared(event: AuditEvent) -> Prepared:
            offset = next(offsets)
            origin = Origin("t", 0, offset)
            activity = Activity(description="any")
            at = "2026-11-01T00:00:00.000Z"
            document = Document.of(event, activity, origin, at, at)
            record = Record(origin, None, None, None)  # type: ignore[arg-type]  # not looked at
            unique = Document(f"{offset}", document.hash, document.body)
            return Prepared(record, f"{deployment.name}-2026.11", unique, f"{deployment.name}-2026.11")

        @shared
        @given(st.lists(events(), min_size=10, max_size=40))
        def all_are_indexed(batch: list[AuditEvent]) -> None:
            items = [prepared(event) for event in batch]
            lines = [item.lines for item in items]
            response = client.bulk(operations=lines)  # type: ignore[arg-type]  # sent as they are
            answers = classify_items(len(items), response.body)
            assert answers.rejected == []
            assert answers.indexed == len(batch)

        all_are_indexed()
    assert deployment.count() == next(offsets)


def test_addresses_are_those_that_elasticsearch_takes(deployment: Deployment) -> None:
    """is_ip says yes exactly where Elasticsearch's `ip` type does, zone ids apart.

    `fe80::1%eth0` means something on one host only: Elasticsearch drops the zone, we refuse it.
    """
    with deployment.client() as client:
        index = f"{deployment.name}-addresses"

        def taken(texts: list[str]) -> dict[str, bool]:
            found = statuses(client, index, [{"source": {"ip": text}} for text in texts])
            return {
                text: status == 201 and "%" not in text
                for text, status in zip(texts, found, strict=True)
            }

        assert taken(ADDRESSES) == {text: is_ip(text) for text in ADDRESSES}

        @shared
        @given(
            st.lists(
                ips | st.text("0123456789abcdefABCDEF:./[] ", min_size=1, max_size=24), min_size=30
            )
        )
        def agree(texts: list[str]) -> None:
            assert taken(texts) == {text: is_ip(text) for text in texts}

        agree()


def test_times_that_the_model_takes_are_those_that_are_found(deployment: Deployment) -> None:
    """The first and the last time, nanoseconds and the widest offsets are indexed as what they say."""
    times = {
        "1970-01-01T00:00:00Z": 0,
        "2999-12-31T23:59:59.999999999Z": 32503679999999,
        "2026-11-23T00:00:00.123456789+18:00": 1795392000123 - 18 * 3600 * 1000,
        "2026-11-23T00:00:00-18:00": 1795456800000,
        "2026-11-23T00:00:00-00:00": 1795392000000,
    }
    with deployment.client() as client:
        index = f"{deployment.name}-times"
        assert set(statuses(client, index, [{"@timestamp": text} for text in times])) == {201}
        client.indices.refresh(index=index)
        found = client.search(
            index=index,
            size=10,
            docvalue_fields=[{"field": "@timestamp", "format": "epoch_millis"}],
        )["hits"]["hits"]
    assert {hit["_source"]["@timestamp"]: int(hit["fields"]["@timestamp"][0]) for hit in found} == times
