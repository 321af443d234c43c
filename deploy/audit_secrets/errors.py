"""What can go wrong with secrets; each message says what to do."""

__all__ = ["SecretsError"]


class SecretsError(Exception):
    """Secrets can't be made, or what is there is none."""
