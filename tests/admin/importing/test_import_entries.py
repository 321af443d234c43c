"""Lists of which each entry is an event or a change, where they lie inside of other lists."""

from pathlib import Path

import pytest
from admin.importing.imported import events, simple
from audit_schemas import AuditEvent

MAPPING = """
[source]
name = "test"
format = "ndjson"
each = "EACH"
[time]
from = "at"
[activity]
constant = "login"
[fields]
"user.name" = "EACH.who"
"labels.kind" = "parts.0.kind"
[[changes]]
each = "EACH.set"
field = "EACH.set.name"
after = "EACH.set.to"
"""
ROW = b"""{"at": "2026-11-01T09:30:00Z", "parts": [{"kind": "x"}, {"kind": "y", "log": [
    {"who": "Ada", "set": [{"name": "a", "to": "1"}, {"name": "b", "to": "2"}]},
    {"who": "Ben", "set": []}
]}]}"""


@pytest.mark.parametrize("each", ["parts.1.log", "parts[kind=y].log"])
def test_list_inside_an_entry_of_another_list_is_gone_through(tmp_path: Path, each: str) -> None:
    """By the entry's position, or by what it has."""
    row = ROW.replace(b"\n", b"")
    first, second = events(row, simple(tmp_path, MAPPING.replace("EACH", each)))
    assert isinstance(first, AuditEvent), first
    assert isinstance(second, AuditEvent), second
    assert first.user is not None
    assert second.user is not None
    assert (first.user.name, second.user.name) == ("Ada", "Ben")
    assert first.labels == second.labels == {"kind": "x"}
    changes = [(one.field, one.after) for one in first.audit.changes or ()]
    assert changes == [("a", "1"), ("b", "2")]
    assert not second.audit.changes
