"""Workers: packs go out, come back, and nothing that goes wrong is swallowed."""

import threading
from collections import Counter

import pytest
from audit_consumer.batch import Pack
from audit_consumer.record import Outcome
from audit_consumer.settle import Progress
from audit_consumer.workers import Landing, Workers
from support.messages import message


def pack_of(count: int) -> Pack:
    """Return a pack of so many records."""
    pack = Pack()
    for offset in range(count):
        pack.add(message(b"x", offset=offset), b"lines")
    return pack


def test_packs_are_settled_at_the_same_time() -> None:
    """Three packs wait for one another, so they must be in three threads."""
    barrier = threading.Barrier(3, timeout=10)

    def settle(pack: Pack) -> Progress:
        barrier.wait()
        return Progress(Counter({Outcome.INDEXED: len(pack)}))

    workers = Workers(settle)
    packs = [pack_of(n) for n in (1, 2, 3)]
    for pack in packs:
        workers.submit(pack)
    landed: list[Landing] = []
    while workers.in_flight:
        landed += workers.landings(10)
    assert {1, 2, 3} == {landing.events for landing in landed}
    assert {id(pack) for pack in packs} == {id(landing.pack) for landing in landed}
    assert workers.in_flight == 0


def test_waiting_for_a_landing_ends_in_time() -> None:
    """Who waits for an answer that does not come goes on."""
    release = threading.Event()

    def settle(_: Pack) -> Progress:
        assert release.wait(10)
        return Progress()

    workers = Workers(settle)
    workers.submit(pack_of(1))
    assert list(workers.landings(0.05)) == []
    assert workers.in_flight == 1
    release.set()
    assert len(list(workers.landings(10))) == 1


def test_what_a_worker_raises_is_raised_in_the_loop() -> None:
    """A bug must end the process, not a thread that nobody looks at."""

    def settle(_: Pack) -> Progress:
        raise ZeroDivisionError

    workers = Workers(settle)
    workers.submit(pack_of(1))
    with pytest.raises(ZeroDivisionError):
        list(workers.landings(10))
