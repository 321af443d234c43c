"""What became of the rows of an import, and how that is shown."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from audit_runtime.terminal import new_console, print_json, print_lines
from audit_schemas import printable
from rich.markup import escape
from rich.table import Table

from audit_admin.importing.findings import Findings

__all__ = ["Outcome", "print_outcome"]

_NUMBERS = re.compile(r"\d+")
_REASONS_MAX = 1000
_SHOWN_REASONS = 10
_OTHER = "other reasons"


@dataclass(slots=True)
class Outcome:
    """What became of the rows."""

    rows: int = 0
    skipped: int = 0
    """Rows that the mapping leaves out."""
    rejected: int = 0
    activities: Counter[str] = field(default_factory=Counter)
    _reasons: dict[str, str] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)

    def reject(self, reason: str) -> None:
        """Count a reason. Reasons that differ in their numbers alone are one."""
        self.rejected += 1
        kind = _NUMBERS.sub("0", reason)
        if kind not in self._reasons and len(self._reasons) >= _REASONS_MAX:
            kind = reason = _OTHER
        self._reasons.setdefault(kind, reason)
        self._counts[kind] += 1

    def reasons(self, most: int) -> dict[str, int]:
        """Return the reasons that came up most often, each as it was first given."""
        return {self._reasons[kind]: count for kind, count in self._counts.most_common(most)}


def print_outcome(
    outcome: Outcome,
    findings: Findings,
    delivered: int,
    rejects: Path | None,
    *,
    dry_run: bool,
    json_output: bool,
) -> None:
    """Print the counts, which fields were filled, and what should be looked at."""
    if json_output:
        data = {
            "rows": outcome.rows,
            "published": delivered,
            "skipped": outcome.skipped,
            "rejected": outcome.rejected,
            "activities": dict(outcome.activities),
            "rejected_because": outcome.reasons(100),
            "fields": {path: use.count for path, use in findings.uses.items()},
            "warnings": findings.sentences(),
            "dry_run": dry_run,
        }
        print_json(data)
        return
    good = outcome.activities.total()
    lines = [f"{_rows(good)} would be published" if dry_run else f"{_rows(delivered)} published"]
    lines += [f"  {count:,} {activity}" for activity, count in outcome.activities.most_common()]
    if outcome.skipped:
        lines.append(f"{_rows(outcome.skipped)} left out, as the mapping says")
    if outcome.rejected:
        lines.append(f"{_rows(outcome.rejected)} rejected" + (f", see {rejects}" if rejects else ""))
        reasons = outcome.reasons(_SHOWN_REASONS)
        lines += [f"  {count:,} {printable(reason)}" for reason, count in reasons.items()]
    print_lines(*lines)
    if good:
        new_console().print(_fields_table(findings))
    if warnings := findings.sentences():
        print_lines("Look at this before you believe the import:", *(f"  {one}" for one in warnings))


def _rows(count: int) -> str:
    return f"{count:,} row" + ("" if count == 1 else "s")


def _fields_table(findings: Findings) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("Field", min_width=max(map(len, findings.uses), default=0))
    table.add_column("Events", justify="right")
    table.add_column("Examples", overflow="ellipsis", no_wrap=True)
    for path, use in findings.uses.items():
        table.add_row(escape(path), f"{use.count:,}", escape(", ".join(use.examples)))
    return table
