"""Workers: batches go out, come back, and nothing that goes wrong is swallowed."""

import threading
from collections import Counter

import pytest
from audit_consumer.batch import Batch
from audit_consumer.record import Outcome
from audit_consumer.settle import Progress
from audit_consumer.workers import BulkResult, Workers
from support.messages import message


def pack_of(count: int) -> Batch:
    """Return a batch of so many records."""
    batch = Batch()
    for offset in range(count):
        batch.add(message(b"x", offset=offset), b"lines")
    return batch


def test_packs_are_settled_at_the_same_time() -> None:
    """Three batches wait for one another, so they must be in three threads."""
    barrier = threading.Barrier(3, timeout=60)

    def settle(batch: Batch) -> Progress:
        barrier.wait()
        return Progress(Counter({Outcome.INDEXED: len(batch)}))

    workers = Workers(settle)
    batches = [pack_of(n) for n in (1, 2, 3)]
    for batch in batches:
        workers.submit(batch)
    count_result: list[BulkResult] = []
    while workers.in_flight:
        count_result += workers.results(10)
    assert {1, 2, 3} == {result.events for result in count_result}
    assert {id(batch) for batch in batches} == {id(result.batch) for result in count_result}
    assert workers.in_flight == 0


def test_waiting_for_a_landing_ends_in_time() -> None:
    """Who waits for an answer that does not come goes on."""
    release = threading.Event()

    def settle(_: Batch) -> Progress:
        assert release.wait(10)
        return Progress()

    workers = Workers(settle)
    workers.submit(pack_of(1))
    assert list(workers.results(0.05)) == []
    assert workers.in_flight == 1
    release.set()
    assert len(list(workers.results(10))) == 1


def test_what_a_worker_raises_is_raised_in_the_loop() -> None:
    """A bug must end the process, not a thread that nobody looks at."""

    def settle(_: Batch) -> Progress:
        raise ZeroDivisionError

    workers = Workers(settle)
    workers.submit(pack_of(1))
    with pytest.raises(ZeroDivisionError):
        list(workers.results(10))
