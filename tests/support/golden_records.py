"""Freezes what this version's producer writes, and what this version's consumer makes of it.

    PYTHONPATH=tests python tests/support/golden_records.py > tests/consumer/golden/VERSION.ndjson

Once for each release that changes the wire format or the document; a file that was committed is never
written again, since records of that version lie in Kafka and in dead letters for years.
"""

import base64
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast
from unittest.mock import patch

from audit_consumer.decode import Decoder
from audit_consumer.record import Refusal
from audit_producer import AuditProducer, ProducerSettings
from audit_schemas import Catalogue, IndexNaming, TimeBounds
from support.messages import message

__all__ = ["NAMING", "Kept", "decoder", "kept_by"]

NAMING = IndexNaming("audit-events")
INGESTED = "2026-11-23T09:30:01.000Z"
AT = datetime(2026, 11, 23, 9, 30, 0, 123_000, tzinfo=UTC)
Kept = dict[str, Any]


def decoder() -> Decoder:
    """Return a consumer's judge with the shipped catalogue."""
    return Decoder(Catalogue.load(), TimeBounds(), NAMING)


def kept_by(record: Kept) -> tuple[bytes | None, list[tuple[str, str | bytes | None]]]:
    """Return the value and the headers that a record has."""
    text, raw = record["value"], record.get("base64")
    value = base64.b64decode(raw) if raw is not None else None if text is None else text.encode()
    return value, [(name, said.encode()) for name, said in record["headers"].items()]


class _Recorder:
    """Stands in for Kafka's client, and keeps what it is handed."""

    def __init__(self, *_: object) -> None:
        self.flush = self.poll = lambda *_, **__: 0
        self.fatal_error = None

    def produce(self, _: str, value: bytes, **handed: Any) -> None:
        _produced.append((value, handed["key"], {n: v.decode() for n, v in handed["headers"]}))


_produced: list[tuple[bytes, str | None, dict[str, str]]] = []


def _every_activity(audit: AuditProducer) -> None:
    """Publish an event of each activity, as services do."""
    who: Any = {"id": "u-7", "name": "Ada Lovelace", "email": "ada@example.com", "roles": ["agent"]}
    more: Any = {"ip": "192.0.2.7", "session": "s-1", "at": AT, "service": "chat-api"}
    changes: Any = {"password": ("old", "new"), "limit": (8, 12), "new": (None, {"token": "t", "a": 1})}
    audit.chat_opened(user=who, chat="chat-42", organization="acme", trace="4bf92f3577b34da6", **more)
    audit.chat_assigned_to_user(user=None, chat="chat-42", assignee="u-8", at=AT)
    audit.user_joined_to_chat(user=who, chat="chat-42", sequence=2**63 - 1, **more)
    audit.chat_closed(user=who, chat="chat-42", reason="solved", message="The chat was closed.", **more)
    audit.chat_answered(user=who, chat="chat-42", **more)
    audit.login(user=who, user_agent="Mozilla/5.0", labels={"z": "1", "a": "2", "m.n": ""}, **more)
    audit.login_failed(user={"name": "root"}, reason="wrong password", ip="2001:DB8::A", at=AT)
    audit.logout(user="u-7", outcome="unknown", at=AT)
    audit.password_changed(user=who, of="u-8", **more)
    audit.password_reset_requested(user=None, of=who, at=AT)
    audit.settings_changed(user=who, changes=changes, target={"type": "org", "id": "acme"}, **more)
    audit.user_created(user=who, account={"id": "u-9", "name": "Grace"}, **more)
    audit.user_changed(user=who, account="u-9", changes={"name": ("Grace", "Grâce")}, **more)
    audit.user_deleted(user=who, account="u-9", **more)
    audit.role_granted(user=who, account="u-9", role="admin", **more)
    audit.role_revoked(user=who, account={"id": "u-9"}, role="admin", **more)
    audit.audit_log_searched(user=who, labels={"user": "Ada"}, **more)
    audit.audit_log_exported(user=who, labels={"format": "csv"}, **more)
    audit.audit_log_deleted(user={"name": "timer"}, labels={"index": "audit-events-2024.11"}, at=AT)
    audit.audit_log_refused(user={"name": "unknown"}, reason="no token", **more)
    audit.audit_log_signed_in(user=who, labels={"session": "1a2b3c4d", "roles": "analyst"}, **more)
    audit.audit_log_signed_out(user=who, labels={"session": "1a2b3c4d"}, **more)
    about = {"alert": "5a1a91fe9c7b4f1f8d0a3c2e1b6f7b4d", "rule": "brute-force"}
    alert: Any = {"labels": about, **more}
    audit.alert_acknowledged(user=who, **alert)
    audit.alert_assigned(user=who, **alert)
    audit.alert_closed(user=who, reason="false-positive", **alert)
    audit.alert_reopened(user=who, **alert)
    audit.alert_noted(user=who, **alert)
    audit.alert_exception_created(user=who, **alert)
    audit.alert_exception_ended(user=who, **alert)
    view: Any = {"labels": {"view": "v-1", "name": "Failed logins"}, **more}
    audit.audit_view_created(user=who, **view)
    audit.audit_view_changed(user=who, **view)
    audit.audit_view_deleted(user=who, **view)


