"""Alert rules over the log: Sigma files become plans, and plans with events become alerts."""

from audit_alerts.episodes import Episode
from audit_alerts.errors import AlertError, RangesError, RuleRefused
from audit_alerts.evaluate import evaluate
from audit_alerts.plan import Rule
from audit_alerts.rules import load_rules
from audit_alerts.settings import AlertSettings

__all__ = [
    "AlertError",
    "AlertSettings",
    "Episode",
    "RangesError",
    "Rule",
    "RuleRefused",
    "evaluate",
    "load_rules",
]
