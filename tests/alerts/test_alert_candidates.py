"""Candidates leave nothing out, and what Elasticsearch is asked finds what all events would give."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from audit_alerts.backfill import backfill_rule
from audit_alerts.candidates import candidate_windows, driver_of
from audit_alerts.episodes import Episode
from audit_alerts.evaluate import evaluate
from audit_alerts.examples import example_events
from audit_alerts.matches import matches_of_base
from audit_alerts.plan import Absence, Correlation, Kind, LogSource, NewTerms
from audit_alerts.times import as_time
from audit_query import AuditLog
from audit_schemas import IndexNaming, format_timestamp
from hypothesis import given
from hypothesis import strategies as st
from support.alert_cases import CATALOGUE, base, correlation, event, rule_of
from support.servers import Deployment
from support.shipped_rules import shipped_rules

FAILED, LOGIN = base("login-failed"), base("login")
MANY = Correlation("many", Kind.EVENT_COUNT, (FAILED,), ("source.ip",), 8, 3)
ROOTS = [
    correlation(span=6, at_least=3),
    correlation(Kind.EVENT_COUNT, FAILED, LOGIN, span=6, at_least=4),
    correlation(Kind.VALUE_COUNT, span=9, at_least=2, counted="user.id"),
    correlation(Kind.TEMPORAL, FAILED, LOGIN, span=5),
    correlation(Kind.TEMPORAL, MANY, FAILED, LOGIN, span=5, at_least=2),
    correlation(Kind.TEMPORAL_ORDERED, MANY, LOGIN, span=7),
    correlation(Kind.EVENT_COUNT, MANY, span=9, at_least=3),
]


def buckets(root: Correlation | Absence, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the counts that Elasticsearch would make for a plan's driver."""
    driver = driver_of(root)
    counts: Counter[tuple[int, tuple[str, ...]]] = Counter()
    for part in driver.bases:
        fields = driver.fields[part.name]
        for hit in matches_of_base(part, fields, events):
            values = tuple(hit.values[name] for name in fields)
            if None not in values:
                counts[hit.at // driver.step * driver.step, values] += 1  # type: ignore[index]
    return [
        {"key": {"step": step, **{f"group{n}": v for n, v in enumerate(group)}}, "doc_count": count}
        for (step, group), count in counts.items()
    ]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 50),
            st.sampled_from(["login", "login-failed"]),
            st.sampled_from(["a", "b"]),
            st.sampled_from(["192.0.2.1", "192.0.2.2", None]),
        ),
        max_size=25,
    ),
    st.sampled_from(ROOTS),
)
def test_what_fires_lies_in_a_candidates_window(
    given_events: list[tuple[int, str, str, str | None]], root: Correlation
) -> None:
    """Every moment that fires is within reach of a window of its own group."""
    events = [
        event(at, action, number=number, user__id=user, source__ip=ip)
        for number, (at, action, user, ip) in enumerate(given_events)
    ]
    windows = candidate_windows(driver_of(root), buckets(root, events))
    for episode in evaluate(rule_of(root), events):
        for moment in (episode.fired, episode.last):
            assert any(
                first <= moment <= last + root.reach for first, last in windows[episode.group]
            ), episode


def test_few_events_are_no_candidates() -> None:
    """Elasticsearch's counts leave out nearly all groups of a busy log."""
    root = correlation(span=10, at_least=5)
    events = [event(at, number=at, source__ip=f"192.0.2.{at}") for at in range(100)]
    assert not candidate_windows(driver_of(root), buckets(root, events))


def test_what_straddles_the_edge_of_two_steps_is_a_candidate() -> None:
    """Neither step has enough by itself."""
    root = correlation(span=10, at_least=4)
    events = [event(at, number=at) for at in (8, 9, 10, 11)]
    assert {("192.0.2.1",): [(0, 19)]} == candidate_windows(driver_of(root), buckets(root, events))


def test_counts_tell_nothing_about_what_a_mark_keeps() -> None:
    """Three new addresses may be three days' first events; no count of all logins leaves them out."""
    filter_by_history = replace(LOGIN, history_condition=NewTerms("source.ip", ("user.id",), 9))
    root = correlation(Kind.EVENT_COUNT, filter_by_history, at_least=3, group_by=("user.id",))
    assert 1 == driver_of(root).at_least


