"""Documents as items, also of those that somebody has altered in Elasticsearch."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from audit_forward.encoder import Encoder
from audit_forward.fields import FieldRules
from audit_forward.forms import FORMS, form
from audit_forward.receiver_tables import FilesTable, SplunkTable
from audit_forward.receivers.file_formats import FileMaker
from audit_forward.receivers.http import HttpReceiver
from audit_forward.receivers.splunk import SplunkReceiver
from audit_forward.receivers.syslog import message_of
from audit_forward.settings import ForwardSettings

GOOD: dict[str, Any] = {
    "event": {"id": "e-1", "action": "login", "outcome": "failure"},
    "@timestamp": "2026-11-27T09:30:00.250+03:00",
    "organization": {"id": "acme"},
    "user": {"id": "u-1"},
    "source": {"ip": "192.0.2.7"},
}
ALTERED: dict[str, dict[str, Any]] = {
    "action": {"event": {"id": "e-1"}},
    "id": {"event": {"action": "login"}},
    "event": {"event": "none"},
    "time": {"@timestamp": 1795761000250},
    "month": {"@timestamp": "2026-11"},
    "year": {"@timestamp": "0001-01-01T00:00:00+14:00"},
    "user": {"user": {"id": 7}, "organization": ["acme"], "source": {"ip": ["192.0.2.7"]}},
}


@pytest.mark.parametrize("altered", ALTERED.values(), ids=ALTERED)
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("rules", [FieldRules(), FieldRules(["labels"], ["user.id"], b"key")])
def test_altered_document_is_sent_as_far_as_it_says(
    name: str,
    altered: dict[str, Any],
    rules: FieldRules,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By every receiver: one document must not end a stream, nor all streams of a process."""
    item = Encoder(form(name), rules).event(json.dumps(GOOD | altered).encode(), 2, 7)
    assert item.id == ("e-1" if "id" in (GOOD | altered)["event"] else "unknown-2-7")
    assert b"\n" not in item.body
    assert message_of(item, 13, "host", "app").startswith(b"<1")
    for format_name in ("ndjson", "parquet"):
        files = FilesTable.model_validate({"type": "files", "folder": tmp_path, "format": format_name})
        assert FileMaker(files, "disk").make([item])[1]
    (tmp_path / "token").write_text("t0ken")
    table = SplunkTable.model_validate(
        {"type": "splunk", "url": "https://127.0.0.1", "token_file": tmp_path / "token"}
    )
    posted: list[bytes] = []
    monkeypatch.setattr(HttpReceiver, "post", lambda _, body, __: posted.append(body))
    SplunkReceiver(table, ForwardSettings(), 1).send([item])
    assert msgspec.json.decode(posted[0])["fields"] == {"auditlog_id": item.id}


def test_document_is_the_item() -> None:
    """What a receiver needs beside the text is of the document, and the text is its own."""
    text = json.dumps(GOOD).encode()
    item = Encoder(form("auditlog"), FieldRules()).event(text, 2, 7)
    assert item.body is text
    assert (item.id, item.action, item.severity, item.partition, item.offset) == (
        "e-1",
        "login",
        4,
        2,
        7,
    )
    assert (item.organization, item.user, item.ip) == ("acme", "u-1", "192.0.2.7")
    assert message_of(item, 13, "host", "app").startswith(b"<108>1 2026-11-27T06:30:00.250Z host app ")
