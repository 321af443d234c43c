"""Errors of secrets; each message says what to do."""

__all__ = ["SecretsError"]


class SecretsError(Exception):
    """Secrets can't be created, or existing ones are invalid."""
