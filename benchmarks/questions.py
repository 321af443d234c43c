"""What analysts ask: each kind through the query module, and as a request written by hand.

Each is asked with other values every time, so that no cache answers for Elasticsearch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import elasticsearch
from audit_query import AuditLog, Filter
from audit_schemas import format_timestamp

DAYS = 90
"""How long the traffic of this part of the bench lasts."""
FIRST_PAGE, HISTOGRAM = "first page of the log", "90 days by activity"

_SORT = [{"@timestamp": "desc"}, {"audit.kafka.partition": "desc"}, {"audit.kafka.offset": "desc"}]
_BY_ARRIVAL = [
    {"event.ingested": "asc"},
    {"audit.kafka.partition": "asc"},
    {"audit.kafka.offset": "asc"},
]
_USER_FIELDS = ("user.id", "audit.user")

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Material:
    """Values that are in the log, and the end of its time."""

    users: tuple[str, ...]
    ids: tuple[str, ...]
    end: datetime

    def until(self, number: int) -> datetime:
        """Return an end that no question before had."""
        return self.end - timedelta(milliseconds=number)

    def days(self, number: int) -> Filter:
        """Return the whole time, in a form that no question before had."""
        end = self.until(number)
        return Filter(start=end - timedelta(days=DAYS), end=end)

    def user(self, number: int) -> str:
        """Return another user for every number, as far as they go."""
        return self.users[number % len(self.users)]

    def id(self, number: int) -> str:
        """Return another event's id for every number, as far as they go."""
        return self.ids[number % len(self.ids)]


Ask = Callable[[AuditLog, Material, int], object]
Write = Callable[[Material, int], list[Body]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A question: how the module is asked, and the requests that do the same by hand."""

    name: str
    ask: Ask
    write: Write

    def by_hand(
        self, client: elasticsearch.Elasticsearch, index: str, material: Material, number: int
    ) -> object:
        """Send the requests, one after the other."""
        return [client.search(index=index, **body) for body in self.write(material, number)]


def _span(material: Material, number: int) -> Body:
    end = material.until(number)
    start = end - timedelta(days=DAYS)
    bounds = {"gte": format_timestamp(start), "lt": format_timestamp(end)}
    return {"range": {"@timestamp": bounds}}


def _filtered(*filters: Mapping[str, Any]) -> Body:
    return {"bool": {"filter": list(filters)}}


def _user(name: str) -> Body:
    either = [{"terms": {field: [name]}} for field in _USER_FIELDS]
    return {"bool": {"should": either, "minimum_should_match": 1}}


def _page(query: Body) -> list[Body]:
    return [{"query": query, "size": 100, "sort": _SORT, "track_total_hits": False}]


def _counted(query: Body, **aggregations: Body) -> Body:
    return {"query": query, "size": 0, "track_total_hits": False, "aggs": aggregations}


def _terms(field: str, size: int = 11) -> Body:
    return {"field": field, "size": size, "shard_size": 1010, "show_term_doc_count_error": True}


def _days(material: Material, number: int, *, filled: bool) -> Body:
    end = material.until(number)
    span = {"min": end - timedelta(days=DAYS), "max": end - timedelta(milliseconds=1)}
    bounds = {name: round(at.timestamp() * 1000) for name, at in span.items()}
    histogram = {"field": "@timestamp", "calendar_interval": "day", "time_zone": "UTC"}
    extent = {"min_doc_count": 0, "extended_bounds": bounds} if filled else {"min_doc_count": 1}
    return {"date_histogram": {**histogram, **extent}}


def _split(material: Material, number: int) -> list[Body]:
    query = _filtered(_span(material, number))
    field = {"field": "event.action", "size": len(_ACTIVITIES), "include": list(_ACTIVITIES)}
    parts = {"terms": field, "aggs": {"over_time": _days(material, number, filled=False)}}
    return [
        _counted(query, ranking={"terms": _terms("event.action")}),
        _counted(query, over_time=_days(material, number, filled=True), ranking=parts),
    ]


_ACTIVITIES = (
    *("chat-answered", "chat-assigned-to-user", "chat-closed", "chat-opened", "login"),
    *("login-failed", "logout", "role-granted", "settings-changed", "user-joined-to-chat"),
)

KINDS = (
    Kind(
        FIRST_PAGE,
        lambda log, m, n: log.search(Filter(end=m.until(n))),
        lambda m, n: _page(_filtered({"range": {"@timestamp": {"lt": format_timestamp(m.until(n))}}})),
    ),
    Kind(
        "a user's first page",
        lambda log, m, n: log.search(Filter(users=(m.user(n),))),
        lambda m, n: _page(_filtered(_user(m.user(n)))),
    ),
    Kind(
        "a network, failures only",
        lambda log, m, n: log.search(
            Filter(ips=("203.0.113.0/24",), outcomes=("failure",), end=m.until(n))
        ),
        lambda m, n: _page(
            _filtered(
                {"terms": {"event.outcome": ["failure"]}},
                {"terms": {"source.ip": ["203.0.113.0/24"]}},
                {"range": {"@timestamp": {"lt": format_timestamp(m.until(n))}}},
            )
        ),
    ),
    Kind(
        "one event by its id",
        lambda log, m, n: log.get(m.id(n)),
        lambda m, n: [
            {
                "query": {"ids": {"values": [m.id(n)]}},
                "size": 20,
                "sort": _BY_ARRIVAL,
                "track_total_hits": False,
            }
        ],
    ),
    Kind(
        "how many in 90 days",
        lambda log, m, n: log.count(m.days(n)),
        lambda m, n: [{"query": _filtered(_span(m, n)), "size": 0, "track_total_hits": True}],
    ),
    Kind(
        HISTOGRAM,
        lambda log, m, n: log.buckets(m.days(n), interval="day", by="activity"),
        _split,
    ),
    Kind(
        "90 days, not split",
        lambda log, m, n: log.buckets(m.days(n), interval="day"),
        lambda m, n: [
            _counted(_filtered(_span(m, n)), over_time=_days(m, n, filled=True)),
        ],
    ),
    Kind(
        "addresses of failed logins",
        lambda log, m, n: log.top(Filter(activities=("login-failed",), end=m.until(n)), "ip"),
        lambda m, n: [
            _counted(
                _filtered(
                    {"terms": {"event.action": ["login-failed"]}},
                    {"range": {"@timestamp": {"lt": format_timestamp(m.until(n))}}},
                ),
                ranking={"terms": _terms("source.ip")},
            )
        ],
    ),
)
"""Every kind, in the order of the report."""
