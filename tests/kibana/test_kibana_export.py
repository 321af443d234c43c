"""What is exported for Kibana, held to its shapes, to our mapping and to the rules of the folder."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from audit_alerts import Rule
from audit_alerts.fields import groupable
from audit_alerts.mappings import ALERTS_MAPPING
from audit_alerts.plan import LogSource
from audit_alerts.rules import read_rules
from audit_kibana import Bundle, ExportTarget, KibanaRule, RuleType, bundle_of, kibana_rule
from audit_kibana.dashboard import CHARTS, HOUR, WEEKDAY
from audit_kibana.durations import kibana_duration
from audit_kibana.lens import RECORDS
from audit_kibana.saved_objects import SEARCHES
from audit_schemas import Catalogue
from audit_schemas.template import mapping
from support.in_process import auditlog_in_process
from support.servers import ROOT
from support.shipped_rules import shipped_rules

FOLDER = ROOT / "deploy" / "alerts"
RULES = shipped_rules()
BUNDLE = bundle_of(RULES, ExportTarget())


def leaves(properties: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the paths of all fields of a mapping."""
    for name, field in properties.items():
        if "properties" in field:
            yield from leaves(field["properties"], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


MAPPED = set(leaves(mapping()["properties"]))


def of_type(kind: str) -> list[dict[str, Any]]:
    """Return the saved objects of a type."""
    return [each for each in BUNDLE.objects if each["type"] == kind]


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels, as Kibana parses them."""
    (dashboard,) = of_type("dashboard")
    found: list[dict[str, Any]] = json.loads(dashboard["attributes"]["panelsJSON"])
    return found


def columns() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every column of every chart, with the chart's name."""
    for panel in panels():
        state = panel["embeddableConfig"]["attributes"]["state"]
        for layer in state["datasourceStates"]["formBased"]["layers"].values():
            for column in layer["columns"].values():
                yield panel["panelIndex"], column


def rule_of(name: str, bundle: Bundle = BUNDLE) -> KibanaRule:
    """Return what one of the rules became."""
    (found,) = (rule for rule in bundle.rules if rule.rule == name)
    return found


def compiled(tmp_path: Path, text: str) -> Rule:
    """Return the rule that a text is."""
    (tmp_path / "rule.yml").write_text(text)
    (rule,) = read_rules([tmp_path], Catalogue.load())
    return rule


def test_every_rule_of_the_folder_is_exported_exactly_once() -> None:
    """No rule is left out, and none comes twice under two forms."""
    files = sorted(file.stem for file in FOLDER.glob("*.yml"))
    assert files == sorted(rule.rule for rule in BUNDLE.rules)


def test_ids_are_unique_and_of_names() -> None:
    """An import replaces what an earlier one made, and nothing else."""
    ids = [*(each["id"] for each in BUNDLE.objects), *(rule.id for rule in BUNDLE.rules)]
    assert len(ids) == len(set(ids))
    assert {5} == {uuid.UUID(each).version for each in ids}


def test_ids_stay_what_they_were() -> None:
    """Whoever changes how ids are made leaves every deployment with two of everything."""
    assert "730e98b4-170d-5d20-a5db-6ba35e0d234f" == ExportTarget().id_of("dashboard", "audit-log")
    assert "4e831628-d7cf-568f-aad7-5fb1c5282cf7" == rule_of("brute-force-unknown-address").id


def test_another_space_has_other_ids() -> None:
    """Kibana takes an id only once, in all spaces together."""
    elsewhere = bundle_of(RULES, ExportTarget(space="audit"))
    assert not {rule.id for rule in BUNDLE.rules} & {rule.id for rule in elsewhere.rules}
    assert not {each["id"] for each in BUNDLE.objects} & {each["id"] for each in elsewhere.objects}


def test_the_export_is_the_same_each_time(tmp_path: Path) -> None:
    """So that it can be kept under version control."""
    for name in ("one", "two"):
        bundle_of(RULES, ExportTarget()).write(tmp_path / name)
    one, two = (
        {
            file.relative_to(tmp_path / name): file.read_bytes()
            for file in (tmp_path / name).rglob("*.*")
        }
        for name in ("one", "two")
    )
    assert one == two
    assert len(RULES) + 1 == len(one)


def test_references_resolve() -> None:
    """Each one names an object of the file, by type and id, that comes before."""
    seen: set[tuple[str, str]] = set()
    for each in BUNDLE.objects:
        for reference in each["references"]:
            assert (reference["type"], reference["id"]) in seen
        seen.add((each["type"], each["id"]))


def test_every_reference_of_a_panel_is_one_of_the_dashboard() -> None:
    """Kibana finds a panel's data view by PANEL:NAME among the dashboard's references."""
    (dashboard,) = of_type("dashboard")
    given = {(ref["name"], ref["id"]) for ref in dashboard["references"]}
    wanted = set()
    for panel in panels():
        attributes = panel["embeddableConfig"]["attributes"]
        layers = attributes["state"]["datasourceStates"]["formBased"]["layers"]
        names = {ref["name"] for ref in attributes["references"]}
        assert names == {f"indexpattern-datasource-layer-{layer}" for layer in layers}
        wanted |= {(f"{panel['panelIndex']}:{r['name']}", r["id"]) for r in attributes["references"]}
    assert wanted == given


def test_searches_look_at_the_data_view_of_events() -> None:
    """By the name that searchSourceJSON calls the reference."""
    (events,) = (
        each for each in of_type("index-pattern") if each["attributes"]["title"] == "audit-events"
    )
    for search in of_type("search"):
        source = json.loads(search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
        assert [(source["indexRefName"], events["id"])] == [
            (ref["name"], ref["id"]) for ref in search["references"]
        ]


def test_what_is_text_inside_is_json() -> None:
    """Every ...JSON, map and the like parses: Kibana fails on them only when they are opened."""
    texts = []
    for each in BUNDLE.objects:
        attributes = each["attributes"]
        meta = attributes.get("kibanaSavedObjectMeta", {})
        for name, value in [*attributes.items(), *meta.items()]:
            if re.search("(JSON|Map|Attrs|fields|Filters|typeMeta)$", name):
                json.loads(value)
                texts.append(name)
    assert {"panelsJSON", "optionsJSON", "searchSourceJSON", "runtimeFieldMap"} <= set(texts)


def test_shapes_are_the_older_ones_that_newer_kibanas_migrate() -> None:
    """With their versions, without which Kibana would take them for what it writes today."""
    versions = {
        each["type"]: (each["coreMigrationVersion"], each["typeMigrationVersion"])
        for each in BUNDLE.objects
    }
    assert versions == {
        "index-pattern": ("8.8.0", "8.0.0"),
        "search": ("8.8.0", "8.0.0"),
        "dashboard": ("8.8.0", "8.9.0"),
    }


def test_data_views_have_a_time() -> None:
    """One of the events' alias, one of the alerts."""
    views = {view["attributes"]["title"]: view["attributes"] for view in of_type("index-pattern")}
    assert {"audit-events", "audit-alerts"} == set(views)
    assert {"@timestamp"} == {view["timeFieldName"] for view in views.values()}


def test_fields_of_searches_are_in_the_mapping() -> None:
    """A column that is none stays empty for ever, and nobody sees why."""
    for search in SEARCHES:
        assert set(search.columns) <= MAPPED
        assert set(re.findall(r"([a-z_.]+):", search.query)) <= MAPPED


def test_fields_of_the_dashboard_can_be_counted_by() -> None:
    """They are in the mapping with doc values, or the data view computes them."""
    (events,) = (
        each for each in of_type("index-pattern") if each["attributes"]["title"] == "audit-events"
    )
    computed = set(json.loads(events["attributes"]["runtimeFieldMap"]))
    assert {HOUR, WEEKDAY} == computed
    for name, column in columns():
        field = column["sourceField"]
        fine = groupable(field) or field in computed or field in ("@timestamp", RECORDS)
        assert fine, (name, field)


def test_every_column_that_a_chart_draws_is_there() -> None:
    """Accessors and orders name columns of their own layer; what is grouped by comes first."""
    for panel in panels():
        state = panel["embeddableConfig"]["attributes"]["state"]
        ((own, layer),) = state["datasourceStates"]["formBased"]["layers"].items()
        drawn = json.dumps(state["visualization"])
        assert f'"layerId": "{own}"' in drawn
        for column in layer["columns"]:
            assert f'"{column}"' in drawn, (own, column)
        for column in layer["columns"].values():
            order = column["params"].get("orderBy", {})
            assert order.get("columnId", next(iter(layer["columns"]))) in layer["columns"]
        bucketed = [layer["columns"][name]["isBucketed"] for name in layer["columnOrder"]]
        assert bucketed == sorted(bucketed, reverse=True)


def test_values_are_ranked_over_the_whole_time() -> None:
    """Lens nests columns in their order: values after a time would be the top ones of each bucket."""
    ranked = 0
    for chart in CHARTS:
        kinds = [column["operationType"] for column in chart.columns.values()]
        if "date_histogram" in kinds and "terms" in kinds:
            assert kinds.index("terms") < kinds.index("date_histogram"), chart.name
            ranked += 1
    assert ranked


def test_hours_of_the_week_come_in_their_order() -> None:
    """The chart sorts both axes as text, so hours have two digits and days begin with their number."""
    (events, *_) = of_type("index-pattern")
    hour, day = (json.loads(events["attributes"]["runtimeFieldMap"])[name] for name in (HOUR, WEEKDAY))
    assert ("keyword", "keyword") == (hour["type"], day["type"])
    assert "(hour < 10 ? '0' : '') + hour" in hour["script"]["source"]
    assert "day.getValue() + ' '" in day["script"]["source"]
    (chart,) = (chart for chart in CHARTS if chart.kind == "lnsHeatmap")
    grid = chart.visualization["gridConfig"]
    assert ("asc", "asc") == (grid["xSortPredicate"], grid["ySortPredicate"])
    kinds = {column["dataType"] for column in chart.columns.values() if column["isBucketed"]}
    assert {"string"} == kinds


def test_the_map_joins_countries_by_their_two_letters() -> None:
    """As the index has them; Elastic's outlines of countries call that field iso2."""
    (chart,) = (chart for chart in CHARTS if chart.kind == "lnsChoropleth")
    shown = chart.visualization
    assert ("world_countries", "iso2") == (shown["emsLayerId"], shown["emsField"])
    assert "source.geo.country_iso_code" == chart.columns[shown["regionAccessor"]]["sourceField"]
    assert "count" == chart.columns[shown["valueAccessor"]]["operationType"]


def test_panels_do_not_lie_on_one_another() -> None:
    """In a grid of 48 columns."""
    taken: set[tuple[int, int]] = set()
    for chart in CHARTS:
        x, y, width, height = chart.grid
        assert x + width <= 48
        cells = {(x + i, y + j) for i in range(width) for j in range(height)}
        assert not cells & taken
        taken |= cells


def test_parameters_of_es_query_rules_are_what_kibana_takes() -> None:
    """Its own bounds, as it checks them."""
    found = [rule for rule in BUNDLE.rules if not rule.type.is_detection]
    assert found
    for rule in found:
        body, params = rule.body, rule.body["params"]
        assert f"/api/alerting/rule/{rule.id}" == rule.path
        assert (".es-query", "stackAlerts") == (body["rule_type_id"], body["consumer"])
        assert re.fullmatch(r"[1-9]\d*[smhd]", body["schedule"]["interval"])
        assert "esQuery" == params["searchType"]
        assert json.loads(params["esQuery"])["query"]
        assert 0 <= params["size"] <= 100
        assert 1 <= params["timeWindowSize"]
        assert params["timeWindowUnit"] in "smhd"
        assert ">=" == params["thresholdComparator"]
        assert [1] <= params["threshold"]
        assert ("top", "count") == (params["groupBy"], params["aggType"])
        assert 1 <= params["termSize"] <= 1000
        term = params["termField"]
        assert isinstance(term, str) or 2 <= len(term) <= 4
        assert not params["excludeHitsFromPreviousRun"]


def test_detection_rules_have_what_kibana_asks_for() -> None:
    """Risk and severity of the level, a query language, a threshold with its cardinality."""
    found = [rule for rule in BUNDLE.rules if rule.type.is_detection]
    assert {"credential-stuffing-network", "password-spraying", "user-from-several-networks"} == {
        rule.rule for rule in found
    }
    for rule in found:
        body = rule.body
        assert "/api/detection_engine/rules" == rule.path
        assert rule.id == body["rule_id"]
        assert ("threshold", "lucene") == (body["type"], body["language"])
        assert body["severity"] in ("low", "medium", "high", "critical")
        assert 0 <= body["risk_score"] <= 100
        assert "event.ingested" == body["timestamp_override"]
        assert re.fullmatch(r"now-\d+s", body["from"])
        assert 1 <= len(body["threshold"]["field"]) <= 3
        (cardinality,) = body["threshold"]["cardinality"]
        assert body["threshold"]["value"] == cardinality["value"]
        assert 1000 == body["max_signals"]
        assert body["description"]
        assert body["name"]


def test_the_administrator_sees_what_detection_rules_find() -> None:
    """In every space: Kibana shows alerts by its user's own privileges, not by its own."""
    roles = yaml.safe_load((ROOT / "deploy" / "elasticsearch" / "roles.yml").read_text())
    given = {
        name: set(entry["privileges"])
        for entry in roles["audit_admin"]["indices"]
        for name in entry["names"]
    }
    for name in (".alerts-security.alerts-*", ".internal.alerts-security.alerts-*"):
        assert {"read", "view_index_metadata"} <= given[name]


def test_rules_group_by_fields_of_the_mapping() -> None:
    """And those over events leave out what an event may lack."""
    for rule in BUNDLE.rules:
        if rule.type is RuleType.ALERTS:
            continue
        body = rule.body
        if rule.type is RuleType.THRESHOLD:
            fields = [*body["threshold"]["field"], body["threshold"]["cardinality"][0]["field"]]
        else:
            term = body["params"]["termField"]
            fields = [term] if isinstance(term, str) else term
        assert "organization.id" not in fields
        assert all(groupable(field) for field in fields), rule.rule


def test_rules_over_alerts_ask_for_fields_of_the_runners_alerts() -> None:
    """By its own mapping: a rule over a field that is none would be silent for ever."""
    of_alerts = set(leaves(ALERTS_MAPPING["properties"]))
    for rule in BUNDLE.rules:
        if rule.type is RuleType.ALERTS:
            params = rule.body["params"]
            (asked,) = json.loads(params["esQuery"])["query"]["bool"]["filter"]
            assert {params["timeField"], *params["termField"], *asked["term"]} <= of_alerts


def test_a_rule_looks_back_over_its_span_and_a_step() -> None:
    """What comes within a span lies, whenever Kibana looks, within one look."""
    assert ("11m", "1m") == window(rule_of("brute-force"))
    assert ("2m", "1m") == window(rule_of("inhuman-chat-closing"))
    assert ("65m", "5m") == window(rule_of("log-exported-in-bulk"))
    spraying = rule_of("password-spraying").body
    assert ("now-3900s", "5m") == (spraying["from"], spraying["interval"])


def window(rule: KibanaRule) -> tuple[str, str]:
    """Return how far a rule looks back, and how often."""
    params = rule.body["params"]
    return f"{params['timeWindowSize']}{params['timeWindowUnit']}", rule.body["schedule"]["interval"]


@pytest.mark.parametrize(
    ("name", "rule_type", "why"),
    [
        ("brute-force", RuleType.ES_QUERY, "ours slides"),
        ("settings-burst", RuleType.ES_QUERY, "without organization.id"),
        ("password-spraying", RuleType.THRESHOLD, "ours slides"),
        ("success-after-failures", RuleType.ALERTS, "no order"),
        ("new-address-then-sensitive", RuleType.ALERTS, "no order"),
        ("unusual-hours", RuleType.ALERTS, "usual hours"),
        ("log-fell-silent", RuleType.ALERTS, "missing"),
        ("dead-letter-flood", RuleType.ALERTS, "Kafka"),
        ("id-conflict", RuleType.ALERTS, "Kafka"),
        ("login-from-denied-range", RuleType.ALERTS, "its lists (denied) change"),
    ],
)
def test_the_export_says_what_each_rule_becomes_and_why(
    name: str, rule_type: RuleType, why: str
) -> None:
    """What Kibana can't say comes from our runner's alerts."""
    rule = rule_of(name)
    assert rule_type is rule.type
    assert why in rule.note
    if rule_type is RuleType.ALERTS:
        params = rule.body["params"]
        assert ["audit-alerts"] == params["index"]
        assert {"term": {"rule.name": name}} in json.loads(params["esQuery"])["query"]["bool"]["filter"]
        assert ("1h", "1m") == window(rule)


def test_without_detection_rules_all_come_from_alerting() -> None:
    """Elastic Security may not be there, or not be allowed."""
    plain = bundle_of(RULES, ExportTarget(), detection=False)
    assert {RuleType.ES_QUERY, RuleType.ALERTS} == {rule.type for rule in plain.rules}
    assert "detection" in rule_of("password-spraying", plain).note
    assert {rule.id for rule in BUNDLE.rules} == {rule.id for rule in plain.rules}


NEW_NETWORK = """
title: A user from a new network
id: 5f0c1f6e-5a0b-4b0e-8a83-0d3c5a1f7eff
name: new-network
description: d
level: low
falsepositives: [f]
correlation:
  type: event_count
  rules: [seen]
  group-by: [audit.user]
  timespan: 1h
  condition: {gte: %d}
auditlog:
  reasons: {timespan: t%s}
  what-to-do: w
  examples: {fires: [{says: s, events: []}], silent: [{says: s, events: []}]}
---
title: A login
name: seen
logsource: {product: auditlog, service: audit-events}
detection:
  login: {event.action: login}
  condition: login
auditlog:
  new-terms: {field: source.ip, by: [organization.id, audit.user], history: 30d}
  reasons: {history: h}
"""


def test_what_is_new_becomes_new_terms(tmp_path: Path) -> None:
    """Kibana has a rule for values that were not there before; it can't count them."""
    rule = kibana_rule(compiled(tmp_path, NEW_NETWORK % (1, "")), ExportTarget())
    assert RuleType.NEW_TERMS is rule.type
    assert ["audit.user", "source.ip"] == rule.body["new_terms_fields"]
    assert "now-30d" == rule.body["history_window_start"]
    counted = kibana_rule(compiled(tmp_path, NEW_NETWORK % (2, ", condition: c")), ExportTarget())
    assert RuleType.ALERTS is counted.type


SEVERAL_PARTS = """
title: Chats come and go
id: 5f0c1f6e-5a0b-4b0e-8a83-0d3c5a1f7efe
name: come-and-go
description: d
level: low
falsepositives: [f]
correlation:
  type: event_count
  rules: [opened, closed]
  group-by: [%s]
  timespan: 90s
  condition: {gte: 5}
auditlog:
  reasons: {timespan: t, condition: c}
  what-to-do: w
  examples: {fires: [{says: s, events: []}], silent: [{says: s, events: []}]}
---
title: Opened
name: opened
logsource: {product: auditlog, service: audit-events}
detection: {it: {event.action: chat-opened}, condition: it}
---
title: Closed
name: closed
logsource: {product: auditlog, service: audit-events}
detection: {it: {event.action: chat-closed}, condition: it}
"""


def test_parts_are_asked_for_together(tmp_path: Path) -> None:
    """A count over two base rules is a count over either's events."""
    rule = kibana_rule(compiled(tmp_path, SEVERAL_PARTS % "audit.user"), ExportTarget())
    query = json.loads(rule.body["params"]["esQuery"])["query"]["query_string"]["query"]
    assert r"(event.action:chat\-opened) OR (event.action:chat\-closed)" == query
    assert (150, "s") == (rule.body["params"]["timeWindowSize"], rule.body["params"]["timeWindowUnit"])


@pytest.mark.parametrize(
    "fields", ["organization.id", "audit.user, source.ip, service.name, audit.chat.id"]
)
def test_groups_that_kibana_can_not_make_come_from_the_runner(tmp_path: Path, fields: str) -> None:
    """By what an event may lack alone, or by too many fields."""
    rule = kibana_rule(compiled(tmp_path, SEVERAL_PARTS % fields), ExportTarget())
    assert RuleType.ALERTS is rule.type


def test_spans_are_whole_numbers_of_their_unit() -> None:
    """Kibana takes no fractions."""
    spans = [kibana_duration(millis) for millis in (660_000, 3_600_000, 86_400_000, 90_000, 1_500)]
    assert [(11, "m"), (1, "h"), (1, "d"), (90, "s"), (2, "s")] == spans


def test_a_rules_name_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    """Names are free text in a deployment's own rules."""
    odd = compiled(tmp_path, NEW_NETWORK.replace("name: new-network", "name: ../../odd") % (1, ""))
    bundle_of([odd], ExportTarget()).write(tmp_path / "out")
    (file,) = (tmp_path / "out" / "rules").iterdir()
    assert f"{kibana_rule(odd, ExportTarget()).id}.json" == file.name


def test_export_writes_requests_that_can_be_sent_as_they_are(tmp_path: Path) -> None:
    """The command, with its table and its JSON."""
    done = auditlog_in_process("kibana", "export", str(tmp_path / "out"))
    assert 0 == done.returncode, done.stderr
    for rule in RULES:
        assert rule.name in done.stdout
    file = json.loads((tmp_path / "out" / "rules" / "brute-force.json").read_text())
    assert f"POST {rule_of('brute-force').path}" == file["request"]
    assert rule_of("brute-force").body == file["body"]
    lines = (tmp_path / "out" / "saved-objects.ndjson").read_text().splitlines()
    assert list(BUNDLE.objects) == [json.loads(line) for line in lines]
    again = auditlog_in_process("kibana", "export", str(tmp_path / "out"), "--json", "--no-detection")
    types = {line["rule"]: line["type"] for line in map(json.loads, again.stdout.splitlines())}
    assert "over alerts" == types["password-spraying"]


def test_export_names_the_indices_that_are_set(tmp_path: Path) -> None:
    """A deployment's own prefix and index of alerts."""
    done = auditlog_in_process(
        "kibana",
        "export",
        str(tmp_path),
        AUDITLOG_INDEX_PREFIX="mine",
        AUDITLOG_ALERTS_INDEX="my-alerts",
    )
    assert 0 == done.returncode, done.stderr
    written = "".join(file.read_text() for file in tmp_path.rglob("*.*json"))
    assert '"mine"' in written
    assert '"my-alerts"' in written
    assert '"audit-events"' not in written
    assert '"audit-alerts"' not in written


def test_export_refuses_a_folder_with_a_rule_that_is_none_any_more(tmp_path: Path) -> None:
    """Else somebody imports by hand what was taken out of the rules."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "old.json").write_text("{}")
    done = auditlog_in_process("kibana", "export", str(tmp_path))
    assert 1 == done.returncode
    assert "old.json belongs to no rule in force" in done.stderr
    assert not (tmp_path / "saved-objects.ndjson").exists()


def test_rules_over_alerts_are_those_of_the_runner() -> None:
    """Every rule that looks at dead letters is among them."""
    over = {rule.rule for rule in BUNDLE.rules if rule.type is RuleType.ALERTS}
    assert {rule.name for rule in RULES if rule.log_source is LogSource.DEAD_LETTERS} <= over
