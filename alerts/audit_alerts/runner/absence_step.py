"""A step of an absence rule: which groups that normally have events have none."""

from collections.abc import Mapping, Sequence
from typing import Any

from audit_alerts.candidates import Driver, counts_body
from audit_alerts.condition_query import base_query
from audit_alerts.episodes import FiringSpan
from audit_alerts.evaluate import Evaluation
from audit_alerts.evidence import Evidence, evidence_of_groups
from audit_alerts.log_background import LogBackground
from audit_alerts.log_reader import LogReader, within
from audit_alerts.matches import GroupValues
from audit_alerts.plan import Absence, Rule
from audit_alerts.runner.changes import EpisodeTarget, Spans

__all__ = ["AbsenceStep"]

_DAY = 86_400_000


class AbsenceStep:
    """See `RuleStep`. The step is no longer than what makes an absence.

    So an absence either lasts at the step's end, or did when it began. Only groups with one of such a
    length are read; the others are two numbers of an aggregation.
    """

    gap = 0

    def __init__(self, reader: LogReader, rule: Rule, root: Absence, covered: int, upto: int) -> None:
        self._reader = reader
        self._rule = rule
        self._root = root
        self._covered = covered
        self._upto = upto

    def spans(self) -> Spans:
        """Return the absences within the step."""
        result: dict[GroupValues, list[FiringSpan]] = {}
        for group, (before, after) in self._last_and_first_events().items():
            last = (after or self._upto + 1) - 1
            if last - before < self._root.after:
                continue
            found = self._absences(group, before)
            if spans := [span for span in found if span.since == before]:
                result[group] = spans
        return result

    def evidence(self, targets: Sequence[EpisodeTarget]) -> list[Evidence]:
        """Return the event that each absence began with."""
        wanted = [(each.group, (each.span.since, each.span.last)) for each in targets]
        return evidence_of_groups(self._reader, self._root, wanted)

    def _absences(self, group: GroupValues, before: int) -> Sequence[FiringSpan]:
        root = self._root
        # Of the days before, only the same hours decide.
        windows = [(before - day * _DAY, self._upto - day * _DAY) for day in (0, *root.compared)]
        matches = {root.base.name: self._reader.matches(root, root.base, [group], windows)}
        return (
            Evaluation(self._rule, matches, LogBackground(self._reader))
            .spans(until=self._upto)
            .get(group, [])
        )

    def _last_and_first_events(self) -> Mapping[GroupValues, tuple[int, int | None]]:
        """Return each group's last event up to where the step begins, and its first one after."""
        root = self._root
        driver = Driver((root.base,), root.group_by, {root.base.name: root.group_by}, 1, 1)
        body = counts_body(driver, root.base, None)
        body["counts"]["composite"]["sources"].pop(0)  # not by time
        body["counts"]["aggs"] = {
            "before": _edge("max", {"lte": self._covered}),
            "after": _edge("min", {"gt": self._covered}),
        }
        start = self._covered - root.days * _DAY - 2 * root.after
        queries = [base_query(root.base), within([(start, self._upto)])]
        found: dict[GroupValues, tuple[int, int | None]] = {}
        for bucket in self._reader.buckets(queries, body):
            before, after = (bucket[name]["edge"]["value"] for name in ("before", "after"))
            if before is not None:
                group = tuple(bucket["key"][f"group{n}"] for n in range(len(root.group_by)))
                found[group] = int(before), None if after is None else int(after)
        return found


def _edge(kind: str, span: Mapping[str, int]) -> dict[str, Any]:
    return {
        "filter": {"range": {"@timestamp": {**span, "format": "epoch_millis"}}},
        "aggs": {"edge": {kind: {"field": "@timestamp"}}},
    }
