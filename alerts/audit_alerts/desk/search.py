"""Searches among alerts, which a bound desk can't see past its bounds."""

from collections.abc import Mapping
from typing import Any

import elasticsearch

from audit_alerts.desk.alert_filter import scoped

__all__ = ["AlertSearch"]


class AlertSearch:
    """The index of alerts as one organization's people see it, or all. Errors pass through."""

    def __init__(
        self, client: elasticsearch.Elasticsearch, index: str, organization: str | None = None
    ) -> None:
        self.client = client
        self.index = index
        self.organization = organization

    def __call__(self, query: Mapping[str, Any], **body: Any) -> Mapping[str, Any]:
        """Return the response, which is whole; where no runner has made the index yet, no alerts."""
        try:
            return dict(
                self.client.search(
                    index=self.index,
                    query=scoped(query, self.organization),
                    allow_partial_search_results=False,
                    **body,
                ).body
            )
        except elasticsearch.NotFoundError:
            return {"hits": {"total": {"value": 0}, "hits": []}}

    def for_organization(self, organization: str) -> "AlertSearch":
        """Return it with bounds."""
        return AlertSearch(self.client, self.index, organization)
