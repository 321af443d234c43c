"""What a replay did, or would do."""

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["ReplayResult"]

_MAX_DETAILS = 20


@dataclass(slots=True)
class ReplayResult:
    """Counts of records, without copies."""

    run: str
    replayed: Counter[str] = field(default_factory=Counter)
    """By reason: published and acknowledged, or in a dry run, what would be published."""
    already_replayed: int = 0
    """Replayed by an earlier run, and skipped."""
    recovered: int = 0
    """Of those, the ones that an interrupted run published and this run added to the journal."""
    claimed_elsewhere: int = 0
    """Claimed by another run, which is running, or was killed less than two minutes ago."""
    incomplete: int = 0
    """Truncated, and no longer in the source topic."""
    details: list[str] = field(default_factory=list)
    """A sentence about each of the first incomplete ones."""
    failed: Counter[str] = field(default_factory=Counter)
    """Not acknowledged, by Kafka's error."""
    unrecorded: int = 0
    """Published, but missing from the journal; the next run finds them."""
    other_topics: Counter[str] = field(default_factory=Counter)
    """Dead letters of other source topics, which are skipped."""
    stopped_because: str = ""
    """Why the run ended early."""

    @property
    def is_complete(self) -> bool:
        """Tell whether everything that was asked for is done."""
        return not (
            self.claimed_elsewhere
            or self.incomplete
            or self.failed.total()
            or self.unrecorded
            or self.stopped_because
        )

    def add_incomplete(self, detail: str) -> None:
        """Count a record that can't be published, and keep the sentence about it."""
        self.incomplete += 1
        if len(self.details) < _MAX_DETAILS:
            self.details.append(detail)
