"""One user's sessions, and what happened in a chat or around an event."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from audit_query import AuditLog, Filter, ParameterError
from audit_query.reports import (
    UserReport,
    around,
    chat_timeline,
    event_tables,
    parse_window,
    user_report,
)
from audit_query.reports.cells import Cell
from audit_query.reports.report_tables import short
from audit_query.reports.sessions import Facts, Session, facts_of
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.event_strategies import some
from support.in_process import call
from support.report_cases import ASSIGNED, Done, Identity, holding
from support.servers import Deployment, Servers

T0 = datetime(2026, 11, 23, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LONG = Done(
    T0 + timedelta(days=5),
    ASSIGNED,
    Identity("u-8", "N" * 200),
    to=Identity(None, "M" * 200),
    ip="2001:db8:1111:2222:3333:4444:5555:6666",
    chat="c-10",
    session="s" * 200,
    event_id="event-of-the-long-name",
)
ADA, BEN, EVIL = (
    Identity("u-1", "Ada"),
    Identity("u-2", "Ben"),
    Identity("u-6", "[red]\x1b]0;x\x07[/red]"),
)


def day_of_ada() -> list[Done]:
    """Return a shift of Ada's, one that is not over, one whose login nobody saw, and more."""
    failed = [Done(T0 - m * MINUTE, "login-failed", ADA, ip="203.0.113.9") for m in (90, 50, 3, 2)]
    first = [
        Done(T0, "login", ADA, ip="192.0.2.7", session="s-1"),
        Done(T0 + 5 * MINUTE, "chat-closed", ADA, ip="192.0.2.8", chat="c-1", session="s-1"),
        Done(T0 + 480 * MINUTE, "logout", ADA, ip="192.0.2.7", session="s-1"),
    ]
    second = [
        Done(T0 + 600 * MINUTE, "login", ADA, ip="192.0.2.7", session="s-2"),
        Done(T0 + 601 * MINUTE, "settings-changed", BEN, session="s-2"),
        Done(T0 + 602 * MINUTE, "user-joined-to-chat", ADA, chat="c-2", session="s-2"),
    ]
    third = [Done(T0 + 700 * MINUTE, "logout", ADA, session="s-3")]
    again = [
        Done(T0 + 800 * MINUTE + n * MINUTE, action, ADA, session="s-4")
        for n, action in enumerate(("login", "logout", "login"))
    ]
    return [*failed, *first, second[0], second[2], *third, *again]


def chat() -> list[Done]:
    """Return a chat's life, with its neighbours."""
    at = T0 + timedelta(days=1)
    events = [
        Done(at, "chat-opened", Identity("visitor-1", None), ip="198.51.100.7", chat="c-9"),
        Done(at + timedelta(seconds=20), ASSIGNED, None, to=ADA, chat="c-9"),
        Done(at + timedelta(seconds=65), "user-joined-to-chat", ADA, ip="192.0.2.7", chat="c-9"),
        Done(at + timedelta(seconds=65), "login", EVIL, ip="2001:db8::a", session="s-9"),
        Done(at + timedelta(seconds=67), "logout", BEN, ip="192.0.2.7"),
        Done(at + timedelta(hours=2), "chat-closed", ADA, ip="192.0.2.7", chat="c-9"),
    ]
    return [
        Done(
            done.at,
            done.action,
            done.who,
            to=done.to,
            ip=done.ip,
            chat=done.chat,
            session=done.session,
            event_id=f"event-of-the-chat-{number}",
        )
        for number, done in enumerate(events)
    ]


@pytest.fixture(scope="module")
def filled(servers: Servers) -> Iterator[Deployment]:
    """Give a deployment that holds them."""
    with holding(servers, [*day_of_ada(), *chat(), LONG]) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def log(filled: Deployment) -> Iterator[AuditLog]:
    """Give its log."""
    with AuditLog(filled.query) as found:
        yield found


DAY = Filter(start=T0 - timedelta(hours=5), end=T0 + timedelta(hours=15))


@pytest.mark.parametrize(
    ("place", "login"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, 0, 40, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 11, 1, 4, 40, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 3, 8, 4, 40, tzinfo=UTC)),
    ],
)
def test_session_lasts_as_long_as_elapsed(place: str, login: datetime) -> None:
    """Also one over a change of clocks: forty minutes are neither none nor a hundred."""
    logout = login + 40 * MINUTE
    facts = Facts(2, {"login": 1, "logout": 1}, {}, login, logout, login, logout)
    lines = event_tables.session_lines(Session("s-1", facts, 0, ()), ZoneInfo(place))
    assert "(40m00s)" in next(lines)


