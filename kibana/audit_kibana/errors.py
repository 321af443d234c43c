"""What can be wrong between us and Kibana.

::

    AlertError
    └── KibanaError          a sentence with what to do
        ├── KibanaUnreachableError      nothing was done, or nobody knows; nothing further is tried
        └── KibanaRefusedError          Kibana said no to one request; carries its status
"""

from audit_alerts import AlertError

__all__ = ["KibanaError", "KibanaRefusedError", "KibanaUnreachableError"]


class KibanaError(AlertError):
    """Base of what export and import raise; the message says what to do."""


class KibanaUnreachableError(KibanaError):
    """Kibana does not answer, is none, or refuses the credentials: every request would fail."""


class KibanaRefusedError(KibanaError):
    """Kibana refused one request."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
