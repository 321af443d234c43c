"""What the runner of alert rules counts, for Prometheus. All names stand here.

============================================== ========= ============ =================================
name                                           kind      labels       what
============================================== ========= ============ =================================
auditlog_alerts_rules                          gauge                  rules in force, idle ones left out
auditlog_alerts_idle_rules                     gauge     rule         1: it lacks a list, so it is idle
auditlog_alerts_lag_seconds                    gauge                  how far behind now all rules are
auditlog_alerts_blocked                        gauge                  1 while rules can't be evaluated
auditlog_alerts_last_success_timestamp_seconds gauge                  end of the last whole round; or 0
auditlog_alerts_round_failures_total           counter                rounds that broke off; tried again
auditlog_alerts_late_events_total              counter                found after their time was covered
auditlog_alerts_steps_total                    counter   rule         steps done
auditlog_alerts_step_seconds                   histogram              a step of all rules together
auditlog_alerts_rule_seconds_total             counter   rule         time spent on evaluation, by rule
auditlog_alerts_fired_total                    counter   rule, level  new alerts
auditlog_alerts_updated_total                  counter   rule, level  updates of alerts that go on
auditlog_alerts_suppressed_total               counter   rule, level  new, but kept back by exceptions
auditlog_alerts_deliveries_total               counter   sink         alerts that a sink took
auditlog_alerts_delivery_failures_total        counter   sink         attempts that failed
auditlog_alerts_deliveries_pending             gauge     sink         alerts that a sink has yet to take
============================================== ========= ============ =================================

Sinks are `output`, `topic` and, where one is set, `webhook`. Of several runners one delivers to a sink:
the others show 0 pending for it. The lag is the age of what the rule furthest behind has covered last,
margin and consumers' lag included; it grows while nothing is covered, and is NaN until the first round
has read how far rules are.
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from audit_alerts.plan import Rule

__all__ = ["RunnerMetrics"]

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_OF_RULE = ("rule", "level")


class RunnerMetrics:
    """The metrics of one runner, in a registry of their own. Safe in several threads."""

    def __init__(self, rules: Iterable[Rule] = (), sinks: Iterable[str] = ()) -> None:
        registry = self.registry = CollectorRegistry()
        self._covered: int | None = None

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"auditlog_alerts_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"auditlog_alerts_{name}", text, labels, registry=registry)

        self._rules = gauge("rules", "Rules in force.")
        self._idle = gauge("idle_rules", "1 while a rule is idle for want of a list.", "rule")
        gauge("lag_seconds", "How far behind now the rules are.").set_function(self._lag)
        self.blocked = gauge("blocked", "1 while rules can't be evaluated.")
        self._success = gauge(
            "last_success_timestamp_seconds", "When the last whole round ended, since 1970; 0 if none."
        )
        self.round_failures = counter("round_failures", "Rounds that broke off, and are tried again.")
        self.late_events = counter(
            "late_events", "Events that became visible after rules had covered their time."
        )
        self.steps = counter("steps", "Steps that were done.", "rule")
        self.step_seconds = Histogram(
            "auditlog_alerts_step_seconds",
            "How long a step of all rules together took.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.rule_seconds = counter("rule_seconds", "Seconds spent on evaluation, by rule.", "rule")
        self.fired = counter("fired", "Alerts that are new, and not suppressed.", *_OF_RULE)
        self.updated = counter("updated", "Updates of alerts that go on.", *_OF_RULE)
        self.suppressed = counter(
            "suppressed", "New alerts that an exception keeps from receivers.", *_OF_RULE
        )
        self.deliveries = counter("deliveries", "Alerts that a sink took.", "sink")
        self.delivery_failures = counter(
            "delivery_failures", "Attempts at delivery that failed.", "sink"
        )
        self.deliveries_pending = gauge(
            "deliveries_pending", "Alerts that a sink has yet to take.", "sink"
        )
        self._show(list(rules), sinks)

    def in_force(self, rules: Sequence[Rule]) -> None:
        """Note which rules can fire, and which are idle."""
        self._rules.set(sum(not rule.idle for rule in rules))
        for rule in rules:
            self._idle.labels(rule.name).set(bool(rule.idle))

    def covered(self, least: int) -> None:
        """Note up to when every rule has covered what was ingested, in milliseconds."""
        self._covered = least

    def recorded(self, rule: Rule, new: int, updated: int, suppressed: int) -> None:
        """Count what a step of a rule did to its alerts."""
        self.fired.labels(rule.name, rule.level).inc(new)
        self.updated.labels(rule.name, rule.level).inc(updated)
        self.suppressed.labels(rule.name, rule.level).inc(suppressed)

    @contextmanager
    def rule_timer(self, rule: Rule) -> Iterator[None]:
        """Count the time that a rule's evaluation takes, however it ends."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.rule_seconds.labels(rule.name).inc(time.perf_counter() - started)

    def succeeded(self) -> None:
        """Note that a round has come to its end."""
        self.blocked.set(0)
        self._success.set_to_current_time()

    def failed(self) -> None:
        """Note that a round broke off."""
        self.blocked.set(1)
        self.round_failures.inc()

    def _lag(self) -> float:
        covered = self._covered
        return math.nan if covered is None else max(0.0, time.time() - covered / 1000)

    def _show(self, rules: list[Rule], sinks: Iterable[str]) -> None:
        """Show what may be counted at 0: a rate needs a beginning."""
        self.in_force(rules)
        for rule in rules:
            for alone in (self.steps, self.rule_seconds):
                alone.labels(rule.name)
            for by_rule in (self.fired, self.updated, self.suppressed):
                by_rule.labels(rule.name, rule.level)
        for sink in sinks:
            for by_sink in (self.deliveries, self.delivery_failures, self.deliveries_pending):
                by_sink.labels(sink)