def sessions_of(report: UserReport) -> dict[str | None, Any]:
    """Return the sessions by id."""
    return {session.id: session for session in report.sessions}


@pytest.mark.servers
@pytest.mark.parametrize("user", ["u-1", "Ada"])
def test_sessions_say_when_they_began_and_ended(log: AuditLog, user: str) -> None:
    """Also those without a logout, or without a login, and one that was begun again."""
    found = sessions_of(user_report(log, DAY, user))
    times = {
        name: (session.facts.login, session.facts.logout, session.failed, session.facts.events)
        for name, session in found.items()
    }
    assert times == {
        None: (None, None, None, 4),
        "s-1": (T0, T0 + 480 * MINUTE, 3, 3),
        "s-2": (T0 + 600 * MINUTE, None, 0, 2),
        "s-3": (None, T0 + 700 * MINUTE, None, 1),
        "s-4": (T0 + 800 * MINUTE, None, 0, 3),
    }
    assert found["s-1"].facts.ips == {"192.0.2.7": 2, "192.0.2.8": 1}
    assert found["s-1"].facts.activities == {"chat-closed": 1, "login": 1, "logout": 1}


@pytest.mark.servers
def test_sums_are_of_all_events_and_not_of_those_shown(log: AuditLog) -> None:
    """Two are shown: the sums of the user and of their session are whole."""
    found = user_report(log, DAY, "u-1", limit=2, newest_first=False)
    assert found.facts is not None
    assert (found.shown, found.facts.events) == (2, 13)
    assert found.facts.activities == Counter(d.action for d in day_of_ada())
    assert [session.id for session in found.sessions] == [None]
    (session,) = found.sessions
    assert (len(session.events), session.facts.events) == (2, 4)


@pytest.mark.servers
def test_failed_logins_before_the_report_are_counted(log: AuditLog) -> None:
    """A report that begins at the login still says what came before."""
    found = sessions_of(user_report(log, Filter(start=T0), "u-1"))
    assert found["s-1"].failed == 3


@pytest.mark.servers
def test_sessions_come_in_the_order_asked_for(log: AuditLog) -> None:
    """Newest or oldest first, and so do the events within."""
    newest = [s.id for s in user_report(log, DAY, "u-1").sessions]
    oldest = user_report(log, DAY, "u-1", newest_first=False).sessions
    assert newest == ["s-4", "s-3", "s-2", "s-1", None]
    assert [s.id for s in oldest] == newest[::-1]
    assert [event["event"]["action"] for event in oldest[1].events] == [
        "login",
        "chat-closed",
        "logout",
    ]


@pytest.mark.servers
def test_user_without_events_has_an_empty_report(log: AuditLog, filled: Deployment) -> None:
    """And the command says what may be wrong."""
    assert user_report(log, Filter(), "nobody") == UserReport("nobody", None, [])
    assert "No event is by 'nobody'" in call(filled, "report", "user", "nobody").stdout
    assert json.loads(call(filled, "report", "user", "nobody", "--json").stdout)["events"] == 0


@pytest.mark.servers
def test_chat_is_told_from_its_beginning(log: AuditLog) -> None:
    """With the time between steps; of many the first are kept."""
    found = chat_timeline(log, Filter(), "c-9")
    assert [str(m.event["event"]["action"]) for m in found.entries] == [
        "chat-opened",
        "chat-assigned-to-user",
        "user-joined-to-chat",
        "chat-closed",
    ]
    steps = [m.since_previous and m.since_previous.total_seconds() for m in found.entries]
    assert steps == [None, 20, 45, 7135]
    assert [m.since_origin.total_seconds() for m in found.entries] == [0, 20, 65, 7200]
    few = chat_timeline(log, Filter(), "c-9", limit=2)
    assert (len(few.entries), few.total) == (2, 4)
    assert few.entries[0].event == found.entries[0].event


