"""What can be wrong with alert rules.

::

    AlertError
    ├── RuleRefusedError     a rule can't be used; carries the file and the reason
    └── RangesError     the file of denied ranges can't be used
"""

__all__ = ["AlertError", "RangesError", "RuleRefusedError"]


class AlertError(Exception):
    """Base of all that `audit_alerts` raises; errors of the Elasticsearch client pass through."""


class RuleRefusedError(AlertError):
    """A rule would not do what it says. `file` is where it stands, `reason` a sentence."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class RangesError(AlertError):
    """The file of denied ranges can't be read; the message names file and line."""
