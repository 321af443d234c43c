"""What analysts find in Kibana: data views, searches, a dashboard, and every rule as one of its own."""

from audit_kibana.bundle import Bundle, bundle_of
from audit_kibana.errors import KibanaError
from audit_kibana.kibana_rules import Form, KibanaRule, kibana_rule
from audit_kibana.places import Places
from audit_kibana.settings import KibanaSettings

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
