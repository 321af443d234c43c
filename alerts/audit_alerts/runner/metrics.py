"""What the runner of alert rules counts, for Prometheus. All names stand here.

============================================== ========= ============ =================================
name                                           kind      labels       what
============================================== ========= ============ =================================
auditlog_alerts_rules                          gauge                  rules in force, idle ones left out
auditlog_alerts_lag_seconds                    gauge                  how far behind now all rules are
auditlog_alerts_waiting                        gauge                  1 while something holds rules up
auditlog_alerts_last_success_timestamp_seconds gauge                  end of the last whole round; or 0
auditlog_alerts_round_failures_total           counter                rounds that broke off; tried again
auditlog_alerts_late_events_total              counter                seen after their time was covered
auditlog_alerts_steps_total                    counter   rule         steps done
auditlog_alerts_step_seconds                   histogram              a step of all rules together
auditlog_alerts_rule_seconds_total             counter   rule         time spent on looking, by rule
auditlog_alerts_fired_total                    counter   rule, level  new alerts
auditlog_alerts_grown_total                    counter   rule, level  times that an alert went on
auditlog_alerts_deliveries_total               counter   sink         alerts that a sink took
auditlog_alerts_delivery_failures_total        counter   sink         tries that a sink did not take
auditlog_alerts_deliveries_waiting             gauge     sink         alerts that a sink was not told of
============================================== ========= ============ =================================

Sinks are `output`, `topic` and, where one is set, `webhook`. Of several runners one delivers to a sink:
the others show 0 waiting for it. The lag is the age of the bound that the rule furthest behind has
covered, margin and consumers' lag included; it grows while nothing is covered, and is NaN until the
first round has read how far rules are.
"""

import math
import time
from collections.abc import Iterable

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
        gauge("lag_seconds", "How far behind now the rules are.").set_function(self._lag)
        self.waiting = gauge("waiting", "1 while something keeps rules from being evaluated.")
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
        self.rule_seconds = counter("rule_seconds", "Seconds spent on looking, by rule.", "rule")
        self.fired = counter("fired", "Alerts that are new.", *_OF_RULE)
        self.updated = counter("updated", "How often an alert went on.", *_OF_RULE)
        self.deliveries = counter("deliveries", "Alerts that a sink took.", "sink")
        self.delivery_failures = counter("delivery_failures", "Tries that a sink did not take.", "sink")
        self.deliveries_waiting = gauge(
            "deliveries_waiting", "Alerts that a sink was not told of yet.", "sink"
        )
        self._show(list(rules), sinks)

    def covered(self, least: int) -> None:
        """Note up to when every rule has covered what was ingested, in milliseconds."""
        self._covered = least

    def recorded(self, rule: Rule, new: int, updated: int) -> None:
        """Count what a step of a rule told."""
        self.fired.labels(rule.name, rule.level).inc(new)
        self.updated.labels(rule.name, rule.level).inc(updated)

    def succeeded(self) -> None:
        """Note that a round has come to its end."""
        self.waiting.set(0)
        self._success.set_to_current_time()

    def failed(self) -> None:
        """Note that a round broke off."""
        self.waiting.set(1)
        self.round_failures.inc()

    def _lag(self) -> float:
        covered = self._covered
        return math.nan if covered is None else max(0.0, time.time() - covered / 1000)

    def _show(self, rules: list[Rule], sinks: Iterable[str]) -> None:
        """Show what may be counted at 0: a rate needs a beginning."""
        self._rules.set(sum(not rule.idle for rule in rules))
        for rule in rules:
            for alone in (self.steps, self.rule_seconds):
                alone.labels(rule.name)
            for by_rule in (self.fired, self.updated):
                by_rule.labels(rule.name, rule.level)
        for sink in sinks:
            for by_sink in (self.deliveries, self.delivery_failures, self.deliveries_waiting):
                by_sink.labels(sink)
