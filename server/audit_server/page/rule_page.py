"""The rules in force: each with its text, its examples, and how often it fires. Read only."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from audit_alerts import LEVELS, AlertDesk, AlertFilter, Rule, in_words
from audit_schemas import printable

from audit_server.page.alert_view import NOT_CLOSED, STATUSES, AlertView
from audit_server.page.rows import DisplayTime, display_time
from audit_server.page.rule_book import RuleBook, RuleFile
from audit_server.page.view import View

__all__ = ["RULES", "Firings", "RuleShown", "conditions_of", "rule_path", "rules_page"]

RULES = "/rules"
_DAYS = 30


@dataclass(frozen=True, slots=True)
class Firings:
    """How often a rule fired of late, how many of its alerts are not closed, and its last event."""

    count: int
    open: int
    last: datetime | None


@dataclass(frozen=True, slots=True)
class RuleShown:
    """What the template shows of a rule."""

    rule: Rule
    file: str
    text: str
    link: str
    conditions: Sequence[str]
    reasons: Sequence[tuple[str, str]]
    fires: Sequence[str]
    silent: Sequence[str]
    count: int
    open: int
    last: DisplayTime | None


def rules_page(book: RuleBook, desk: AlertDesk, now: datetime, view: View) -> Mapping[str, Any]:
    """Query how often each rule fired, and return the rules, the worst first."""
    ordered = sorted(book.files, key=lambda file: (LEVELS.index(file.rule.level), file.rule.name))
    since = now - timedelta(days=_DAYS)
    with ThreadPoolExecutor(4, "rules-page") as pool:
        firings = list(pool.map(lambda file: _firings(desk, file.rule.name, since), ordered))
    return {
        "rules": [_shown(*found, view) for found in zip(ordered, firings, strict=True)],
        "levels": LEVELS,
        "days": _DAYS,
        "trouble": book.trouble,
    }


def conditions_of(rule: Rule) -> Sequence[str]:
    """Return what a rule looks for, in words."""
    return [printable(line) for line in in_words(rule.root)]


def rule_path(view: View, name: str) -> str:
    """Return the address of a rule on the page of rules."""
    return f"{view.other_page(RULES, rule=name)}#rule-{quote(name)}"


def _firings(desk: AlertDesk, name: str, since: datetime) -> Firings:
    found = desk.alerts(AlertFilter(rules=(name,), statuses=STATUSES), size=1)
    last = found.alerts[0].last if found.alerts else None
    if last is None or last < since:
        return Firings(0, 0, last)
    of_late = desk.alerts(AlertFilter(rules=(name,), statuses=STATUSES, start=since), size=1)
    is_open = desk.alerts(AlertFilter(rules=(name,), statuses=NOT_CLOSED), size=1)
    return Firings(of_late.total, is_open.total, last)


def _shown(file: RuleFile, firings: Firings, view: View) -> RuleShown:
    rule = file.rule
    return RuleShown(
        rule,
        file.name,
        file.text,
        AlertView(view).asking(("rule", rule.name), ("status", "any")).link(),
        conditions_of(rule),
        [
            (f"{document}: {name}" if document != rule.name else name, reason)
            for document, reasons in rule.reasons.items()
            for name, reason in reasons.items()
        ],
        _says(rule, "fires"),
        _says(rule, "silent"),
        firings.count,
        firings.open,
        display_time(firings.last, view.zone) if firings.last else None,
    )


def _says(rule: Rule, kind: str) -> Sequence[str]:
    return [printable(str(example["says"])) for example in rule.examples.get(kind, ())]
