"""Who sends a request, and what of the log they may see."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from audit_alerts import Actor, AlertDesk
from audit_query import AuditLog, QuerySpec

from audit_server.roles import Permission
from audit_server.self_audit import Identity, SelfAudit

__all__ = ["Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request: name, organization, the log as they may see it, and what they may do.

    `alerts` is the desk with the alerts that they may see.
    """

    log: AuditLog
    alerts: AlertDesk
    name: str
    organization: str | None
    permissions: frozenset[Permission]
    _identity: Identity
    _audit: SelfAudit

    @property
    def actor(self) -> Actor:
        """Who they are on the record of a step of triage."""
        return Actor(self.name, self._identity.ip, self.organization)

    def may(self, permission: Permission) -> bool:
        """Tell whether this is permitted."""
        return permission in self.permissions

    def record_search(
        self, spec: QuerySpec, results: int | Callable[[], int], **more: str | None
    ) -> None:
        """Publish a search as an event, once in ten minutes; call it for every page of it.

        `results` is the number of events that match, or a function that counts them, which is called
        in another thread and only if an event is due. `more` is what was asked beside the filters.
        """
        asked = [(name, value) for name, value in more.items() if value is not None]
        self._audit.searched(self._identity, (*spec.pairs, *asked), results)

    def record_event(self, event_id: str, window: str | None = None) -> None:
        """Publish that an event was opened, with those around it if there is a window."""
        self.record_search(QuerySpec(), 1, event=event_id, window=window)

    def record_change(self, action: str, said: Sequence[tuple[str, str]]) -> None:
        """Publish a change as an event of this activity; `said` becomes its labels."""
        self._audit.changed(action, self._identity, said)

    def record_export(self, spec: QuerySpec, kind: str) -> None:
        """Publish an export as an event."""
        self._audit.exported(self._identity, spec.pairs, kind)
