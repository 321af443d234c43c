"""Exceptions from rules in Elasticsearch: people write them, the runner reads them."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import elasticsearch
from audit_schemas import format_timestamp

from audit_alerts.desk.rule_exception import RuleException, exception_from
from audit_alerts.errors import NoSuchAlertError, TriageError
from audit_alerts.mappings import EXCEPTIONS_MAPPING

__all__ = ["IN_FORCE_MAX", "ExceptionStore", "exceptions_index"]

IN_FORCE_MAX = 500
"""Exceptions of one rule that may be in force: more would be a rule nobody believes in."""
_LISTED = 1000


def exceptions_index(alerts_index: str) -> str:
    """Return the index of the exceptions from rules whose alerts are in that index."""
    return f"{alerts_index}-exceptions"


class ExceptionStore:
    """The index of exceptions. Errors of the Elasticsearch client pass through."""

    def __init__(self, client: elasticsearch.Elasticsearch, alerts_index: str) -> None:
        self._client = client
        self._index = exceptions_index(alerts_index)

    def prepare(self) -> None:
        """Create the index if there is none; whoever may only read leaves that to others."""
        try:
            self._client.indices.create(
                index=self._index,
                mappings=EXCEPTIONS_MAPPING,
                settings={"number_of_shards": 1, "auto_expand_replicas": "0-1"},
            )
        except elasticsearch.BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
            with suppress(elasticsearch.AuthorizationException):
                self._client.indices.put_mapping(index=self._index, **EXCEPTIONS_MAPPING)

    def for_rule(self, rule_id: str) -> list[RuleException]:
        """Return the exceptions from a rule that nobody has ended; the evidence decides which hold."""
        self._client.indices.refresh(index=self._index, ignore_unavailable=True)
        query = {"bool": {"filter": [{"term": {"rule.id": rule_id}}, _NOT_ENDED]}}
        found: list[RuleException] = []
        more: dict[str, Any] = {}
        while True:
            page = self._hits(query, **more)
            found += [exception_from(hit["_source"]) for hit in page]
            if len(page) < _LISTED:
                return found
            more = {"search_after": page[-1]["sort"]}

    def all(self, organization: str | None = None) -> list[RuleException]:
        """Return all, the latest first, at most a thousand; of one organization's people, theirs."""
        own = {"term": {"organization": organization}}
        found = self._hits(own if organization is not None else {"match_all": {}})
        return [exception_from(hit["_source"]) for hit in found]

    def get(self, exception_id: str, organization: str | None = None) -> RuleException:
        """Return one. Raises NoSuchAlertError."""
        found = exception_from(self._get(exception_id)["_source"])
        if organization is not None and found.draft.organization != organization:
            raise NoSuchAlertError("exception")
        return found

    def add(self, exception: RuleException) -> None:
        """Store a new one. Raises TriageError where its rule has too many."""
        self.prepare()
        now = exception.created
        in_force = [e for e in self.for_rule(exception.draft.rule_id) if e.is_in_force(now)]
        if len(in_force) >= IN_FORCE_MAX:
            raise TriageError(
                f"{exception.draft.rule} has {IN_FORCE_MAX} exceptions; change the rule instead"
            )
        document = exception.to_json()
        self._client.create(index=self._index, id=exception.id, document=document, refresh=True)

    def end(self, exception_id: str, by: str, at: datetime) -> RuleException:
        """End one now. Raises NoSuchAlertError, and TriageError if it is over."""
        found = self._get(exception_id)
        before = exception_from(found["_source"])
        if not before.is_in_force(at):
            when = f"{before.ended or before.draft.until:%Y-%m-%d %H:%M:%S} UTC"
            who = f"{before.ended_by} ended it" if before.ended else "it expired"
            raise TriageError(f"the exception is over: {who} at {when}")
        document = {**found["_source"], "ended": format_timestamp(at), "ended_by": by}
        try:
            self._client.index(
                index=self._index,
                id=exception_id,
                document=document,
                if_seq_no=found["_seq_no"],
                if_primary_term=found["_primary_term"],
                refresh=True,
            )
        except elasticsearch.ConflictError:
            raise TriageError("somebody else has just ended the exception") from None
        return exception_from(document)

    def _get(self, exception_id: str) -> Mapping[str, Any]:
        try:
            return dict(self._client.get(index=self._index, id=exception_id).body)
        except elasticsearch.NotFoundError:
            raise NoSuchAlertError("exception") from None

    def _hits(self, query: Mapping[str, Any], **more: Any) -> list[Mapping[str, Any]]:
        try:
            found = self._client.search(
                index=self._index,
                query=query,
                size=_LISTED,
                sort=[{"created": "desc"}, {"id": "asc"}],
                allow_partial_search_results=False,
                **more,
            )
        except elasticsearch.NotFoundError:
            return []
        return list(found["hits"]["hits"])


_CAUGHT_UP = timedelta(days=31)
"""A runner that was stopped for so long still knows what was excepted when its events happened."""
_NOT_ENDED: Mapping[str, Any] = {
    "bool": {
        "filter": [{"range": {"until": {"gte": f"now-{_CAUGHT_UP.days}d"}}}],
        "must_not": [{"exists": {"field": "ended"}}],
    }
}
