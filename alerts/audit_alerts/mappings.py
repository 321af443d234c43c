"""What is mapped how in the indices of alerts. Strict: a forgotten field is an error. Pure."""

from typing import Any

__all__ = ["ALERTS_MAPPING", "EXCEPTIONS_MAPPING"]

_KEYWORD = {"type": "keyword"}
_DATE = {"type": "date"}
_OBJECTS = {"type": "object", "enabled": False}
_SHOWN = {"type": "keyword", "index": False, "doc_values": False}

ALERTS_MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "@timestamp": _DATE,
        "event": {
            "properties": {
                "kind": _KEYWORD,
                "id": _KEYWORD,
                "severity": {"type": "long"},
                "created": _DATE,
                "start": _DATE,
                "end": _DATE,
            }
        },
        "rule": {
            "properties": {
                "id": _KEYWORD,
                "name": _KEYWORD,
                "description": {"type": "text"},
                "category": _KEYWORD,
                "ruleset": _KEYWORD,
                "version": _KEYWORD,
            }
        },
        "message": {"type": "text"},
        "tags": _KEYWORD,
        "related": {"properties": {"user": _KEYWORD, "ip": {"type": "ip"}}},
        "source": {"properties": {"ip": {"type": "ip"}}},
        "organization": {"properties": {"id": _KEYWORD}},
        "audit": {
            "properties": {
                "alert": {
                    "properties": {
                        "group": _KEYWORD,
                        "group_key": _KEYWORD,
                        "group_by": _KEYWORD,
                        "level": _KEYWORD,
                        "first": _DATE,
                        "last": _DATE,
                        "count": {"type": "long"},
                        "size": {"type": "long"},
                        "samples": _KEYWORD,
                        "status": _KEYWORD,
                        "merged_into": _KEYWORD,
                        "included_by": _KEYWORD,
                        "assignee": _KEYWORD,
                        "reason": _KEYWORD,
                        "duplicate_of": _KEYWORD,
                        "triage_version": {"type": "long"},
                        "history": _OBJECTS,
                        "parts": _OBJECTS,
                        "organizations": _KEYWORD,
                        "sole_organization": _KEYWORD,
                        "exceptions": _KEYWORD,
                        "suppressed_count": {"type": "long"},
                        "notices": {"type": "long"},
                        "revision": {"type": "long"},
                        "last_notified_count": {"type": "long"},
                        "pending": _KEYWORD,
                        "what_to_do": _SHOWN,
                        "link": _SHOWN,
                    }
                }
            }
        },
    },
}
"""Of the index of alerts. `history` and `parts` are shown, and not searched."""

EXCEPTIONS_MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "id": _KEYWORD,
        "rule": {"properties": {"id": _KEYWORD, "name": _KEYWORD}},
        "group": _OBJECTS,
        "until": _DATE,
        "because": {"type": "text"},
        "organization": _KEYWORD,
        "by": _KEYWORD,
        "created": _DATE,
        "alert": _KEYWORD,
        "ended": _DATE,
        "ended_by": _KEYWORD,
    },
}
"""Of the index of exceptions from rules."""
