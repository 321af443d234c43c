"""Sessions in Elasticsearch: every replica finds them, and whoever operates the log can end one."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import elasticsearch
from audit_schemas import format_timestamp

from audit_server.sign_in.session import MAPPING, Session

__all__ = ["LISTED_MAX", "SessionStore"]

LISTED_MAX = 10_000
_CLEANED_MAX = 5000
_MISSING = "index_not_found_exception"
_EXISTS = "resource_already_exists_exception"


class SessionStore:
    """The index of sessions. Errors of the Elasticsearch client pass through."""

    def __init__(self, client: elasticsearch.Elasticsearch, index: str) -> None:
        self._client = client
        self._index = index

    def add(self, session: Session) -> None:
        """Store a new one; make the index with the first."""
        if not self._client.indices.exists(index=self._index):
            self._create()
        self._client.create(index=self._index, id=session.id, document=session.to_document())

    def get(self, session_id: str) -> Session | None:
        """Return one as it is now; None if there is none, or no more."""
        try:
            found = self._client.get(index=self._index, id=session_id)
        except elasticsearch.NotFoundError:
            return None
        return Session.from_document(session_id, found["_source"])

    def touch(self, session_id: str, at: datetime) -> None:
        """Store when it was used; of one that has been ended meanwhile, nothing comes back."""
        try:
            self._client.update(
                index=self._index,
                id=session_id,
                doc={"last_used": format_timestamp(at)},
                retry_on_conflict=2,
            )
        except (elasticsearch.NotFoundError, elasticsearch.ConflictError):
            return

    def remove(self, session_id: str) -> bool:
        """End one at once; tell whether there was one."""
        try:
            self._client.delete(index=self._index, id=session_id)
        except elasticsearch.NotFoundError:
            return False
        return True

    def sessions(self) -> Sequence[Session]:
        """Return all, the latest first, at most LISTED_MAX; those that are over are among them."""
        return list(self._search({"match_all": {}}, LISTED_MAX))

    def of_person(self, person: str) -> Sequence[Session]:
        """Return those of a name or of the provider's id, or the one with an id, whole or short."""
        return [
            session
            for session in self.sessions()
            if person in (session.name, session.subject, session.id, session.short_id)
        ]

    def remove_old(self, now: datetime, unused_since: datetime) -> None:
        """Delete some thousand that are over: past their end, or not used for so long."""
        over = [
            {"range": {"expires": {"lte": format_timestamp(now)}}},
            {"range": {"last_used": {"lte": format_timestamp(unused_since)}}},
        ]
        ended = [session.id for session in self._search({"bool": {"should": over}}, _CLEANED_MAX)]
        if ended:
            deletions = [{"delete": {"_id": session_id}} for session_id in ended]
            self._client.bulk(index=self._index, operations=deletions)

    def _search(self, query: dict[str, Any], size: int) -> Iterator[Session]:
        try:
            self._client.indices.refresh(index=self._index)
            found = self._client.search(
                index=self._index,
                query=query,
                sort=[{"created": "desc"}],
                size=size,
                source_excludes=["sealed_token"],
                allow_partial_search_results=False,
            )
        except elasticsearch.NotFoundError as error:
            if error.error != _MISSING:
                raise
            return
        for hit in found["hits"]["hits"]:
            yield Session.from_document(hit["_id"], hit["_source"])

    def _create(self) -> None:
        settings = {"number_of_shards": 1, "auto_expand_replicas": "0-1"}
        try:
            self._client.indices.create(index=self._index, mappings=MAPPING, settings=settings)
        except elasticsearch.BadRequestError as error:  # another replica was first
            if error.error != _EXISTS:
                raise
