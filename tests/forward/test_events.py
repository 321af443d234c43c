"""What stands in the topic of events: whoever may publish may write anything."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from audit_forward.encoder import Encoder
from audit_forward.events import EventTopic
from audit_forward.fields import FieldRules
from audit_forward.forms import form
from audit_runtime.hits import Hit

GOOD = b'{"event":{"id":"0123456789abcdef"}}'


class Asked:
    """Notes which ids are looked up, and finds none."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def by_id(self, _: int, ids: Mapping[int, str]) -> Iterator[Hit]:
        """Find nothing."""
        self.ids += ids.values()
        return iter(())


@pytest.mark.parametrize(
    "value",
    [
        b'{"event":{"id":"0123456789abcdea"},"more":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"event":{"id":"0123456789abcdea","more":' + b'{"a":' * 5000 + b"1" + b"}" * 5002,
        b"[" * 5000,
        b"\xff\xfe",
        None,
    ],
    ids=["list", "object", "cut", "bytes", "none"],
)
def test_hostile_record_is_passed_over(value: bytes | None) -> None:
    """The consumers refused it, so that no event came of it; those beside it are looked up."""
    lookup: Any = Asked()
    horizon: Any = None
    topic = EventTopic("audit.events", horizon, lookup, Encoder(form("auditlog"), FieldRules()))
    assert not topic.items(0, [(7, 0, value), (8, 0, GOOD)])
    assert lookup.ids == ["0123456789abcdef"]
