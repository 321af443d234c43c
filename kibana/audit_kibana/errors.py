"""What can be wrong between us and Kibana.

::

    AlertError
    └── KibanaError          a sentence with what to do
        ├── Unreachable      nothing was done, or nobody knows; nothing further is tried
        └── Refused          Kibana said no to one request; carries its status
"""

from audit_alerts import AlertError

__all__ = ["KibanaError", "Refused", "Unreachable"]


class KibanaError(AlertError):
    """Base of what export and import raise; the message says what to do."""


class Unreachable(KibanaError):  # noqa: N818 - a state, told in a sentence
    """Kibana does not answer, is none, or refuses the credentials: every request would fail."""


class Refused(KibanaError):  # noqa: N818 - a refusal is an answer
    """Kibana refused one request."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
