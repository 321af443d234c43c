"""The runner: step after step, each rule from what it has covered to what can be found.

A step reads the states of the rules, evaluates the rules that are behind, claims the steps that fire,
records their alerts, and notes what is done. All that is read of the log is read by the evaluation:
what is recorded afterwards is plain data.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import elasticsearch
from audit_query import AuditLog, ExportError, QueryError

from audit_alerts.errors import AlertError
from audit_alerts.plan import Absence, Rule
from audit_alerts.runner.alert_store import AlertStore, Recorded
from audit_alerts.runner.changes import AlertChange
from audit_alerts.runner.evaluation import EventSource, changes_of, reads_dead_letters, rule_step
from audit_alerts.runner.metrics import RunnerMetrics
from audit_alerts.runner.pool import EvaluationPool, is_away
from audit_alerts.runner.state import RuleState, RuleStates, VisibleCount
from audit_alerts.runner.visible_counts import NO_INDEX, RECHECKED, visible_counts

__all__ = ["RoundSummary", "Runner"]

_STEP = 3_600_000
"""The longest step, in milliseconds of event.ingested: what a stop leaves is caught up in such."""
_CONFLICTS = 20
"""How often a rule's step may be evaluated again in a round, because others changed its alerts."""


@dataclass(frozen=True, slots=True)
class RoundSummary:
    """What a round did: from when to when, in how many steps."""

    start: int
    end: int
    steps: int
    new: int
    updated: int
    late: int = 0
    """Events that could not be found yet when their time was covered, and were evaluated now."""
    ahead: int = 0
    """Rules that a clock had led into the future, and that were brought back."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A step of one rule: from what its state has covered up to then."""

    rule: Rule
    version: str
    state: RuleState
    upto: int

    @property
    def claimed(self) -> RuleState:
        return self.state.claimed(self.upto, self.version)


_Evaluated = tuple[_Step, tuple[AlertChange, ...]]
_Failed = tuple[_Step, BaseException]


