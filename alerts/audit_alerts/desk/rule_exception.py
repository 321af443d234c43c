"""An exception from a rule: not for this group, or range, until then, because of that. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit_schemas import format_timestamp, parse_timestamp, printable

from audit_alerts.desk.address_range import ADDRESS_FIELDS, is_within, parse_range
from audit_alerts.desk.alert import Alert
from audit_alerts.errors import TriageError

__all__ = [
    "BECAUSE_MAX",
    "LONGEST",
    "ExceptionDraft",
    "RuleException",
    "covering",
    "draft_of",
    "exception_from",
]

BECAUSE_MAX = 1000
LONGEST = timedelta(days=366)
"""What holds for longer is a change of the rule."""


@dataclass(frozen=True, slots=True)
class ExceptionDraft:
    """What an exception is to be: a rule, the values that an alert's group must have, an end, why.

    An address may be a range: every address in it is meant.
    """

    rule: str
    rule_id: str
    group: Mapping[str, str]
    until: datetime
    because: str
    organization: str | None = None
    """Only for alerts that this organization's people see; None: for all."""

    def check(self, now: datetime) -> None:
        """Raise TriageError for what can't be an exception."""
        if not self.group:
            raise TriageError("an exception needs an address, a user or another value it is for")
        if not now < self.until <= now + LONGEST:
            raise TriageError("an exception ends in the future, after a year at most")
        if not 0 < len(self.because.strip()) <= BECAUSE_MAX:
            raise TriageError(f"say in 1 to {BECAUSE_MAX} characters why there is an exception")

    def covers(self, rule_id: str, group: Mapping[str, str], scope: str | None) -> bool:
        """Tell whether it is for alerts of this rule and group, whenever."""
        return (
            rule_id == self.rule_id
            and all(_has(group.get(name), name, value) for name, value in self.group.items())
            and self.organization in (None, scope)
        )

    @property
    def words(self) -> str:
        """What it is for, in words."""
        return printable(", ".join(f"{name}={value}" for name, value in self.group.items()))


@dataclass(frozen=True, slots=True)
class RuleException:
    """An exception as it is stored."""

    id: str
    draft: ExceptionDraft
    by: str
    created: datetime
    alert: str | None = None
    """The alert that it was made from."""
    ended: datetime | None = None
    ended_by: str | None = None

    def is_in_force(self, now: datetime) -> bool:
        """Tell whether it holds: it was not ended, and has not expired."""
        return self.ended is None and now < self.draft.until

    def to_json(self) -> dict[str, object]:
        """Return it as it is stored."""
        draft = self.draft
        found = {
            "id": self.id,
            "rule": {"name": draft.rule, "id": draft.rule_id},
            "group": dict(draft.group),
            "until": format_timestamp(draft.until),
            "because": draft.because,
            "organization": draft.organization,
            "by": self.by,
            "created": format_timestamp(self.created),
            "alert": self.alert,
            "ended": None if self.ended is None else format_timestamp(self.ended),
            "ended_by": self.ended_by,
        }
        return {name: value for name, value in found.items() if value is not None}


def exception_from(found: Mapping[str, object]) -> RuleException:
    """Return an exception that was stored."""
    text = {name: str(value) for name, value in found.items()}
    rule, group = found["rule"], found["group"]
    assert isinstance(rule, Mapping)  # noqa: S101 - its mapping is strict
    assert isinstance(group, Mapping)  # noqa: S101
    draft = ExceptionDraft(
        str(rule["name"]),
        str(rule["id"]),
        dict(group),
        parse_timestamp(text["until"]),
        text["because"],
        text.get("organization"),
    )
    ended = text.get("ended")
    return RuleException(
        text["id"],
        draft,
        text["by"],
        parse_timestamp(text["created"]),
        text.get("alert"),
        parse_timestamp(ended) if ended else None,
        text.get("ended_by"),
    )


def draft_of(
    alert: Alert,
    fields: Sequence[str],
    *,
    until: datetime,
    because: str,
    address_range: str | None = None,
    organization: str | None = None,
) -> ExceptionDraft:
    """Return the exception for an alert's own values of some fields of its group; none: of all.

    With a range, such as 192.0.2.0/24, in place of its own address. Raises TriageError for a field
    that the rule does not group by, and for a range that it can't be for.
    """
    group = alert.group
    for name in fields:
        if name not in group:
            has = ", ".join(group) or "nothing"
            raise TriageError(
                f"{alert.rule} tells alerts apart by {has}, not by {printable(name)[:64]}"
            )
    chosen = {name: group[name] for name in (fields or group)}
    if address_range is not None:
        chosen |= _widened(chosen, address_range)
    return ExceptionDraft(alert.rule, alert.rule_id, chosen, until, because.strip(), organization)


def _widened(chosen: Mapping[str, str], address_range: str) -> dict[str, str]:
    for name in ADDRESS_FIELDS:
        if name in chosen:
            return {name: parse_range(address_range, chosen[name])}
    raise TriageError("range: the exception is for no address, so it can't be for a range of them")


def _has(own: str | None, name: str, value: str) -> bool:
    """Tell whether an alert's value is that of an exception, or lies in its range."""
    if own is None or own == value:
        return own is not None
    return name in ADDRESS_FIELDS and "/" in value and is_within(own, value)


def covering(
    exceptions: Iterable[RuleException],
    rule_id: str,
    group: Mapping[str, str],
    last: datetime,
    scope: str | None,
) -> RuleException | None:
    """Return the exception that covers evidence up to then; of several the first."""
    found = [
        each
        for each in exceptions
        if each.ended is None and last < each.draft.until and each.draft.covers(rule_id, group, scope)
    ]
    return min(found, key=lambda each: (each.created, each.id), default=None)
