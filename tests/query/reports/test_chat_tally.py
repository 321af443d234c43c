"""What chats add up to: objectives, transfers, who missed what, how many at a time. No server."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from audit_query import Filter, Teams, parse_objectives
from audit_query.reports import (
    AskedDecisions,
    BucketClock,
    ChatTally,
    DecidedChats,
    Person,
    Tallying,
    TransferRow,
    chat_tally,
)
from audit_query.reports.case import STEPS, Step
from audit_query.reports.case_store import CaseStore
from audit_query.reports.cells import to_millis
from audit_query.reports.missed_chats import MISSED_SHOWN

START = datetime(2026, 10, 25, tzinfo=UTC)
END = START + timedelta(days=1)
OPENED, ASSIGNED, JOINED, ANSWERED, CLOSED = STEPS
ADA, BEN = Person("Ada", "u-1"), Person("Ben", "u-2")
VISITOR = Person("visitor", None)

Life = Sequence[tuple[float, str, Person]]


def tally(*lives: Life, objectives: str = "assigned=60s", **options: object) -> ChatTally:
    """Return what chats add up to; the times of their steps are seconds after the start."""
    steps = [
        Step(to_millis(START) + int(at * 1000), action, None, f"c-{number}", person)
        for number, life in enumerate(lives)
        for at, action, person in life
    ]
    found = ChatTally(
        start=START,
        until=END,
        objectives=parse_objectives(objectives),
        **options,  # type: ignore[arg-type]
    )
    with CaseStore(1000) as store:
        for step in sorted(steps, key=lambda step: (step.at, STEPS.index(step.action))):
            for item in store.take(step):
                if item is not None:
                    found.add(item)
        for row in store.open_cases():
            found.add(row)
    return found


def life(opened: float = 0, *, assigned: float | None = None, **steps: float) -> Life:
    """Return a chat of Ada's; the times are those of its steps."""
    times = {ASSIGNED: assigned, JOINED: steps.get("joined"), ANSWERED: steps.get("answered")}
    done = [(at, action, ADA) for action, at in times.items() if at is not None]
    closed = [(steps["closed"], CLOSED, VISITOR)] if "closed" in steps else []
    return [(opened, OPENED, VISITOR), *done, *closed]


@pytest.mark.parametrize(
    ("chat", "met", "of"),
    [
        (life(assigned=60), 1, 1),
        (life(assigned=60.001), 0, 1),
        (life(closed=61), 0, 1),
        (life(closed=60), 0, 0),
        (life(), 0, 1),
        (life(86400 - 59), 0, 0),
        (life(-10, assigned=20), 0, 0),
        (life(10, assigned=5), 0, 0),
    ],
)
def test_objective_counts_what_was_decided(chat: Life, met: int, of: int) -> None:
    """In time, too late, never; not if it was closed too soon, just opened, or opened before."""
    found = tally(chat)
    ratio = found.all.ratio(found.objectives[0])
    assert (ratio.met, ratio.of) == (met, of)


def test_chats_behind_a_share_are_as_many_as_it_says() -> None:
    """Of all, of somebody, of a team, of a day; those that are kept are few, the rest is counted."""
    lives = [
        life(number * 3600, assigned=number * 3600 + 55 + number, joined=number * 3600 + 100)
        for number in range(10)
    ]
    lives += [life(5), life(86400 - 30), life(7, closed=8)]
    lives.append([(9, OPENED, VISITOR), (90, ASSIGNED, BEN)])
    teams = {ADA: ("Support",), BEN: ()}
    found = tally(*lives, clock=BucketClock(UTC, "hour"), teams_of=lambda one: teams.get(one, ()))
    tallying = Tallying(END, found.objectives, Teams({"Support": ("Ada",)}))
    second = START + timedelta(hours=1), START + timedelta(hours=2)
    shares = {
        AskedDecisions(): found.all,
        AskedDecisions(user="Ada", user_id="u-1"): found.people[ADA],
        AskedDecisions(user="Ben"): found.people[BEN],
        AskedDecisions(team="Support"): found.teams["Support"],
        AskedDecisions(opened_from=second[0], opened_to=second[1]): found.buckets[second[0]],
    }
    for asked, group in shares.items():
        chats = DecidedChats(tallying.decided(Filter(start=START, end=END), asked))
        for row in found.latest:
            chats.add(row)
        assert chats.ratio(found.objectives[0]) == group.ratio(found.objectives[0]), asked
        assert len(chats.rows) == chats.met + chats.missed
    missed = DecidedChats(tallying.decided(Filter(start=START), AskedDecisions(is_met=False)))
    for row in found.latest:
        missed.add(row)
    assert [row.row.chat for row in missed.rows][:4] == ["c-9", "c-8", "c-7", "c-6"]
    assert (missed.met, missed.missed) == (0, 6)
    nobody = DecidedChats(tallying.decided(Filter(), AskedDecisions(user="Ada", user_id="")))
    nobody.add(found.latest[0])
    assert nobody.rows == []


