"""Alert rules over the log: Sigma files become plans, and plans with events become alerts."""

from audit_alerts.desk.address_range import ADDRESS_FIELDS, WIDEST, usual_range
from audit_alerts.desk.alert import (
    RUNNER,
    Alert,
    AlertPart,
    AlertStatus,
    CloseReason,
    HistoryEntry,
)
from audit_alerts.desk.alert_filter import NOBODY, AlertFilter, AlertOrder
from audit_alerts.desk.desk import BULK_MAX, PAGE_MAX, AlertDesk, AlertPage, Related, Triaged
from audit_alerts.desk.evidence_events import evidence_events
from audit_alerts.desk.exception_desk import (
    ExceptionDesk,
    ExceptionPreview,
    ExceptionStep,
    ListedException,
)
from audit_alerts.desk.exception_end import parse_end
from audit_alerts.desk.firings import Firings
from audit_alerts.desk.marks import Mark
from audit_alerts.desk.rule_exception import BECAUSE_MAX, ExceptionDraft, RuleException
from audit_alerts.desk.self_audit import Actor, Publish
from audit_alerts.desk.silent_example import EXAMPLE_MAX, silent_example
from audit_alerts.desk.tables import alerts_table
from audit_alerts.desk.triage import NAME_MAX, NOTE_MAX, Step, TriageStep
from audit_alerts.episodes import Episode
from audit_alerts.errors import (
    AlertConflictError,
    AlertError,
    NoSuchAlertError,
    RuleRefusedError,
    TriageError,
)
from audit_alerts.evaluate import evaluate
from audit_alerts.plan import (
    LEVELS,
    OPTIONAL,
    Base,
    Correlation,
    Kind,
    LogSource,
    NewTerms,
    Rule,
    bases_of,
)
from audit_alerts.rules import load_rules
from audit_alerts.settings import AlertSettings
from audit_alerts.tables import rule_fields
from audit_alerts.words import in_words, span_words

__all__ = [
    "ADDRESS_FIELDS",
    "BECAUSE_MAX",
    "BULK_MAX",
    "EXAMPLE_MAX",
    "LEVELS",
    "NAME_MAX",
    "NOBODY",
    "NOTE_MAX",
    "OPTIONAL",
    "PAGE_MAX",
    "RUNNER",
    "WIDEST",
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
    "ExceptionDesk",
    "ExceptionDraft",
    "ExceptionPreview",
    "ExceptionStep",
    "Firings",
    "HistoryEntry",
    "Kind",
    "ListedException",
    "LogSource",
    "Mark",
    "NewTerms",
    "NoSuchAlertError",
    "Publish",
    "Related",
    "Rule",
    "RuleException",
    "RuleRefusedError",
    "Step",
    "TriageError",
    "TriageStep",
    "Triaged",
    "alerts_table",
    "bases_of",
    "evaluate",
    "evidence_events",
    "in_words",
    "load_rules",
    "parse_end",
    "rule_fields",
    "silent_example",
    "span_words",
    "usual_range",
]
