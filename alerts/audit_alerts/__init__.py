"""Alert rules over the log: Sigma files become plans, and plans with events become alerts."""

from audit_alerts.episodes import Episode
from audit_alerts.errors import AlertError, RangesError, RuleRefusedError
from audit_alerts.evaluate import evaluate
from audit_alerts.plan import OPTIONAL, Base, Correlation, Kind, LogSource, NewTerms, Rule, bases_of
from audit_alerts.rules import load_rules
from audit_alerts.settings import AlertSettings
from audit_alerts.words import span_words

__all__ = [
    "OPTIONAL",
    "AlertError",
    "AlertSettings",
    "Base",
    "Correlation",
    "Episode",
    "Kind",
    "LogSource",
    "NewTerms",
    "RangesError",
    "Rule",
    "RuleRefusedError",
    "bases_of",
    "evaluate",
    "load_rules",
    "span_words",
]
