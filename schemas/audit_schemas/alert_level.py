"""The levels of alerts: Sigma's."""

__all__ = ["ALERT_LEVELS"]

ALERT_LEVELS = ("informational", "low", "medium", "high", "critical")
"""From the least to the most."""
