"""One stream against receivers that refuse, or are slow: one event is passed by, and no batch grows."""

import threading
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from audit_forward import delivery, forwarder
from audit_forward.errors import ForwardError, RefusedError
from audit_forward.forwarder import Forwarder
from audit_forward.item import Batch, Item, Limits
from audit_forward.metrics import ForwardMetrics
from audit_forward.receivers import Answer
from audit_forward.state import StreamState


class Endless:
    """A topic that always has more: batches of five items, of 1,000 bytes each."""

    def __init__(self) -> None:
        self.offset = 0

    def begin(self, state: StreamState) -> StreamState:
        """Begin with the first record."""
        return replace(state, positions={0: (0, 0)})

    def read(self) -> Batch:
        """Return the next items."""
        first, self.offset = self.offset, self.offset + 5
        items = [Item(str(n), b"x" * 1000, partition=0, offset=n) for n in range(first, self.offset)]
        return Batch(items, {0: self.offset})

    def lag(self, _: StreamState) -> int:
        """Be behind."""
        return 1000

    def close(self) -> None:
        """Do nothing."""


class States:
    """Keeps the ids of dead letters alone."""

    def __init__(self) -> None:
        self.dead_letters: list[str] = []
        self.writes = 0

    def prepare(self) -> None:
        """Do nothing."""

    def claim(self, blank: StreamState) -> StreamState:
        """Have the stream."""
        return blank

    def write(self, state: StreamState) -> StreamState:
        """Forget it, but for their number."""
        self.writes += 1
        return state

    def dead_letter(self, _: str, refused: list[tuple[Item, str]]) -> None:
        """Note the ids."""
        self.dead_letters += [item.id for item, _ in refused]

    def release(self, state: StreamState) -> None:
        """Do nothing."""


class Refusing:
    """Refuses some events, or all; notes the others, and ends the forwarder after some requests."""

    def __init__(self, limits: Limits, refused: set[str] | None, stop: threading.Event) -> None:
        self.limits = limits
        self.sent: list[int] = []
        self.taken: list[str] = []
        self._refused = refused
        self._stop = stop

    def send(self, items: Any) -> Answer:
        """Take all or nothing."""
        self.sent.append(len(items))
        if len(self.sent) >= 200:
            self._stop.set()
        ids = [each.id for each in items]
        if self._refused is None or not self._refused.isdisjoint(ids):
            raise RefusedError("400 no")
        self.taken += ids
        return Answer("200")

    def close(self) -> None:
        """Do nothing."""


