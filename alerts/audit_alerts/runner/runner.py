"""The runner: step after step, each rule from what it has covered to what can be seen."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import elasticsearch
from audit_query import AuditLog

from audit_alerts.errors import AlertError
from audit_alerts.plan import Absence, LogSource, Rule
from audit_alerts.runner.alert_store import AlertStore
from audit_alerts.runner.look import Finding, look
from audit_alerts.runner.metrics import RunnerMetrics
from audit_alerts.runner.state import RuleState, RuleStates, VisibleCount
from audit_alerts.runner.unseen import look_at_dead_letters, look_for_absence
from audit_alerts.runner.visible_counts import AGAIN, NOTHING, visible

__all__ = ["RoundSummary", "Runner", "Source", "version_of"]

_STEP = 3_600_000
"""The longest step, in milliseconds of event.ingested: what a stop leaves is caught up in such."""
_AT_ONCE = 4


class Source(Protocol):
    """What the runner asks of Kafka."""

    def bound(self) -> int:
        """Return up to when all that was ingested can be seen, in milliseconds."""
        ...

    def dead_letters(self, start: int, end: int) -> Iterable[dict[str, Any]]:
        """Return the headers of the dead letters of a time."""
        ...


@dataclass(frozen=True, slots=True)
class RoundSummary:
    """What a round did: from the earliest bound to the new one, in how many steps."""

    start: int
    end: int
    steps: int
    new: int
    updated: int
    late: int = 0
    """Events that could not be seen yet when their time was covered, and were looked at now."""


def version_of(rule: Rule, denied: Path | None) -> str:
    """Return what tells a rule file's content, with the ranges it is filled with, from another."""
    digest = hashlib.sha256(Path(rule.file).read_bytes())
    if denied is not None:
        digest.update(denied.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Task:
    """A step of one rule: from what its state has covered up to then."""

    rule: Rule
    version: str
    state: RuleState
    upto: int


class _Tally:
    """What a round has done so far."""

    def __init__(self, bound: int, late: int) -> None:
        self.start = bound
        self.late = late
        self.steps = self.new = self.updated = 0

    def told(self, new: int, updated: int) -> None:
        self.new += new
        self.updated += updated

    def stepped(self, done: Sequence[_Task]) -> None:
        self.steps += bool(done)
        self.start = min([self.start, *(task.state.covered for task in done)])


class Runner:
    """Does steps. Errors of the clients of Elasticsearch and Kafka pass through: nothing is lost.

    Two runners may share the work, and be killed at any moment: see `state`. A step is one of all rules
    that are behind: their states are read and written together, and several look at once, since most of
    a look is waiting. A rule whose look fails holds up itself alone; its error is raised at the end.
    """

    def __init__(
        self,
        rules: Sequence[tuple[Rule, str]],
        log: AuditLog,
        source: Source,
        states: RuleStates,
        alert_store: AlertStore,
        *,
        since: int | None = None,
        longest: int = _STEP,
        metrics: RunnerMetrics | None = None,
        alive: Callable[[], None] = lambda: None,
        after_claim: Callable[[], None] = lambda: None,
    ) -> None:
        self._rules = [(rule, version) for rule, version in rules if not rule.idle]
        self._log = log
        self._source = source
        self._states = states
        self._alert_store = alert_store
        self._since = since
        self._longest = longest
        self._metrics = metrics or RunnerMetrics()
        self._alive = alive
        self._after_claim = after_claim

    def round(self, stopped: Callable[[], bool] = lambda: False) -> RoundSummary | None:
        """Bring all rules up to the bound; return what was covered, None if that is nothing."""
        bound = self._source.bound()
        self._log.refresh()  # all that is settled by the bound can be found from here on
        tally = _Tally(bound, self._look_back(bound))
        while not stopped() and (tasks := self._due(bound)):
            with self._metrics.step_seconds.time():
                self._step(tasks, tally, stopped)
        if not tally.steps:
            return None
        return RoundSummary(tally.start, bound, tally.steps, tally.new, tally.updated, tally.late)

    def _look_back(self, bound: int) -> int:
        """Go back to where more can be seen than when it was covered; return how many events more.

        Counted before rules look: what becomes visible between is counted the next time.
        """
        known = self._states.seen() or VisibleCount(bound, NOTHING)
        before, now = visible(self._log, known.upto, bound)
        if now == NOTHING and known.count != NOTHING:
            raise AlertError(
                "there is no index of events any more, though there was; rules wait for it"
            )
        late = before - known.count if known.count != NOTHING else 0
        if late > 0:
            names = [rule.id for rule, _ in self._rules if not _reads_letters(rule)]
            self._states.go_back(names, known.upto - AGAIN)
            self._metrics.late_events.inc(late)
        latest = (bound, now) if bound >= known.upto else (known.upto, before)
        self._states.note(replace(known, upto=latest[0], count=latest[1]))
        return max(0, late)

    def _due(self, bound: int) -> list[_Task]:
        """Return the next step of each rule that is behind the bound."""
        names = [rule.id for rule, _ in self._rules]
        states = self._states.read(names)
        begun = [self._beginning(*each, bound) for each in self._rules if each[0].id not in states]
        if begun:
            self._states.write(begun)
            states = self._states.read(names)  # another runner may have begun them
        self._metrics.covered(min((state.covered for state in states.values()), default=bound))
        tasks = []
        for rule, version in self._rules:
            state = states.get(rule.id)
            if state is None:
                continue  # somebody has just deleted it: the next round begins it
            upto = state.upto or min(bound, state.covered + self._longest_of(rule))
            if upto > state.covered:
                tasks.append(_Task(rule, version, state, upto))
        return tasks

    def _step(self, tasks: Sequence[_Task], tally: _Tally, stopped: Callable[[], bool]) -> None:
        """Look, claim, tell, and note what is done. Raises the first error after all of that."""
        self._alert_store.refresh()  # after the states were read: it shows all alerts of steps before
        looked, failures = self._looks(tasks, stopped)
        done = [task for task, finding in looked if not finding.spans]
        claimed = self._claim([each for each in looked if each[1].spans])
        if claimed:
            self._after_claim()
        for task, finding in claimed:
            try:
                new, updated = self._alert_store.record(task.rule, task.version, finding)
            except (elasticsearch.ApiError, elasticsearch.TransportError, AlertError) as error:
                failures.append(error)
                continue
            self._metrics.recorded(task.rule, new, updated)
            tally.told(new, updated)
            done.append(task)
        # Where another runner was faster, the next reading shows what is left to do.
        self._states.write([task.state.claimed(task.upto, task.version).done() for task in done])
        for task in done:
            self._metrics.steps.labels(task.rule.name).inc()
        tally.stepped(done)
        if failures:
            raise failures[0]

    def _looks(
        self, tasks: Sequence[_Task], stopped: Callable[[], bool]
    ) -> tuple[list[tuple[_Task, Finding]], list[BaseException]]:
        """Return what was found, and what went wrong; nothing of those that a stop came before."""
        found: list[tuple[_Task, Finding]] = []
        failures: list[BaseException] = []
        away = threading.Event()

        def look(task: _Task) -> Finding | None:
            return None if stopped() or away.is_set() else self._look(task)

        with ThreadPoolExecutor(_AT_ONCE, "look") as pool:
            # Kafka has one reader: its rules come one after the other.
            looks = [(task, pool.submit(look, task)) for task in tasks if not _reads_letters(task.rule)]
            looks += [(task, _inline(look, task)) for task in tasks if _reads_letters(task.rule)]
            for task, future in looks:
                error = future.exception()
                if error is not None:
                    failures.append(error)
                    if _is_away(error):
                        away.set()  # so that not each rule waits for it
                elif (finding := future.result()) is not None:
                    found.append((task, finding))
        return found, failures

    def _claim(self, firing: Sequence[tuple[_Task, Finding]]) -> list[tuple[_Task, Finding]]:
        """Claim the steps that are not claimed yet; return those that are ours to do."""
        fresh = [task for task, _ in firing if task.state.upto is None]
        written = self._states.write([task.state.claimed(task.upto, task.version) for task in fresh])
        claimed = dict(zip((task.rule.id for task in fresh), written, strict=True))
        found = []
        for task, finding in firing:
            state = claimed.get(task.rule.id) if task.state.upto is None else task.state
            if state is not None:
                found.append((replace(task, state=state), finding))
        return found

    def _beginning(self, rule: Rule, version: str, bound: int) -> RuleState:
        """Return where a rule begins that nobody ran before: now, or when one was told to."""
        start = bound if self._since is None else min(bound, self._since)
        return RuleState(rule.id, version, start, None)

    def _longest_of(self, rule: Rule) -> int:
        if isinstance(rule.root, Absence):
            return min(self._longest, rule.root.after)
        return self._longest

    def _look(self, task: _Task) -> Finding:
        self._alive()
        started = time.perf_counter()
        try:
            return self._found(task.rule, task.state.covered, task.upto)
        finally:
            taken = time.perf_counter() - started
            self._metrics.rule_seconds.labels(task.rule.name).inc(taken)

    def _found(self, rule: Rule, covered: int, upto: int) -> Finding:
        if isinstance(rule.root, Absence):
            return look_for_absence(self._log, rule, covered, upto)
        if rule.log_source is LogSource.DEAD_LETTERS:
            return look_at_dead_letters(self._source.dead_letters, rule, covered, upto)
        gap = rule.root.span
        return look(
            self._log,
            rule,
            covered,
            upto,
            lambda group, span: self._alert_store.has(rule, group, span, gap),
        )


def _is_away(error: BaseException) -> bool:
    """Tell whether Elasticsearch can't be reached; one look that takes too long says nothing of it."""
    timed_out = isinstance(error, elasticsearch.ConnectionTimeout)
    return isinstance(error, elasticsearch.TransportError) and not timed_out


def _reads_letters(rule: Rule) -> bool:
    return rule.log_source is LogSource.DEAD_LETTERS


def _inline(look: Callable[[_Task], Finding | None], task: _Task) -> "Future[Finding | None]":
    """Do it here and now, with the same ways out as in a thread."""
    future: Future[Finding | None] = Future()
    try:
        future.set_result(look(task))
    except Exception as error:  # noqa: BLE001 - raised by whoever asks for the result
        future.set_exception(error)
    return future