def test_a_part_that_a_mark_looks_at_is_not_counted_on() -> None:
    """A first login is one of many; what comes after it is rarer."""
    filter_by_history = type(LOGIN)(
        "new", LOGIN.log_source, LOGIN.condition, "", NewTerms("source.ip", ("user.id",), 9)
    )
    sensitive = base("role-granted")
    driver = driver_of(
        correlation(Kind.TEMPORAL_ORDERED, filter_by_history, sensitive, group_by=("user.id",), span=5)
    )
    assert (sensitive,) == driver.bases


def store_documents(deployment: Deployment, events: list[Any]) -> None:
    """Index documents as they are."""
    naming = IndexNaming(deployment.name)
    lines: list[Any] = []
    for one in events:
        index = naming.index_of(one["@timestamp"])
        lines += [{"create": {"_index": index, "_id": one["event"]["id"]}}, one]
    with deployment.client() as client:
        patient = client.options(request_timeout=60)
        assert not patient.bulk(operations=lines, refresh=True)["errors"]


def moved(events: list[Any], days: int, mark: str) -> list[Any]:
    """Return events some days later, under ids of their own, in an organization of their own."""
    found = json.loads(json.dumps(events))
    for one in found:
        at = datetime.fromisoformat(one["@timestamp"]) + timedelta(days=days)
        one["@timestamp"] = format_timestamp(at)
        one["event"]["id"] = f"{mark}-{one['event']['id']}"
        one.setdefault("organization", {"id": mark})
    return list(found)


def shape(episodes: list[Episode]) -> list[tuple[Any, ...]]:
    """Return what two ways of asking have to agree on."""
    return [(e.group, e.since, e.fired, e.last, e.count, e.size, e.samples) for e in episodes]


@pytest.mark.servers
def test_backfill_finds_what_all_events_in_memory_give(deployment: Deployment) -> None:
    """Every shipped rule, over the examples of all of them, in one another's way."""
    rules = [rule for rule in shipped_rules() if rule.log_source is LogSource.EVENTS]
    events: list[Any] = []
    for number, rule in enumerate(rules):
        for place, example in enumerate([*rule.examples["fires"], *rule.examples["silent"]]):
            made = list(example_events(rule, example, CATALOGUE))
            events += moved(made, 2 * number + place, f"{number}-{place}")
    store_documents(deployment, events)
    start = datetime.fromisoformat(min(one["@timestamp"] for one in events))
    end = datetime.fromisoformat(max(one["@timestamp"] for one in events)) + timedelta(days=1)
    until = round(end.timestamp() * 1000) - 1
    with AuditLog(deployment.query) as log:
        for rule in rules:
            expected = evaluate(rule, events, until=until)
            assert expected, rule.name
            assert shape(expected) == shape(backfill_rule(log, rule, start, end)), rule.name
            # In halves, which cut whatever is in the middle: together the same groups and moments.
            middle = as_time(expected[len(expected) // 2].fired)
            later = backfill_rule(log, rule, middle, end)
            halves = [*backfill_rule(log, rule, start, middle), *later]
            assert all(e.last >= middle.timestamp() * 1000 for e in later), rule.name
            assert {(e.group, e.fired) for e in expected} <= {(e.group, e.fired) for e in halves}


@pytest.mark.servers
def test_backfill_on_the_command_line(deployment: Deployment) -> None:
    """A table for people, one JSON object a line for machines; hostile names are shown escaped."""
    now = datetime.now(UTC)
    (rule,) = (r for r in shipped_rules() if r.name == "settings-burst")
    events = moved(
        list(example_events(rule, rule.examples["fires"][0], CATALOGUE)),
        (now - datetime(2026, 1, 5, tzinfo=UTC)).days - 1,
        "x",
    )
    for one in events:
        one["user"]["name"] = one["audit"]["user"] = "Eve[red]\x1b[2J"
    store_documents(deployment, events)
    done = deployment.run("alerts", "backfill", "--from", "-10d", "--json")
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert ("settings-burst", 25) == (found["rule"], found["count"])
    assert "Eve[red]\x1b[2J" == found["group"]["audit.user"]
    table = deployment.run("alerts", "backfill", "--from", "-10d").stdout
    assert "Eve[red]\\u001b[2J" in table
    assert "would have fired 1 alerts" in table