def _impersonations(audit: AuditProducer) -> None:
    """Publish what one user did as another."""
    support: Any = {"id": "u-3", "name": "Grace"}
    ada: Any = {"id": "u-7", "name": "Ada Lovelace", "email": "ada@example.com", "roles": ["agent"]}
    audit.login(user=support, effective_user=ada, reason="ticket 4711", ip="192.0.2.7", at=AT)
    audit.settings_changed(user=support, effective_user="u-7", changes={"limit": (8, 12)}, at=AT)
    audit.password_changed(user="u-3", effective_user={"name": "\u202eAda"}, of="u-8", at=AT)
    audit.chat_closed(user=None, effective_user=ada, chat="chat-42", at=AT)


def _edges(audit: AuditProducer) -> None:
    """Publish what is at the edge of what an event may be."""
    hostile = "\u202eadmin\x1b[31m\n\x00" + "x" * 300
    names = ["Zoë 😀 李 ş", '"quoted\\"', "</script>", "日本" * 128, "", hostile, "\ud800"]
    for number, name in enumerate(names):
        audit.login(user={"id": f"u-{number}", "name": name}, message=name, labels={"n": name}, at=AT)
    for ip in ("::ffff:192.0.2.1", "fe80::1", "2001:db8::", "0.0.0.0", None):  # noqa: S104
        audit.logout(user="u-7", ip=ip, at=AT)
    far = timezone(timedelta(hours=-9, minutes=-30))
    for at in (AT.astimezone(far), AT - timedelta(days=399), AT + timedelta(minutes=4)):
        audit.login(user="u-7", at=at)
    audit.login(user="u-7", user_agent="ü" * 2000, labels={f"k{n}": "v" for n in range(70)}, at=AT)
    exact = {"event": {"action": "login"}, "user": {"id": "u-7"}, "audit": {"target": {"type": "x"}}}
    for time in ("2026-11-23T09:30:00.123456789+03:00", "2026-11-23T09:30:00Z"):
        audit.publish({**exact, "@timestamp": time})


_ELSEWHERE = [
    (
        b'{ "@timestamp": "2026-11-23T12:30:00+03:00", "user": {"name": "\\u0041da", "id": "u-1"},\n'
        b'  "event": {"action": "login", "id": "elsewhere-0000001"}, "source": null }'
    ),
    (
        b'{"event":{"id":"elsewhere-0000002","action":"login"},"@timestamp":"2026-11-23T09:30:00Z",'
        b'"source":{"ip":" "},"user":{"id":"u-1"},"audit":{}}'
    ),
    (
        b'{"event":{"id":"elsewhere-0000003","action":"login-failed"},"@timestamp":"2026-11-23T09:30:00Z",'
        b'"user":{"name":"\xff\xfe broken"}}'
    ),
    (
        b'{"event":{"id":"elsewhere-0000004","action":"danced"},"@timestamp":"2026-11-23T09:30:00Z",'
        b'"user":{"id":"u-1"}}'
    ),
    b'{"event":{"id":"short","action":"login"},"@timestamp":"2026-11-23T09:30:00Z","user":{"id":"u-1"}}',
    (
        b'{"event":{"id":"elsewhere-0000006","action":"login"},"@timestamp":"2020-11-23T09:30:00Z",'
        b'"user":{"id":"u-1"}}'
    ),
    b"not json",
    b"",
]
"""Records of publishers in other languages: not canonical, and some that are refused."""


def _records() -> Iterator[tuple[bytes, str | None, dict[str, str]]]:
    settings = ProducerSettings(max_past_days=400_000)
    with (
        patch("audit_producer.producer.Client", _Recorder),
        patch("audit_producer.record_maker.datetime", _Still),
    ):
        audit = AuditProducer(settings)
        _every_activity(audit)
        _edges(audit)
        _impersonations(audit)
        audit.close()
    yield from _produced
    for value in _ELSEWHERE:
        yield value, None, {}


class _Still(datetime):
    """The time stands still, so that what is made does not depend on the day."""

    @classmethod
    def now(cls, tz: Any = None) -> "_Still":
        return cast("_Still", AT.astimezone(tz))


def main() -> None:
    """Print a line for each record: as Kafka has it, and what becomes of it."""
    judge = decoder()
    for offset, (value, key, headers) in enumerate(_records()):
        record: Kept = {"key": key, "headers": headers, "partition": offset % 6, "offset": offset}
        try:
            record["value"] = value.decode()
        except UnicodeDecodeError:
            record |= {"value": None, "base64": base64.b64encode(value).decode()}
        kept, kept_headers = kept_by(record)
        place = {"partition": record["partition"], "offset": offset}
        read = judge.read(message(kept, headers=kept_headers, **place), INGESTED)
        if isinstance(read, Refusal):
            record |= {"refused": read.reason, "path": read.path}
        else:
            record["lines"] = read.decode()
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
