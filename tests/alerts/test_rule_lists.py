"""Rules that name lists of the deployment: what fits, and when they are idle."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
from audit_alerts import plan
from audit_alerts.condition_query import base_query
from audit_alerts.examples import with_example_lists
from audit_alerts.rule_lists import with_lists
from audit_alerts.runner.metrics import RunnerMetrics
from audit_alerts.runner.rules_in_force import RulesInForce
from audit_query import RANGES_MAX
from audit_runtime import ListFolder, ReferenceLists, parse_list
from audit_schemas.template import mapping
from structlog.testing import capture_logs
from support.alert_cases import compiled, documents
from support.servers import Servers

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def naming(asked: dict[str, Any], **changes: Any) -> plan.Rule:
    """Return a rule that asks for this, with the lists that it names in its examples."""
    names = {
        text.removeprefix("%lists.").removesuffix("%")
        for values in asked.values()
        for text in (values if isinstance(values, list) else [values])
        if "%" in text
    }
    lists = {name: ["192.0.2.7"] for name in names}
    return compiled(
        documents(part__detection__it=asked, rule__auditlog__examples__lists=lists, **changes)
    )


def lists_of(**texts: str) -> ReferenceLists:
    """Return lists by their text, with entries after commas."""
    return ReferenceLists(
        {name: parse_list(name, text.replace(",", "\n"), name) for name, text in texts.items()}
    )


def base_of(rule: plan.Rule) -> plan.Base:
    """Return its only base rule."""
    (base,) = plan.bases_of(rule.root)
    return base


MIXED = "192.0.2.7,198.51.100.0/24,2001:db8::/32,AS64500,Example Hosting,Ada"
EVENTS: list[dict[str, Any]] = [
    {"source": {"ip": "192.0.2.7"}},
    {"source": {"ip": "::ffff:192.0.2.7"}},
    {"source": {"ip": "192.0.2.8", "as": {"number": 64500, "organization": {"name": "Ada"}}}},
    {"source": {"ip": "198.51.100.255", "as": {"number": 64501}}, "user": {"name": "Ada"}},
    {"source": {"ip": "2001:db8:1::1", "as": {"organization": {"name": "Example Hosting"}}}},
    {"source": {"ip": "2001:db9::1"}, "user": {"name": "ada"}},
    {"user": {"name": "192.0.2.7"}},
]
ASKED: list[tuple[dict[str, Any], set[int]]] = [
    ({"source.ip|cidr": "%lists.mixed%"}, {0, 1, 3, 4}),
    ({"source.ip": ["%lists.mixed%", "192.0.2.8"]}, {0, 1, 2, 3, 4}),
    ({"source.ip|expand": "%lists.mixed%"}, {0, 1, 3, 4}),
    ({"source.ip|neq": "%lists.mixed%"}, {2, 5, 6}),
    ({"source.as.number": "%lists.mixed%"}, {2}),
    ({"source.as.organization.name": "%lists.mixed%"}, {2, 4}),
    ({"user.name": "%lists.mixed%"}, {3}),
]


@pytest.mark.parametrize(("asked", "fits"), ASKED)
def test_each_field_is_held_to_entries_of_its_kind(asked: dict[str, Any], fits: set[int]) -> None:
    """Addresses to addresses and ranges, numbers to AS numbers, names to names."""
    rule = with_lists(naming(asked), lists_of(mixed=MIXED), NOW)
    assert None is rule.idle
    condition = base_of(rule).condition
    assert fits == {number for number, event in enumerate(EVENTS) if condition.matches(event)}


@pytest.mark.servers
def test_elasticsearch_finds_what_the_condition_says(servers: Servers) -> None:
    """By terms, so a list of thousands of addresses is one clause."""
    many = lists_of(mixed=",".join([MIXED, *(f"10.{n >> 8}.{n & 255}.1" for n in range(3000))]))
    index = f"t-lists-{uuid.uuid4().hex[:12]}"
    with elasticsearch.Elasticsearch(servers.elasticsearch) as client:
        client.indices.create(index=index, mappings=mapping())
        for number, event in enumerate(EVENTS):
            client.index(index=index, id=str(number), document=event)
        client.indices.refresh(index=index)
        for asked, fits in ASKED:
            rule = with_lists(naming(asked), many, NOW)
            assert fits == found_by(client, index, base_of(rule)), asked
        empty = with_lists(naming({"user.name": "%lists.mixed%"}), lists_of(mixed="192.0.2.7"), NOW)
        assert set() == found_by(client, index, base_of(empty))
        client.indices.delete(index=index)


def found_by(client: elasticsearch.Elasticsearch, index: str, base: plan.Base) -> set[int]:
    """Return the numbers of the events that a base rule's query finds."""
    hits = client.search(index=index, query=base_query(base), size=100)["hits"]["hits"]
    return {int(hit["_id"]) for hit in hits}


