"""What analysts find in Kibana: data views, searches, a dashboard, and every rule as one of its own."""

from audit_kibana.bundle import Bundle, bundle_of
from audit_kibana.errors import KibanaError
from audit_kibana.kibana_rules import KibanaRule, RuleType, kibana_rule
from audit_kibana.settings import KibanaSettings
from audit_kibana.target import ExportTarget

__all__ = [
    "Bundle",
    "ExportTarget",
    "KibanaError",
    "KibanaRule",
    "KibanaSettings",
    "RuleType",
    "bundle_of",
    "kibana_rule",
]
