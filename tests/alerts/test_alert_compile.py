"""What becomes of a rule file: a plan, or a refusal that says why."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from audit_alerts.compile import compile_rule
from audit_alerts.condition import Equals
from audit_alerts.errors import AlertError, RuleRefusedError
from audit_alerts.plan import Base, Correlation, Kind
from audit_alerts.rules import load_rules, read_rules
from audit_alerts.settings import AlertSettings
from support.alert_cases import CATALOGUE, compiled, documents, text_of


def test_a_rule_becomes_a_plan() -> None:
    """With a query for Elasticsearch, and a condition that the program answers itself."""
    rule = compiled(documents())
    part = Base("part", rule.log_source, Equals("event.action", "login"), "event.action:login")
    assert rule.root == Correlation("some", Kind.EVENT_COUNT, (part,), ("source.ip",), 300_000, 2)
    assert "some.yml" == rule.file
    assert None is rule.idle


def test_more_than_is_one_more_at_least() -> None:
    """Both of Sigma's growing conditions are taken."""
    rule = compiled(documents(rule__correlation__condition={"gt": 2}))
    assert isinstance(rule.root, Correlation)
    assert 3 == rule.root.at_least


def test_levels_are_read_as_sigma_reads_them() -> None:
    """In whichever case: what compares, sorts and looks levels up has one spelling."""
    assert "high" == compiled(documents(rule__level="High")).level