def numbers(log: AuditLog, number: int, **asked: Any) -> list[int]:
    """Return which of the chat's events are around one of them; it is marked, and no other."""
    wanted = asked.pop("wanted", Filter())
    found = around(log, wanted, f"event-of-the-chat-{number}", **asked)
    assert found is not None
    (marked,) = [m for m in found.entries if m.marked]
    assert marked.event["event"]["id"] == f"event-of-the-chat-{number}"
    assert marked.since_origin == timedelta()
    return [int(m.event["event"]["id"][-1]) for m in found.entries]


@pytest.mark.servers
def test_window_includes_its_ends(log: AuditLog) -> None:
    """Before and after, and events of the same millisecond."""
    assert numbers(log, 3, window=timedelta(seconds=45)) == [1, 2, 3, 4]
    assert numbers(log, 3, window=timedelta(milliseconds=44_999)) == [2, 3, 4]
    assert numbers(log, 3, window=timedelta(seconds=2)) == [2, 3, 4]
    assert numbers(log, 3, window=timedelta(milliseconds=1999)) == [2, 3]
    assert numbers(log, 2, window=timedelta(milliseconds=1)) == [2, 3]
    assert numbers(log, 3, window=timedelta(hours=3)) == [0, 1, 2, 3, 4, 5]


@pytest.mark.servers
def test_nearest_in_time_are_kept(log: AuditLog) -> None:
    """Not half before and half after: the closing is two hours off, the others are seconds."""
    assert numbers(log, 4, window=timedelta(hours=3), limit=4) == [1, 2, 3, 4]
    assert numbers(log, 2, window=timedelta(hours=3), limit=3) == [2, 3, 4]
    assert numbers(log, 4, window=timedelta(hours=3), limit=1) == [4]
    found = around(log, Filter(), "event-of-the-chat-4", window=timedelta(hours=3), limit=2)
    assert found is not None
    assert (len(found.entries), found.total) == (2, 6)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("same", "number", "expected"),
    [
        ("user", 2, [2, 5]),
        ("chat", 2, [0, 1, 2, 5]),
        ("ip", 2, [2, 4, 5]),
        ("session", 3, [3]),
    ],
)
def test_what_is_around_may_have_something_in_common(
    log: AuditLog, same: str, number: int, expected: list[int]
) -> None:
    """The same user, chat, address or session as the event."""
    assert numbers(log, number, same=(same,), window=timedelta(hours=3)) == expected


@pytest.mark.servers
def test_filter_narrows_what_is_around_but_not_the_event(log: AuditLog) -> None:
    """The event stays, whatever is asked for; a time that misses it leaves it alone."""
    logouts = Filter(activities=("logout",))
    assert numbers(log, 3, wanted=logouts) == [3, 4]
    assert numbers(log, 3, wanted=Filter(end=T0)) == [3]


@pytest.mark.servers
def test_what_can_not_be_around_is_said(log: AuditLog, filled: Deployment) -> None:
    """An unknown id, an event without a session, and options that can't be."""
    assert around(log, Filter(), "no-such-event-at-all") is None
    with pytest.raises(ParameterError, match="the event has no session"):
        around(log, Filter(), "event-of-the-chat-0", same=("session",))
    with pytest.raises(ParameterError, match="must be one of user, chat, session, ip, service"):
        around(log, Filter(), "event-of-the-chat-0", same=("colour",))
    with pytest.raises(ParameterError, match="at most 7 days"):
        around(log, Filter(), "event-of-the-chat-0", window=timedelta(days=8))
    for arguments, says in (
        (("--around", "no-such-event-at-all"), "no event has the id"),
        (("--around", "event-of-the-chat-0", "--window", "soon"), "such as 10m"),
        ((), "give one chat"),
    ):
        done = call(filled, "timeline", *arguments, check=False)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
        assert says in done.stderr


@pytest.mark.servers
def test_bound_log_knows_no_other_events(log: AuditLog) -> None:
    """Not even by their ids."""
    bound = log.for_organization("another")
    assert around(bound, Filter(), "event-of-the-chat-0") is None
    assert chat_timeline(bound, Filter(), "c-9").entries == []
    assert user_report(bound, Filter(), "u-1").facts is None


