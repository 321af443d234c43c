"""What Kibana will ask, asked of the real Elasticsearch: its rules over the rules' own examples.

The requests are those that Kibana builds from a rule, with two differences. The core distribution has
no scripts, so a threshold is compared here and not by a bucket_selector; and no multi_terms, so groups
of several fields are counted by a composite aggregation, which leaves out what lacks a field too.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from audit_alerts import Rule
from audit_alerts.examples import example_events
from audit_alerts.times import as_time, in_millis
from audit_kibana import ExportTarget, KibanaRule, RuleType, bundle_of
from audit_kibana.dashboard import CHARTS, HOUR, WEEKDAY
from audit_kibana.lens import RECORDS
from audit_kibana.saved_objects import SEARCHES
from audit_schemas import Catalogue
from support.servers import ROOT, Deployment
from support.shipped_rules import shipped_rules

pytestmark = pytest.mark.servers

CATALOGUE = Catalogue.load()
FOLDER = ROOT / "deploy" / "alerts"
RANGES = ["203.0.113.0/24", "2001:db8:bad::/48"]  # those of the examples
RULES = {rule.name: rule for rule in shipped_rules(*RANGES)}
FORMS = {rule.rule: rule.type for rule in bundle_of(RULES.values(), ExportTarget()).rules}
OVER_EVENTS = sorted(name for name, form in FORMS.items() if form is not RuleType.ALERTS)

COARSER = {
    # Kibana's rules don't know who was let in before.
    ("brute-force", "a browser that fills in the old password, where its owner was let in last week"),
    (
        "brute-force",
        "a VPN that has just been switched on, where newcomers mistype among many who get in",
    ),
    (
        "credential-stuffing-network",
        "a carrier's customers with old passwords, who were let in from its network before",
    ),
    ("password-spraying", "an office of two thousand, on the morning after a long weekend"),
    # Kibana would leave out who has no organization, so these are grouped without it.
    ("user-from-several-networks", "two of the same name, each in an organization of their own"),
}
"""Examples that must not fire, and do in Kibana: the whole price of its forms."""

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def seconds_back(rule: KibanaRule) -> timedelta:
    """Return how far back the rule looks."""
    if rule.type is RuleType.THRESHOLD:
        return timedelta(seconds=int(rule.body["from"].removeprefix("now-").removesuffix("s")))
    params = rule.body["params"]
    return timedelta(**{UNITS[params["timeWindowUnit"]]: params["timeWindowSize"]})


def searched(rule: KibanaRule) -> tuple[str, dict[str, Any], Sequence[str]]:
    """Return index, query and fields of the groups, as Kibana reads them from the rule."""
    if rule.type is RuleType.THRESHOLD:
        query = {"query_string": {"query": rule.body["query"], "analyze_wildcard": True}}
        return rule.body["index"][0], query, rule.body["threshold"]["field"]
    params = rule.body["params"]
    term = params["termField"]
    query = json.loads(params["esQuery"])["query"]
    return params["index"][0], query, [term] if isinstance(term, str) else term


def request(rule: KibanaRule, at: int) -> dict[str, Any]:
    """Return the search of a run at that time."""
    _, query, fields = searched(rule)
    begin = as_time(at) - seconds_back(rule)
    bounds = {"gt": begin.isoformat(), "lte": as_time(at).isoformat()}
    time_field = "event.ingested"
    if rule.type is not RuleType.THRESHOLD:
        assert time_field == rule.body["params"]["timeField"]
    sources = [{field: {"terms": {"field": field}}} for field in fields]
    groups: dict[str, Any] = {"composite": {"size": 1000, "sources": sources}}
    if rule.type is RuleType.ES_QUERY and len(fields) == 1:
        groups = {"terms": {"field": fields[0], "size": rule.body["params"]["termSize"]}}
        groups["aggs"] = {"topHitsAgg": {"top_hits": {"size": rule.body["params"]["size"]}}}
    if rule.type is RuleType.THRESHOLD:
        field = rule.body["threshold"]["cardinality"][0]["field"]
        groups["aggs"] = {"cardinality_count": {"cardinality": {"field": field}}}
    return {
        "size": 0,
        "query": {"bool": {"filter": [query, {"range": {time_field: bounds}}]}},
        "aggs": {"groupAgg": groups},
    }


def fired(rule: KibanaRule, answer: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the groups that reach the rule's threshold."""
    for bucket in answer["aggregations"]["groupAgg"]["buckets"]:
        if rule.type is RuleType.THRESHOLD:
            threshold = rule.body["threshold"]
            values = bucket["cardinality_count"]["value"]
            enough = values >= threshold["cardinality"][0]["value"]
            if enough and bucket["doc_count"] >= threshold["value"]:
                yield bucket["key"]
        elif bucket["doc_count"] >= rule.body["params"]["threshold"][0]:
            yield bucket["key"]


