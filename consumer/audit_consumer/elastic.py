"""Elasticsearch, as the consumer needs it: thin I/O, with its errors sorted into ours."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import elasticsearch
from audit_runtime import ElasticsearchSettings
from audit_runtime.elastic import connect
from audit_schemas import MANAGED_BY, IndexNaming, Origin, lacks_fields, mapping, stored_hash

from audit_consumer.bulk import RESPONSE_FIELDS, Stored
from audit_consumer.bulk_serializers import BulkAnswer, BulkBody
from audit_consumer.errors import OverloadedError, SetupFaultError, UnreachableError
from audit_consumer.record import Prepared

__all__ = ["EventIndex"]

_COMPARED = ("event.hash", "event.created", "audit.kafka")
"""The fields of a stored document that tell whose it is."""

_WITHOUT_DOCUMENT = (None, "index_not_found_exception", "index_closed_exception")
"""What a look-up of one document may say without an answer to whether it is there. An index that was
closed is out of reach for as long as its operator likes, and stops nobody."""

_PARSE_ERRORS = (
    "document_parsing_exception",
    "mapper_parsing_exception",
    "strict_dynamic_mapping_exception",
)


class EventIndex:
    """The indices of events, to write to and to compare with.

    Every method raises UnreachableError where waiting may help, SetupFaultError where an operator
    must do something. The client's own retries are off.
    """

    def __init__(self, settings: ElasticsearchSettings, request_seconds: float) -> None:
        self._prefix = settings.index_prefix
        self._url = settings.elasticsearch_url
        serializers = BulkAnswer(), BulkBody()
        self._client = connect(settings, seconds=request_seconds, serializers=serializers)

    def naming(self) -> IndexNaming:
        """Return the index naming that `auditlog setup` left in the template."""
        with self._sorted_errors():
            try:
                found = self._client.indices.get_index_template(name=self._prefix)
            except elasticsearch.NotFoundError:
                raise SetupFaultError(
                    f"The index template {self._prefix} is missing. Create it with: auditlog setup"
                ) from None
        meta = found["index_templates"][0]["index_template"].get("_meta", {})
        if meta.get("managed_by") != MANAGED_BY:
            raise SetupFaultError(
                f"The index template {self._prefix} is not ours. Rename it, or set "
                "AUDITLOG_INDEX_PREFIX to another name, then run: auditlog setup"
            )
        try:
            return IndexNaming.from_meta(self._prefix, meta.get("periods", []))
        except ValueError as error:
            raise SetupFaultError(
                f"The index template {self._prefix} is damaged ({error}). Run: auditlog setup"
            ) from error

    def create(self, lines: Sequence[bytes]) -> Any:
        """Create documents by one bulk request, and return its answer."""
        with self._sorted_errors():
            response = self._client.bulk(
                operations=b"\n".join((*lines, b"")),  # type: ignore[arg-type]  # sent as it is
                filter_path=RESPONSE_FIELDS,
            )
            return response.body

    def stored(self, items: Sequence[Prepared]) -> dict[tuple[str, str], Stored]:
        """Return what is stored under the items' indices and ids, read in real time."""
        with self._sorted_errors():
            response = self._client.mget(
                docs=[{"_index": item.index, "_id": item.document.id} for item in items],
                source_includes=_COMPARED,
                realtime=True,
            )
        # By position: an index that was reindexed answers under another name.
        return {
            (item.index, item.document.id): _stored(doc["_source"])
            for item, doc in zip(items, response["docs"], strict=True)
            if doc.get("found")
        }

    def elsewhere(self, items: Sequence[Prepared], limit: int) -> dict[str, list[Stored]]:
        """Return by id what other indices than the items' own hold under it, read in real time.

        Looks into all indices for as long as that takes at most `limit` look-ups, else only where
        the ids are expected: the import of an old log has strays alone, and must not wait for them.
        By id, since a consumer may not search.
        """
        with self._sorted_errors():
            everywhere = self._names()
            if len(everywhere) * len(items) > limit:
                everywhere = set()
            wanted = [
                (item.document.id, index)
                for item in items
                for index in {item.home, *everywhere} - {item.index}
            ]
            if not wanted:
                return {}
            response = self._client.mget(
                docs=[{"_index": index, "_id": event_id} for event_id, index in wanted],
                source_includes=_COMPARED,
                # Of errors the type alone: most are of an index that is not there.
                filter_path="docs._index,docs.found,docs._source,docs.error.type",
                realtime=True,
            )
        found: dict[str, list[Stored]] = {}
        for (event_id, index), doc in zip(wanted, response["docs"], strict=True):
            why = doc.get("error", {}).get("type")
            if why not in _WITHOUT_DOCUMENT:
                raise UnreachableError(
                    f"Elasticsearch at {self._url} can't tell whether {index} has an event: {why}"
                )
            if doc.get("found"):
                found.setdefault(event_id, []).append(_stored(doc["_source"]))
        return found

    def check(self, index: str) -> None:
        """Raise SetupFaultError if an index is not one of ours, or would not be made as one.

        Elasticsearch makes an index of any name at the first write; without our template, with a
        mapping that it guesses.
        """
        with self._sorted_errors():
            try:
                found = self._client.indices.get_mapping(index=index)
            except elasticsearch.NotFoundError:
                self.naming()
                return
        if any(
            one["mappings"].get("_meta", {}).get("managed_by") != MANAGED_BY for one in found.values()
        ):
            raise SetupFaultError(
                f"Index {index} was not made by auditlog's template. Delete or rename it, after "
                "moving what it holds. See: auditlog doctor"
            )

    def is_sound(self, index: str) -> bool:
        """Tell whether an index is as we make them: then what it refuses is the event's own fault.

        It has to exist, be open, have no pipeline, and have every field of this version's mapping.
        """
        with self._sorted_errors():
            try:
                found = self._client.indices.get(index=index, flat_settings=True)
            except elasticsearch.NotFoundError:
                return False
        return all(_is_ours(one["mappings"], one["settings"]) for one in found.values())

    def rejects(self, item: Prepared) -> bool:
        """Tell whether the event's index can't take the document, and that is the event's own fault.

        Nothing is written. Term vectors are the one request that has a document parsed by the mapping
        and needs no right but to read. What is wrong with the document is known there by the error's
        name alone.
        """
        if not self.is_sound(item.index):
            return False
        wanted = {"_index": item.index, "doc": json.loads(item.document.body), "fields": []}
        with self._sorted_errors():
            (answer,) = self._client.mtermvectors(docs=[wanted])["docs"]
        cause = answer["error"]["root_cause"][0]["type"] if "error" in answer else None
        if cause not in (None, "index_not_found_exception", *_PARSE_ERRORS):
            raise UnreachableError(f"Elasticsearch at {self._url} can't try an event: {cause}")
        return cause in _PARSE_ERRORS

    def _names(self) -> set[str]:
        """Return the names that events are written under; a reindexed index answers to its own."""
        naming = IndexNaming(self._prefix)
        found = self._client.indices.get_alias(index=naming.pattern)
        return {naming.version_of(index)[0] for index in found}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _sorted_errors(self) -> Iterator[None]:
        try:
            yield
        except elasticsearch.ApiError as error:
            raise self._sorted(error) from error
        except elasticsearch.TransportError as error:
            raise UnreachableError(
                f"Elasticsearch at {self._url} does not answer ({type(error).__name__})"
            ) from error

    def _sorted(self, error: elasticsearch.ApiError) -> SetupFaultError | UnreachableError:
        status = error.meta.status
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            is_limit = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            message = f"Elasticsearch at {self._url} is overloaded (HTTP {status})"
            return OverloadedError(message, is_limit=is_limit)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return UnreachableError(f"Elasticsearch at {self._url} is not available (HTTP {status})")
        if status == HTTPStatus.UNAUTHORIZED:
            return SetupFaultError(
                f"Elasticsearch at {self._url} refuses the credentials. Check "
                "AUDITLOG_ELASTICSEARCH_USERNAME and _PASSWORD, or _API_KEY, or their files"
            )
        if status == HTTPStatus.FORBIDDEN:
            return SetupFaultError(
                f"Elasticsearch at {self._url} refuses this user the action ({error.message}). "
                "See what is missing with: auditlog doctor"
            )
        return SetupFaultError(
            f"Elasticsearch at {self._url} refuses the request: {status} {error.message}"
        )


def _is_ours(mappings: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    pipelines = (settings.get(f"index.{kind}_pipeline", "_none") for kind in ("default", "final"))
    return (
        mappings.get("_meta", {}).get("managed_by") == MANAGED_BY
        and not lacks_fields(mappings.get("properties", {}), mapping()["properties"])
        and settings.get("index.verified_before_close") != "true"
        and all(pipeline == "_none" for pipeline in pipelines)
    )


def _stored(source: Mapping[str, Any]) -> Stored:
    """Read who wrote a document; one that was not written by a consumer names no record."""
    kafka = source.get("audit", {}).get("kafka", {})
    digest, created = stored_hash(source), source.get("event", {}).get("created", "")
    try:
        origin = Origin(kafka["topic"], kafka["partition"], kafka["offset"])
        return Stored(digest, origin, created)
    except KeyError:
        return Stored(digest, None)
