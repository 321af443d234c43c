"""What `verify` counts, where dead letters are of events that are not counted."""

from datetime import UTC, datetime
from typing import Any

import pytest
from audit_forward.counting import count_stream
from audit_forward.state import StreamState, StreamStates
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
        self._passed: Any = None

    def raw_search(self, _: Any, *, aggs: Any, **__: Any) -> dict[str, Any]:
        """Count."""
        if "found" in aggs:
            passed, refused = aggs["found"]["filter"]["bool"]["filter"]
            assert passed == self._passed
            assert len(refused["ids"]["values"]) <= 1000, "some at a time"
            counts = {"found": sum(each in self._ids for each in refused["ids"]["values"])}
        else:
            self._passed = aggs["passed"]["filter"]
            counts = {"passed": len(self._ids), "waiting": 0, "missing": 0}
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


def matches(query: Any, event: dict[str, Any]) -> bool:
    """Tell whether a query finds an event, as Elasticsearch does."""
    ((kind, given),) = query.items()
    if kind == "bool":
        some = [matches(each, event) for each in given.get("should", ())]
        return (
            all(matches(each, event) for each in given.get("filter", ()))
            and not any(matches(each, event) for each in given.get("must_not", ()))
            and (not some or any(some))
        )
    if kind in ("match_none", "ids"):
        return False
    ((field, wanted),) = given.items()
    value = event[field]
    if kind == "term":
        return bool(value == wanted)
    if kind == "terms":
        return value in wanted
    assert kind == "range"
    return bool(wanted["gte"] <= value and ("lt" not in wanted or value < wanted["lt"]))


class Begun(Kept):
    """An index with a stream that began at 10, and goes on at 20, in the partition that there was."""

    def __init__(self, topic: str) -> None:
        super().__init__(0)
        state = StreamState("stream", "siem", topic=topic, positions={0: (10, 20)})
        self.stored = {"_source": state.document()}

    def search(self, query: Any, size: int, search_after: Any = None, **more: Any) -> dict[str, Any]:
        """Return the state to whoever asks for that."""
        if {"term": {"kind": "stream"}} in query["bool"]["filter"]:
            return {"hits": {"hits": [self.stored]}}
        return super().search(query, size, search_after, **more)


class Asked:
    """A log of records 0 to 29 of two partitions."""

    def raw_search(self, _: Any, *, aggs: Any, **__: Any) -> dict[str, Any]:
        """Count."""
        events = [
            {
                "audit.kafka.topic": "audit.events",
                "audit.kafka.partition": number,
                "audit.kafka.offset": offset,
            }
            for number in (0, 1)
            for offset in range(30)
        ]
        found = {
            name: {"doc_count": sum(matches(each["filter"], event) for event in events)}
            for name, each in aggs.items()
        }
        return {"hits": {"total": {"value": len(events)}}, "aggregations": found}


@pytest.mark.parametrize(
    ("topic", "counts"),
    [("audit.events", (10, 40, 10)), ("former", (0, 60, 0)), ("", (0, 0, 60))],
    ids=["partition-added", "topic-changed", "not-begun"],
)
def test_what_comes_by_itself_is_not_missing(topic: str, counts: tuple[int, int, int]) -> None:
    """A partition, or a topic, that is new to the stream is read from its first record on."""
    client: Any = Begun(topic)
    if not topic:
        client.stored["_source"]["positions"] = {}
    log: Any = Asked()
    stream = StreamFile.model_validate({"to": {"type": "files", "folder": "unused"}})
    counted = count_stream(log, StreamStates(client, "s", "me"), stream, "audit.events", START, END)
    assert (counted.delivered, counted.waiting, counted.missing) == counts
