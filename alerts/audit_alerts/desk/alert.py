"""An alert as analysts see it: what fired, where it stands, and who did what about it. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from audit_schemas import ALERT_RUNNER, parse_timestamp

__all__ = [
    "RUNNER",
    "Alert",
    "AlertPart",
    "AlertStatus",
    "CloseReason",
    "HistoryEntry",
    "parts_of",
    "scope_of",
]

RUNNER = ALERT_RUNNER
"""Who reopens an alert when it has new evidence: a history's name for the runner of rules."""

Document = Mapping[str, Any]


class AlertStatus(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    MERGED = "merged"
    """It turned out to be a part of another, which `merged_into` names."""
    SUPPRESSED = "suppressed"
    """An exception keeps it from receivers."""


class CloseReason(StrEnum):
    """Why an alert was closed."""

    TRUE_POSITIVE = "true-positive"
    FALSE_POSITIVE = "false-positive"
    BENIGN = "benign"
    DUPLICATE = "duplicate"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step: who did what, and when."""

    at: datetime
    by: str
    action: str
    """acknowledged, assigned, closed, reopened, noted, merged, suppressed."""
    reason: CloseReason | None = None
    assignee: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class AlertPart:
    """An episode: moments at which the rule fired, none further apart than its timespan."""

    since: datetime
    first: datetime
    last: datetime
    count: int
    size: int
    episodes: int = 1
    """More than one: the oldest of many, taken together."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it is stored; `document` is all of it."""

    document: Document

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.document["event"]["id"])

    @property
    def rule(self) -> str:
        """The rule's name."""
        return str(self.document["rule"]["name"])

    @property
    def rule_id(self) -> str:
        """The rule's id."""
        return str(self.document["rule"]["id"])

    @property
    def title(self) -> str:
        """One line: the rule's title, and for what it fired."""
        return str(self.document["message"])

    @property
    def description(self) -> str:
        """The rule's reason for being."""
        return str(self.document["rule"].get("description", ""))

    @property
    def what_to_do(self) -> str:
        """What the rule tells the analyst to do."""
        return str(self._own.get("what_to_do", ""))

    @property
    def level(self) -> str:
        """critical, high, medium, low or informational."""
        return str(self._own["level"])

    @property
    def status(self) -> AlertStatus:
        """Where it stands."""
        return AlertStatus(self._own["status"])

    @property
    def version(self) -> int:
        """How many steps of triage it has had: what a step that was decided on it names."""
        return int(self._own.get("triage_version", 0))

    @property
    def assignee(self) -> str | None:
        """Whose it is; None: nobody's yet."""
        return self._own.get("assignee")

    @property
    def reason(self) -> CloseReason | None:
        """Why it was closed; None: it is not."""
        found = self._own.get("reason")
        return CloseReason(found) if found else None

    @property
    def group(self) -> Mapping[str, str]:
        """What it is about: the values of the fields that the rule groups by."""
        names, values = self._own["group_by"], json.loads(self._own["group_key"])
        return {n: v for n, v in zip(names, values, strict=True) if v is not None}

    @property
    def created(self) -> datetime:
        """When the runner found it."""
        return parse_timestamp(self.document["event"]["created"])

    @property
    def start(self) -> datetime:
        """When what the rule counts began."""
        return parse_timestamp(self.document["event"]["start"])

    @property
    def first(self) -> datetime:
        """The first moment at which the rule was fulfilled."""
        return parse_timestamp(self._own["first"])

    @property
    def last(self) -> datetime:
        """The last event of it by now."""
        return parse_timestamp(self._own["last"])

    @property
    def count(self) -> int:
        """How many events it is about."""
        return int(self._own["count"])

    @property
    def samples(self) -> Sequence[str]:
        """Ids of some of its events, at most ten, in order of time."""
        return tuple(self._own["samples"])

    @property
    def users(self) -> Sequence[str]:
        """Users that are concerned, some of them."""
        return tuple(self.document["related"].get("user", ()))

    @property
    def addresses(self) -> Sequence[str]:
        """Addresses that are concerned, some of them."""
        return tuple(self.document["related"].get("ip", ()))

    @property
    def organizations(self) -> Sequence[str]:
        """Organizations of its evidence, some of them."""
        return tuple(self._own.get("organizations", ()))

    @property
    def link(self) -> str | None:
        """The page's address with the evidence asked for."""
        return self._own.get("link")

    @property
    def merged_into(self) -> str | None:
        """The alert that it is a part of, where it was merged."""
        return self._own.get("merged_into")

    @property
    def duplicate_of(self) -> str | None:
        """The alert that it is a duplicate of, where somebody said so."""
        return self._own.get("duplicate_of")

    @property
    def exceptions(self) -> Sequence[str]:
        """Ids of the exceptions that have suppressed evidence of it."""
        return tuple(self._own.get("exceptions", ()))

    @property
    def parts(self) -> Sequence[AlertPart]:
        """Its episodes, in order of time; the oldest of many are one."""
        return tuple(map(_part, parts_of(self.document)))

    @property
    def history(self) -> Sequence[HistoryEntry]:
        """What was done about it, in order; of many steps the last hundred."""
        return tuple(map(_entry, self._own.get("history", ())))

    @property
    def _own(self) -> Mapping[str, Any]:
        own: Mapping[str, Any] = self.document["audit"]["alert"]
        return own

    def to_json(self) -> dict[str, Any]:
        """Return the document for others, less what only the runner needs."""
        hidden = ("pending", "last_notified_count", "notices", "group_key", "triage_version")
        own = {name: value for name, value in self._own.items() if name not in hidden}
        own |= {"version": self.version, "parts": list(parts_of(self.document))}
        return {**self.document, "audit": {"alert": {"history": [], "assignee": None, **own}}}


def parts_of(document: Document) -> Sequence[Mapping[str, Any]]:
    """Return an alert's episodes as they are stored; one that an older runner made has one."""
    alert = document["audit"]["alert"]
    whole = {
        "since": document["event"]["start"],
        **{name: alert[name] for name in ("first", "last", "count", "size")},
    }
    return list(alert.get("parts") or [whole])


def scope_of(document: Document) -> str | None:
    """Return the one organization whose people may see an alert; None: it is not one's alone."""
    named: str | None = document.get("organization", {}).get("id")
    return named or document["audit"]["alert"].get("sole_organization")


def _part(found: Mapping[str, Any]) -> AlertPart:
    since, first, last = (parse_timestamp(found[name]) for name in ("since", "first", "last"))
    return AlertPart(since, first, last, found["count"], found["size"], found.get("episodes", 1))


def _entry(found: Mapping[str, Any]) -> HistoryEntry:
    reason = found.get("reason")
    return HistoryEntry(
        parse_timestamp(found["at"]),
        found["by"],
        found["action"],
        CloseReason(reason) if reason else None,
        found.get("assignee"),
        found.get("note"),
    )