class Runner:
    """Does steps. Errors of the clients of Elasticsearch and Kafka pass through: nothing is lost.

    Two runners may share the work, and be killed at any moment: see `state`. The rules that are behind
    do their steps together: their states are read and written together, and several are evaluated at
    once, since most of that is waiting. A rule whose evaluation fails holds up itself alone: the others
    go on up to the watermark, then its error is raised. One that takes long is recorded after the
    others, and only their next step waits for it. `rules` is asked in each round for those that can
    fire, with their versions. No rule stays ahead of the `clock`, if one is given.
    """

    def __init__(
        self,
        rules: Callable[[], Sequence[tuple[Rule, str]]],
        log: AuditLog,
        source: EventSource,
        states: RuleStates,
        alert_store: AlertStore,
        *,
        since: int | None = None,
        longest: int = _STEP,
        metrics: RunnerMetrics | None = None,
        alive: Callable[[], None] = lambda: None,
        clock: Callable[[], int] | None = None,
        after_claim: Callable[[], None] = lambda: None,
    ) -> None:
        self._rules_now = rules
        self._rules: Sequence[tuple[Rule, str]] = ()
        self._log = log
        self._source = source
        self._states = states
        self._alert_store = alert_store
        self._since = since
        self._longest = longest
        self._metrics = metrics or RunnerMetrics()
        self._alive = alive
        self._clock = clock
        self._after_claim = after_claim
        self._conflicts = Counter[str]()
        self._millis: dict[str, float] = {}
        """How long each rule's last evaluation took, by the rule's id."""

    def round(self, stopped: Callable[[], bool] = lambda: False) -> RoundSummary | None:
        """Bring all rules up to the watermark; return what was covered, None if that is nothing."""
        self._rules = self._rules_now()
        watermark = self._source.ingest_watermark()
        self._log.refresh()  # all that is settled by the watermark can be found from here on
        ahead = self._go_back_to_now(watermark)
        late = self._go_back_for_late_events(watermark)
        start, steps, recorded = watermark, 0, Recorded()
        failed: dict[str, BaseException] = {}
        self._conflicts.clear()
        while not stopped() and (due := self._due(watermark, failed)):
            with self._metrics.step_seconds.time():
                done, changed, errors = self._run(due, stopped)
            start = min([start, *(step.state.covered for step in done)])
            steps += bool(done)
            recorded += changed
            failed |= {step.rule.id: error for step, error in errors}
            if any(map(is_away, failed.values())):
                break  # no rule would fare better
        if failed:
            raise next(iter(failed.values()))
        if not steps:
            return None
        return RoundSummary(start, watermark, steps, recorded.new, recorded.updated, late, ahead)

    def _due(self, watermark: int, failed: Collection[str]) -> list[_Step]:
        """Read the states; return the next step of each rule that is behind the watermark.

        Those that have failed in this round wait for the next one.
        """
        names = [rule.id for rule, _ in self._rules]
        states = self._states.read(names)
        begun = [self._beginning(*each, watermark) for each in self._rules if each[0].id not in states]
        if begun:
            self._states.write(begun)
            states = self._states.read(names)  # another runner may have begun them
        self._metrics.covered(min((state.covered for state in states.values()), default=watermark))
        steps = []
        for rule, version in self._rules:
            state = states.get(rule.id)
            if state is None or rule.id in failed:
                continue  # where somebody has just deleted it, the next round begins it
            upto = state.upto or min(watermark, state.covered + self._longest_of(rule))
            if upto > state.covered:
                steps.append(_Step(rule, version, state, upto))
        return steps

    def _run(
        self, due: Sequence[_Step], stopped: Callable[[], bool]
    ) -> tuple[list[_Step], Recorded, list[_Failed]]:
        """Evaluate, claim, record, and note what is done; return that, and what went wrong."""
        self._alert_store.refresh()  # after the states were read: it shows all alerts of earlier steps
        done: list[_Step] = []
        total, errors = Recorded(), list[_Failed]()
        for evaluated, failed in self._evaluate(due, stopped):
            quiet = [step for step, changes in evaluated if not changes]
            claimed = self._claim([each for each in evaluated if each[1]])
            if claimed:
                self._after_claim()
            fired, recorded, more_failed = self._record(claimed)
            self._note_done([*quiet, *fired])
            done += [*quiet, *fired]
            total += recorded
            errors += [*failed, *more_failed]
        return done, total, errors

    def _evaluate(
        self, due: Sequence[_Step], stopped: Callable[[], bool]
    ) -> Iterator[tuple[list[_Evaluated], list[_Failed]]]:
        """Yield what steps do to the alerts, and what went wrong; those that take long come last."""
        pool = EvaluationPool(self._changes, stopped)
        # Kafka has one reader: its rules come one after the other.
        return pool.run(
            [step for step in due if not reads_dead_letters(step.rule)],
            [step for step in due if reads_dead_letters(step.rule)],
        )

    def _claim(self, firing: Sequence[_Evaluated]) -> list[_Evaluated]:
        """Claim the steps that are not claimed yet; return those that are ours to do."""
        fresh = [step for step, _ in firing if step.state.upto is None]
        written = self._states.write([step.claimed for step in fresh])
        claimed = dict(zip((step.rule.id for step in fresh), written, strict=True))
        ours = []
        for step, changes in firing:
            state = claimed.get(step.rule.id) if step.state.upto is None else step.state
            if state is not None:
                ours.append((replace(step, state=state), changes))
        return ours

    def _record(self, claimed: Sequence[_Evaluated]) -> tuple[list[_Step], Recorded, list[_Failed]]:
        """Store the alerts; return the steps that are done, what was stored, and what went wrong."""
        done: list[_Step] = []
        total, errors = Recorded(), list[_Failed]()
        # Rules that include others come first, so that these find their alerts, and tell nobody.
        for step, changes in sorted(claimed, key=lambda each: -len(each[0].rule.includes)):
            try:
                recorded = self._alert_store.record(step.rule, step.version, changes)
                self._metrics.recorded(step.rule, recorded.new, recorded.updated, recorded.suppressed)
                total += recorded
                if self._is_final(step.rule, recorded):
                    done.append(step)
            except (elasticsearch.ApiError, elasticsearch.TransportError, AlertError) as error:
                errors.append((step, error))
        return done, total, errors

    def _is_final(self, rule: Rule, recorded: Recorded) -> bool:
        """Tell whether a step is done; where others changed its alerts, it is evaluated again."""
        if not recorded.conflicts:
            return True
        self._conflicts[rule.id] += 1
        if self._conflicts[rule.id] >= _CONFLICTS:
            raise AlertError(f"the alerts of {rule.name} are changed by others again and again")
        return False

    def _note_done(self, done: Sequence[_Step]) -> None:
        """Where another runner was faster, the next reading shows what is left to do."""
        self._states.write([step.claimed.done(self._millis[step.rule.id]) for step in done])
        for step in done:
            self._metrics.steps.labels(step.rule.name).inc()

    def _changes(self, step: _Step) -> tuple[AlertChange, ...]:
        self._alive()
        started = time.perf_counter()
        with self._metrics.rule_timer(step.rule), _refusals_named(step.rule):
            changes = self._evaluate_rule(step.rule, step.state.covered, step.upto)
        self._millis[step.rule.id] = (time.perf_counter() - started) * 1000
        return changes

    def _evaluate_rule(self, rule: Rule, covered: int, upto: int) -> tuple[AlertChange, ...]:
        step = rule_step(
            rule, covered, upto, log=self._log, source=self._source, alerts=self._alert_store
        )
        return changes_of(step, rule, self._alert_store)

    def _go_back_to_now(self, watermark: int) -> int:
        """Bring back the rules that are ahead of the clock; return how many there are.

        A runner's clock was wrong. Whatever comes up to that time would be taken for covered.
        """
        if self._clock is None:
            return 0
        latest = self._clock() + RECHECKED
        states = self._states.read([rule.id for rule, _ in self._rules])
        ahead = [rule_id for rule_id, state in states.items() if state.covered > latest]
        if ahead:
            self._states.go_back(ahead, watermark - RECHECKED)
        known = self._states.visible_count()
        if known is not None and known.upto > latest:
            self._states.write_visible_count(replace(known, upto=watermark, count=NO_INDEX))
        return len(ahead)

    def _go_back_for_late_events(self, watermark: int) -> int:
        """Go back to where more can be found than when it was covered; return how many events more.

        Counted before rules are evaluated: what becomes visible between is counted the next time.
        """
        known = self._states.visible_count() or VisibleCount(watermark, NO_INDEX)
        before, now = visible_counts(self._log, known.upto, watermark)
        if now == NO_INDEX and known.count != NO_INDEX:
            raise AlertError(
                "there is no index of events any more, though there was; rules wait for it"
            )
        late = before - known.count if known.count != NO_INDEX else 0
        if late > 0:
            names = [rule.id for rule, _ in self._rules if not reads_dead_letters(rule)]
            self._states.go_back(names, known.upto - RECHECKED)
            self._metrics.late_events.inc(late)
        latest = (watermark, now) if watermark >= known.upto else (known.upto, before)
        self._states.write_visible_count(replace(known, upto=latest[0], count=latest[1]))
        return max(0, late)

    def _beginning(self, rule: Rule, version: str, watermark: int) -> RuleState:
        """Return where a rule begins that nobody ran before: now, or when one was told to."""
        start = watermark if self._since is None else min(watermark, self._since)
        return RuleState(rule.id, version, start, None)

    def _longest_of(self, rule: Rule) -> int:
        if isinstance(rule.root, Absence):
            return min(self._longest, rule.root.after)
        return self._longest


@contextmanager
def _refusals_named(rule: Rule) -> Iterator[None]:
    """Raise AlertError for a query that Elasticsearch refuses: it is this rule's trouble alone."""
    try:
        yield
    except ExportError:
        raise
    except (elasticsearch.BadRequestError, QueryError) as error:
        raise AlertError(f"{rule.name} can't be evaluated: {str(error)[:300]}") from error