def run(
    receiver: Refusing, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> tuple[Endless, States]:
    """Forward until the receiver has had its requests; return what was read, and what was kept."""
    monkeypatch.setattr(forwarder, "_LONGEST_PAUSE", 0.001)
    source, states = Endless(), States()
    shown = ForwardMetrics(["siem"]).of("siem")
    kept: Any = states
    Forwarder(StreamState("stream", "siem"), source, receiver, kept, shown, stop).run()
    assert len(receiver.sent) >= 200
    return source, states


@pytest.mark.parametrize("limits", [Limits(500, 8_000), Limits(8, 1_000_000)], ids=["bytes", "events"])
def test_refusing_receiver_makes_no_batch_grow(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    """More is read only until what is sent at once is full, however often it is refused."""
    monkeypatch.setattr(delivery, "_WINDOW_BYTES", 8_000)
    monkeypatch.setattr(forwarder, "MOST_SUSPECTS", 8)
    stop = threading.Event()
    receiver = Refusing(limits, None, stop)
    source, states = run(receiver, stop, monkeypatch)
    assert max(receiver.sent) <= 8
    assert source.offset <= 25, "no more than fills a window, a batch beyond it, and one read ahead"
    assert not states.dead_letters


def test_refused_event_stops_no_stream_of_single_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a request has one event, that a receiver takes others is seen by the next requests."""
    stop = threading.Event()
    receiver = Refusing(Limits(1, 1_000_000), {"3", "21", "22"}, stop)
    _, states = run(receiver, stop, monkeypatch)
    assert states.dead_letters == ["3", "21", "22"]
    assert receiver.taken[:20] == [str(n) for n in range(21) if n != 3]
    assert len(receiver.taken) == len(set(receiver.taken))


def test_event_larger_than_a_request_that_is_refused_stops_no_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It goes alone, so that nothing beside it could show that others are taken."""
    stop = threading.Event()
    receiver = Refusing(Limits(500, 10), {"3"}, stop)
    _, states = run(receiver, stop, monkeypatch)
    assert states.dead_letters == ["3"]
    assert receiver.taken[:6] == ["0", "1", "2", "4", "5", "6"]


class Sparse(Endless):
    """A topic of which a stream wants the first record alone."""

    def read(self) -> Batch:
        """Return the next records, as far as they are wanted."""
        first, self.offset = self.offset, self.offset + 1000
        items = [] if first else [Item("0", b"x", partition=0, offset=0)]
        return Batch(items, {0: self.offset})


class Watching(Refusing):
    """Notes how often the state had been written before each request."""

    def __init__(self, limits: Limits, states: States, stop: threading.Event) -> None:
        super().__init__(limits, {"3"}, stop)
        self.writes: list[int] = []
        self._states = states

    def send(self, items: Any) -> Answer:
        """Take all or nothing; two dozen requests are enough."""
        self.writes.append(self._states.writes)
        if len(self.sent) >= 24:
            self._stop.set()
        return super().send(items)


@pytest.mark.parametrize("source", [Sparse(), Endless()], ids=["filled", "searched"])
def test_lease_is_renewed_whatever_lasts(source: Endless, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else another process takes the stream, and each ends the other's work before it is noted."""
    monkeypatch.setattr(forwarder, "_RENEW_SECONDS", 0.0)
    monkeypatch.setattr(forwarder, "_STORE_SECONDS", 3600.0)
    stop = threading.Event()
    states = States()
    kept: Any = states
    receiver = Watching(Limits(64, 1_000_000, seconds=0.1), states, stop)
    if isinstance(source, Sparse):
        threading.Timer(0.5, stop.set).start()
    metrics = ForwardMetrics(["siem"]).of("siem")
    Forwarder(StreamState("stream", "siem"), source, receiver, kept, metrics, stop).run()
    if isinstance(source, Sparse):
        assert receiver.writes[0] > 10, "again and again while there was always more to read"
    else:
        assert states.dead_letters == ["3"]
        assert all(b > a for a, b in pairwise(receiver.writes)), "between requests of a search, too"


class Recreated(Endless):
    """A topic that was created again: it is gone on at a lower offset than it was begun at."""

    def begin(self, state: StreamState) -> StreamState:
        """Be where the former one was left."""
        return replace(state, positions={0: (3000, 5000)})


def test_topic_that_was_created_again_is_counted_from_where_it_is_read() -> None:
    """Else its first events would be missing for `verify`, though they were delivered."""
    stop = threading.Event()
    receiver = Refusing(Limits(5, 1_000_000), set(), stop)
    kept: Any = States()
    released: list[StreamState] = []
    kept.release = released.append
    metrics = ForwardMetrics(["siem"]).of("siem")
    Forwarder(StreamState("stream", "siem"), Recreated(), receiver, kept, metrics, stop).run()
    began, goes_on = released[0].positions[0]
    assert began <= 5
    assert goes_on == len(receiver.taken)


class Faltering(Endless):
    """A topic that can be read twice, and not the third time."""

    def read(self) -> Batch:
        """Return the next items, or fail."""
        if self.offset % 15 == 10:
            self.offset += 5
            raise ForwardError("Elasticsearch could not search everything")
        return super().read()


class Pauses(threading.Event):
    """Notes how long each pause was to be."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Wait."""
        self.seconds.append(timeout or 0.0)
        if len(self.seconds) >= 5:
            self.set()
        return super().wait(timeout)


def test_pause_is_short_again_after_what_went_well() -> None:
    """Faults that are far apart must not hold a stream up for a minute each, ever after."""
    stop = Pauses()
    receiver = Refusing(Limits(5, 1_000_000), set(), stop)
    kept: Any = States()
    metrics = ForwardMetrics(["siem"]).of("siem")
    Forwarder(StreamState("stream", "siem"), Faltering(), receiver, kept, metrics, stop).run()
    assert len(receiver.taken) >= 40
    assert max(stop.seconds) <= 0.2
