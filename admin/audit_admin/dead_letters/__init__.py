"""Dead letters: listing them, showing them, and replaying them."""

from audit_admin.dead_letters.commands import register

__all__ = ["register"]
