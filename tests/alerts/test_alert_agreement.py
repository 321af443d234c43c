"""One condition, two judges: the matcher, and the real Elasticsearch.

It is asked by our query, and by pySigma's Lucene, which the export to Kibana uses.
"""

import random
import uuid
from collections.abc import Iterator
from typing import Any

import elasticsearch
import pytest
from audit_alerts.condition_query import base_query
from audit_alerts.plan import Base, LogSource
from audit_alerts.translate import UntranslatableError, translated
from audit_schemas.template import mapping
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sigma.backends.elasticsearch.elasticsearch_lucene import LuceneBackend
from sigma.rule import SigmaRule
from support.servers import Servers

pytestmark = pytest.mark.servers

NAMES = [
    "Ada",
    "ada",
    "Ada Berg",
    "Ad",
    "' OR 1=1 --",
    "a*b",
    "a?b",
    'x"y\\z',
    "<script>",
    "AND",
    "NOT x",
    "a:b",
    "(a) && [b] || {c}!",
    "/a.*/",
    "~a^2",
    "Çağla",
    "日本",
    "😀",
    "-a",
    "+a=b",
    "user.name:*",
    "a/b",
    "true",
    "5",
]
ADDRESSES = [
    "192.0.2.7",
    "192.0.3.7",
    "203.0.113.255",
    "::1",
    "2001:db8::1",
    "2001:db8:1::",
    "::ffff:192.0.2.7",
    "0.0.0.0",  # noqa: S104 - no socket is bound
    "255.255.255.255",
]
NETWORKS = [
    "192.0.2.0/24",
    "192.0.0.0/22",
    "0.0.0.0/0",
    "203.0.113.255/32",
    "2001:db8::/32",
    "2001:db8::1/128",
    "::/0",
    "::/96",
    "::ffff:0:0/96",
]


def a_document(rng: random.Random) -> dict[str, Any]:
    """Return an event, as far as conditions look at it, with hostile names and missing fields."""
    found: dict[str, Any] = {}
    if rng.random() < 0.7:
        found["user"] = {field: rng.choice(NAMES) for field in ("name", "id") if rng.random() < 0.7}
    if rng.random() < 0.7:
        found["source"] = {"ip": rng.choice(ADDRESSES)}
    if rng.random() < 0.5:
        found.setdefault("user", {})["roles"] = rng.choices(NAMES, k=rng.randrange(4))
    if rng.random() < 0.5:
        found["labels"] = {key: rng.choice(NAMES) for key in ("host", "a.b") if rng.random() < 0.7}
    if rng.random() < 0.5:
        found["audit"] = {"changes": [{"field": name} for name in rng.choices(NAMES, k=2)]}
    return found


KEYWORDS = ["user.name", "user.id", "user.roles", "audit.changes.field"]
_text = st.one_of(st.sampled_from(NAMES), st.text("aAdb *?\\", min_size=1, max_size=4))
_literal = _text.map(lambda text: text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?"))
_item = st.one_of(
    st.tuples(st.sampled_from(KEYWORDS), st.one_of(_text, _literal)),
    st.tuples(
        st.sampled_from(KEYWORDS).flatmap(
            lambda f: st.sampled_from([f"{f}|contains", f"{f}|startswith", f"{f}|endswith"])
        ),
        _literal,
    ),
    st.tuples(
        st.sampled_from(KEYWORDS).map("{}|neq".format), st.lists(_literal, min_size=1, max_size=3)
    ),
    st.tuples(st.sampled_from(KEYWORDS), st.lists(_literal, min_size=1, max_size=3)),
    st.tuples(st.just("user.roles|contains|all"), st.lists(_literal, min_size=1, max_size=2)),
    st.tuples(st.just("source.ip"), st.sampled_from(ADDRESSES)),
    st.tuples(st.just("source.ip|cidr"), st.lists(st.sampled_from(NETWORKS), min_size=1, max_size=2)),
    st.tuples(
        st.sampled_from([*KEYWORDS, "source.ip", "labels.host"]).map("{}|exists".format), st.booleans()
    ),
    st.tuples(st.sampled_from([*KEYWORDS, "source.ip"]), st.none()),
    st.tuples(st.sampled_from(["labels.host", "labels.a.b"]), st.sampled_from(NAMES[:4] + NAMES[8:])),
    st.tuples(st.sampled_from(["labels.host", "user.name"]), st.just(5)),
)
_selection = st.lists(_item, min_size=1, max_size=2).map(dict)
detections = st.builds(
    lambda a, b, c, condition: {"a": a, "b": b, "c1": c, "condition": condition},
    _selection,
    _selection,
    _selection,
    st.sampled_from(
        ["a", "not a", "a and b", "a or b", "a and not b", "not (a or b)", "1 of them", "all of them",
         "a or b and not c1", "(a or b) and 1 of c*", "not (a and not b) or c1"]
    ),
)  # fmt: skip


EVENTS = [a_document(random.Random(seed)) for seed in range(600)]


@pytest.fixture(scope="module")
def index(servers: Servers) -> Iterator[tuple[elasticsearch.Elasticsearch, str]]:
    """Give an index of these events with our mapping, which ends with the module."""
    name = f"t-agreement-{uuid.uuid4().hex[:12]}"
    with elasticsearch.Elasticsearch(servers.elasticsearch) as client:
        client.indices.create(index=name, mappings=mapping(), settings={"number_of_replicas": 0})
        lines: list[Any] = []
        for number, one in enumerate(EVENTS):
            lines += [{"index": {"_index": name, "_id": str(number)}}, one]
        assert not client.bulk(operations=lines, refresh=True)["errors"]
        yield client, name
        client.indices.delete(index=name)


def compiled(detection: dict[str, Any]) -> Base | None:
    """Return the base rule, None where the loader refuses it."""
    rule = {"title": "x", "logsource": {"product": "auditlog"}, "detection": detection}
    parsed = SigmaRule.from_dict(rule)
    try:
        condition = translated(parsed.detection.parsed_condition[0].parsed, LogSource.EVENTS)
    except UntranslatableError:
        return None
    (query,) = LuceneBackend().convert_rule(SigmaRule.from_dict(rule))
    return Base("x", LogSource.EVENTS, condition, str(query))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(detections, min_size=15, max_size=30))
def test_the_matcher_says_what_elasticsearch_says(
    index: tuple[elasticsearch.Elasticsearch, str], conditions: list[dict[str, Any]]
) -> None:
    """For every condition that the loader takes, over random events, hostile ones among them."""
    client, name = index
    bases = [base for detection in conditions if (base := compiled(detection)) is not None]
    searches: list[Any] = []
    for base in bases:
        text = {"query_string": {"query": base.lucene, "allow_leading_wildcard": True}}
        for query in (base_query(base), text):
            searches += [{"index": name}, {"query": query, "size": 1000, "_source": False}]
    answers = client.msearch(searches=searches)["responses"] if searches else []
    twice = [base for base in bases for _ in range(2)]
    for base, answer in zip(twice, answers, strict=True):
        assert "error" not in answer, (base, answer)
        found = {int(hit["_id"]) for hit in answer["hits"]["hits"]}
        expected = {n for n, one in enumerate(EVENTS) if base.condition.matches(one)}
        assert expected == found, (base.lucene, [EVENTS[n] for n in sorted(expected ^ found)][:3])