def test_a_rule_is_idle_for_want_of_its_list() -> None:
    """Also one that leaves out what is on it: without, it would fire on what it promises not to."""
    for asked in ({"source.ip": "%lists.tor%"}, {"source.ip|neq": "%lists.tor%"}):
        rule = naming(asked)
        idle = with_lists(rule, lists_of(vpn="192.0.2.7"), NOW).idle
        assert idle is not None
        assert "there is no list 'tor'; put tor.txt into the folder of AUDITLOG_LISTS" in idle
        old = lists_of(tor="# valid until: 2026-11-26\n192.0.2.7")
        assert "was valid until 2026-11-27 00:00 UTC" in str(with_lists(rule, old, NOW).idle)
        assert None is with_lists(rule, old, NOW - timedelta(hours=1)).idle
        broken = ReferenceLists({}, {"tor": "tor.txt:3: no address"})
        assert "tor.txt:3: no address" == with_lists(rule, broken, NOW).idle


def test_an_optional_list_need_not_exist() -> None:
    """Nothing is on it then; but one that exists has to be good, and a rule needs one to look for."""
    optional = {"rule__auditlog__optional-lists": ["tor", "vpn"]}
    either = naming({"source.ip": ["%lists.tor%", "%lists.vpn%"]}, **optional)
    assert None is with_lists(either, lists_of(vpn="192.0.2.7"), NOW).idle
    assert "none of its lists (tor, vpn) exists" in str(with_lists(either, lists_of(), NOW).idle)
    broken = ReferenceLists(lists_of(vpn="192.0.2.7").lists, {"tor": "tor.txt: is not UTF-8 text"})
    assert "tor.txt: is not UTF-8 text" == with_lists(either, broken, NOW).idle
    optional = {"rule__auditlog__optional-lists": ["offices"]}
    but = with_lists(naming({"source.ip|neq": "%lists.offices%"}, **optional), lists_of(), NOW)
    assert None is but.idle
    assert base_of(but).condition.matches(EVENTS[0])


def test_more_ranges_than_a_search_takes_leave_a_rule_idle() -> None:
    """Each is a clause of its own; AS numbers and addresses are not."""
    rule = naming({"source.ip": "%lists.hosting%"})
    for count, is_idle in ((RANGES_MAX, False), (RANGES_MAX + 1, True)):
        ranges = ",".join(f"10.{n >> 7}.{n % 128 * 2}.0/24" for n in range(count))
        idle = with_lists(rule, lists_of(hosting=ranges), NOW).idle
        assert is_idle == (idle is not None)
        assert not is_idle or "have 501 ranges, and a rule takes 500" in str(idle)


def test_lists_are_read_again_without_a_restart(tmp_path: Path) -> None:
    """A rule comes into force and goes idle, says so once, and others go on."""
    file, text = tmp_path / "tor.txt", tmp_path / "rule.yml"
    text.write_text("content")
    naming_tor = naming({"source.ip": "%lists.tor%"})
    plain = compiled(documents(rule__name="plain"))
    rules = [replace(rule, file=str(text)) for rule in (naming_tor, plain)]
    metrics = RunnerMetrics(rules)
    in_force = RulesInForce(rules, ListFolder(tmp_path), metrics, lambda: NOW)
    versions = []
    with capture_logs() as logs:
        for entry in (None, None, "192.0.2.7", "192.0.2.8/32", None):
            file.unlink(missing_ok=True)
            if entry is not None:
                file.write_text(entry)
            current = in_force.current()
            assert (["some", "plain"] if entry else ["plain"]) == [rule.name for rule, _ in current]
            idle = metrics.registry.get_sample_value("auditlog_alerts_idle_rules", {"rule": "some"})
            assert (entry is None) == bool(idle)
            versions += [version for rule, version in current if rule.name == "some"]
    assert ["rule is idle", "rule is in force", "rule is idle"] == [line["event"] for line in logs]
    assert "AUDITLOG_LISTS" in logs[0]["why"]
    assert 2 == len(set(versions))


def test_lists_are_filled_in_when_they_change_and_when_they_expire(tmp_path: Path) -> None:
    """A step of a runner whose lists are as before finds its rules as they were."""
    (tmp_path / "tor.txt").write_text("# valid until: 2026-11-27\n192.0.2.7")
    (text := tmp_path / "rule.yml").write_text("content")
    rule = replace(naming({"source.ip": "%lists.tor%"}), file=str(text))
    now = NOW
    in_force = RulesInForce([rule], ListFolder(tmp_path), RunnerMetrics([rule]), lambda: now)
    ((first, _),) = in_force.current()
    ((second, _),) = in_force.current()
    assert first is second
    now += timedelta(days=1)
    assert [] == in_force.current()


def test_examples_bring_lists_of_their_own() -> None:
    """So that they say the same wherever they are run."""
    rule = with_example_lists(naming({"source.ip": "%lists.tor%"}))
    assert base_of(rule).condition.matches({"source": {"ip": "192.0.2.7"}})
    assert "192.0.2.7" in json.dumps(base_query(base_of(rule)))
