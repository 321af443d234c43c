"""`auditlog alerts rules`, `test`, `explain` and `backfill`; the desk's commands are beside them."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from audit_query import AuditLog, parse_time, zone
from audit_runtime import did_you_mean
from audit_runtime.terminal import Json, new_console, print_json
from audit_schemas import Catalogue, printable

from audit_alerts.backfill import backfill_rule
from audit_alerts.desk.commands import register_desk
from audit_alerts.desk.desk import AlertDesk
from audit_alerts.desk.evidence_events import evidence_events
from audit_alerts.desk.silent_example import EXAMPLE_MAX, silent_example
from audit_alerts.examples import check_examples
from audit_alerts.plan import LogSource, Rule
from audit_alerts.rules import load_rules
from audit_alerts.runner.commands import run
from audit_alerts.settings import AlertSettings
from audit_alerts.tables import (
    episode_fields,
    episodes_table,
    explanation,
    rule_fields,
    rules_table,
)

__all__ = ["register"]

Names = Annotated[list[str] | None, typer.Option("--rule", help="This rule alone; may be repeated.")]


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    alerts = typer.Typer(no_args_is_help=True, help="Alerts, and the rules that they come from.")
    register_desk(alerts)
    alerts.command("rules", epilog="Example: auditlog alerts rules")(list_rules)
    alerts.command(epilog="Example: auditlog alerts example 5a1a91fe9c")(example)
    alerts.command("test", epilog="Example: auditlog alerts test")(try_examples)
    alerts.command(epilog="Example: auditlog alerts explain brute-force")(explain)
    alerts.command(epilog="Example: auditlog alerts backfill --from -7d")(backfill)
    alerts.command(epilog="Example: auditlog alerts run")(run)
    app.add_typer(alerts, name="alerts")


def list_rules(json_output: Json = False) -> None:
    """List the rules in force."""
    rules = load_rules(AlertSettings())
    if json_output:
        _print_json(map(rule_fields, rules))
    else:
        new_console().print(rules_table(rules))


def try_examples(names: Names = None, json_output: Json = False) -> None:
    """Run every rule against its own examples; needs no server. Exit status 1 if one fails."""
    settings = AlertSettings()
    catalogue = Catalogue.load(settings.catalogue)
    rules = _chosen(load_rules(settings), names)  # the examples bring lists of their own
    failed = [(rule, wrong) for rule in rules for wrong in check_examples(rule, catalogue)]
    lines = [
        {"rule": rule.name, "example": wrong.says, "must_fire": wrong.must_fire, "found": wrong.found}
        for rule, wrong in failed
    ]
    if json_output:
        _print_json(lines)
    else:
        console = new_console()
        for line in lines:
            must = "must fire" if line["must_fire"] else "must not fire"
            text = f"{line['rule']}: {line['example']}: {must}, but: {line['found']}"
            console.print(printable(text), markup=False, highlight=False)
        count = sum(len(rule.examples[kind]) for rule in rules for kind in ("fires", "silent"))
        verdict = f"{len(lines)} failed" if lines else "all passed"
        console.print(f"{len(rules)} rules, {count} examples: {verdict}", highlight=False)
    if lines:
        raise typer.Exit(1)


def explain(name: Annotated[str, typer.Argument(metavar="RULE", help="Its name.")]) -> None:
    """Show what a rule becomes: queries, counts, the window, and why its numbers are so."""
    (rule,) = _chosen(load_rules(AlertSettings()), [name])
    console = new_console()
    for line in explanation(rule):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def example(
    alert_id: Annotated[str, typer.Argument(metavar="ALERT", help="Its id, or how it begins.")],
) -> None:
    """Write an alert's events out as a `silent` example of its rule, in YAML: a text to commit.

    The rule is not changed: put the text below `silent:` in its file, shorten it, and change the rule
    until `auditlog alerts test` passes.
    """
    settings = AlertSettings()
    with AlertDesk(settings) as desk:
        alert = desk.alert(desk.full_id(alert_id))
    (rule,) = _chosen(load_rules(settings), [alert.rule])
    with AuditLog(settings, seconds=settings.query_seconds) as log:
        events = evidence_events(log, rule, alert, limit=EXAMPLE_MAX + 1)
    sys.stdout.write(silent_example(rule, alert, events))


def backfill(
    start: Annotated[str, typer.Option("--from", help="From then on: 2026-11-23, -7d.")],
    end: Annotated[str, typer.Option("--to", help="Up to, but not with, then.")] = "now",
    names: Names = None,
    json_output: Json = False,
) -> None:
    """Show what the rules would have fired in the past; nobody is notified."""
    settings = AlertSettings()
    now = datetime.now(zone(settings.time_zone))
    span = parse_time(start, now), parse_time(end, now)
    if span[0] >= span[1]:
        raise typer.BadParameter(f"{start} is not before {end}", param_hint="--from")
    rules = _chosen(load_rules(settings), names)
    asked = [rule for rule in rules if rule.log_source is LogSource.EVENTS and not rule.idle]
    with AuditLog(settings, seconds=settings.query_seconds) as log:
        found = [each for rule in asked for each in backfill_rule(log, rule, *span)]
    if json_output:
        _print_json(map(episode_fields, found))
        return
    console = new_console()
    if found:
        console.print(episodes_table(found, zone(settings.time_zone), settings.time_zone))
    left = [rule.name for rule in rules if rule not in asked]
    why = "dead letters are not in the log; auditlog alerts rules says why others are idle"
    note = f"; not asked: {', '.join(left)} ({why})" if left else ""
    console.print(f"{len(asked)} rules would have fired {len(found)} alerts{note}", highlight=False)


def _chosen(rules: Sequence[Rule], names: Sequence[str] | None) -> list[Rule]:
    known = {rule.name: rule for rule in rules}
    for name in names or ():
        if name not in known:
            near = did_you_mean(name, known)
            hint = f"did you mean {near}?" if near else "auditlog alerts rules shows them"
            raise typer.BadParameter(f"there is no rule {name!r}; {hint}", param_hint="RULE")
    return [known[name] for name in names] if names else list(rules)


def _print_json(lines: Iterable[Mapping[str, Any]]) -> None:
    for line in lines:
        print_json(line)
