"""`report chats`: each chat's life and all waits, against ones that are followed chat by chat."""

import json
import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from audit_query import AuditLog, Criteria, Filter, ParameterError
from audit_query.reports import ChatRow, Spread, chats, waits
from audit_query.reports.case import STEPS, Step, Wait
from audit_query.reports.case_store import CaseStore
from audit_query.reports.chat_cases import cases
from audit_query.reports.chat_steps import whole_milliseconds
from audit_query.reports.people import Person
from audit_query.reports.sketch import RELATIVE_ERROR, Sketch
from audit_query.reports.wait_row import summed
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import some
from support.in_process import call
from support.report_cases import EPOCH, PEOPLE, TARGETS, Done, bucket_of, holding, meant
from support.servers import Deployment, Servers

START = datetime(2026, 10, 24, 12, tzinfo=UTC)
END = START + timedelta(days=2)
SECOND = timedelta(seconds=1)
ACTIONS = (
    "chat-opened",
    "chat-assigned-to-user",
    "user-joined-to-chat",
    "chat-answered",
    "chat-closed",
)
KINDS = dict(zip(ACTIONS[1:], ("assigned", "joined", "answered", "closed"), strict=True))


def lives(chats: int, seed: int = 1) -> list[Done]:
    """Return chats of every kind, orderly ones and those that nobody would design."""
    rng = random.Random(seed)
    events = []
    for number in range(chats):
        at = START + timedelta(seconds=rng.randrange(-40000, 180000))
        steps = rng.choice(
            (
                (0, 1, 2, 3, 4),
                (0, 1, 1, 1, 2, 2, 4),
                (0, 1, 2, 3, 3),
                (1, 2, 1, 4),
                (0, 1, 2, 4, 4, 2),
                (0, 4, 0, 1, 2, 3, 4),
                (0, 0, 2, 4),
                (1, 0, 2, 3, 4),
                (0,),
            )
        )
        for step in steps:
            at += timedelta(milliseconds=rng.choice((0, 1, 700, 31_000, 4_000_000)))
            events.append(
                Done(
                    at,
                    ACTIONS[step],
                    rng.choice((None, *PEOPLE)),
                    to=rng.choice(TARGETS) if step == 1 else None,
                    chat=f"c-{number // 2}",  # two organizations have chats of one id
                    organization=f"o-{number % 2}",
                )
            )
    rng.shuffle(events)
    return events


def followed(
    events: Sequence[Done], start: datetime, end: datetime
) -> tuple[list[ChatRow], list[Wait]]:
    """Return rows and waits, found by following each chat through its whole life."""
    inside = [done for done in events if start <= done.at < end]
    rows: list[ChatRow] = []
    ended: list[Wait] = []

    def by_chat(done: Done) -> tuple[str, str]:
        return str(done.organization), str(done.chat)

    for _, group in groupby(sorted(events, key=by_chat), key=by_chat):
        life = sorted(group, key=lambda done: (done.at, ACTIONS.index(done.action)))
        life = [done for done in life if done.at < end]
        for case in split(life, start):
            if case[-1].at < start:
                continue
            marks: dict[str, tuple[datetime, Person]] = {}
            for done in case:
                kind = KINDS.get(done.action, "opened")
                person = Person(*(meant(done.to, inside) if done.to else done.user))
                if kind in marks:
                    continue
                if kind != "opened" and done.at >= start:
                    ended.append(wait_of(kind, person, done.at, marks.get("opened", (None,))[0]))
                marks[kind] = (done.at, person)
            rows.append(row_of(case, marks, inside))
    return rows, ended


def split(life: Sequence[Done], start: datetime) -> list[list[Done]]:
    """Return a chat's cases: one ends at its closing, another begins at an opening after it.

    An opening that is the first thing in the time asked for begins one as well.
    """
    found: list[list[Done]] = []
    closed = True
    first = next((done for done in life if done.at >= start), None)
    for done in life:
        opens = done.action == ACTIONS[0]
        if not found or (opens and (closed or done is first)):
            found.append([])
            closed = False
        if not closed:
            found[-1].append(done)
        closed |= done.action == ACTIONS[-1]
    return found