def stored(deployment: Deployment, events: Sequence[Mapping[str, Any]], month: int = 1) -> str:
    """Store documents where the template's mapping holds; return the index."""
    index = f"{deployment.name}-2026.{month:02}"
    lines: list[Any] = []
    for event in events:
        lines += [{"create": {"_index": index}}, event]
    with deployment.client() as client:
        answer = client.bulk(operations=lines, refresh=True)
        assert not answer["errors"], answer["items"][:2]
    return index


def kibana_rule_of(rule: Rule, index: str) -> KibanaRule:
    """Return what a rule becomes for an index."""
    (found,) = bundle_of([rule], ExportTarget(events=index)).rules
    return found


def runs(deployment: Deployment, rule: KibanaRule, times: Sequence[int]) -> list[Any]:
    """Return which groups fired in runs right after each of these times."""
    index, _, _ = searched(rule)
    searches: list[Any] = []
    for at in times:
        searches += [{"index": index}, request(rule, at)]
    with deployment.client() as client:
        answers = client.msearch(searches=searches)["responses"]
    assert {200} == {answer["status"] for answer in answers}, answers[0]
    return [group for answer in answers for group in fired(rule, answer)]


@pytest.mark.parametrize("name", OVER_EVENTS)
def test_a_rule_fires_in_kibana_on_its_examples(deployment: Deployment, name: str) -> None:
    """On each that must fire, and on none that must not, but for what is named above."""
    rule = RULES[name]
    examples = [(kind, example) for kind in ("fires", "silent") for example in rule.examples[kind]]
    for number, (kind, example) in enumerate(examples):
        events = list(example_events(rule, example, CATALOGUE))
        in_kibana = kibana_rule_of(rule, stored(deployment, events, number + 1))
        times = sorted({in_millis(event["event"]["ingested"]) for event in events})
        found = runs(deployment, in_kibana, times)
        expected = kind == "fires" or (name, example["says"]) in COARSER
        assert expected == bool(found), (example["says"], found)


def test_every_form_that_asks_for_events_is_tried() -> None:
    """Of the shipped rules nine ask for events."""
    assert {RuleType.ES_QUERY, RuleType.THRESHOLD} == {FORMS[name] for name in OVER_EVENTS}
    assert len(OVER_EVENTS) >= 9


def test_searches_find_what_they_say(deployment: Deployment) -> None:
    """In a syntax that KQL and Lucene read alike."""
    rule = RULES["brute-force"]
    lines = [
        {"at": "1h", "event.action": "login-failed", "user.name": "Ada", "source.ip": "192.0.2.7"},
        {"at": "2h", "event.action": "login", "user.name": "Ada", "source.ip": "192.0.2.7"},
        {"at": "3h", "event.action": "login-failed", "user.name": "Ben", "source.ip": "192.0.2.7"},
        {
            "at": "4h",
            "event.action": "settings-changed",
            "user.name": "Ada",
            "audit.changes": [{"field": "x"}],
        },
        {"at": "5h", "event.action": "logout", "user.name": "Ben", "user.effective.name": "Ada"},
    ]
    stored(deployment, list(example_events(rule, {"events": lines, "says": ""}, CATALOGUE)))
    found = {}
    with deployment.client() as client:
        for search in SEARCHES:
            text = search.query.replace("*", '"Ada"')  # as the search's description says
            query = {"query_string": {"query": text, "analyze_wildcard": True}}
            answer = client.search(index=deployment.name, query=query, sort="@timestamp")
            hours = [hit["_source"]["@timestamp"][11:13] for hit in answer["hits"]["hits"]]
            found[search.name] = hours
    assert {
        "failed-logins": ["01", "03"],
        "user-trail": ["01", "02", "04"],
        "changes": ["04"],
        "acting-as-another": ["05"],
    } == found


def test_charts_count_by_fields_that_can_be_counted_by(deployment: Deployment) -> None:
    """All but the two fields that Kibana computes by scripts, which no server here can run."""
    rule = RULES["brute-force"]
    (first, *_) = rule.examples["fires"]
    place = {"geo": {"country_iso_code": "DE"}, "as": {"organization": {"name": "Example"}}}
    acting = {"effective": {"name": "Bob"}}
    events = [
        {**event, "source": event["source"] | place, "user": event["user"] | acting}
        for event in example_events(rule, first, CATALOGUE)
    ]
    stored(deployment, events)
    for chart in CHARTS:
        aggs: dict[str, Any] = {}
        for name, column in chart.columns.items():
            field = column["sourceField"]
            kind = {
                "terms": {"terms": {"field": field, "size": column["params"].get("size", 1)}},
                "date_histogram": {"date_histogram": {"field": field, "fixed_interval": "1h"}},
                "unique_count": {"cardinality": {"field": field}},
            }
            if field not in (RECORDS, HOUR, WEEKDAY):
                aggs[name] = kind[column["operationType"]]
        query = {"query_string": {"query": chart.query or "*"}}
        with deployment.client() as client:
            answer = client.search(index=deployment.name, size=0, query=query, aggs=aggs or None)
        assert 5 == answer["hits"]["total"]["value"]
        for name in aggs:
            result = answer["aggregations"][name]
            assert result.get("buckets") or result.get("value"), (chart.name, name)
