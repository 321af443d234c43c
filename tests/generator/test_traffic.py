"""Generated traffic: deterministic, in order, and like a chat platform's."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from audit_generator.traffic import Traffic
from audit_schemas import Catalogue, parse_timestamp

END = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
ORDER = (
    "chat-opened",
    "chat-assigned-to-user",
    "user-joined-to-chat",
    "chat-answered",
    "chat-closed",
)


@pytest.mark.parametrize("count", [1, 10, 3000])
def test_count_is_kept(count: int) -> None:
    """As many events as asked for, whatever the time of day it ends at."""
    assert len(list(Traffic(count, END))) == count
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    for days in (1, 3):
        assert len(list(Traffic(count, midnight, days=days))) == count


def test_same_seed_same_events() -> None:
    """The same seed, count and end give the same events; another seed gives others."""
    assert list(Traffic(2000, END, seed=4)) == list(Traffic(2000, END, seed=4))
    assert list(Traffic(2000, END, seed=4)) != list(Traffic(2000, END, seed=5))


def test_no_id_comes_back_with_other_content() -> None:
    """A run with the same seed at another time makes other ids, so that no id is in conflict."""
    first = {event.event.id for event in Traffic(500, END)}
    second = {event.event.id for event in Traffic(500, END + timedelta(seconds=1))}
    assert len(first) == 500
    assert not first & second


def test_events_are_in_order_and_in_the_past() -> None:
    """Times ascend within each day and never pass the end, whatever the hour."""
    for hour in range(24):
        end = END + timedelta(hours=hour)
        times = [parse_timestamp(event.timestamp) for event in Traffic(700, end)]
        assert times == sorted(times)
        assert times[-1] < end


def test_chats_run_their_course() -> None:
    """A chat is opened before it is assigned, joined, answered and closed, in this order."""
    chats: defaultdict[str, list[str]] = defaultdict(list)
    for event in Traffic(5000, END):
        if event.audit.chat is not None and event.audit.chat.id is not None:
            chats[event.audit.chat.id].append(event.event.action)
    assert len(chats) > 500
    for actions in chats.values():
        steps = [ORDER.index(action) for action in actions]
        assert steps == sorted(steps)
    assert sum(actions[0] == "chat-opened" for actions in chats.values()) == len(chats)


def test_support_says_why_it_acts_as_a_customer() -> None:
    """Once on every day that has room for it, from where its people work."""
    traffic = Traffic(6000, END, days=5)
    acted = [event for event in traffic if event.user is not None and event.user.effective is not None]
    days = {event.timestamp[:10] for event in acted}
    assert len(days) >= 4
    addresses = {agent.ip for agent in traffic.staff()}
    for event in acted:
        assert (event.event.reason or "").startswith("ticket ")
        assert event.source is not None
        assert event.source.ip in addresses


def test_few_events_have_chats_too() -> None:
    """Whatever the hour: people's log-ins don't fill a day of few events."""
    for hour in range(24):
        counts = Counter(event.event.action for event in Traffic(100, END + timedelta(hours=hour)))
        assert counts.total() == 100
        assert counts["chat-opened"] > 5


def test_people_log_in_before_they_work_and_out_after() -> None:
    """Shifts have a login, some with mistyped passwords before, and a logout."""
    counts = Counter(event.event.action for event in Traffic(5000, END, days=5, attack=False))
    assert counts["login"] >= 50
    assert 0 < counts["logout"] <= counts["login"]
    assert 0 < counts["login-failed"] < counts["login"]


def test_night_shift_logs_out_in_the_morning() -> None:
    """What is begun on one day ends on the next: each session has its end, but for the last night's."""
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    traffic = Traffic(7000, midnight, days=7, attack=False)
    night = {agent.id for agent in traffic.staff() if agent.shift == 22}
    ends = [
        event.event.action
        for event in traffic
        if event.event.action in {"login", "logout"}
        and event.user
        and event.user.id in night
        and parse_timestamp(event.timestamp) < midnight - timedelta(hours=3)
    ]
    assert ends.count("login") == ends.count("logout") > 5


def test_attack_comes_from_few_addresses_and_can_be_left_out() -> None:
    """Guessed passwords stand out by address; without the attack there are none from there."""

    def failures(*, attack: bool) -> Counter[str]:
        return Counter(
            event.source.ip
            for event in Traffic(5000, END, attack=attack)
            if event.event.action == "login-failed" and event.source and event.source.ip
        )

    assert {ip for ip, count in failures(attack=True).items() if count > 50} == {
        "203.0.113.66",
        "2001:db8:bad:cafe::17",
    }
    assert all(count < 10 for count in failures(attack=False).values())


def test_every_event_passes_the_catalogue() -> None:
    """What the generator makes, the publisher's check takes."""
    catalogue = Catalogue.load()
    for event in Traffic(2000, END):
        catalogue.settle(event)
