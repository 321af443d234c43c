"""An alert as the runner reads it from the index, with what its next writing depends on. Pure."""

from dataclasses import dataclass
from typing import Any

from audit_alerts.desk.alert import AlertStatus, parts_of
from audit_alerts.episodes import FiringSpan
from audit_alerts.runner.parts import Part, part_from
from audit_alerts.times import in_millis

__all__ = ["ONGOING", "StoredAlert"]

_RANKS = {
    AlertStatus.OPEN: 0,
    AlertStatus.ACKNOWLEDGED: 0,
    AlertStatus.CLOSED: 1,
    AlertStatus.SUPPRESSED: 2,
}
ONGOING = tuple(_RANKS)
"""The status of alerts that may have new evidence, as may merged ones that another rule's includes."""


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert as it is in the index."""

    id: str
    document: dict[str, Any]
    seq_no: int
    primary_term: int

    @property
    def span(self) -> FiringSpan:
        """When the rule fired, as far as the alert knows."""
        alert, event = self.document["audit"]["alert"], self.document["event"]
        since, first, last = map(in_millis, (event["start"], alert["first"], alert["last"]))
        return FiringSpan(since, first, last, alert["size"])

    @property
    def parts(self) -> tuple[Part, ...]:
        """Its episodes."""
        found = parts_of(self.document)
        if self.document["audit"]["alert"].get("parts"):
            return tuple(map(part_from, found))
        samples = self.document["audit"]["alert"]["samples"]  # an older runner's
        return tuple(part_from({"samples": samples, **part}) for part in found)

    @property
    def rank(self) -> int:
        """Which of several that turn out to be one stays: what nobody is done with comes first."""
        return _RANKS.get(AlertStatus(self.document["audit"]["alert"]["status"]), len(_RANKS))
