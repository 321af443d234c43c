"""The rules that come with the product."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from audit_alerts.attributes import milliseconds
from audit_alerts.condition import fields_of
from audit_alerts.evaluate import evaluate
from audit_alerts.examples import BEGIN, check_examples, example_events
from audit_alerts.plan import Correlation, Rule, bases_of
from audit_alerts.rules import read_rules, shipped_folder
from audit_schemas import Catalogue
from support.shipped_rules import shipped_rules

ROOT = Path(__file__).resolve().parents[2]
LINUX = Catalogue.load(ROOT / "deploy" / "catalogue" / "linux-host.toml")
SHIPPED = shipped_rules()
RULES = [*SHIPPED, *read_rules([shipped_folder() / "linux-host"], LINUX)]

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)

WANTED = {
    "brute-force",
    "password-spraying",
    "credential-stuffing-network",
    "success-after-failures",
    "user-from-several-networks",
    "new-address-then-sensitive",
    "login-from-denied-range",
    "slow-guessing",
    "endless-guessing",
    "account-from-many-networks",
    "refused-logins-surge",
    "unknown-names-shared-address",
    "unusual-hours",
    "settings-burst",
    "inhuman-chat-closing",
    "log-fell-silent",
    "log-searched-in-bulk",
    "log-exported-in-bulk",
    "dead-letter-flood",
    "id-conflict",
}


def test_what_is_promised_is_there() -> None:
    """Each kind of attack has its rule."""
    assert WANTED <= {rule.name for rule in SHIPPED}


@every_rule
def test_a_rule_does_what_its_examples_say(rule: Rule) -> None:
    """All that must fire does, once and for its group; all that must not, does not."""
    assert not list(check_examples(rule, LINUX))


@every_rule
def test_a_file_is_called_as_its_rule(rule: Rule) -> None:
    """Who reads an alert finds the file."""
    assert rule.name == Path(rule.file).stem


@every_rule
def test_every_part_of_a_condition_is_needed_by_an_example(rule: Rule) -> None:
    """Examples that must fire use each base rule; else a slip in one would not show."""
    for base in bases_of(rule.root):
        assert any(
            base.condition.matches(one)
            for example in rule.examples["fires"]
            for one in example_events(rule, example, LINUX)
        ), base.name


@every_rule
def test_an_event_less_than_the_threshold_is_silent(rule: Rule) -> None:
    """The number in the file is the one that decides: with the first example cut to one less."""
    root = rule.root
    if not isinstance(root, Correlation) or root.at_least < 2 or len(root.parts) > 1:
        return
    events = list(example_events(rule, rule.examples["fires"][0], LINUX))
    (base,) = bases_of(root)
    counted = [one for one in events if base.condition.matches(one)][-root.at_least :]
    others = [one for one in events if not base.condition.matches(one)]
    assert evaluate(rule, [*others, *counted])
    assert not evaluate(rule, [*others, *counted[1:]])


@every_rule
def test_arrival_in_reverse_fires_the_same(rule: Rule) -> None:
    """Only when things happened counts."""
    for example in rule.examples["fires"]:
        events = list(example_events(rule, example, LINUX))
        until = BEGIN + milliseconds(example["until"]) if example["until"] else None
        assert evaluate(rule, events, until=until) == evaluate(rule, events[::-1], until=until)


@every_rule
def test_a_rule_that_groups_by_users_keeps_organizations_apart(rule: Rule) -> None:
    """Two of the same name are two."""
    if "audit.user" in rule.root.group_by:
        assert "organization.id" in rule.root.group_by


@every_rule
def test_commands_that_a_rule_names_exist(rule: Rule) -> None:
    """Whoever is woken at night can type what the rule says."""
    known = {"search", "top", "seen", "export", "show", "tokens", "dead-letters", "alerts"}
    assert set(re.findall(r"auditlog ([a-z][a-z-]+)", rule.what_to_do)) <= known


def test_ids_are_written_as_they_are_unique() -> None:
    """UUIDs, each in one file."""
    texts = [Path(rule.file).read_text() for rule in RULES]
    ids = [re.findall(r"^id: (\S+)$", text, re.MULTILINE) for text in texts]
    assert [1] * len(RULES) == [len(found) for found in ids]
    assert len(RULES) == len({found[0] for found in ids})


def test_dead_letter_rules_ask_for_headers_that_the_consumer_writes() -> None:
    """By the names in the contract."""
    written = (ROOT / "schemas" / "audit_schemas" / "dead_letter.py").read_text()
    for rule in RULES:
        for base in bases_of(rule.root):
            if base.log_source == "dead-letter":
                asked = {*fields_of(base.condition), *rule.root.group_by}
                assert all(f'"{name}"' in written for name in asked)


def test_labels_of_the_real_attacks_are_whole() -> None:
    """Every address of the log has one verdict, a reason, and its bursts."""
    file = Path(__file__).parent / "labels" / "linux-auth.yml"
    labels: dict[str, Any] = yaml.safe_load(file.read_text())
    assert (65, 20) == (len(labels["addresses"]), len(labels["hosts"]))
    for label in [*labels["addresses"].values(), *labels["hosts"].values()]:
        assert label["verdict"] in ("attack", "unclear", "benign")
        assert label["reason"]
        assert label["bursts"]
    counted = [
        burst["events"]
        for part in ("addresses", "hosts")
        for label in labels[part].values()
        for burst in label["bursts"]
    ]
    assert 909 + 300 + 189 == sum(counted)