def test_percentage_is_never_rounded_up_to_all() -> None:
    """One of two thousand that missed it shows."""
    found = tally(*(life(number, assigned=number + 1) for number in range(1999)), life(closed=100))
    assert found.all.ratio(found.objectives[0]).percent == 99.9


def test_transfer_is_an_assignment_to_somebody_else() -> None:
    """Assigned to the same again is none; there and back are two."""
    chat = [
        (0, OPENED, VISITOR),
        *((at, ASSIGNED, who) for at, who in enumerate((ADA, ADA, BEN, ADA, BEN), 1)),
    ]
    found = tally(chat)
    assert found.transfers == [TransferRow(ADA, BEN, 2), TransferRow(BEN, ADA, 1)]


def test_missed_chats_are_those_that_wait_longest() -> None:
    """Open ones first, the oldest first; those closed without count, too."""
    found = tally(life(30), life(20), life(5, closed=9), life(1, joined=2, assigned=2))
    assert [row.chat for row in found.unassigned.rows] == ["c-1", "c-0", "c-2"]
    assert (found.unassigned.open, found.unassigned.closed) == (2, 1)


def test_missed_chats_that_are_kept_are_few() -> None:
    """However many there are: the newest are left out."""
    found = tally(*(life(number) for number in range(MISSED_SHOWN + 50)))
    assert found.unassigned.total == MISSED_SHOWN + 50
    kept = [row.chat for row in found.unassigned.rows]
    assert kept == [f"c-{number}" for number in range(MISSED_SHOWN)]


def test_unanswered_is_what_nobody_joined_where_no_answer_is_published() -> None:
    """The reports do without an activity that a platform has not."""
    without = tally(life(joined=5), life(1))
    assert [row.chat for row in without.missed.rows] == ["c-1"]
    published = tally(life(joined=5), life(1), life(joined=5, answered=6))
    assert [row.chat for row in published.missed.rows] == ["c-0", "c-1"]


def test_chats_at_a_time_are_those_joined_and_not_closed() -> None:
    """Two of three overlap; by person, by bucket and in all."""
    found = tally(
        life(joined=10, closed=3000),
        life(joined=20, closed=3700),
        life(joined=3650, closed=3660),
        clock=BucketClock(UTC, "hour"),
    )
    assert found.people[ADA].at_once.most == found.all.at_once.most == 2
    assert found.all.at_once.at == START + timedelta(seconds=20)
    assert [group.at_once.most for group in found.buckets.values()] == [2, 2]
    assert found.all.at_once.now == 0


def test_chats_at_a_time_are_right_beyond_the_people_that_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where visitors join chats, too, there is no end of people; each chat of theirs is over."""
    monkeypatch.setattr(chat_tally, "_PEOPLE_MAX", 2)
    lives = [
        [
            (10 * number, OPENED, VISITOR),
            (10 * number + 1, JOINED, Person(f"visitor {number}", None)),
            (10 * number + 5, CLOSED, VISITOR),
        ]
        for number in range(9)
    ]
    found = tally(*lives, clock=BucketClock(UTC, "hour"), teams_of=lambda _: ("Support",))
    assert len(found.people) == 2
    groups = (found.all, *found.buckets.values(), *found.teams.values())
    assert [group.at_once.most for group in groups] == [1, 1, 1]


def test_handling_lasts_from_the_first_join_to_the_closing() -> None:
    """It counts for who joined first, whoever closed the chat."""
    found = tally(life(joined=10, closed=110))
    assert found.people[ADA].handled.median == pytest.approx(100, rel=0.01)
    assert VISITOR not in found.people


def test_team_has_the_waits_of_its_members() -> None:
    """Somebody may be in several; whoever is in none counts in the sums alone."""
    teams = {ADA: ("Support", "Night"), BEN: ()}
    chat = [(0, OPENED, VISITOR), (5, ASSIGNED, BEN)]
    found = tally(life(assigned=30), chat, teams_of=lambda person: teams.get(person, ()))
    assert {name: group.spread("assigned").count for name, group in found.teams.items()} == {
        "Support": 1,
        "Night": 1,
    }
    assert found.all.spread("assigned").count == 2


def test_days_are_those_of_the_zone() -> None:
    """In Berlin, on the day that has 25 hours; the hour that comes twice is two."""
    berlin = ZoneInfo("Europe/Berlin")
    days, hours = BucketClock(berlin, "day"), BucketClock(berlin, "hour")
    midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)
    last = midnight + timedelta(hours=24, minutes=59)
    assert days.start_of(midnight) == days.start_of(last) == midnight
    assert days.start_of(last + timedelta(minutes=1)) == midnight + timedelta(hours=25)
    assert hours.start_of(midnight + timedelta(hours=2, minutes=10)) == midnight + timedelta(hours=2)
    assert hours.start_of(midnight + timedelta(hours=3, minutes=10)) == midnight + timedelta(hours=3)
    assert hours.hour_of_week(midnight + timedelta(hours=3)) == (6, 2)
