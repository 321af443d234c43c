"""Saved views in Elasticsearch, in an index of their own."""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import elasticsearch
from audit_runtime.elastic import connect
from audit_schemas import format_timestamp

from audit_server.errors import ProblemError
from audit_server.saved_view import Owner, SavedView
from audit_server.settings import ServeSettings

__all__ = ["VIEWS_MAX", "ViewStore"]

VIEWS_MAX = 100
"""Of one owner."""
_LISTED = 300
_VERSION_MAX = 32
_SETTINGS = {"number_of_shards": 1, "auto_expand_replicas": "0-1"}
_KEYWORD = {"type": "keyword"}
_UNSEARCHED = {"type": "keyword", "index": False, "doc_values": False}
_MAPPING: Mapping[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "kind": _KEYWORD,
        "name": _KEYWORD,
        "address": _UNSEARCHED,
        "owner": _KEYWORD,
        "organization": _KEYWORD,
        "shared": {"type": "boolean"},
        "created": {"type": "date"},
        "changed": {"type": "date"},
        "view": _KEYWORD,
    },
}
_VIEW, _START = "view", "start"
"""The kinds of documents: a view, and which view somebody starts with."""


class ViewStore:
    """Reads and writes saved views; each as its owner, or whom it is shared with, may.

    Where there is no index yet, there are none. Threads may share one. Errors of the Elasticsearch
    client pass through.
    """

    def __init__(
        self, settings: ServeSettings, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = connect(settings, seconds=settings.query_seconds)
        self._index = settings.views_index
        self._clock = clock

    def visible_to(self, owner: Owner) -> Sequence[SavedView]:
        """Return somebody's own views, then those shared with them, by name; at most 300."""
        own = {"term": {"owner": owner.name}}
        views = self._search(owner, {"filter": [own]}, _LISTED)  # first, lest others' push them out
        shared = {"filter": [{"term": {"shared": True}}], "must_not": [own]}
        return [*views, *self._search(owner, shared, _LISTED - len(views))]

    def get(self, view_id: str, owner: Owner) -> SavedView:
        """Return a view that somebody may see. Raises ProblemError (404)."""
        found = self._document(view_id)
        view = _view_of(found) if found and found["_source"]["kind"] == _VIEW else None
        if view is None or not view.is_visible_to(owner):
            raise ProblemError(HTTPStatus.NOT_FOUND, "There is no such view, or you may not see it")
        return view

    def create(self, owner: Owner, name: str, address: str, *, is_shared: bool) -> SavedView:
        """Store a new view. Raises ProblemError (409) for one too many."""
        if sum(view.is_of(owner) for view in self.visible_to(owner)) >= VIEWS_MAX:
            raise ProblemError(
                HTTPStatus.CONFLICT, f"You have {VIEWS_MAX} views; delete one before you save another"
            )
        now = format_timestamp(self._clock())
        document = {
            "kind": _VIEW,
            "name": name,
            "address": address,
            "owner": owner.name,
            **({"organization": owner.organization} if owner.organization is not None else {}),
            "shared": is_shared,
            "created": now,
            "changed": now,
        }
        self._prepare()
        view_id = uuid.uuid4().hex
        answer = self._client.create(index=self._index, id=view_id, document=document, refresh=True)
        return _view_of({"_id": view_id, "_source": document, **answer.body})

    def change(self, view: SavedView, name: str, address: str, *, is_shared: bool) -> SavedView:
        """Store what a view is from now on. Raises ProblemError (409) if it was changed meanwhile."""
        found = self._document(view.id)
        if found is None or _version(found) != view.version:
            raise _changed_meanwhile()
        document = found["_source"] | {
            "name": name,
            "address": address,
            "shared": is_shared,
            "changed": format_timestamp(self._clock()),
        }
        seq_no, term = _written(view.version)
        try:
            answer = self._client.index(
                index=self._index,
                id=view.id,
                document=document,
                refresh=True,
                if_seq_no=seq_no,
                if_primary_term=term,
            )
        except elasticsearch.ConflictError:
            raise _changed_meanwhile() from None
        return _view_of({"_id": view.id, "_source": document, **answer.body})

    def delete(self, view: SavedView) -> None:
        """Delete a view. Raises ProblemError (409) if it was changed meanwhile."""
        seq_no, term = _written(view.version)
        try:
            self._client.delete(
                index=self._index, id=view.id, refresh=True, if_seq_no=seq_no, if_primary_term=term
            )
        except (elasticsearch.ConflictError, elasticsearch.NotFoundError):
            raise _changed_meanwhile() from None

    def start_of(self, owner: Owner) -> SavedView | None:
        """Return the view that somebody starts with; None if they have none, or see it no longer."""
        found = self._document(_start_id(owner))
        if found is None:
            return None
        with suppress(ProblemError):
            return self.get(found["_source"]["view"], owner)
        return None

    def start_with(self, owner: Owner, view: SavedView | None) -> None:
        """Let somebody start with a view from now on, or with none."""
        start_id = _start_id(owner)
        if view is None:
            with suppress(elasticsearch.NotFoundError):
                self._client.delete(index=self._index, id=start_id, refresh=True)
            return
        self._prepare()
        document = {"kind": _START, "owner": owner.name, "view": view.id}
        self._client.index(index=self._index, id=start_id, document=document, refresh=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _search(self, owner: Owner, which: Mapping[str, Any], size: int) -> Sequence[SavedView]:
        """Return views of somebody's organization by name."""
        where = [{"term": {"kind": _VIEW}}, _in_organization(owner.organization), *which["filter"]]
        try:
            found = self._client.search(
                index=self._index,
                query={"bool": {**which, "filter": where}},
                size=size,
                sort=[{"name": "asc"}],
                seq_no_primary_term=True,
                track_total_hits=False,
            )
        except elasticsearch.NotFoundError:
            return []
        return [_view_of(hit) for hit in found["hits"]["hits"]]

    def _document(self, document_id: str) -> Mapping[str, Any] | None:
        try:
            return dict(self._client.get(index=self._index, id=document_id[:128] or "-").body)
        except elasticsearch.NotFoundError:
            return None

    def _prepare(self) -> None:
        if self._client.indices.exists(index=self._index):
            return
        try:
            self._client.indices.create(index=self._index, mappings=_MAPPING, settings=_SETTINGS)
        except elasticsearch.BadRequestError as error:
            if error.error != "resource_already_exists_exception":  # another server was faster
                raise


def _in_organization(organization: str | None) -> Mapping[str, Any]:
    if organization is None:
        return {"bool": {"must_not": [{"exists": {"field": "organization"}}]}}
    return {"term": {"organization": organization}}


def _start_id(owner: Owner) -> str:
    text = json.dumps([owner.organization, owner.name])
    return f"start-{hashlib.sha256(text.encode()).hexdigest()}"


def _version(found: Mapping[str, Any]) -> str:
    return f"{found['_seq_no']}.{found['_primary_term']}"


def _written(version: str) -> tuple[int, int]:
    """Return which write a version is: another one is refused if there was one since."""
    seq_no, _, term = version.partition(".")
    if not (seq_no.isdecimal() and term.isdecimal() and len(version) < _VERSION_MAX):
        raise _changed_meanwhile()
    return int(seq_no), int(term)


def _changed_meanwhile() -> ProblemError:
    return ProblemError(
        HTTPStatus.CONFLICT, "This view was changed or deleted meanwhile; look at it again"
    )


def _view_of(found: Mapping[str, Any]) -> SavedView:
    document = found["_source"]
    return SavedView(
        found["_id"],
        document["name"],
        document["address"],
        Owner(document["owner"], document.get("organization")),
        document["shared"],
        datetime.fromisoformat(document["created"]),
        datetime.fromisoformat(document["changed"]),
        _version(found),
    )