REFUSED: list[tuple[dict[str, Any], str]] = [
    # fields and values
    ({"part__detection__it": {"user.nme": "x"}}, "user.nme is not a field that rules can use"),
    ({"part__detection__it": {"message": "x"}}, "message is not a field"),
    ({"part__detection__it": {"event.id": "x"}}, "event.id is not a field"),
    ({"part__detection__it": {"event.action": "log-in"}}, "log-in is not an activity"),
    ({"part__detection__it": {"event.action|endswith": "-inn"}}, "is not an activity of the catalogue"),
    ({"part__detection__it": {"user.name|re": "a.*"}}, "RegularExpression can't be evaluated exactly"),
    ({"part__detection__it": {"user.name|cased": "a"}}, "CasedString can't be evaluated exactly"),
    ({"part__detection__it": {"user.name|fieldref": "user.id"}}, "FieldReference can't be evaluated"),
    ({"part__detection__it": {"@timestamp|hour": 3}}, "@timestamp is not a field"),
    ({"part__detection__it": {"user.name|gte": 3}}, "CompareExpression can't be evaluated exactly"),
    ({"part__detection__it": {"user.name": True}}, "Bool can't be evaluated exactly"),
    ({"part__detection__it": {"user.name": "AND"}}, "AND is an operator of Lucene"),
    ({"part__detection__it": {"user.name": "<x"}}, "would be a range"),
    ({"part__detection__it": {"user.name": ""}}, "empty text"),
    ({"part__detection__it": {"user.name": "a\nb"}}, "control characters"),
    ({"part__detection__it": {"user.name|exists": False}}, "write the field with null"),
    ({"part__detection__it": {"labels.a": "b*"}}, "a label is compared whole"),
    ({"part__detection__it": {"source.ip": "192.0.2.*"}}, "is not a valid IP address; for a range"),
    ({"part__detection__it": {"source.ip": "192.0.2.0/24"}}, "is not a valid IP address; for a range"),
    ({"part__detection__it": {"source.ip|cidr": "::ffff:0:0/96"}}, "write it as such"),
    ({"part__detection__it": {"source.ip|cidr": "192.0.2.1/24"}}, "is not a Sigma rule"),
    ({"part__detection__it": {"user.name|cidr": "192.0.2.0/24"}}, "CIDRExpression can't be evaluated"),
    ({"part__detection__it": {"source.ip|cidr": "fe80::%eth0/64"}}, "has a zone"),
    ({"part__detection__it": {"labels.a:b": "c"}}, "labels.a:b: a label is asked for by letters"),
    ({"part__detection__it": {"labels.a) OR (b": "c"}}, "a label is asked for by letters"),
    ({"part__detection__it": {"labels.a*|exists": True}}, "a label is asked for by letters"),
    ({"part__detection__it": {'labels.a"': None}}, "a label is asked for by letters"),
    ({"part__detection__it": {"source.as.number": "x"}}, "x is not a number, such as 64500"),
    ({"part__detection__it": ["word"]}, "a word without a field"),
    ({"part__detection__it": {5: "x"}}, "detection: 5 is no name of a field"),
    ({"part__detection__it": [{None: "x"}]}, "detection: None is no name of a field"),
    # lists
    ({"part__detection__it": {"source.ip": "%lists.Tor%"}}, "names no list"),
    ({"part__detection__it": {"source.ip": "%lists.tor%"}}, "what is on tor"),
    ({"rule__auditlog__examples__lists": {"tor": ["::1"]}}, "what is on tor"),
    ({"part__detection__it": {"user.name|contains": "%lists.tor%"}}, "leave |contains out"),
    ({"part__detection__it": {"source.ip|cidr": ["%lists.tor%", "::/9"]}}, "its ranges into a list"),
    ({"part__detection__it": {"source.ip|cidr": "%denied_ranges%"}}, "'%lists.denied%' now"),
    ({"rule__auditlog__optional-lists": ["tor"]}, "optional-lists: tor is no list that the rule names"),
    ({"part__detection__condition": 5}, "detection.condition has to be a text"),
    ({"part__detection__condition": [{}]}, "detection.condition has to be a list of texts"),
    ({"part__detection__condition": "not " * 3000 + "it"}, "nested too deeply"),
    ({"part__detection__condition": ["it", "not it"]}, "one condition, not 2"),
    ({"part__detection__condition": "nobody"}, "is not a Sigma rule"),
    # correlations
    ({"rule__correlation__condition": {"lt": 2}}, "lt would be true before all events have arrived"),
    ({"rule__correlation__condition": {"eq": 2}}, "eq would be true"),
    ({"rule__correlation__condition": {"gte": 0}}, "a count of nothing"),
    ({"rule__correlation__condition": {"gte": 1, "lte": 2}}, "is not a Sigma rule"),
    ({"rule__correlation__condition": {"gte": 1.5}}, "condition.gte has to be a whole number"),
    ({"rule__correlation__condition": {"gt": True}}, "condition.gt has to be a whole number"),
    ({"rule__correlation__condition": {"gte": []}}, "condition.gte has to be a whole number"),
    ({"rule__correlation": 5}, "correlation has to be keys with values"),
    ({"rule__correlation__type": 5}, "correlation.type has to be a text"),
    ({"rule__correlation__rules": [{"a": 1}]}, "correlation.rules has to be a list of texts"),
    ({"rule__correlation__timespan": "999999w"}, "is longer than ten years"),
    ({"rule__correlation__condition": {"gte": 2, "field": "user.id"}}, "only value_count"),
    ({"rule__correlation__type": "value_count"}, "is not a Sigma rule"),
    ({"rule__correlation__type": "value_sum"}, "is not a Sigma rule"),
    ({"rule__correlation": {"type": "value_sum", "rules": ["part"], "timespan": "5m",
                            "condition": {"gte": 2, "field": "user.id"}}},
     "value_sum is not evaluated"),
    ({"rule__correlation__type": "temporal"}, "so 2 of them never come together"),
    ({"rule__correlation__timespan": "1M"}, "has no one length"),
    ({"rule__correlation__timespan": None}, "is not a Sigma rule"),
    ({"rule__correlation__rules": ["part", "part"]}, "names a part twice"),
    ({"rule__correlation__rules": ["nobody"]}, "Rule 'nobody' not found"),
    ({"rule__correlation__group-by": ["labels"]}, "labels is not a field that events can be"),
    ({"rule__correlation__group-by": ["related.user"]}, "related.user is not a field"),
    ({"rule__correlation__group-by": ["event.reason"]}, "event.reason is not a field"),
    ({"rule__correlation__group_by": ["source.ip"]}, "group_by is not a known key"),
    ({"rule__correlation__aliases": {"x": {"part": "user.id"}}}, "neither grouped by nor counted"),
    ({"rule__correlation__aliases": {"source.ip": {"nobody": "user.id"}}}, "nobody is not one"),
    ({"rule__correlation__generate": True}, "generate is not a known key"),
    # what belongs to a rule
    ({"rule__id": None}, "has no id"),
    ({"rule__id": 5}, "id has to be a text"),
    ({"rule__falsepositives": [None]}, "falsepositives has to be a list of texts"),
    ({"part__logsource__service": []}, "logsource.service has to be a text"),
    ({"rule__title": None}, "is not a Sigma rule"),
    ({"rule__description": None}, "has no description"),
    ({"rule__level": None}, "has no level"),
    ({"rule__level": "dreadful"}, "is not a Sigma rule"),
    ({"rule__falsepositives": None}, "has no falsepositives"),
    ({"rule__auditlog__what-to-do": None}, "does not say what to do"),
    ({"rule__auditlog__examples": None}, "has no examples of what must fire and must not"),
    ({"rule__auditlog__examples__silent": []}, "examples.silent: List should have at least 1"),
    ({"rule__auditlog__examples__fires": None}, "examples.fires: Field required"),
    ({"rule__auditlog__reasons": {"timespan": "x"}}, "some lacks a reason for condition"),
    ({"rule__auditlog__reasons": {"timespan": "x", "condition": "x", "z": "x"}}, "no use for a reason"),
    ({"rule__auditlog__unheard": 1}, "auditlog.unheard: Extra inputs are not permitted"),
    ({"rule__severity": "low"}, "severity is not a known key"),
    ({"part__logsource": {"product": "windows"}}, "logsource has to be product: auditlog"),
    ({"part__logsource__service": "unheard"}, "logsource has to be product: auditlog"),
    ({"part__logsource__category": "x"}, "category is not a known key"),
    ({"part__detection__timeframe": "5m"}, "timeframe has no meaning any more"),
    # marks
    ({"part__auditlog": {"new-terms": {"field": "source.ip", "by": ["user.id"], "history": "30d"}}},
     "part lacks a reason for history"),
    ({"part__auditlog": {"new-terms": {"field": "source.pi", "by": ["user.id"], "history": "30d"},
                         "reasons": {"history": "x"}}}, "source.pi is not a field that events can"),
    ({"part__auditlog": {"new-terms": {"field": "source.ip", "by": ["user.id"], "history": "long"},
                         "reasons": {"history": "x"}}}, "is not a duration"),
    ({"part__auditlog": {"absence": {"by": ["user.id"], "after": "1h", "days": [], "least": 1}}},
     "absence.days"),
    ({"part__auditlog": {"absence": {"by": ["user.id"], "after": "1h", "days": 10**9, "least": 1}}},
     "absence.days"),
    # what was there before, cells, surges
    ({"part__auditlog": {"unless-seen": [{"rule": "nobody", "by": ["user.id"], "history": "1d"}],
                         "reasons": {"unless-seen": "x"}}}, "nobody is not a plain rule"),
    ({"part__auditlog": {"unless-seen": [{"rule": "part", "by": ["user.id"], "history": "1d"}]}},
     "lacks a reason for unless-seen"),
    ({"part__auditlog": {"if-seen": [{"rule": "x", "by": ["user.id"], "history": "1h"}]}},
     "history has to be a day"),
    ({"part__auditlog": {"if-seen": [{"rule": "x", "by": ["user.id"], "history": "2d", "least": 2}]}},
     "field and least"),
    ({"part__auditlog": {"cell": "1m"}}, "only a correlation can have a cell"),
    ({"rule__auditlog__cell": "1m"}, "some lacks a reason for cell"),
    ({"rule__auditlog__cell": "4m", "rule__auditlog__reasons__cell": "x"}, "half the timespan"),
    ({"rule__auditlog__surge": {"days": 7, "factor": 1}}, "surge.factor"),
    ({"rule__correlation__type": "value_count",
      "rule__correlation__condition": {"gte": 2, "field": "who"},
      "rule__correlation__aliases": {"who": {"part": "user.id"}},
      "rule__auditlog__cell": "1m", "rule__auditlog__surge": {"days": 7, "factor": 3},
      "rule__auditlog__reasons": dict.fromkeys(
          ("timespan", "condition", "cell", "days", "factor"), "because")},
     "who can't be an alias"),
    ({"rule__auditlog__new-terms": {"field": "source.ip", "by": ["user.id"], "history": "30d"}},
     "only a rule with a detection can have that"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "reason"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_would_not_do_as_it_says_is_refused(changes: dict[str, Any], reason: str) -> None:
    """With the file, and a reason that a person understands; never skipped."""
    with pytest.raises(RuleRefusedError) as refused:
        compiled(documents(**changes))
    assert "some.yml" == refused.value.file
    assert reason in refused.value.reason


def test_two_rules_in_a_file_are_refused() -> None:
    """All documents but one are parts."""
    other = documents()[1] | {"name": "other"}
    with pytest.raises(RuleRefusedError, match="a file holds one rule"):
        compiled([*documents(), other])


def test_a_base_rule_alone_is_refused() -> None:
    """Nothing says what belongs to one alert."""
    with pytest.raises(RuleRefusedError, match="count its events"):
        compiled(documents()[1:])


def test_a_rule_that_is_a_part_of_itself_is_refused() -> None:
    """And does not run until it has no memory left."""
    rule, part = documents()
    inner = {
        "title": "x",
        "name": "inner",
        "correlation": {**rule["correlation"], "rules": ["inner"]},
        "auditlog": {"reasons": {"timespan": "x", "condition": "x"}},
    }
    rule["correlation"] = {**rule["correlation"], "rules": ["part", "inner"]}
    with pytest.raises(RuleRefusedError, match=r"part of itself|is not a Sigma rule"):
        compiled([rule, part, inner])


def test_a_hit_of_a_correlation_has_only_what_it_groups_by() -> None:
    """A chain that groups by more than its part does is refused."""
    rule, part = documents()
    inner = {
        "title": "x",
        "name": "inner",
        "correlation": {**rule["correlation"], "rules": ["part"], "group-by": ["user.id"]},
        "auditlog": {"reasons": {"timespan": "x", "condition": "x"}},
    }
    rule["correlation"] = {**rule["correlation"], "rules": ["inner"]}
    with pytest.raises(RuleRefusedError, match=r"inner does not group by source\.ip"):
        compiled([rule, part, inner])


def test_a_base_rule_is_in_a_group_by_one_field() -> None:
    """Used by two parts that group by different fields, candidates would be counted by one alone."""
    rule, part = documents()
    inner: Iterator[dict[str, Any]] = (
        {
            "title": name,
            "name": name,
            "correlation": {**rule["correlation"], "rules": ["part"], "group-by": [field]},
            "auditlog": {"reasons": {"timespan": "x", "condition": "x"}},
        }
        for name, field in (("given", "user.target.id"), ("gives", "audit.user"))
    )
    given, gives = inner
    rule["correlation"] = {
        "type": "temporal_ordered",
        "rules": ["given", "gives"],
        "group-by": ["who"],
        "timespan": "1h",
        "aliases": {"who": {"given": "user.target.id", "gives": "audit.user"}},
    }
    rule["auditlog"]["reasons"] = {"timespan": "x"}
    with pytest.raises(RuleRefusedError, match=r"who is audit\.user and user\.target\.id of part"):
        compiled([rule, given, gives, part])
    gives["correlation"]["rules"] = ["other"]
    other = {**part, "name": "other"}
    assert isinstance(compiled([rule, given, gives, part, other]).root, Correlation)


ALIASES = "\n".join(
    f"{this}: &{this} %(begin)s{','.join([f'*{before}'] * 9)}%(end)s"
    for before, this in pairwise("abcdefghijklmnop")
)
"""Each line stands for nine of the one before: the billion laughs."""


def laughs(begin: str, end: str) -> str:
    """Return a file of aliases, in lists or merged into mappings."""
    return "a: &a {k: v}\n" + ALIASES % {"begin": begin, "end": end}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no rule"),
        ("- a", "holds no rule"),
        ("a: [", "is not YAML"),
        ("&a {title: *a}", "holds itself"),
        ("title: a\ntitle: b", "is not YAML"),
        ("a: !!python/object/apply:os.getcwd []", "is not YAML"),
        ("? [a]\n: b", "has a key or value that can't be read"),
        ("a: 2001-99-99", "has a key or value that can't be read"),
        ("a: 1" + ":59" * 80_000, "a number of 240001 characters"),
        ("a: " + "9" * 6000, "a number of 6000 characters"),
        ("[" * 100_000, "nested too deeply"),
        ("{a: " * 50_000, "nested too deeply"),
        ("a: " + "- " * 50_000, "is not YAML|nested too deeply"),
        (laughs("[", "]"), "more than 20,000 keys and values"),
        (laughs("{<<: [", "]}"), "more than 20,000 keys and values"),
        ("a: " + "x" * 300_000, "is larger than 256 KiB"),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_no_rule_is_refused(text: str, reason: str) -> None:
    """A key twice too: the last would win unseen. No tag of YAML's runs anything."""
    with pytest.raises(RuleRefusedError, match=reason):
        compile_rule(text, "some.yml", CATALOGUE)


def test_ids_and_names_are_unique_over_all_folders(tmp_path: Path) -> None:
    """The second is refused, and names the first."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.yml").write_text(text_of(documents()))
    with pytest.raises(RuleRefusedError, match=r"a\.yml has the same id or name") as refused:
        read_rules([tmp_path / "a", tmp_path / "b"], CATALOGUE)
    assert refused.value.file.endswith("b.yml")


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    """A slip in AUDITLOG_ALERT_RULES does not switch all alerts off."""
    with pytest.raises(AlertError, match="holds no rule"):
        read_rules([tmp_path], CATALOGUE)
    with pytest.raises(AlertError, match="is not a folder of rules"):
        read_rules([tmp_path / "nowhere"], CATALOGUE)
    for nothing in ("", " , "):
        with pytest.raises(AlertError, match="no folder of rules is named"):
            load_rules(AlertSettings(alert_rules=nothing))
