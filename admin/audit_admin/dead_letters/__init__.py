"""Dead letters, looked at and published again."""

from audit_admin.dead_letters.commands import register

__all__ = ["register"]
