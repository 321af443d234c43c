"""What can be wrong with alert rules.

::

    AlertError
    ├── RuleRefusedError     a rule can't be used; carries the file and the reason
    └── TriageError     a step of triage, or an exception, can't be; the message says why
        ├── AlertConflictError     somebody was faster, or the alert does not allow it
        └── NoSuchAlertError     there is none, or not for whoever asks
"""

__all__ = [
    "AlertConflictError",
    "AlertError",
    "NoSuchAlertError",
    "RuleRefusedError",
    "TriageError",
]


class AlertError(Exception):
    """Base of all that `audit_alerts` raises; errors of the Elasticsearch client pass through."""


class RuleRefusedError(AlertError):
    """A rule would not do what it says. `file` is where it stands, `reason` a sentence."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class TriageError(AlertError):
    """A step of triage, or an exception from a rule, can't be as it is asked for."""


class AlertConflictError(TriageError):
    """An alert is not any more what it was when the step was decided. `alert` is its id."""

    def __init__(self, alert: str, reason: str) -> None:
        super().__init__(f"{reason[:1].upper()}{reason[1:]}")
        self.alert = alert


class NoSuchAlertError(TriageError):
    """There is no such alert, or none that the one who asks may see."""

    def __init__(self, what: str = "alert") -> None:
        super().__init__(f"There is no such {what}, or none that you may see")