@pytest.mark.servers
def test_commands_print_what_was_found(filled: Deployment) -> None:
    """As tables and as JSON; hostile names are shown and never obeyed."""
    shown = call(filled, "timeline", "--around", "event-of-the-chat-3", "--window", "1m").stdout
    assert "here >" in shown
    assert "[red]" in shown
    assert "\x1b" not in shown
    chat = json.loads(call(filled, "timeline", "--chat", "c-9", "--json").stdout)
    assert [event["seconds_since_origin"] for event in chat["events"]] == [0, 20, 65, 7200]
    text = call(filled, "report", "user", "u-1", "--to", "2026-11-24").stdout
    assert "Session s-1" in text
    assert "3 failed logins in the hour before" in text
    assert "logged in 2026-11-23 09:00, logged out 17:00 (8h00m)" in text
    limited = call(filled, "report", "user", "u-1", "--limit", "1").stdout
    assert "1 of 15 events; more with --limit" in limited
    report = json.loads(call(filled, "report", "user", "u-1", "--json").stdout)
    assert {session["session"] for session in report["sessions"]} > {"s-1", None}
    twice = call(filled, "report", "user", "u-1", "--user", "u-2", check=False)
    assert "leave --user out" in twice.stderr


@pytest.mark.servers
def test_all_tables_fit_eighty_columns(log: AuditLog) -> None:
    """Names and addresses of any length are cut, numbers and times never."""
    utc, name = UTC, "America/Argentina/ComodRivadavia"
    near = around(log, Filter(), "event-of-the-long-name")
    assert near is not None
    tables = [
        event_tables.timeline_table(near, utc, name, of_event=True),
        event_tables.timeline_table(chat_timeline(log, Filter(), "c-9"), utc, name, of_event=False),
        *(
            event_tables.session_table(s.events, utc)
            for s in user_report(log, Filter(), "u-8").sessions
        ),
    ]
    for table in tables:
        console = Console(emoji=False, width=80, record=True, file=io.StringIO())
        console.print(table)
        assert max(map(len, console.export_text().splitlines())) <= 80


# What follows needs no server.


@some
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "s-1", "s-2"]),
            st.sampled_from(["login", "logout", "chat-closed"]),
            st.integers(0, 1000),
        )
    )
)
def test_facts_are_those_of_the_events(events: list[tuple[str | None, str, int]]) -> None:
    """Of all, and of each session; a logout before a login ends nothing."""
    cells = [
        Cell((session, action), len(times), min(times), max(times))
        for session, action in sorted({event[:2] for event in events}, key=repr)
        if (times := [at for s, a, at in events if (s, a) == (session, action)])
    ]
    total, each = facts_of(cells, [Cell((None, "192.0.2.7"), 3)], {None, "s-1"})
    assert (total.events if total else 0) == len(events)
    assert set(each) == {s for s, _, _ in events} & {None, "s-1"}
    for session, facts in each.items():
        theirs = [(action, at) for s, action, at in events if s == session]
        assert facts.events == len(theirs)
        assert facts.activities == Counter(action for action, _ in theirs)
        logins = [at for action, at in theirs if action == "login"]
        logouts = [at for action, at in theirs if action == "logout"]
        ended = bool(logouts) and max(logouts) >= max(logins, default=0)
        assert (facts.logout is not None) == ended
        assert (facts.login is not None) == bool(logins)
        assert facts.ips == ({"192.0.2.7": 3} if session is None else {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30s", timedelta(seconds=30)), ("10m", timedelta(minutes=10)), ("7d", timedelta(days=7))],
)
def test_windows_are_taken_as_people_give_them(text: str, expected: timedelta) -> None:
    """A number and a unit."""
    assert parse_window(text) == expected


@pytest.mark.parametrize("text", ["", "10", "0m", "-5m", "8d", "1w", "\u0661m", "9999999d"])
def test_what_is_no_window_is_refused(text: str) -> None:
    """With the forms that can be given."""
    with pytest.raises(ParameterError, match="such as 10m"):
        parse_window(text)


@some
@given(st.timedeltas(timedelta(0), timedelta(days=99)))
def test_length_takes_six_columns(span: timedelta) -> None:
    """And says the same to within its last digit."""
    text = short(span)
    assert len(text) <= 6
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, total = "", 0.0
    for letter in text:
        if letter in units:
            total, number = total + float(number) * units[letter], ""
        else:
            number += letter
    coarse = {"d": 3600, "h": 60, "m": 1}.get(next(c for c in text if c in units), 0.1)
    assert abs(total - span.total_seconds()) <= coarse
