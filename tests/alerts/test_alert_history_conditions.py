"""First seen, out of hours, and silent: against the plainest thing that could be right."""

from dataclasses import replace
from itertools import pairwise

import pytest
from audit_alerts.absence import absences
from audit_alerts.condition import Exists
from audit_alerts.history_conditions import filter_by_history
from audit_alerts.matches import LOCATION, Match
from audit_alerts.plan import Absence, Base, ImpossibleTravel, LogSource, NewTerms, UnusualHours
from hypothesis import given
from hypothesis import strategies as st

HOUR = 3_600_000
DAY = 24 * HOUR
LOGIN = Base("login", LogSource.EVENTS, Exists("service.name"), "")


def hit(at: int, number: int = 0, user: str | None = "a", ip: str | None = None) -> Match:
    """Return an event of a user."""
    return Match(at, (0, number), f"e-{number:03}", at, {"user.id": user, "source.ip": ip})


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40),
            st.sampled_from(["a", "b", None]),
            st.sampled_from(["x", "y", "z", None]),
        ),
        max_size=16,
    ),
    st.integers(1, 20),
)
def test_first_seen_is_what_was_not_there_while_another_was(
    events: list[tuple[int, str | None, str | None]], history: int
) -> None:
    """In the history before, for the same group; events of one moment do not know each other."""
    condition = NewTerms("source.ip", ("user.id",), history)
    hits = [hit(at, number, user, ip) for number, (at, user, ip) in enumerate(sorted(events, key=str))]
    hits.sort(key=lambda each: (each.at, each.order))

    def is_new(one: Match) -> bool:
        before = {
            other.values["source.ip"]
            for other in hits
            if other.values["user.id"] == one.values["user.id"]
            and one.at - history <= other.at < one.at
            and other.values["source.ip"] is not None
        }
        return bool(before) and one.values["source.ip"] not in before

    expected = [
        one
        for one in hits
        if None not in (one.values["user.id"], one.values["source.ip"]) and is_new(one)
    ]
    assert expected == list(filter_by_history(condition, hits))


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 23)), max_size=30),
    st.integers(2, 6),
    st.integers(2, 4),
    st.integers(1, 5),
    st.integers(0, 12),
)
def test_unusual_is_what_is_far_from_every_time_of_day_before(
    events: list[tuple[int, int]], history: int, days: int, margin: int, shift: int
) -> None:
    """On days enough, around midnight too; the same day is no history; within a shift one was there."""
    condition = UnusualHours(("user.id",), history * DAY, days, margin * HOUR, shift * HOUR)
    hits = [hit(day * DAY + hour * HOUR, number) for number, (day, hour) in enumerate(sorted(events))]

    def is_odd(one: Match) -> bool:
        day, hour = divmod(one.at // HOUR, 24)
        before = [
            (last // DAY, between // HOUR % 24)
            for first, last in [(h.at, h.at) for h in hits] + list(pairwise(h.at for h in hits))
            if last - first <= shift * HOUR and day - history <= last // DAY < day
            for between in range(first, last + 1, HOUR)
        ]
        far = all(min((hour - other) % 24, (other - hour) % 24) > margin for _, other in before)
        return len({d for d, _ in before}) >= days and far

    assert [one for one in hits if is_odd(one)] == list(filter_by_history(condition, hits))


@pytest.mark.parametrize(("hour", "is_odd"), [(9, True), (10, False), (14, False), (15, True)])
def test_the_margin_is_as_long_before_as_after(hour: int, is_odd: bool) -> None:  # noqa: FBT001
    """Two hours from noon are usual; three are not."""
    condition = UnusualHours(("user.id",), 9 * DAY, 2, 2 * HOUR)
    hits = [hit(day * DAY + 12 * HOUR, day) for day in range(3)]
    odd = hit(3 * DAY + hour * HOUR, 9)
    assert ([odd] if is_odd else []) == list(filter_by_history(condition, [*hits, odd]))


BERLIN, LYON, DENVER = (52.52, 13.4), (45.76, 4.84), (39.74, -104.98)


@pytest.mark.parametrize(
    ("way", "fires"),
    [
        ([(0, BERLIN), (9 * HOUR, DENVER)], []),
        ([(0, BERLIN), (8 * HOUR, DENVER)], [1]),
        ([(0, BERLIN), (0, LYON)], [1]),
        ([(0, BERLIN), (HOUR, LYON)], []),
        ([(0, BERLIN), (1, BERLIN), (2, None), (3, DENVER)], [3]),
        ([(0, BERLIN), (HOUR, DENVER), (2 * HOUR, BERLIN)], [1, 2]),
    ],
)
def test_travel_is_impossible_if_no_plane_is_so_fast(
    way: list[tuple[int, tuple[float, float] | None]], fires: list[int]
) -> None:
    """From Berlin it is 8,100 km to Denver and 970 km to Lyon."""
    condition = ImpossibleTravel(("user.id",), 1000, 500)
    hits = []
    for number, (at, where) in enumerate(way):
        known = dict(zip(LOCATION, map(str, where), strict=True)) if where else {}
        hits.append(Match(at, (0, number), str(number), at, {"user.id": "u-1", **known}))
    assert fires == [int(match.id) for match in filter_by_history(condition, hits)]


PLAN = Absence(LOGIN, ("service.name",), after=HOUR, days=2, least=3)
BUSY = [
    day * DAY + hour * HOUR + minute * 60_000
    for day in range(3)
    for hour in range(24)
    for minute in (5, 20, 35, 50)
]


def test_silence_is_where_the_days_before_had_enough() -> None:
    """It begins with the last event, fires an hour later, and ends with the next."""
    stop, again = 2 * DAY + 9 * HOUR, 2 * DAY + 15 * HOUR
    times = [at for at in BUSY if not stop < at < again]
    (span,) = absences(PLAN, times, 3 * DAY)
    last, following = next((a, b) for a, b in pairwise(times) if b - a > HOUR)
    assert (last, last + HOUR, following - 1) == (span.since, span.first, span.last)


def test_a_service_that_rests_at_this_hour_is_not_silent() -> None:
    """Nothing was expected, so nothing is missing; when it should begin again, it is."""
    times = [at for at in BUSY if at % DAY >= 8 * HOUR]
    assert not list(absences(PLAN, times, 3 * DAY + 8 * HOUR))
    (span,) = absences(PLAN, times, 3 * DAY + 10 * HOUR)
    assert 3 * DAY + 8 * HOUR < span.first <= 3 * DAY + 10 * HOUR


def test_what_rests_at_weekends_is_not_silent_then_and_is_missed_on_a_monday() -> None:
    """Compared with its own weekday: the days before a Saturday are busy, those before a Monday not."""
    plan = replace(PLAN, days=14, only=(7, 14))
    times = [day * DAY + at % DAY for day in range(19) if day % 7 < 5 for at in BUSY[:96]]
    assert not list(absences(plan, times, 20 * DAY))
    (span,) = absences(plan, times, 22 * DAY)
    assert 21 * DAY < span.first <= 21 * DAY + 2 * HOUR
    assert [5, 12] == [span.first // DAY for span in absences(PLAN, times, 19 * DAY)]


def test_silence_is_told_as_soon_as_it_has_lasted() -> None:
    """Not a moment before."""
    stop = 2 * DAY + 9 * HOUR + 5 * 60_000
    times = [at for at in BUSY if at <= stop]
    assert [stop + HOUR] == [span.first for span in absences(PLAN, times, stop + HOUR)]
    assert not list(absences(PLAN, times, stop + HOUR - 1))


@pytest.mark.parametrize("hours", [1, 5, 30])
def test_nothing_is_said_about_times_that_are_not_known_yet(hours: int) -> None:
    """What has not come because the consumers are behind is not missing."""
    until = 2 * DAY + hours * HOUR
    assert not list(absences(PLAN, [at for at in BUSY if at <= until], min(until, BUSY[-1])))
