"""Secrets of a deployment: an authority, certificates, passwords, and the forms that servers read."""

from audit_secrets.errors import SecretsError
from audit_secrets.make import Secrets
from audit_secrets.roster import SERVICES, Service

__all__ = ["SERVICES", "Secrets", "SecretsError", "Service"]
