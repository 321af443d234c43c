"""Our own form: documents as they are stored, exported and answered by the HTTP API."""

from collections.abc import Mapping
from typing import Any

from audit_schemas import shown_alert

__all__ = ["AuditlogForm"]


class AuditlogForm:
    """An event is its document, whole, so that its hash and its evidence can be checked.

    An alert is what the alerts' own webhook and topic send.
    """

    name = "auditlog"

    def event(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document."""
        return dict(document)

    def alert(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document, less what only the runner and analysts need."""
        return shown_alert(document)