def wait_of(kind: str, person: Person, at: datetime, opened: datetime | None) -> Wait:
    """Return the end of a wait."""
    one = timedelta(milliseconds=1)
    length = (at - opened) // one if opened else None
    return Wait(kind, person, (at - EPOCH) // one, length)  # type: ignore[arg-type]


def handed_on(case: Sequence[Done], inside: Sequence[Done]) -> int:
    """Return how often a chat went from one assignee to another."""
    given = [Person(*meant(done.to, inside)) for done in case if done.to is not None]
    return sum(giver != taker for giver, taker in pairwise(given))


def row_of(
    case: Sequence[Done], marks: dict[str, tuple[datetime, Person]], inside: Sequence[Done]
) -> ChatRow:
    """Return a followed chat as a row."""
    steps: dict[str, Any] = {}
    for kind, who in zip(
        ("opened", "assigned", "joined", "answered", "closed"),
        ("opener", "assignee", "joiner", "answerer", "closer"),
        strict=True,
    ):
        steps[kind], steps[who] = marks.get(kind, (None, None))
    return ChatRow(
        organization=case[0].organization,
        chat=str(case[0].chat),
        assignments=sum(done.action == ACTIONS[1] for done in case),
        transfers=handed_on(case, inside),
        **steps,
    )


def in_order(rows: Sequence[Any]) -> list[Any]:
    """Return rows in an order that both sides have."""
    return sorted(rows, key=repr)


def percentile(values: Sequence[int], percent: int) -> int:
    """Return the nearest rank."""
    return sorted(values)[math.ceil(percent * len(values) / 100) - 1]


@pytest.fixture(scope="module")
def events() -> list[Done]:
    """Give chats over three days."""
    return lives(400)


@pytest.fixture(scope="module")
def filled(servers: Servers, events: list[Done]) -> Iterator[Deployment]:
    """Give a deployment that holds them."""
    with holding(servers, events) as deployment:
        yield deployment


@pytest.fixture
def log(filled: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditLog]:
    """Give its log, read by small pages, with few cases in memory."""
    monkeypatch.setattr("audit_query.reports.chat_cases._PAGE", 40)
    monkeypatch.setattr("audit_query.reports.chat_steps._PAGE", 10)
    monkeypatch.setattr("audit_query.reports.chat_steps._BATCH", 3)
    monkeypatch.setattr("audit_query.reports.chat_cases._IN_MEMORY", 10)
    with AuditLog(filled.query) as found:
        yield found


SPANS = [(START - timedelta(days=9), END + timedelta(days=9)), (START, END), (START + SECOND, END)]


@pytest.mark.servers
@pytest.mark.parametrize(("start", "end"), SPANS)
def test_each_chat_is_as_if_followed_by_itself(
    log: AuditLog, events: list[Done], start: datetime, end: datetime
) -> None:
    """Reassigned, joined, closed or opened twice, begun before the report, open at its end."""
    rows, ended = followed(events, start, end)
    found = list(cases(log, Filter(start=start, end=end)))
    assert in_order([row for row in found if isinstance(row, ChatRow)]) == in_order(rows)
    assert in_order([wait for wait in found if isinstance(wait, Wait)]) == in_order(ended)
    times = [wait.at for wait in found if isinstance(wait, Wait)]
    assert times == sorted(times)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("interval", "zone"), [("day", "Europe/Berlin"), ("1h", "Europe/Istanbul"), ("whole", "UTC")]
)
def test_percentiles_are_near_the_exact_ones(
    log: AuditLog, events: list[Done], interval: str, zone: str
) -> None:
    """Counts are exact; medians and 95th percentiles are off by one percent at most."""
    _, ended = followed(events, START, END)
    find = bucket_of(interval, ZoneInfo(zone))
    seen = set()
    found = list(waits(log, Filter(start=START, end=END), interval=interval, time_zone=zone))
    for row in found:
        for kind in ("assigned", "joined", "answered", "closed"):
            theirs = [
                wait.length
                for wait in ended
                if wait.kind == kind
                and row.person in (None, wait.person)
                and find(EPOCH + timedelta(milliseconds=wait.at)) == row.start
            ]
            check(getattr(row, kind), theirs)
            seen.add((row.start, row.person))
    assert len(seen) == len(found) > 10
    assert sum(row.closed.count for row in found if row.person is None) == sum(
        wait.kind == "closed" for wait in ended
    )


