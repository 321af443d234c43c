"""Kafka and Elasticsearch on this machine without containers, for trying things out and for tests."""

from audit_local.errors import FetchError, JavaMissingError, LocalError, ServerFailedError
from audit_local.password import USER
from audit_local.settings import LocalSettings
from audit_local.stack import KAFKA, Server, Stack

__all__ = [
    "KAFKA",
    "USER",
    "FetchError",
    "JavaMissingError",
    "LocalError",
    "LocalSettings",
    "Server",
    "ServerFailedError",
    "Stack",
]
