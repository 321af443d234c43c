"""What stands in the topic of alerts: whoever may write to it may write anything."""

import copy
from typing import Any

import msgspec
import pytest
from audit_forward.alerts import AlertTopic
from audit_forward.encoder import Encoder
from audit_forward.fields import FieldRules
from audit_forward.forms import FORMS, form
from audit_forward.item import Item
from audit_forward.receivers.syslog import message_of
from audit_forward.stream_file import StreamFile

ALERT: dict[str, Any] = {
    "@timestamp": "2026-11-23T09:30:00.000Z",
    "event": {"id": "a" * 32, "created": "2026-11-23T09:31:00.000Z"},
    "rule": {"id": "r-1", "name": "brute-force"},
    "audit": {"alert": {"level": "high", "status": "open", "revision": 2}},
}


def items(form_name: str, *records: bytes | None) -> list[Item]:
    """Return what a stream of alerts makes of records."""
    to = {"type": "files", "folder": "unused"}
    stream = StreamFile.model_validate({"what": "alerts", "form": form_name, "to": to})
    horizon: Any = None
    topic = AlertTopic("audit.alerts", stream, horizon, Encoder(form(form_name), FieldRules()))
    return topic.items(0, [(offset, 0, record) for offset, record in enumerate(records)])


def changed(path: str, value: object) -> bytes:
    """Return the alert with another value."""
    alert = copy.deepcopy(ALERT)
    *parents, name = path.split(".")
    part = alert
    for parent in parents:
        part = part[parent]
    part[name] = value
    return msgspec.json.encode(alert)


@pytest.mark.parametrize("form_name", FORMS)
@pytest.mark.parametrize(
    "record",
    [
        b"[" * 5000 + b"]" * 5000,
        changed("message", "@").replace(b'"@"', b"[" * 990 + b"]" * 990),
        changed("@timestamp", "yesterday"),
        changed("@timestamp", "2026-11-23T09:30:00"),
        changed("@timestamp", "0001-01-01T00:00:00+14:00"),
        changed("@timestamp", 1),
        changed("event.id", 1),
        changed("event.id", "x" * 500),
        changed("audit.alert.level", []),
        changed("audit.alert.revision", {}),
        changed("audit.alert.sole_organization", ["acme"]),
        b"\xff",
        None,
    ],
    ids=[
        *("nested", "nested-within", "no-time", "no-zone", "no-such-time", "time", "id", "long-id"),
        *("level", "revision", "organization", "bytes", "none"),
    ],
)
def test_record_that_is_no_alert_is_passed_over(form_name: str, record: bytes | None) -> None:
    """No receiver meets what it can't send; the alerts beside it are sent."""
    (found,) = items(form_name, record, msgspec.json.encode(ALERT))
    assert found.id == f"{'a' * 32}-2"
    assert found.severity == 3
    assert b" alert [auditlog@32473 " in message_of(found, 13, "host", "app")