def check(spread: Spread, lengths: Sequence[int | None]) -> None:
    """Hold a spread against the lengths themselves."""
    known = [length for length in lengths if length is not None]
    assert (spread.count, spread.unknown) == (len(lengths), len(lengths) - len(known))
    if not known:
        assert (spread.median, spread.p95) == (None, None)
        return
    for percent, found in ((50, spread.median), (95, spread.p95)):
        assert found == pytest.approx(percentile(known, percent) / 1000, rel=RELATIVE_ERROR + 1e-9)


@pytest.mark.servers
def test_user_filter_keeps_their_chats_and_waits(log: AuditLog, events: list[Done]) -> None:
    """Whole chats that they had a part in; only waits that they ended."""
    rows, ended = followed(events, START, END)

    def parts(row: ChatRow) -> set[str | None]:
        people = (row.opener, row.assignee, row.joiner, row.answerer, row.closer)
        return {text for person in people if person for text in person}

    wanted = Filter(users=("u-3",), start=START, end=END)
    found = list(cases(log, wanted))
    expected = [row for row in rows if "u-3" in parts(row)]
    assert in_order([row for row in found if isinstance(row, ChatRow)]) == in_order(expected)
    theirs = [wait for wait in ended if wait.person.id == "u-3"]
    assert in_order([wait for wait in found if isinstance(wait, Wait)]) == in_order(theirs)
    without = Filter(exclude=Criteria(users=("u-3",)), start=START, end=END)
    others = [row for row in rows if "u-3" not in parts(row)]
    assert in_order(list(chats(log, without))) == in_order(others)


@pytest.mark.servers
def test_organizations_do_not_share_a_chat(log: AuditLog, events: list[Done]) -> None:
    """A bound log follows its own chats, also back to their openings."""
    ours = [done for done in events if done.organization == "o-0"]
    rows, _ = followed(ours, START, END)
    found = list(chats(log.for_organization("o-0"), Filter(start=START, end=END)))
    assert in_order(found) == in_order(rows)


@pytest.mark.servers
def test_progress_reaches_the_number_of_steps(log: AuditLog, events: list[Done]) -> None:
    """The total comes first."""
    steps: list[tuple[int, int]] = []
    list(chats(log, Filter(), progress=lambda done, total: steps.append((done, total))))
    assert steps[0] == (0, len(events)) == (0, sum(done for done, _ in steps))


@pytest.mark.servers
@pytest.mark.parametrize(
    "wanted",
    [
        Filter(ips=("192.0.2.1",)),
        Filter(activities=("login",)),
        Filter(exclude=Criteria(text=("x",))),
    ],
)
def test_filter_that_would_tear_chats_apart_is_refused(log: AuditLog, wanted: Filter) -> None:
    """Without its assignment a chat would look as if it had none."""
    with pytest.raises(ParameterError, match="can't narrow a report of chats"):
        list(chats(log, wanted))
    with pytest.raises(ParameterError, match="can't narrow a report of chats"):
        list(waits(log, wanted))


@pytest.mark.servers
def test_command_shows_both_forms(filled: Deployment) -> None:
    """Users by bucket, or with --each the chats; the same numbers as JSON and CSV."""
    span = ("--from", "2026-10-25", "--to", "2026-10-26")
    lines = call(filled, "report", "chats", "--json", *span).stdout.splitlines()
    first = json.loads(lines[0])
    assert first["all_users"]
    assert first["closed"]["count"] > 10
    text = call(filled, "report", "chats", "--csv", *span).stdout.splitlines()
    assert len(text) == len(lines) + 1
    assert text[0].startswith("start,user,user_id,all_users,assigned_count,assigned_unknown")
    shown = call(filled, "report", "chats", *span).stdout
    assert "(all)" in shown
    assert "[red]" in shown
    each = call(filled, "report", "chats", "--each", "--json", *span).stdout.splitlines()
    assert {"chat", "seconds_to_join"} <= set(json.loads(each[0]))
    assert "c-1 " in call(filled, "report", "chats", "--each").stdout


@pytest.mark.servers
def test_empty_log_has_no_chats(bare: Deployment) -> None:
    """Right after setup there is no index."""
    with AuditLog(bare.query) as empty:
        assert list(chats(empty, Filter())) == []
        assert list(waits(empty, Filter())) == []


# What follows needs no server.


