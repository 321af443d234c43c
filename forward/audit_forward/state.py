"""How far each stream is, in Elasticsearch: positions and counts in one document, written as one.

Not in a consumer group of Kafka's: its offsets expire a week after a group has fallen silent, so that a
stream which is paused for longer would pass over what came meanwhile; and a count that is stored apart
from its position can't be relied upon.

One process has a stream at a time, by a lease in that document, and each write is conditional on the
one before: a process that was taken for dead can't put a position back.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import elasticsearch
from audit_runtime import is_dead
from audit_schemas import format_timestamp

from audit_forward.errors import PositionLostError
from audit_forward.item import Item

__all__ = ["DeadLetter", "StreamState", "StreamStates"]

_ANSWER = 2000
_SOME = 1000
_MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "kind": {"type": "keyword"},
        "stream": {"type": "keyword"},
        "topic": {"type": "keyword"},
        "positions": {"type": "object", "enabled": False},
        "cursor": {"type": "long", "index": False},
        "began": {"type": "date"},
        "start": {"type": "date"},
        "end": {"type": "date"},
        "is_done": {"type": "boolean"},
        "delivered": {"type": "long"},
        "dead_letters": {"type": "long"},
        "problem": {"type": "keyword", "index": False, "doc_values": False},
        "problem_since": {"type": "date"},
        "owner": {"type": "keyword"},
        "until": {"type": "date", "format": "epoch_millis"},
        "updated": {"type": "date"},
        "item": {"type": "keyword"},
        "happened": {"type": "date"},
        "partition": {"type": "integer"},
        "offset": {"type": "long"},
        "answer": {"type": "text", "index": False},
    },
}


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where a stream is, or a run of its history.

    `positions` has, for each partition, where the stream began and the offset that it goes on at.
    """

    kind: str
    stream: str
    topic: str = ""
    positions: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    cursor: Sequence[int] = ()
    began: str | None = None
    start: str | None = None
    end: str | None = None
    is_done: bool = False
    delivered: int = 0
    dead_letters: int = 0
    problem: str | None = None
    problem_since: str | None = None
    owner: str = ""
    until: int = 0
    updated: str = ""
    seq_no: int = -1
    primary_term: int = -1

    @property
    def key(self) -> str:
        """The id of its document."""
        if self.kind == "stream":
            return f"stream-{self.stream}"
        return f"history-{self.stream}-{self.start}-{self.end}"

    def document(self) -> dict[str, Any]:
        """Return it as it is stored."""
        found = asdict(self)
        del found["seq_no"], found["primary_term"]
        found["positions"] = {str(number): list(at) for number, at in self.positions.items()}
        found["cursor"] = list(self.cursor)
        return found

    @classmethod
    def stored(cls, hit: Mapping[str, Any]) -> "StreamState":
        """Return what a document says."""
        fields = dict(hit["_source"])
        positions = {int(number): (at[0], at[1]) for number, at in fields.pop("positions").items()}
        return cls(
            positions=positions,
            seq_no=hit.get("_seq_no", -1),
            primary_term=hit.get("_primary_term", -1),
            **fields,
        )

    def is_held(self, owner: str) -> bool:
        """Tell whether another process has it."""
        is_other = self.owner not in ("", owner)
        return is_other and self.until > time.time() * 1000 and not is_dead(self.owner)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What a receiver refused for good, and its answer."""

    stream: str
    item: str
    happened: str
    partition: int
    offset: int
    answer: str
    updated: str


class StreamStates:
    """The documents of the index. Errors of the Elasticsearch client pass through."""

    def __init__(
        self,
        client: elasticsearch.Elasticsearch,
        index: str,
        owner: str,
        lease_seconds: float = 60.0,
    ) -> None:
        """Hold each lease for so long; it must be longer than one delivery takes."""
        self._client = client
        self._index = index
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._lock = threading.Lock()
        self._is_prepared = False

    def prepare(self) -> None:
        """Create the index if there is none."""
        with self._lock:  # who comes second must not find an index that is not ready yet
            if self._is_prepared:
                return
            try:
                self._client.indices.create(index=self._index, mappings=_MAPPING)
            except elasticsearch.BadRequestError as error:
                if error.error != "resource_already_exists_exception":
                    raise
                self._client.indices.put_mapping(index=self._index, **_MAPPING)
            self._is_prepared = True

    def read(self, state: StreamState) -> StreamState | None:
        """Return what is stored under the state's key; None if nothing is."""
        try:
            return StreamState.stored(self._client.get(index=self._index, id=state.key).body)
        except elasticsearch.NotFoundError:
            return None

    def claim(self, blank: StreamState) -> StreamState | None:
        """Take a stream, or what another left; None while another process has it."""
        found = self.read(blank) or blank
        if found.is_held(self._owner):
            return None
        try:
            return self.write(found)
        except PositionLostError:
            return None

    def write(self, state: StreamState) -> StreamState:
        """Store what follows a state that was read or written, and renew the lease.

        Raises PositionLostError where another process wrote meanwhile.
        """
        until = round((time.time() + self._lease_seconds) * 1000)
        return self._write(replace(state, owner=self._owner, until=until))

    def release(self, state: StreamState) -> None:
        """Store a last state, and let another process have the stream at once."""
        self._write(replace(state, owner="", until=0))

    def dead_letter(self, stream: str, refused: Sequence[tuple[Item, str]]) -> None:
        """Keep what was refused, with the answers; the same again replaces itself."""
        lines: list[dict[str, Any]] = []
        for item, answer in refused:
            lines += [
                {"index": {"_id": f"dead-{stream}-{item.id}"}},
                {
                    "kind": "dead-letter",
                    "stream": stream,
                    "item": item.id,
                    "happened": item.happened,
                    "partition": item.partition,
                    "offset": item.offset,
                    "answer": answer[:_ANSWER],
                    "updated": format_timestamp(datetime.now(UTC)),
                },
            ]
        answered = self._client.bulk(index=self._index, operations=lines)
        if answered["errors"]:
            raise elasticsearch.TransportError("a dead letter could not be stored")

    def dead_letters(self, stream: str) -> list[DeadLetter]:
        """Return the oldest dead letters of a stream, at most 1,000."""
        where = [{"term": {"kind": "dead-letter"}}, {"term": {"stream": stream}}]
        names = DeadLetter.__dataclass_fields__
        return [
            DeadLetter(**{name: hit["_source"][name] for name in names})
            for hit in self._search(where, [{"happened": "asc"}, {"item": "asc"}])
        ]

    def refused_ids(self, stream: str, span: Mapping[str, str]) -> Iterator[list[str]]:
        """Yield the ids of all dead letters of a stream that happened then, some at a time."""
        where: list[Mapping[str, Any]] = [
            {"term": {"kind": "dead-letter"}},
            {"term": {"stream": stream}},
            {"range": {"happened": span}},
        ]
        ids: list[str] = []
        while found := list(self._search(where, [{"item": "asc"}], after=ids[-1:])):
            ids = [hit["_source"]["item"] for hit in found]
            yield ids

    def of(self, stream: str, kind: str) -> list[StreamState]:
        """Return the stored states of a stream: its own, or its runs of history."""
        where = [{"term": {"kind": kind}}, {"term": {"stream": stream}}]
        return [StreamState.stored(hit) for hit in self._search(where, [{"updated": "asc"}])]

    def _search(
        self,
        where: Sequence[Mapping[str, Any]],
        sort: list[Mapping[str, str]],
        after: Sequence[str] = (),
    ) -> Iterator[Mapping[str, Any]]:
        try:
            self._client.indices.refresh(index=self._index)
            found = self._client.search(
                index=self._index,
                query={"bool": {"filter": list(where)}},
                sort=sort,
                search_after=after or None,
                size=_SOME,
                allow_partial_search_results=False,
            )
        except elasticsearch.NotFoundError:  # nothing was forwarded yet
            return
        yield from found["hits"]["hits"]

    def _write(self, state: StreamState) -> StreamState:
        state = replace(state, updated=format_timestamp(datetime.now(UTC)))
        how: dict[str, Any] = (
            {"op_type": "create"}
            if state.seq_no < 0
            else {"if_seq_no": state.seq_no, "if_primary_term": state.primary_term}
        )
        try:
            done = self._client.index(index=self._index, id=state.key, document=state.document(), **how)
        except elasticsearch.ConflictError:
            raise PositionLostError(f"another process forwards {state.stream} now") from None
        return replace(state, seq_no=done["_seq_no"], primary_term=done["_primary_term"])
