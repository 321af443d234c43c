"""Examples of the API's responses; a test compares them with real ones."""

from typing import Any

__all__ = [
    "BUCKETS",
    "DEAD_LETTERS",
    "DECIDED",
    "EVENT",
    "EVENTS",
    "OBJECTIVE",
    "PROBLEM",
    "SUGGEST",
    "TEAM",
    "TIMELINE",
    "TOP",
    "TRANSFERS",
    "UNANSWERED",
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
        "hash": "XUFAKrxLKna5cZ2REBfFkg",
        "category": ["authentication"],
        "type": ["start"],
        "created": "2026-11-23T09:30:00.512Z",
        "ingested": "2026-11-23T09:30:01.020Z",
    },
    "@timestamp": "2026-11-23T09:30:00.120Z",
    "user": {"id": "u-7", "name": "Ada"},
    "source": {"ip": "192.0.2.7"},
    "organization": {"id": "acme"},
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

TEAM: dict[str, Any] = {
    "rows": [
        {
            "user": "Ada",
            "user_id": "u-7",
            "events": 31,
            "opened": 0,
            "assigned": 16,
            "joined": 14,
            "answered": 14,
            "closed": 15,
            "active_seconds": 19800.0,
            "first": "2026-11-23T08:59:12.310+03:00",
            "last": "2026-11-23T16:58:40.002+03:00",
            "teams": ["Support"],
            "before": {
                "events": 20,
                "opened": 0,
                "assigned": 10,
                "joined": 9,
                "answered": 9,
                "closed": 9,
                "active_seconds": 12600.0,
                "until_assigned": {"count": 10, "median_seconds": 14.0, "p95_seconds": 61.2},
                "until_joined": {"count": 9, "median_seconds": 70.9, "p95_seconds": 201.0},
                "until_answered": {"count": 9, "median_seconds": 93.1, "p95_seconds": 240.6},
                "handling": {"count": 9, "median_seconds": 390.0, "p95_seconds": 1290.0},
                "percent_in_time": {"assigned": 90.0},
                "most_at_once": 2,
            },
            "until_assigned": {"count": 15, "median_seconds": 12.1, "p95_seconds": 58.0},
            "until_joined": {"count": 14, "median_seconds": 61.4, "p95_seconds": 180.3},
            "until_answered": {"count": 14, "median_seconds": 84.0, "p95_seconds": 204.9},
            "handling": {"count": 14, "median_seconds": 412.0, "p95_seconds": 1320.5},
            "percent_in_time": {"assigned": 93.3},
            "most_at_once": 3,
        }
    ],
    "more": False,
    "time_zone": "Europe/Istanbul",
}

TRANSFERS: dict[str, Any] = {
    "rows": [
        {
            "from_user": "Ada",
            "from_user_id": "u-7",
            "to_user": "Ben",
            "to_user_id": "u-9",
            "chats": 3,
        }
    ],
    "more": False,
    "time_zone": "UTC",
}

UNANSWERED: dict[str, Any] = {
    "rows": [
        {
            "organization": "acme",
            "chat": "chat-42",
            "opened": "2026-11-23T09:10:00.000+00:00",
            "opened_by": "visitor-1",
            "assigned": None,
            "assigned_to": None,
            "assignments": 0,
            "transfers": 0,
            "joined": None,
            "joined_by": None,
            "answered": None,
            "answered_by": None,
            "closed": None,
            "closed_by": None,
            "seconds_to_assignment": None,
            "seconds_to_join": None,
            "seconds_to_answer": None,
            "seconds_to_close": None,
            "handling_seconds": None,
        }
    ],
    "more": False,
    "time_zone": "UTC",
}

OBJECTIVE: dict[str, Any] = {
    "rows": [
        {
            "start": None,
            "objective": "assigned",
            "within_seconds": 60.0,
            "met": 93,
            "of": 100,
            "percent": 93.0,
        }
    ],
    "more": False,
    "time_zone": "UTC",
}

DECIDED: dict[str, Any] = {
    "rows": [
        {
            "objective": "assigned",
            "within_seconds": 60.0,
            "met": False,
            **UNANSWERED["rows"][0],
        }
    ],
    "more": False,
    "time_zone": "UTC",
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
