"""What can be wrong with watching a process."""

__all__ = ["MonitorError"]


class MonitorError(Exception):
    """Nobody can watch the process; the message says what to mend."""
