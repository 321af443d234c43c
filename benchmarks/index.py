"""An index of the bench: set up as a deployment's is, counted, merged, measured, deleted."""

from dataclasses import dataclass
from typing import Any, Literal

import elasticsearch
from audit_admin import SetupSettings, set_up
from elasticsearch import helpers

from benchmarks.errors import BenchError
from benchmarks.servers import Servers

PARTITIONS = 6
_MERGE_SECONDS = 600.0
_PAGE = 5000

Codec = Literal["default", "best_compression"]


@dataclass(frozen=True, slots=True)
class Disk:
    """How many bytes an index takes, and each field in its index, doc values and stored fields."""

    bytes: int
    fields: dict[str, tuple[int, int, int]]


def client_of(servers: Servers) -> elasticsearch.Elasticsearch:
    """Return a client to watch with; close it."""
    return elasticsearch.Elasticsearch(servers.elasticsearch, request_timeout=60, max_retries=0)


class Index:
    """All indices of one prefix. Elasticsearch's own errors pass through."""

    def __init__(self, client: elasticsearch.Elasticsearch, prefix: str) -> None:
        self._client = client
        self.prefix = prefix
        self.pattern = f"{prefix}-*"

    def set_up(
        self, servers: Servers, topic: str, codec: Codec = "default", partitions: int = PARTITIONS
    ) -> None:
        """Make topic and template as `auditlog setup` does: 1 shard, no replica, refresh 1 s."""
        settings = SetupSettings(
            kafka_bootstrap_servers=servers.kafka,
            elasticsearch_url=servers.elasticsearch,
            topic=topic,
            partitions=partitions,
            dead_letter_topic=f"{topic}.dead-letter",
            alerts_topic=f"{topic}.alerts",
            index_prefix=self.prefix,
            replicas="0",
            shards=1,
            refresh="1s",
            codec=codec,
        )
        list(set_up(settings))

    @classmethod
    def make_topic(cls, servers: Servers, topic: str, partitions: int = PARTITIONS) -> None:
        """Make a topic, as `auditlog setup` does, and leave no template behind."""
        with client_of(servers) as client:
            index = cls(client, "bench-topic")
            index.set_up(servers, topic, partitions=partitions)
            index.delete()

    def indexed(self) -> int:
        """Return how many documents were indexed, searchable or not. Cheap."""
        found = self._client.indices.stats(
            index=self.pattern,
            metric="indexing",
            filter_path="_all.primaries.indexing.index_total",
        ).body
        for name in ("_all", "primaries", "indexing"):
            found = found.get(name, {})
        return int(found.get("index_total", 0))

    def disk(self) -> Disk:
        """Read all files through and say what is in them. `_stats/store` may be 10 s old instead."""
        found = self._client.perform_request(  # the client's own method warns of a preview
            "POST",
            f"/{self.pattern}/_disk_usage",
            params={"run_expensive_tasks": True},
            headers={"Accept": "application/json"},
        ).body
        (usage,) = (found[name] for name in found if name != "_shards")
        fields = {name: _parts(field) for name, field in usage["fields"].items()}
        return Disk(usage["store_size_in_bytes"], fields)

    def find(self, ids: list[str]) -> list[str]:
        """Return those of the ids that a search finds now."""
        found = self._client.search(
            index=self.pattern,
            query={"ids": {"values": ids}},
            source=False,
            size=len(ids),
            filter_path="hits.hits._id",
        ).body
        return [hit["_id"] for hit in found.get("hits", {}).get("hits", [])]

    def losses(self, events: int) -> tuple[int, int]:
        """Return how many of so many events have no document, and how many documents are surplus."""
        self._client.indices.refresh(index=self.pattern)
        hits = helpers.scan(self._client, {"_source": ["event.id"]}, index=self.pattern, size=_PAGE)
        ids = [hit["_source"]["event"]["id"] for hit in hits]
        different = len(set(ids))
        return events - different, len(ids) - different

    def check_count(self, expected: int, who: str) -> None:
        """Raise BenchError unless exactly so many documents can be found."""
        self._client.indices.refresh(index=self.pattern)
        found = self._client.count(index=self.pattern)["count"]
        if found != expected:
            raise BenchError(f"{who}: {found:,} documents in the index, and not {expected:,}")

    def force_merge(self) -> None:
        """Merge to one segment, and wait for it."""
        patient = self._client.options(request_timeout=_MERGE_SECONDS)
        patient.indices.forcemerge(index=self.pattern, max_num_segments=1)
        patient.indices.flush(index=self.pattern, wait_if_ongoing=True)

    def template(self) -> dict[str, Any]:
        """Return the settings and mappings that a new index gets."""
        found = self._client.indices.get_index_template(name=self.prefix)
        template: dict[str, Any] = found["index_templates"][0]["index_template"]["template"]
        return template

    def create(self, name: str, settings: dict[str, Any], mappings: dict[str, Any]) -> None:
        """Create one index, `<prefix>-<name>`, that no template has a say in."""
        self._client.indices.create(index=f"{self.prefix}-{name}", settings=settings, mappings=mappings)

    def delete(self) -> None:
        """Delete the indices and, if there is one, the template."""
        for name in self._client.indices.get(index=self.pattern):
            self._client.indices.delete(index=name)
        if self._client.indices.exists_index_template(name=self.prefix):
            self._client.indices.delete_index_template(name=self.prefix)


def _parts(field: dict[str, Any]) -> tuple[int, int, int]:
    inverted, points, norms = field["inverted_index"], field["points_in_bytes"], field["norms_in_bytes"]
    index = inverted["total_in_bytes"] + points + norms
    return index, field["doc_values_in_bytes"], field["stored_fields_in_bytes"]
