"""What commands of the desk ask of it, as ids are typed: by how they begin."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from audit_alerts import CloseReason, TriageStep
from audit_alerts.desk import commands
from audit_alerts.desk.desk import Triaged


class Desk:
    """Knows ids by how they begin, and notes steps."""

    def __init__(self) -> None:
        self.steps: dict[str, TriageStep] = {}

    def full_id(self, text: str) -> str:
        """Return the whole of it."""
        return text.ljust(32, "0")

    def triage(self, alert_id: str, step: TriageStep, _: object) -> Triaged:
        """Note the step."""
        self.steps[alert_id] = step
        return Triaged(alert_id, None)


def test_duplicate_is_named_as_alerts_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list shows ten characters of each id, which name an alert everywhere else."""
    desk = Desk()

    @contextmanager
    def opened_desk(**_: object) -> Iterator[tuple[Any, None]]:
        yield desk, None

    monkeypatch.setattr(commands, "opened_desk", opened_desk)
    reason = CloseReason.DUPLICATE
    commands.close(["5a1a91fe9c"], reason, duplicate_of="7c7c7c7c7c", who="ada", json_output=True)
    (step,) = desk.steps.values()
    assert step.duplicate_of == desk.full_id("7c7c7c7c7c")
