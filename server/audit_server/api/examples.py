"""Examples of the API's responses; a test compares them with real ones."""

from typing import Any

__all__ = [
    "BUCKETS",
    "DEAD_LETTERS",
    "EVENT",
    "EVENTS",
    "PROBLEM",
    "SUGGEST",
    "TIMELINE",
    "TOP",
    "USER",
    "USERS",
    "VIEW",
    "VIEWS",
]

EVENT: dict[str, Any] = {
    "event": {
        "id": "0197f1b0c8a07d2e9f0c1b2a3d4e5f60",
        "action": "login-failed",
        "outcome": "failure",
        "reason": "wrong password",
        "hash": "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
        "kind": "event",
        "category": ["authentication"],
        "type": ["start"],
        "created": "2026-11-23T09:30:00.512Z",
        "ingested": "2026-11-23T09:30:01.020Z",
    },
    "@timestamp": "2026-11-23T09:30:00.120Z",
    "user": {"id": "u-7", "name": "Ada"},
    "source": {"ip": "192.0.2.7"},
    "organization": {"id": "acme"},
    "ecs": {"version": "9.4.0"},
    "related": {"user": ["u-7", "Ada"], "ip": ["192.0.2.7"]},
    "audit": {
        "actor": {"kind": "user"},
        "user": "Ada",
        "source": {"network": "192.0.2.0/24"},
        "kafka": {"topic": "audit.events", "partition": 3, "offset": 1042},
    },
}

EVENTS: dict[str, Any] = {"events": [EVENT], "cursor": "WzE3OTUzODU0MDAxMjAsMywxMDQyXQ"}

BUCKETS: dict[str, Any] = {
    "interval": "1h",
    "time_zone": "Europe/Istanbul",
    "buckets": [
        {
            "start": "2026-11-23T12:00:00+03:00",
            "count": 12,
            "parts": {"login": 9, "login-failed": 2},
            "other": 1,
        }
    ],
}

TOP: dict[str, Any] = {"values": [{"value": "203.0.113.9", "count": 312}]}

SUGGEST: dict[str, Any] = {"values": ["Ada", "Adalyn"]}

USERS: dict[str, Any] = {
    "rows": [
        {
            "start": "2026-11-23T00:00:00.000+03:00",
            "user": "Ada",
            "user_id": "u-7",
            "events": 31,
            "activities": {"login": 2, "user-joined-to-chat": 14, "chat-closed": 15},
            "chats": {"opened": 0, "joined": 14, "assigned": 16, "closed": 15},
            "first": "2026-11-23T08:59:12.310+03:00",
            "last": "2026-11-23T16:58:40.002+03:00",
            "active_seconds": 19800.0,
            "ips": 1,
        }
    ],
    "more": False,
    "time_zone": "Europe/Istanbul",
}

USER: dict[str, Any] = {
    "user": "Ada",
    "events": 1,
    "first": "2026-11-23T12:30:00.120+03:00",
    "last": "2026-11-23T12:30:00.120+03:00",
    "activities": {"login-failed": 1},
    "ips": {"192.0.2.7": 1},
    "shown": 1,
    "sessions": [
        {
            "session": None,
            "login": None,
            "logout": None,
            "failed_logins_before": None,
            "events": 1,
            "first": "2026-11-23T12:30:00.120+03:00",
            "last": "2026-11-23T12:30:00.120+03:00",
            "activities": {"login-failed": 1},
            "ips": {"192.0.2.7": 1},
            "shown": [EVENT],
        }
    ],
}

TIMELINE: dict[str, Any] = {
    "total": 1,
    "events": [
        {
            "seconds_since_previous": None,
            "seconds_since_origin": 0.0,
            "marked": False,
            "event": EVENT,
        }
    ],
}

DEAD_LETTERS: dict[str, Any] = {
    "read": "2026-11-23T09:30:00.000Z",
    "examined": 1,
    "total": 1,
    "reasons": [
        {
            "reason": "unknown-activity",
            "records": 1,
            "copies": 0,
            "replayed": 0,
            "refused_again": 0,
            "first": "2026-11-23T09:29:00.120Z",
            "last": "2026-11-23T09:29:00.120Z",
            "first_received": "2026-11-23T09:29:00.020Z",
            "last_received": "2026-11-23T09:29:00.020Z",
            "path": "event.action",
            "message": "chat-archived is not in the catalogue",
            "what_to_do": "Add the activity to AUDITLOG_CATALOGUE, restart the consumers, then replay",
            "samples": [
                {
                    "origin": {"topic": "audit.events", "partition": 3, "offset": 1042},
                    "dead_letter": {"topic": "audit.events.dead-letter", "partition": 0, "offset": 7},
                    "reason": "unknown-activity",
                    "path": "event.action",
                    "message": "chat-archived is not in the catalogue",
                    "refused": "2026-11-23T09:29:00.120Z",
                    "received": "2026-11-23T09:29:00.020Z",
                    "replay_of": None,
                    "replayed": None,
                    "key": "chat-42",
                    "headers": [],
                    "size": 30,
                    "is_truncated": False,
                    "sha256": "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
                    "value": '{"event":{"action":"chat-archi',
                }
            ],
        }
    ],
}

VIEW: dict[str, Any] = {
    "id": "5a1a91fe9c7b4f1f8d0a3c2e1b6f7b4d",
    "name": "Failed log-ins today",
    "address": "/?activity=login-failed&from=today",
    "owner": "ada",
    "shared": True,
    "mine": True,
    "created": "2026-11-23T09:30:00.000Z",
    "changed": "2026-11-23T09:30:00.000Z",
    "version": "4.1",
}

VIEWS: dict[str, Any] = {"views": [VIEW]}

PROBLEM: dict[str, Any] = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "detail": "must be a whole number from 1 to 1000, not '5000'",
    "parameter": "size",
}
