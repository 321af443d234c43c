"""What keeps an operator's command from its work."""

from audit_consumer import ConsumerError

__all__ = ["SelectionError"]


class SelectionError(ConsumerError):
    """A filter of dead letters can't be read; the message says what can."""
