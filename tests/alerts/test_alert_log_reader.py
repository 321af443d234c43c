"""What rules read of the log is what decides about their groups, be it of other groups."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from audit_alerts import log_reader
from audit_alerts.backfill import backfill_rule
from audit_alerts.background import EventBackground
from audit_alerts.condition import values_at
from audit_alerts.evaluate import Evaluation, base_matches
from audit_alerts.log_reader import LogReader, RuleFilter
from audit_alerts.plan import HistoryCondition, ImpossibleTravel, NewTerms, UnusualHours
from audit_alerts.times import as_time
from audit_runtime.hits import Hit
from msgspec import Raw
from support.alert_cases import base, correlation, event, rule_of

HOUR, DAY = 3_600_000, 86_400_000
OFFICE, ATTACKER = "192.0.2.1", "203.0.113.66"


class Log:
    """Holds events, and leaves out those that a query on values does."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self._events = events

    def raw_search(self, _: RuleFilter, **__: Any) -> dict[str, Any]:
        """Count all events by address, as if they were of one step."""
        counts = Counter(found["source.ip"] for found in self._events)
        buckets = [{"key": {"step": 3 * DAY, "group0": ip}, "doc_count": n} for ip, n in counts.items()]
        return {"aggregations": {"counts": {"buckets": buckets}}}

    def pages(self, wanted: RuleFilter, **_: Any) -> Iterator[list[Any]]:
        """Return one page."""
        terms = [query["terms"] for query in wanted.queries if "terms" in query]
        fits = [
            found
            for found in self._events
            if all(set(values_at(found, path)) & set(v) for each in terms for path, v in each.items())
        ]
        yield [Hit([], source=Raw(json.dumps(found).encode())) for found in fits]


def login(at: int, user: str, ip: str, number: int, latitude: float = 51.0) -> dict[str, Any]:
    """Return a login from somewhere."""
    location = {"source.geo.location.lat": latitude, "source.geo.location.lon": 7.0}
    return event(at, number=number, user__id=user, source__ip=ip) | location


@pytest.mark.parametrize(
    "condition",
    [
        NewTerms("source.ip", ("user.id",), 30 * DAY),
        ImpossibleTravel(("user.id",), 1000, 500),
        UnusualHours(("user.id",), 30 * DAY, 2, HOUR, HOUR),
    ],
    ids=["new-terms", "impossible-travel", "unusual-hours"],
)
def test_history_of_a_user_counts_for_an_address(condition: HistoryCondition) -> None:
    """One address logs in as three users for whom it is odd: by what each did from elsewhere."""
    events = [login(day * DAY, f"u-{n}", OFFICE, 10 * day + n) for day in range(4) for n in range(3)]
    events += [login(3 * DAY + 5 * HOUR, f"u-{n}", ATTACKER, 90 + n, -33.0) for n in range(3)]
    part = replace(base(), history_condition=condition)
    rule = rule_of(replace(correlation(span=HOUR, at_least=3), parts=(part,)))
    expected = Evaluation(rule, base_matches(rule, events), EventBackground(rule.root, ())).spans()
    assert list(expected) == [(ATTACKER,)]
    log: Any = Log(events)
    read = LogReader(log, RuleFilter()).matches(rule.root, part, [(ATTACKER,)], [(0, 4 * DAY)])
    found = Evaluation(rule, {part.name: read}, EventBackground(rule.root, ())).spans()
    assert found == expected


def test_backfill_names_what_fires_once_where_groups_are_read_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each part reads the history of all: what it finds of others' groups is theirs."""
    monkeypatch.setattr(log_reader, "_VALUES", 1)
    ips = (ATTACKER, "203.0.113.67")
    events = [login(day * DAY, f"u-{n}", OFFICE, 10 * day + n) for day in range(4) for n in range(3)]
    odd = [(n % 3, ips[n // 3]) for n in range(6)]
    events += [login(3 * DAY + HOUR, f"u-{u}", ip, 90 + n) for n, (u, ip) in enumerate(odd)]
    part = replace(base(), history_condition=NewTerms("source.ip", ("user.id",), 30 * DAY))
    rule = rule_of(replace(correlation(span=HOUR, at_least=3), parts=(part,)))
    log: Any = Log(events)
    found = backfill_rule(log, rule, as_time(0), as_time(4 * DAY))
    assert sorted(episode.group for episode in found) == [(ip,) for ip in ips]
