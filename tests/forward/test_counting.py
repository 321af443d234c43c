"""What `verify` counts, where dead letters are of events that are not counted."""

from datetime import UTC, datetime
from typing import Any

import pytest
from audit_forward.counting import count_stream
from audit_forward.state import StreamStates
from audit_forward.stream_file import StreamFile

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC)


class Kept:
    """An index with dead letters alone, of which a search returns at most a thousand."""

    def __init__(self, number: int) -> None:
        self.items = [f"e-{each:05}" for each in range(number)]
        self.indices = self

    def refresh(self, **_: Any) -> None:
        """Do nothing."""

    def count(self, **_: Any) -> dict[str, int]:
        """Return how many there are."""
        return {"count": len(self.items)}

    def search(self, query: Any, size: int, search_after: Any = None, **_: Any) -> dict[str, Any]:
        """Return a page of them, and no state of a stream."""
        is_asked_for = {"term": {"kind": "dead-letter"}} in query["bool"]["filter"]
        items = [each for each in self.items if not search_after or each > search_after[0]]
        hits = [{"_source": {"item": each}} for each in items[:size] if is_asked_for]
        return {"hits": {"hits": hits}}


class Log:
    """A log that has some events, all of them delivered, and of a few ids alone."""

    def __init__(self, ids: set[str]) -> None:
        self._ids = ids

    def raw_search(self, _: Any, *, aggs: Any, **__: Any) -> dict[str, Any]:
        """Count."""
        counts = {"passed": len(self._ids), "waiting": 0, "missing": 0}
        if "refused" in aggs:
            passed, refused = aggs["refused"]["filter"]["bool"]["filter"]
            assert passed == aggs["passed"]["filter"]
            counts["refused"] = sum(each in self._ids for each in refused["ids"]["values"])
        return {
            "hits": {"total": {"value": len(self._ids)}},
            "aggregations": {name: {"doc_count": number} for name, number in counts.items()},
        }


@pytest.mark.parametrize(
    ("ids", "delivered", "dead"),
    [(set[str](), 0, 0), ({"e-00001", "e-02500", "other"}, 1, 2)],
    ids=["none", "some"],
)
def test_dead_letters_of_other_events_are_not_counted(ids: set[str], delivered: int, dead: int) -> None:
    """Retention has deleted their events, or the filter has changed: fewer than none were delivered."""
    client: Any = Kept(2501)
    log: Any = Log(ids)
    stream = StreamFile.model_validate({"to": {"type": "files", "folder": "unused"}})
    counted = count_stream(log, StreamStates(client, "s", "me"), stream, "audit.events", START, END)
    assert (counted.matching, counted.delivered, counted.dead_letters) == (len(ids), delivered, dead)