@some
@given(st.lists(st.integers(0, 10**14), min_size=1), st.integers(1, 100))
def test_percentile_is_within_the_error_of_the_exact_one(values: list[int], percent: int) -> None:
    """For any durations, none to three thousand years."""
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    exact = percentile(values, percent)
    assert sketch.percentile(percent) == pytest.approx(exact, rel=RELATIVE_ERROR + 1e-9)
    assert sketch.count == len(values)


def test_sketch_stays_small() -> None:
    """A hundred thousand different durations are fewer than two thousand counts."""
    sketch, rng = Sketch(), random.Random(1)
    for _ in range(100_000):
        sketch.add(int(10 ** rng.uniform(0, 14)))
    assert len(sketch._counts) < 1700  # noqa: SLF001 - its memory is what this is about


def test_sketch_of_nothing_has_no_percentile() -> None:
    """And what is no percentage or no duration is refused."""
    assert Sketch().percentile(50) is None
    with pytest.raises(ValueError, match="percentile"):
        Sketch().percentile(0)
    with pytest.raises(ValueError, match="below zero"):
        Sketch().add(-1)


PERSON = st.builds(Person, st.sampled_from(["Ada", "Ben"]), st.none() | st.just("u-1"))
LIFE = st.lists(
    st.builds(
        Step,
        at=st.integers(0, 50),
        action=st.sampled_from(STEPS),
        organization=st.none() | st.just("o"),
        chat=st.sampled_from(["c-1", "c-2", "c-3"]),
        person=PERSON,
    ),
    max_size=40,
).map(lambda steps: sorted(steps, key=lambda step: (step.at, STEPS.index(step.action))))


@some
@given(LIFE, st.integers(0, 3), st.integers(1, 5))
def test_cases_moved_to_disk_are_the_same(steps: list[Step], in_memory: int, every: int) -> None:
    """However few may be in memory, and how often it is tidied."""

    def rows(book: CaseStore, *, tidy: bool) -> list[Any]:
        found: list[Any] = []
        with book:
            for number, step in enumerate(steps):
                if tidy and number % every == 0:
                    book.tidy(before=-1)  # forgets nothing, since what comes next is not looked up
                found += book.take(step)
            return [*found, *sorted(map(repr, book.open_cases()))]

    assert rows(CaseStore(in_memory), tidy=True) == rows(CaseStore(1000), tidy=False)


@some
@given(LIFE, st.integers(1, 7))
def test_pages_end_where_a_millisecond_does(steps: list[Step], size: int) -> None:
    """Each step once and in order; a chat's life is in order within a millisecond."""
    shuffled = sorted(steps, key=lambda step: (step.at, step.chat))
    pages = [shuffled[start : start + size] for start in range(0, len(steps), size)]
    found = list(whole_milliseconds(pages))
    assert sorted(map(repr, (step for page in found for step in page))) == sorted(map(repr, steps))
    assert all(page for page in found)
    assert [step.at for page in found for step in page] == sorted(step.at for step in steps)
    for page, following in pairwise(found):
        one = len({step.at for step in page}) == 1
        assert one or page[-1].at < following[0].at


@some
@given(
    st.lists(
        st.builds(
            Wait,
            kind=st.sampled_from(["assigned", "joined", "closed"]),
            person=PERSON,
            at=st.integers(0, 99),
            length=st.none() | st.integers(0, 10**6),
        ),
        max_size=30,
    ).map(lambda ended: sorted(ended, key=lambda wait: wait.at)),
    st.sets(st.integers(1, 99)),
)
def test_rows_of_waits_are_what_they_add_up_to(ended: list[Wait], edges: set[int]) -> None:
    """By bucket and person, all of them first; the memory is one bucket's."""
    starts = sorted({0, *edges})
    found = list(summed(iter(ended), lambda: starts))
    keys = [(row.start, row.person) for row in found]
    assert len(keys) == len(set(keys))
    for row in found:
        assert row.start is not None
        start = (row.start - EPOCH) // timedelta(milliseconds=1)
        end = min([edge for edge in starts if edge > start], default=1000)
        theirs = [w for w in ended if start <= w.at < end and row.person in (None, w.person)]
        assert theirs
        for kind in ("assigned", "joined", "answered", "closed"):
            check(getattr(row, kind), [wait.length for wait in theirs if wait.kind == kind])
    assert sum(row.joined.count for row in found if row.person is None) == sum(
        wait.kind == "joined" for wait in ended
    )
