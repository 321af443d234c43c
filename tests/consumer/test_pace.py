"""The pace: what a server's answers make of the number of bulks and of their size."""

import pytest
from audit_consumer.pace import Pace


class Server:
    """Works on so many bulks at a time, each document taking so long; what comes besides queues."""

    def __init__(self, workers: int, seconds_each: float, overhead: float = 0.005) -> None:
        self.workers, self.seconds_each, self.overhead = workers, seconds_each, overhead

    def seconds(self, bulks: int, events: int) -> float:
        """Return how long each bulk takes while so many are in flight."""
        return (self.overhead + events * self.seconds_each) * max(1.0, bulks / self.workers)

    def rate(self, bulks: int, events: int) -> float:
        """Return documents a second."""
        return bulks * events / self.seconds(bulks, events)

    def settle(self, pace: Pace, answers: int = 500) -> None:
        """Answer so many bulks."""
        for _ in range(answers):
            pace.succeeded(self.seconds(pace.bulks, pace.events))


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("seconds_each", [20e-6, 40e-6, 100e-6, 200e-6])
def test_it_settles_within_a_tenth_of_the_best_fixed_setting(workers: int, seconds_each: float) -> None:
    """Whatever the server can do at a time, and however fast it is."""
    server, pace = Server(workers, seconds_each), Pace()
    server.settle(pace)
    best = max(server.rate(b, e) for b in range(1, 9) for e in (500, 1000, 2000, 5000))
    assert server.rate(pace.bulks, pace.events) >= 0.9 * best


def test_what_is_in_flight_is_bounded_by_time() -> None:
    """On a slow server no bulk waits for seconds behind others."""
    server, pace = Server(2, 500e-6), Pace()
    server.settle(pace)
    assert server.seconds(pace.bulks, pace.events) < 1.2


def test_slow_server_gets_bulks_that_are_worth_their_cost() -> None:
    """One that others keep busy answers small bulks as late as larger ones."""
    pace = Pace()
    for _ in range(100):
        pace.succeeded(5.0)
    assert (pace.bulks, pace.events) == (1, 500)
    for _ in range(10):
        pace.throttled()
    assert pace.events == 100, "a server that refuses gets less"
    pace.succeeded(5.0)
    assert pace.events == 100, "nothing that is slow grows"


def test_it_halves_where_it_is_refused_and_comes_back() -> None:
    """429s are answered by less at once: first fewer bulks, then smaller ones."""
    server, pace = Server(4, 50e-6), Pace()
    server.settle(pace)
    bulks, events, rate = pace.bulks, pace.events, server.rate(pace.bulks, pace.events)
    pace.throttled()
    assert pace.bulks <= bulks / 2
    assert pace.events == events
    for _ in range(10):
        pace.throttled()
    assert pace.bulks == 1
    assert 100 <= pace.events < events
    server.settle(pace)
    assert server.rate(pace.bulks, pace.events) >= 0.9 * rate


def test_slow_answers_make_smaller_bulks() -> None:
    """A bulk that takes seconds holds up what stands behind it."""
    server, pace = Server(1, 0.002), Pace()
    server.settle(pace)
    assert server.seconds(1, pace.events) < 1.5


def test_fixed_numbers_stay() -> None:
    """Who sets them knows why."""
    pace = Pace(2000, 3)
    Server(1, 0.002).settle(pace)
    pace.throttled()
    assert (pace.events, pace.bulks) == (2000, 3)
