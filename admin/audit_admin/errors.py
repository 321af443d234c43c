"""Errors of the operator's commands."""

from audit_consumer import ConsumerError

__all__ = ["SelectionError"]


class SelectionError(ConsumerError):
    """A filter of dead letters is invalid; the message says what is allowed."""
