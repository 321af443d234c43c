"""Alert rules over the log: Sigma files become plans, and plans with events become alerts."""

from audit_alerts.desk.alert import (
    LEVELS,
    RUNNER,
    Alert,
    AlertPart,
    AlertStatus,
    CloseReason,
    HistoryEntry,
)
from audit_alerts.desk.alert_filter import NOBODY, AlertFilter, AlertOrder
from audit_alerts.desk.desk import BULK_MAX, PAGE_MAX, AlertDesk, AlertPage, Related, Triaged
from audit_alerts.desk.marks import Mark
from audit_alerts.desk.self_audit import Actor, Publish
from audit_alerts.desk.triage import NAME_MAX, NOTE_MAX, Step, TriageStep
from audit_alerts.episodes import Episode
from audit_alerts.errors import (
    AlertConflictError,
    AlertError,
    NoSuchAlertError,
    RangesError,
    RuleRefusedError,
    TriageError,
)
from audit_alerts.evaluate import evaluate
from audit_alerts.plan import OPTIONAL, Base, Correlation, Kind, LogSource, NewTerms, Rule, bases_of
from audit_alerts.rules import load_rules
from audit_alerts.settings import AlertSettings
from audit_alerts.words import in_words, span_words

__all__ = [
    "BULK_MAX",
    "LEVELS",
    "NAME_MAX",
    "NOBODY",
    "NOTE_MAX",
    "OPTIONAL",
    "PAGE_MAX",
    "RUNNER",
    "Actor",
    "Alert",
    "AlertConflictError",
    "AlertDesk",
    "AlertError",
    "AlertFilter",
    "AlertOrder",
    "AlertPage",
    "AlertPart",
    "AlertSettings",
    "AlertStatus",
    "Base",
    "CloseReason",
    "Correlation",
    "Episode",
    "HistoryEntry",
    "Kind",
    "LogSource",
    "Mark",
    "NewTerms",
    "NoSuchAlertError",
    "Publish",
    "RangesError",
    "Related",
    "Rule",
    "RuleRefusedError",
    "Step",
    "TriageError",
    "TriageStep",
    "Triaged",
    "bases_of",
    "evaluate",
    "in_words",
    "load_rules",
    "span_words",
]
