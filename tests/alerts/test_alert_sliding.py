"""The exact check, against the plainest thing that could be right."""

from collections.abc import Sequence
from itertools import groupby, product

import pytest
from audit_alerts.hits import Hit
from audit_alerts.plan import Correlation, Kind
from audit_alerts.sliding import Part, firings
from hypothesis import given
from hypothesis import strategies as st
from support.alert_cases import base, correlation

PARTS = (base("login"), base("logout"), base("login-failed"))


def hit(at: int, number: int, value: str | None = None, partition: int = 0) -> Hit:
    """Return an event; its number is its place in Kafka."""
    return Hit(at, (partition, number), f"e-{number:03}", at, {"user.id": value})


def fulfilled(plan: Correlation, window: Sequence[Part]) -> bool:
    """Tell whether a window fulfils a correlation, by looking at all of it."""
    if plan.kind is Kind.EVENT_COUNT:
        return len(window) >= plan.at_least
    if plan.kind is Kind.VALUE_COUNT:
        return len({h.values["user.id"] for h, _ in window} - {None}) >= plan.at_least
    if plan.kind is Kind.TEMPORAL:
        return len({part for _, part in window}) >= plan.at_least
    parts = [[h for h, part in window if part == number] for number in range(len(plan.parts))]
    return any(map(in_order, product(*parts)))


def in_order(row: Sequence[Hit]) -> bool:
    """Tell whether events may have come so: of one moment, their partitions forth or back."""
    for _, together in groupby(row, key=lambda each: each.at):
        places = [each.order for each in together]
        known = sorted(set(places))
        if places not in (known, sorted(known, key=lambda place: -place[0])):
            return False
    times = [each.at for each in row]
    return times == sorted(times)


def oracle(plan: Correlation, parts: Sequence[Part]) -> list[int]:
    """Return the moments that fire, by looking at every window."""
    return [
        at
        for at in sorted({h.at for h, _ in parts})
        if fulfilled(plan, [each for each in parts if at - plan.span < each[0].at <= at])
    ]


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Correlation, list[Part]]:
    """Make a correlation, and hits that are close enough to matter to it."""
    kind = draw(st.sampled_from(list(Kind)))
    number = 1 if kind in (Kind.EVENT_COUNT, Kind.VALUE_COUNT) else draw(st.integers(2, 3))
    least = number if kind is Kind.TEMPORAL_ORDERED else draw(st.integers(1, 4))
    plan = correlation(
        kind,
        *PARTS[:number],
        span=draw(st.integers(1, 12)),
        at_least=min(least, number) if kind is Kind.TEMPORAL else least,
        counted="user.id" if kind is Kind.VALUE_COUNT else None,
    )
    events = draw(
        st.lists(
            st.tuples(
                st.integers(0, 30),
                st.integers(0, number - 1),
                st.sampled_from(["a", "b", "c", None]),
                st.integers(0, 2),
            ),
            max_size=14,
        )
    )
    return plan, [(hit(at, n, value, where), part) for n, (at, part, value, where) in enumerate(events)]


@given(scenes(), st.randoms(use_true_random=False))
def test_it_finds_what_looking_at_every_window_finds(
    scene: tuple[Correlation, list[Part]], chance: "object"
) -> None:
    """Neither more nor less, whatever the order in which the events are given."""
    plan, parts = scene
    expected = oracle(plan, parts)
    assert expected == [firing.hit.at for firing in firings(plan, parts)]
    chance.shuffle(parts)  # type: ignore[attr-defined]
    assert expected == [firing.hit.at for firing in firings(plan, parts)]


@pytest.mark.parametrize("offset", range(0, 600, 37))
def test_an_attack_that_straddles_any_edge_is_found(offset: int) -> None:
    """Five in a window of ten minutes, wherever the clock's own minutes and hours lie."""
    plan = correlation(span=600, at_least=5)
    attack = [(hit(3600 - 300 + offset + 120 * n, n), 0) for n in range(5)]
    (firing,) = firings(plan, attack)
    assert attack[-1][0].at == firing.hit.at
    assert attack[0][0].at == firing.since


@pytest.mark.parametrize("kind", list(Kind))
def test_a_window_does_not_hold_its_own_beginning(kind: Kind) -> None:
    """(t - span, t]: what is a whole span ago is over."""
    parts = PARTS[:2] if kind in (Kind.TEMPORAL, Kind.TEMPORAL_ORDERED) else PARTS[:1]
    counted = "user.id" if kind is Kind.VALUE_COUNT else None
    plan = correlation(kind, *parts, span=10, at_least=2, counted=counted)
    second = len(parts) - 1
    assert not list(firings(plan, [(hit(0, 0, "a"), 0), (hit(10, 1, "b"), second)]))
    (firing,) = firings(plan, [(hit(0, 0, "a"), 0), (hit(9, 1, "b"), second)])
    assert (0, 9, 2) == (firing.since, firing.hit.at, firing.size)


def test_events_of_one_moment_are_in_kafkas_order() -> None:
    """A failure and a success of one moment, which is a second where a service knows no more.

    Of one partition, by offset; of two, nobody knows, and an attack is not missed for that.
    """
    plan = correlation(Kind.TEMPORAL_ORDERED, *PARTS[:2])
    assert list(firings(plan, [(hit(5, 1), 0), (hit(5, 2), 1)]))
    assert not list(firings(plan, [(hit(5, 2), 0), (hit(5, 1), 1)]))
    for first, second in ((0, 1), (1, 0)):
        assert list(firings(plan, [(hit(5, 2, None, first), 0), (hit(5, 1, None, second), 1)]))


def test_an_event_is_not_its_own_predecessor() -> None:
    """One event that fits two parts is one event."""
    plan = correlation(Kind.TEMPORAL_ORDERED, *PARTS[:2])
    assert not list(firings(plan, [(hit(5, 1), 0), (hit(5, 1), 1)]))


def test_time_grows_with_the_events_and_not_with_the_span() -> None:
    """A hundred thousand events in one window: each is looked at once or twice."""
    plan = correlation(Kind.VALUE_COUNT, span=10**9, at_least=2, counted="user.id")
    parts = [(hit(n, n, str(n % 7)), 0) for n in range(100_000)]
    assert sum(1 for _ in firings(plan, parts)) == 99_999
