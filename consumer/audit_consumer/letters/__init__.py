"""Dead letters, looked at and published again."""

from audit_consumer.letters.commands import register

__all__ = ["register"]
