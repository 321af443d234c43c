"""Rows of another log for the bench: the events themselves, whose fields a mapping names one by one."""

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from audit_admin.importing.commands import import_command
from audit_producer import ProducerSettings
from audit_schemas import AuditEvent, encode

__all__ = ["importing"]

_HEAD = """
[source]
name = "bench"
format = "ndjson"
id = "event.id"
[time]
from = "@timestamp"
[[activity]]
constant = "login-failed"
when = { "event.action" = "login", "event.outcome" = "failure" }
[[activity]]
from = "event.action"
[fields]
"source.ip" = { from = "source.ip", clean = "address", keep = "labels.address" }
"event.outcome" = { from = "event.outcome", map = { success = "success", failure = "failure" } }
"user.target.roles" = { from = "user.target.roles", split = "," }
"labels.imported-from" = { constant = "bench" }
"""
_CHANGES = """
[[changes]]
each = "audit.changes"
field = "audit.changes.field"
before = "audit.changes.before"
after = "audit.changes.after"
"""
_PLAIN = (
    "user.id", "user.name", "user.target.id", "event.reason", "service.name", "organization.id",
    "user_agent.original", "audit.actor.kind", "audit.chat.id", "audit.session.id",
)  # fmt: skip


def importing(settings: ProducerSettings, events: Sequence[AuditEvent]) -> Callable[[], int]:
    """Return what imports a file of the events, fourteen fields each, and returns how many arrived."""
    folder = tempfile.TemporaryDirectory(prefix="bench-")
    rows, mapping = Path(folder.name, "rows.ndjson"), Path(folder.name, "mapping.toml")
    rows.write_bytes(b"".join(encode(event) + b"\n" for event in events))
    mapping.write_text(_HEAD + "".join(f'"{path}" = "{path}"\n' for path in _PLAIN) + _CHANGES)
    os.environ["AUDITLOG_KAFKA_BOOTSTRAP_SERVERS"] = settings.kafka_bootstrap_servers
    os.environ["AUDITLOG_TOPIC"] = settings.topic

    def run() -> int:
        with folder, contextlib.redirect_stdout(io.StringIO()) as said:
            import_command(str(rows), mapping, json_output=True)
        published: int = json.loads(said.getvalue())["published"]
        return published

    return run
