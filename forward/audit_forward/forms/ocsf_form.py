"""OCSF: what a document becomes in the Open Cybersecurity Schema Framework."""

from collections.abc import Mapping
from typing import Any

from audit_forward.forms.ocsf_alert import finding
from audit_forward.forms.ocsf_event import event
from audit_forward.forms.ocsf_objects import product

__all__ = ["OCSF_VERSION", "OcsfForm"]

OCSF_VERSION = "1.8.0"


class OcsfForm:
    """An event is of the class that `ocsf_classes` has for its activity, an alert a finding (2004).

    What OCSF has no attribute for is in `unmapped`, under the path that it has in the log.
    """

    name = "ocsf"

    def __init__(self, version: str) -> None:
        self._metadata = {"version": OCSF_VERSION, "product": product(version)}

    def event(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event."""
        return event(document, self._metadata)

    def alert(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return an alert as it is now: created, updated or closed."""
        return finding(document, self._metadata)
