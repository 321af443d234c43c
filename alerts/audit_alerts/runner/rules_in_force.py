"""The rules that a runner evaluates, with their lists as they are now."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from audit_runtime import ListFolder, ReferenceLists

from audit_alerts.plan import Rule
from audit_alerts.rule_lists import with_lists
from audit_alerts.runner.metrics import RunnerMetrics

__all__ = ["RulesInForce", "version_of"]

_log = structlog.get_logger()


class RulesInForce:
    """Fills lists in again when one changes. A rule that is idle for want of one holds up no other."""

    def __init__(
        self,
        rules: Iterable[Rule],
        folder: ListFolder,
        metrics: RunnerMetrics,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._rules = [(rule, _digest(rule)) for rule in rules]
        self._folder = folder
        self._metrics = metrics
        self._clock = clock
        self._state: object = None
        self._current: list[tuple[Rule, str]] = []
        self._idle: dict[str, str] = {}
        """Why, by the names of rules, as it was last logged."""

    def current(self) -> list[tuple[Rule, str]]:
        """Return the rules that can fire, with their versions. Blocks while lists are read."""
        lists, now = self._folder.current(), self._clock()
        state = _state_of(lists, now)
        if state != self._state:
            self._fill(lists, now)
            self._state = state
        return self._current

    def _fill(self, lists: ReferenceLists, now: datetime) -> None:
        rules = [(with_lists(rule, lists, now), digest) for rule, digest in self._rules]
        self._note({rule.name: rule.idle for rule, _ in rules if rule.idle})
        self._metrics.in_force([rule for rule, _ in rules])
        self._current = [(rule, _with_lists(digest, rule)) for rule, digest in rules if not rule.idle]

    def _note(self, idle: dict[str, str]) -> None:
        """Log once what has changed."""
        for name, why in idle.items():
            if self._idle.get(name) != why:
                _log.warning("rule is idle", rule=name, why=why)
        for name in self._idle.keys() - idle.keys():
            _log.info("rule is in force", rule=name)
        self._idle = idle


def _state_of(lists: ReferenceLists, now: datetime) -> object:
    """Return what tells the same lists, as valid as before, from others."""
    digests = {name: (found.digest, found.is_valid(now)) for name, found in lists.lists.items()}
    return digests, dict(lists.problems)


def version_of(rule: Rule) -> str:
    """Return what tells a rule's content, that of its lists included, from another's."""
    return _with_lists(_digest(rule), rule)


def _digest(rule: Rule) -> str:
    return hashlib.sha256(Path(rule.file).read_bytes()).hexdigest()


def _with_lists(digest: str, rule: Rule) -> str:
    text = "\n".join((digest, *(f"{name} {found}" for name, found in sorted(rule.lists.items()))))
    return hashlib.sha256(text.encode()).hexdigest()[:16] if rule.lists else digest[:16]
