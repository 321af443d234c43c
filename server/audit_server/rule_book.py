"""The rules that the server's settings name, with the text of their files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic

import structlog
from audit_alerts import AlertError, AlertSettings, Rule, load_rules
from audit_schemas import CatalogueError, printable
from fastapi import Request

__all__ = ["RuleBook", "RuleFile", "rule_book"]

_log = structlog.get_logger()

_SECONDS = 60
"""How long what was read is shown: rules take half a second to read."""
_TEXT_MAX = 100_000
_LOCK = Lock()


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule, and its file's text."""

    rule: Rule
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Rules by name, or none and why they can't be read; when they were read."""

    files: Sequence[RuleFile] = ()
    trouble: str = ""
    at: float = 0.0

    @property
    def names(self) -> Sequence[str]:
        """The names of all rules."""
        return [file.rule.name for file in self.files]

    def rule(self, name: str) -> Rule | None:
        """Return a rule by its name; None if there is no such rule any more."""
        return next((file.rule for file in self.files if file.rule.name == name), None)


def rule_book(request: Request) -> RuleBook:
    """Return the rules, read again after a minute. Never raises: alerts are shown without them too."""
    state = request.app.state
    with _LOCK:
        known: RuleBook | None = getattr(state, "rule_book", None)
        if known is None or monotonic() - known.at > _SECONDS:
            known = state.rule_book = _read(state.settings)
        return known


def _read(settings: AlertSettings) -> RuleBook:
    try:
        return RuleBook([_file(rule) for rule in load_rules(settings)], at=monotonic())
    except (AlertError, CatalogueError, OSError) as error:
        _log.warning("alert rules can't be read", reason=str(error))
        trouble = "The rules can't be read: auditlog alerts rules says why"
        return RuleBook((), trouble, monotonic())


def _file(rule: Rule) -> RuleFile:
    path = Path(rule.file)
    text = path.read_text("utf-8", "replace")[:_TEXT_MAX]
    lines = (printable(line) for line in text.splitlines())
    return RuleFile(rule, printable(path.name), "\n".join(lines))
