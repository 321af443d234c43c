"""Read a whole log once: by the module's export, or by a bare scan. A process of its own."""

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import elasticsearch
from audit_query import AuditLog, Filter, QuerySettings
from audit_query.export import Format, export

from benchmarks.children import job_of
from benchmarks.family import Family

__all__ = ["BARE", "Drain"]

BARE = "bare"
_PAGE = 5000


@dataclass(frozen=True, slots=True)
class Drain:
    """What to read, and how: `csv`, `ndjson`, or `bare`."""

    elasticsearch: str
    prefix: str
    form: str


def _exported(drain: Drain, form: Format) -> Iterator[int]:
    settings = QuerySettings(elasticsearch_url=drain.elasticsearch, index_prefix=drain.prefix)
    with AuditLog(settings) as log:
        for count, _ in export(log, Filter(), form):
            yield count


def _scanned(drain: Drain) -> Iterator[int]:
    """Page through a point in time in the cheapest order, with the client as it comes."""
    with elasticsearch.Elasticsearch(drain.elasticsearch, request_timeout=60) as client:
        pit = client.open_point_in_time(index=drain.prefix, keep_alive="1m")["id"]
        after, count = None, _PAGE
        while count == _PAGE:
            hits = client.search(
                pit={"id": pit, "keep_alive": "1m"},
                size=_PAGE,
                sort=["_shard_doc"],
                search_after=after,
                track_total_hits=False,
            )["hits"]["hits"]
            count = len(hits)
            after = hits[-1]["sort"] if hits else None
            yield count
        client.close_point_in_time(id=pit)


def main(drain: Drain) -> None:
    """Read it all, and print how many events that were, in what time, with how much memory."""
    started = time.monotonic()
    pages = _scanned(drain) if drain.form == BARE else _exported(drain, _FORMS[drain.form])
    rows = sum(pages)
    found = {
        "rows": rows,
        "seconds": time.monotonic() - started,
        "peak_bytes": Family("drain", os.getpid()).peak_bytes(),
    }
    sys.stdout.write(json.dumps(found))


_FORMS: dict[str, Format] = {"csv": "csv", "ndjson": "ndjson"}

if __name__ == "__main__":
    main(Drain(**job_of(sys.argv)))
