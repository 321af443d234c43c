"""The rules in force: each with its text, its examples, and how often it fires. Read only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from audit_alerts import LEVELS, AlertDesk, Firings, Rule, in_words
from audit_schemas import printable

from audit_server.page.alert_view import AlertView
from audit_server.page.rows import DisplayTime, display_time
from audit_server.page.view import View
from audit_server.rule_book import RuleBook, RuleFile

__all__ = ["RULES", "RuleShown", "conditions_of", "rule_path", "rules_page"]

RULES = "/rules"
_DAYS = 30


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
    step: timedelta | None
    """How long a step of it takes of late; None: no runner has said so."""

    @property
    def step_millis(self) -> int | None:
        """The same in milliseconds."""
        return None if self.step is None else self.step // timedelta(milliseconds=1)


def rules_page(book: RuleBook, desk: AlertDesk, now: datetime, view: View) -> Mapping[str, Any]:
    """Query how often each rule fired and how long it takes, and return the rules, the worst first."""
    ordered = sorted(book.files, key=lambda file: (LEVELS.index(file.rule.level), file.rule.name))
    firings, times = desk.firings(now - timedelta(days=_DAYS)), desk.step_times()
    return {
        "rules": [
            _shown(file, firings.get(file.rule.name), times.get(file.rule.id), view) for file in ordered
        ],
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


def _shown(file: RuleFile, firings: Firings | None, step: timedelta | None, view: View) -> RuleShown:
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
        firings.count if firings else 0,
        firings.open if firings else 0,
        display_time(firings.last, view.zone) if firings else None,
        step,
    )


def _says(rule: Rule, kind: str) -> Sequence[str]:
    return [printable(str(example["says"])) for example in rule.examples.get(kind, ())]
