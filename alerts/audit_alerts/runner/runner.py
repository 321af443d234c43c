"""The runner: step after step, each rule from what it has covered to what can be seen."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from audit_query import AuditLog

from audit_alerts.plan import Origin, Rule, Silence
from audit_alerts.runner.book import AlertBook
from audit_alerts.runner.look import Finding, look
from audit_alerts.runner.state import RuleState, RuleStates
from audit_alerts.runner.unseen import look_at_letters, look_for_silence

__all__ = ["Covered", "Runner", "Source", "version_of"]

_STEP = 3_600_000
"""The longest step, in milliseconds of event.ingested: what a stop leaves is caught up in such."""


class Source(Protocol):
    """What the runner asks of Kafka."""

    def bound(self) -> int:
        """Return up to when all that was ingested can be seen, in milliseconds."""
        ...

    def letters(self, start: int, end: int) -> Iterable[dict[str, Any]]:
        """Return the headers of the dead letters of a time."""
        ...


@dataclass(frozen=True, slots=True)
class Covered:
    """What a round did: from the earliest bound to the new one, in how many steps."""

    start: int
    end: int
    steps: int
    new: int
    grown: int


def version_of(rule: Rule, denied: Path | None) -> str:
    """Return what tells a rule file's content, with the ranges it is filled with, from another."""
    digest = hashlib.sha256(Path(rule.file).read_bytes())
    if denied is not None:
        digest.update(denied.read_bytes())
    return digest.hexdigest()[:16]


class Runner:
    """Does steps. Errors of the clients of Elasticsearch and Kafka pass through: nothing is lost.

    Two runners may share the work, and be killed at any moment: see `state`.
    """

    def __init__(
        self,
        rules: Sequence[tuple[Rule, str]],
        log: AuditLog,
        source: Source,
        states: RuleStates,
        book: AlertBook,
        *,
        since: int | None = None,
        longest: int = _STEP,
        after_claim: Callable[[], None] = lambda: None,
    ) -> None:
        self._rules = [(rule, version) for rule, version in rules if not rule.idle]
        self._log = log
        self._source = source
        self._states = states
        self._book = book
        self._since = since
        self._longest = longest
        self._after_claim = after_claim

    def round(self, stopped: Callable[[], bool] = lambda: False) -> Covered | None:
        """Bring all rules up to the bound; return what was covered, None if that is nothing."""
        bound = self._source.bound()
        self._log.refresh()  # all that is settled by the bound can be found from here on
        start, end, steps, new, grown = bound, bound, 0, 0, 0
        for rule, version in self._rules:
            first, done, more, bigger = self._catch_up(rule, version, bound, stopped)
            start, steps = min(start, first), max(steps, done)
            new, grown = new + more, grown + bigger
        return Covered(start, end, steps, new, grown) if steps else None

    def _catch_up(
        self, rule: Rule, version: str, bound: int, stopped: Callable[[], bool]
    ) -> tuple[int, int, int, int]:
        first, steps, new, grown = bound, 0, 0, 0
        while not stopped():
            state = self._states.read(rule.id) or self._begin(rule, version, bound)
            if state is None:
                continue  # another runner began it
            upto = state.upto or min(bound, state.covered + self._longest_of(rule))
            if upto <= state.covered:
                break
            first = min(first, state.covered)
            found = self._look(rule, state.covered, upto)
            if found.spans:
                claimed = self._claim(state, upto, version)
                if claimed is None:
                    continue
                state = claimed
                self._after_claim()
                more, bigger = self._book.record(rule, version, found)
                new, grown = new + more, grown + bigger
            # Where another runner was faster, the next reading shows what is left to do.
            self._states.write(rule.id, state.claimed(upto, version).done())
            steps += 1
        return first, steps, new, grown

    def _claim(self, state: RuleState, upto: int, version: str) -> RuleState | None:
        if state.upto is not None:
            return state
        return self._states.write(state.rule, state.claimed(upto, version))

    def _begin(self, rule: Rule, version: str, bound: int) -> RuleState | None:
        """Let a rule that nobody ran before begin: now, or when one was told to."""
        start = bound if self._since is None else min(bound, self._since)
        return self._states.write(rule.id, RuleState(rule.id, version, start, None))

    def _longest_of(self, rule: Rule) -> int:
        if isinstance(rule.root, Silence):
            return min(self._longest, rule.root.after)
        return self._longest

    def _look(self, rule: Rule, covered: int, upto: int) -> Finding:
        if isinstance(rule.root, Silence):
            return look_for_silence(self._log, rule, covered, upto)
        if rule.origin is Origin.DEAD_LETTERS:
            return look_at_letters(self._source.letters, rule, covered, upto)
        gap = rule.root.span
        return look(
            self._log,
            rule,
            covered,
            upto,
            lambda group, span: self._book.has(rule, group, span, gap),
        )
