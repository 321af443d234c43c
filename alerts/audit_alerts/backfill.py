"""What a rule would have fired in the past, asked of the log."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from audit_query import AuditLog

from audit_alerts.candidates import Window, candidate_windows, driver_of
from audit_alerts.episodes import Episode
from audit_alerts.evaluate import BaseMatches, Evaluation
from audit_alerts.evidence import evidence_of_groups
from audit_alerts.log_background import LogBackground
from audit_alerts.log_reader import LogReader, RuleFilter, together
from audit_alerts.matches import GroupValues
from audit_alerts.plan import Correlation, Rule, background_reach, bases_of

__all__ = ["backfill_rule"]


def backfill_rule(log: AuditLog, rule: Rule, start: datetime, end: datetime) -> list[Episode]:
    """Return what the rule would have fired from `start` until `end`, exactly, in order of time.

    Errors of the Elasticsearch client pass through, and ExportError.
    """
    root = rule.root
    first, last = (round(moment.timestamp() * 1000) for moment in (start, end))
    reader = _reader(log, start, end, root.reach)
    driver = driver_of(root)
    counts = [bucket for base in driver.bases for bucket in reader.counts(driver, base)]
    candidates = candidate_windows(driver, counts)
    if not candidates:
        return []
    background = LogBackground(_reader(log, start, end, root.reach + background_reach(root)))
    episodes: list[Episode] = []
    for groups in together(root, candidates):
        windows = [
            (begin - root.reach, upto + root.reach)
            for group in groups
            for begin, upto in candidates[group]
        ]
        if isinstance(root, Correlation) and root.cell:
            episodes += _counted(reader, rule, root, groups, windows, background)
            continue
        matches: BaseMatches = {
            base.name: reader.matches(root, base, groups, windows) for base in bases_of(root)
        }
        found = Evaluation(rule, matches, background).episodes(until=last - 1)
        these = set(groups)
        episodes += [episode for episode in found if episode.group in these]
    episodes.sort(key=lambda episode: (episode.fired, episode.key))
    return [episode for episode in episodes if episode.last >= first]


def _counted(
    reader: LogReader,
    rule: Rule,
    root: Correlation,
    groups: list[GroupValues],
    windows: list[Window],
    background: LogBackground,
) -> Iterator[Episode]:
    """Yield what fires by cells, with the events that each episode shows."""
    matches: BaseMatches = {
        base.name: reader.cells(root, base, groups, windows, root.cell) for base in bases_of(root)
    }
    spans = [
        (group, span)
        for group, found in Evaluation(rule, matches, background).spans().items()
        for span in found
    ]
    wanted = [(group, (span.since, span.last)) for group, span in spans]
    for (group, span), shown in zip(spans, evidence_of_groups(reader, root, wanted), strict=True):
        yield Episode(
            *(rule.name, root.group_by, group, span.since, span.first, span.last),
            count=shown.count,
            size=span.size,
            samples=shown.samples,
        )


def _reader(log: AuditLog, start: datetime, end: datetime, before: int) -> LogReader:
    return LogReader(log, RuleFilter(start=start - timedelta(milliseconds=before), end=end))
