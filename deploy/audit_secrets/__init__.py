"""Secrets of a deployment: certificate authority, certificates, passwords, tokens."""

from audit_secrets.errors import SecretsError
from audit_secrets.make import Secrets
from audit_secrets.roster import SERVICES, Service

__all__ = ["SERVICES", "Secrets", "SecretsError", "Service"]
