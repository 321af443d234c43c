"""The saved objects: data views, searches, the dashboard; newer Kibanas migrate these shapes. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from audit_kibana.dashboard import FAILED, HOUR, WEEKDAY, dashboard
from audit_kibana.target import ExportTarget

__all__ = ["SEARCHES", "Search", "ndjson", "saved_objects"]

_INDEX_REFERENCE = "kibanaSavedObjectMeta.searchSourceJSON.index"


@dataclass(frozen=True, slots=True)
class Search:
    """A saved search. The query means the same in KQL and in Lucene."""

    name: str
    title: str
    description: str
    query: str
    columns: tuple[str, ...]
    newest_first: bool = True


SEARCHES = (
    Search(
        "failed-logins",
        "Audit log: failed logins",
        "Every login that was refused.",
        FAILED,
        ("audit.user", "source.ip", "audit.source.network", "event.reason", "service.name"),
    ),
    Search(
        "user-trail",
        "Audit log: one user's trail",
        "All that one user did, in order: put the user's name, in quotation marks, in the place of *.",
        "audit.user:*",
        (
            *("audit.user", "user.effective.name", "event.action", "event.outcome"),
            *("source.ip", "audit.chat.id", "message"),
        ),
        newest_first=False,
    ),
    Search(
        "changes",
        "Audit log: changes",
        "Changes of settings, roles, accounts and passwords, with what they were before.",
        "event.category:(configuration OR iam)",
        (
            "audit.user",
            "user.effective.name",
            "event.action",
            "user.target.name",
            "audit.changes.field",
            "audit.changes.before",
            "audit.changes.after",
            "source.ip",
        ),
    ),
    Search(
        "acting-as-another",
        "Audit log: who acted as whom",
        "What somebody did as another user, such as support in a customer's account, and why.",
        "user.effective.id:* OR user.effective.name:*",
        (
            *("audit.user", "user.effective.name", "user.effective.id", "event.action"),
            *("event.reason", "source.ip", "organization.id"),
        ),
    ),
)
"""What analysts open again and again."""

_DAY = (
    "def day = doc['@timestamp'].value.getDayOfWeekEnum(); "
    "emit(day.getValue() + ' ' + day.getDisplayName(TextStyle.SHORT, Locale.ROOT));"
)
_HOUR = "int hour = doc['@timestamp'].value.getHour(); emit((hour < 10 ? '0' : '') + hour);"
"""Two digits, since the chart sorts its axes as text."""
_RUNTIME = {
    HOUR: ("keyword", _HOUR),
    WEEKDAY: ("keyword", _DAY),
}


def saved_objects(target: ExportTarget) -> list[dict[str, Any]]:
    """Return all objects; what is referred to comes before what refers to it."""
    events = target.id_of("index-pattern", "events")
    return [
        _data_view(events, target.events, "Audit log", _RUNTIME),
        _data_view(target.id_of("index-pattern", "alerts"), target.alerts, "Audit alerts", {}),
        *(_search(target.id_of("search", search.name), search, events) for search in SEARCHES),
        dashboard(target.id_of("dashboard", "audit-log"), events),
    ]


def ndjson(objects: Iterable[dict[str, Any]]) -> str:
    """Return the file that Kibana imports: an object a line."""
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in objects)


def _data_view(
    own_id: str, title: str, name: str, runtime: dict[str, tuple[str, str]]
) -> dict[str, Any]:
    fields = {
        field: {"type": kind, "script": {"source": source}} for field, (kind, source) in runtime.items()
    }
    return {
        "type": "index-pattern",
        "id": own_id,
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": "8.0.0",
        "managed": False,
        "references": [],
        "attributes": {
            "title": title,
            "name": name,
            "timeFieldName": "@timestamp",
            "fields": "[]",
            "fieldAttrs": "{}",
            "fieldFormatMap": "{}",
            "runtimeFieldMap": json.dumps(fields),
            "sourceFilters": "[]",
            "typeMeta": "{}",
        },
    }


def _search(own_id: str, search: Search, data_view: str) -> dict[str, Any]:
    source = {
        "query": {"query": search.query, "language": "kuery"},
        "filter": [],
        "highlightAll": True,
        "version": True,
        "indexRefName": _INDEX_REFERENCE,
    }
    references: Sequence[dict[str, str]] = [
        {"type": "index-pattern", "id": data_view, "name": _INDEX_REFERENCE}
    ]
    return {
        "type": "search",
        "id": own_id,
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": "8.0.0",
        "managed": False,
        "references": references,
        "attributes": {
            "title": search.title,
            "description": search.description,
            "columns": list(search.columns),
            "sort": [["@timestamp", "desc" if search.newest_first else "asc"]],
            "grid": {},
            "hideChart": False,
            "isTextBasedQuery": False,
            "timeRestore": False,
            "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
        },
    }
