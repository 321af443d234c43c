"""Counting documents by slices of offsets, where the index has more than Kafka."""

import json
import re
import socket
from datetime import UTC, datetime

from audit_admin.verification.documents import Documents, OffsetRange
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from support.fake_elasticsearch import answering, answering_with

FIRST = 1_000_000_000
REFUSAL = {"error": {"type": "too_many_buckets_exception", "root_cause": []}, "status": 400}


def test_slices_are_made_larger_until_there_are_not_too_many() -> None:
    """Kafka has a hundred records of a partition; the index has a thousand million of it."""
    asked: list[int] = []

    def answer(end: socket.socket, request: bytes) -> None:
        (interval,) = map(int, re.findall(rb'"interval":(\d+)', request))
        asked.append(interval)
        if interval < 50_000:
            answering_with(400, json.dumps(REFUSAL))(end, request)
            return
        times = {"first": {"value": 0}, "last": {"value": 1}}
        whole = {"key": FIRST, "doc_count": interval, "sum": {"value": 1.0}, **times}
        counted = {"partitions": {"buckets": [{"key": 0, "slices": {"buckets": [whole]}}]}}
        answering_with(200, json.dumps({"aggregations": counted}))(end, request)

    with (
        answering(answer) as url,
        connect(ElasticsearchSettings(elasticsearch_url=url), seconds=10) as client,
    ):
        Documents(client, "audit-events", "audit.events", datetime.now(UTC)).count(
            [OffsetRange(0, FIRST, FIRST + 100)]
        )
    assert asked == [5_000, 20_000, 80_000]
