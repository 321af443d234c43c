"""One alert while it lasts, whatever the order in which its events come."""

from itertools import pairwise
from typing import Any

import pytest
from audit_alerts.arrivals import affected, to_read
from audit_alerts.background import EventBackground
from audit_alerts.episodes import FiringSpan, joined
from audit_alerts.evaluate import Evaluation, base_matches, evaluate, firing_spans
from audit_alerts.matches import GroupValues
from audit_alerts.plan import Correlation, Kind, Rule
from audit_alerts.times import in_millis
from hypothesis import given
from hypothesis import strategies as st
from support.alert_cases import base, correlation, event, rule_of

Event = dict[str, Any]
FAILED, LOGIN = base("login-failed"), base("login")
MANY = Correlation("many", Kind.EVENT_COUNT, (FAILED,), ("source.ip",), 8, 2)
ROOTS = [
    correlation(span=6, at_least=2),
    correlation(Kind.VALUE_COUNT, span=9, at_least=2, counted="user.id"),
    correlation(Kind.TEMPORAL, FAILED, LOGIN, span=5),
    correlation(Kind.TEMPORAL_ORDERED, MANY, LOGIN, span=7),
    correlation(Kind.EVENT_COUNT, MANY, span=9, at_least=3),
]

NOTHING = EventBackground(MANY, ())


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[Rule, list[list[Event]]]:
    """Make a rule and events in batches, in which events may come long after they happened."""
    events = [
        event(at, action, number=number, user__id=user, source__ip=ip)
        for number, (at, action, user, ip) in enumerate(
            draw(
                st.lists(
                    st.tuples(
                        st.integers(0, 40),
                        st.sampled_from(["login", "login-failed"]),
                        st.sampled_from(["a", "b"]),
                        st.sampled_from(["192.0.2.1", "192.0.2.2"]),
                    ),
                    max_size=16,
                )
            )
        )
    ]
    shuffled = draw(st.permutations(events))
    cuts = sorted(draw(st.lists(st.integers(0, len(events)), max_size=4)))
    edges = [0, *cuts, len(events)]
    batches = [list(shuffled[a:b]) for a, b in pairwise(edges)]
    return rule_of(draw(st.sampled_from(ROOTS))), batches


def at_of(one: Event) -> int:
    """Return when an event happened."""
    return in_millis(one["@timestamp"])


def between(events: list[Event], first: int, last: int) -> list[Event]:
    """Return the events of a time."""
    return [one for one in events if first <= at_of(one) <= last]


@given(arrivals())
def test_late_events_end_in_the_same_alerts(scene: tuple[Rule, list[list[Event]]]) -> None:
    """Evaluated around each batch's events alone and joined: what all at once gives."""
    rule, batches = scene
    assert isinstance(rule.root, Correlation)
    stored: list[Event] = []
    known: dict[GroupValues, list[FiringSpan]] = {}
    for batch in batches:
        stored += batch
        for window in affected(rule.root, map(at_of, batch)):
            seen = between(stored, *to_read(rule.root, window))
            found = Evaluation(rule, base_matches(rule, seen), NOTHING).spans()
            known = firing_spans(found, known, rule.root.span)
    assert known == Evaluation(rule, base_matches(rule, stored), NOTHING).spans()


@pytest.mark.parametrize("kind", [Kind.TEMPORAL, Kind.TEMPORAL_ORDERED])
def test_a_late_event_does_not_make_an_alert_begin_later(kind: Kind) -> None:
    """Its beginning, once told, is where the first event that the window holds stands."""
    rule = rule_of(correlation(kind, FAILED, LOGIN, span=5))
    in_time = [event(10, "login-failed", number=0), event(13, "login", number=1)]
    late = event(11, "login-failed", number=2)
    ((before,), (after,)) = evaluate(rule, in_time), evaluate(rule, [*in_time, late])
    assert (before.since, before.count) == (10, 2)
    assert (after.since, after.count) == (10, 3)


@given(arrivals())
def test_an_event_that_comes_twice_counts_once(scene: tuple[Rule, list[list[Event]]]) -> None:
    """What is read again changes nothing."""
    rule, batches = scene
    events = [one for batch in batches for one in batch]
    assert evaluate(rule, events) == evaluate(rule, [*events, *events])


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=12), st.integers(1, 9))
def test_joining_in_parts_is_joining_at_once(moments: list[tuple[int, int]], gap: int) -> None:
    """Spans are the gaps' own, not the order's."""
    spans = [FiringSpan(at - before, at, at, 1) for at, before in moments]
    half = len(spans) // 2
    parts = joined(joined([], spans[:half], gap), joined([], spans[half:], gap), gap)
    assert joined([], spans, gap) == parts
    assert all(b.first - a.last > gap for a, b in pairwise(parts))


def test_it_is_one_alert_while_it_lasts_and_another_after_a_pause() -> None:
    """With when it began, the first moment that fired, the last, and all of its events."""
    events = [event(at, number=n) for n, at in enumerate([0, 4, 8, 12, 16, 60, 64])]
    first, second = evaluate(rule_of(correlation(span=10, at_least=3)), [*events, event(65, number=9)])
    assert (0, 8, 16, 5) == (first.since, first.fired, first.last, first.count)
    assert ("e-0", "e-1", "e-2", "e-3", "e-4") == first.samples
    assert (60, 65, 65, 3) == (second.since, second.fired, second.last, second.count)


def test_a_long_attack_shows_its_beginning_and_its_end() -> None:
    """Ten events, of however many."""
    events = [event(at, number=at) for at in range(1000)]
    (episode,) = evaluate(rule_of(correlation(span=10, at_least=3)), events)
    assert 1000 == episode.count
    assert ("e-0", "e-1") == episode.samples[:2]
    assert "e-999" == episode.samples[-1]
    assert 10 == len(episode.samples)


def test_without_what_it_is_grouped_by_an_event_is_in_no_group() -> None:
    """Two unknown addresses are not one; no organization is the only one there is."""
    plain = correlation(group_by=("source.ip",))
    events = [event(n, number=n, source__ip=None) for n in range(5)]
    assert not evaluate(rule_of(plain), events)
    by_organization = correlation(group_by=("organization.id", "event.action"))
    (episode,) = evaluate(rule_of(by_organization), events)
    assert (None, "login") == episode.group
    assert "event.action=login" == episode.key


def test_an_alias_names_the_same_thing_in_each_part() -> None:
    """Whom it was done to, in one part; who did it, in the other."""
    granted, closed = base("role-granted"), base("chat-closed")
    plan = correlation(
        Kind.TEMPORAL_ORDERED,
        granted,
        closed,
        group_by=("who",),
        aliases={"who": {"role-granted": "user.target.id", "chat-closed": "user.id"}},
    )
    events = [
        event(1, "role-granted", number=1, user__id="boss", user__target__id="u-1"),
        event(2, "chat-closed", number=2, user__id="u-1"),
        event(3, "chat-closed", number=3, user__id="boss"),
    ]
    (episode,) = evaluate(rule_of(plan), events)
    assert ("u-1",) == episode.group
    assert 2 == episode.count


def test_an_alert_of_a_chain_begins_with_the_first_event_of_its_first_part() -> None:
    """The guesses belong to the login that they led to."""
    plan = correlation(Kind.TEMPORAL_ORDERED, MANY, LOGIN, span=9)
    events = [
        event(3, "login-failed", number=1),
        event(5, "login-failed", number=2),
        event(12, "login", number=3),
    ]
    (episode,) = evaluate(rule_of(plan), events)
    assert (3, 12, 3) == (episode.since, episode.fired, episode.count)
