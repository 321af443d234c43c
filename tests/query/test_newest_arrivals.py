"""What came last, where a consumer's clock is ahead: the others' events show all the same."""

import json
import socket
from datetime import UTC, datetime
from typing import Any

from audit_query import AuditLog, Filter, QuerySettings
from support.fake_elasticsearch import answering, answering_with

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
MINUTE = 60_000


def test_no_cursor_is_ahead_of_the_clock() -> None:
    """Neither one that is given, nor one that somebody made up."""
    now = round(NOW.timestamp() * 1000)
    source = {"event": {"id": "e-1", "ingested": "2026-11-21T08:00:00.000Z"}}
    hit = {"_id": "e-1", "_index": "i", "_source": source, "sort": [now + 1440 * MINUTE, 0, 1]}
    found = {"_shards": {"total": 1, "successful": 1, "failed": 0}, "hits": {"hits": [hit]}}
    answer = answering_with(200, json.dumps({"took": 1, "timed_out": False, **found}))
    asked: list[Any] = []

    def noted(end: socket.socket, request: bytes) -> None:
        asked.append(json.loads(request.partition(b"\r\n\r\n")[2])["query"])
        answer(end, request)

    with (
        answering(noted) as url,
        AuditLog(QuerySettings(elasticsearch_url=url), clock=lambda: NOW) as log,
    ):
        page = log.newest_arrivals(Filter(), size=1)
        assert [event["event"]["id"] for event in page.events] == ["e-1"]
        assert page.cursor == (now,)
        for since in (page.cursor, (2**63 - 1,), (1 - 2**63,)):
            log.newest_arrivals(Filter(), since=since, size=1)
    ranges = [query["bool"]["filter"][1]["range"] for query in asked[1:]]
    begins = [each["event.ingested"]["gte"] for each in ranges]
    assert begins == [now - MINUTE, now - MINUTE, 0]
