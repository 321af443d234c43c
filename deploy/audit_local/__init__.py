"""Kafka, Elasticsearch and Keycloak on this machine without containers, for trials and tests."""

from audit_local.errors import FetchError, JavaMissingError, LocalError, ServerFailedError
from audit_local.password import USER
from audit_local.server import ELASTICSEARCH, KAFKA, KEYCLOAK, Server, addresses
from audit_local.settings import LocalSettings
from audit_local.stack import Stack

__all__ = [
    "ELASTICSEARCH",
    "KAFKA",
    "KEYCLOAK",
    "USER",
    "FetchError",
    "JavaMissingError",
    "LocalError",
    "LocalSettings",
    "Server",
    "ServerFailedError",
    "Stack",
    "addresses",
]
