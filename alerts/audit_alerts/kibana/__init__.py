"""What analysts find in Kibana: data views, searches, a dashboard, and every rule as one of its own."""

from audit_alerts.kibana.bundle import Bundle, bundle_of
from audit_alerts.kibana.errors import KibanaError
from audit_alerts.kibana.kibana_rules import Form, KibanaRule, kibana_rule
from audit_alerts.kibana.places import Places
from audit_alerts.kibana.settings import KibanaSettings

__all__ = [
    "Bundle",
    "Form",
    "KibanaError",
    "KibanaRule",
    "KibanaSettings",
    "Places",
    "bundle_of",
    "kibana_rule",
]
