"""What a rule would have fired in the past, asked of the log."""

from datetime import datetime, timedelta

from audit_query import AuditLog

from audit_alerts.candidates import candidate_windows, driver_of
from audit_alerts.episodes import Episode
from audit_alerts.evaluate import BaseMatches, Evaluation
from audit_alerts.log_reader import LogReader, RuleFilter, together
from audit_alerts.plan import Rule, bases_of

__all__ = ["backfill_rule"]


def backfill_rule(log: AuditLog, rule: Rule, start: datetime, end: datetime) -> list[Episode]:
    """Return what the rule would have fired from `start` until `end`, exactly, in order of time.

    Errors of the Elasticsearch client pass through, and ExportError.
    """
    root = rule.root
    reader = LogReader(log, RuleFilter(start=start - timedelta(milliseconds=root.reach), end=end))
    driver = driver_of(root)
    counts = [bucket for base in driver.bases for bucket in reader.counts(driver, base)]
    candidates = candidate_windows(driver, counts)
    if not candidates:
        return []
    first, last = (round(moment.timestamp() * 1000) for moment in (start, end))
    episodes: list[Episode] = []
    for groups in together(root, candidates):
        windows = [
            (first - root.reach, last + root.reach)
            for group in groups
            for first, last in candidates[group]
        ]
        matches: BaseMatches = {
            base.name: reader.matches(root, base, groups, windows) for base in bases_of(root)
        }
        episodes += Evaluation(rule, matches).episodes(until=last - 1)
    episodes.sort(key=lambda episode: (episode.fired, episode.key))
    return [episode for episode in episodes if episode.last >= first]
