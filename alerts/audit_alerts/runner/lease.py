"""Which of several runners delivers to a sink: one at a time, another after it has fallen silent.

Or at once, after one on the same machine was killed: a `run --once` then leaves nothing waiting.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import elasticsearch
from audit_runtime import is_dead

from audit_alerts.times import millis_now

__all__ = ["Lease", "sinks_in_force"]

_WEEK = 7 * 86_400_000
_CLOCKS = 60_000
"""How far clocks may differ, where a lease was given back."""
_FURTHEST = 3_600_000
"""A lease that ends later was written by a clock that was ahead, and holds up nobody."""
_SINKS = ("output", "topic", "webhook")


def sinks_in_force(
    client: elasticsearch.Elasticsearch, index: str, ours: Sequence[str]
) -> Sequence[str]:
    """Return our sinks, and those that another runner had within the last week.

    So an alert waits for a webhook that only another runner posts to, whoever of them found it. Errors
    of the client pass through.
    """
    others = [name for name in _SINKS if name not in ours]
    if not others:
        return ours
    found = client.mget(index=index, ids=[_key(name) for name in others])["docs"]
    since = millis_now() - _WEEK
    return [*ours, *(doc["_source"]["sink"] for doc in found if _until(doc) > since)]


class Lease:
    """A document that one runner holds for a while. Errors of the client pass through.

    It spares receivers doubles; nothing that may not happen twice rests on it.
    """

    def __init__(
        self, client: elasticsearch.Elasticsearch, index: str, sink: str, runner: str, seconds: float
    ) -> None:
        self._client = client
        self._index = index
        self._sink = sink
        self._runner = runner
        self._millis = round(seconds * 1000)

    def take(self) -> bool:
        """Take or renew it; tell whether we have it."""
        now = millis_now()
        try:
            found = self._client.get(index=self._index, id=_key(self._sink))
        except elasticsearch.NotFoundError:
            return self._write(now + self._millis, op_type="create")
        source = found["_source"]
        runner = source["runner"]
        holds = now < source["until"] <= now + max(_FURTHEST, self._millis)
        if runner != self._runner and holds and not is_dead(runner):
            return False
        return self._write(
            now + self._millis, if_seq_no=found["_seq_no"], if_primary_term=found["_primary_term"]
        )

    def give_back(self) -> None:
        """Let another have it at once."""
        found = self._client.get(index=self._index, id=_key(self._sink))
        if found["_source"]["runner"] == self._runner:
            self._write(
                millis_now() - _CLOCKS,
                if_seq_no=found["_seq_no"],
                if_primary_term=found["_primary_term"],
            )

    def _write(self, until: int, **condition: Any) -> bool:
        document = {"sink": self._sink, "runner": self._runner, "until": until}
        try:
            self._client.index(index=self._index, id=_key(self._sink), document=document, **condition)
        except elasticsearch.ConflictError:
            return False
        return True


def _key(sink: str) -> str:
    return f"sink-{sink}"


def _until(document: Mapping[str, Any]) -> int:
    return int(document["_source"]["until"]) if document.get("found") else 0
