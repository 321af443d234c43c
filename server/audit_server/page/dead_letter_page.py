"""The page of dead letters: by reason, with samples, and what to do. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from audit_admin.dead_letters import (
    Advice,
    DeadLetter,
    NewestDeadLetters,
    ReasonSummary,
    advice_on,
    shown,
    shown_bytes,
)
from audit_schemas import Reason

from audit_server.background import Reading
from audit_server.page.rows import DisplayTime, display_time

__all__ = ["ReasonRow", "Sample", "dead_letter_page", "reason_rows"]

_TEXT_MAX = 300
_VALUE_MAX = 2000


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """The dead letters of one reason."""

    name: str
    records: int
    copies: int
    replayed: int
    refused_again: int
    first: DisplayTime
    last: DisplayTime
    advice: Advice
    commands: Sequence[str]
    samples: "Sequence[Sample]"

    @property
    def waiting(self) -> int:
        """How many of the records were not published again."""
        return self.records - self.replayed


@dataclass(frozen=True, slots=True)
class Sample:
    """One dead letter, escaped and cut."""

    position: str
    message: str
    refused: DisplayTime
    facts: Sequence[tuple[str, str]]
    value: str
    is_cut: bool


def dead_letter_page(
    reading: Reading[NewestDeadLetters] | None, zone: tzinfo, topic: str | None
) -> Mapping[str, Any]:
    """Return what the template of the page is given; `reading` is None without a Kafka."""
    newest = reading.value if reading is not None else None
    return {
        "has_kafka": reading is not None,
        "is_pending": reading is not None and reading.is_pending,
        "failed": reading is not None and reading.failed,
        "read_at": _time_of(reading, zone),
        "topic": topic,
        "newest": newest,
        "reasons": reason_rows(newest, zone) if newest is not None else (),
    }


def reason_rows(newest: NewestDeadLetters, zone: tzinfo) -> Sequence[ReasonRow]:
    """Return the reasons, the most frequent first."""
    summaries = newest.summary.by_reason.values()
    rows = [_row(one, newest.samples.get(one.reason, ()), zone) for one in summaries]
    return sorted(rows, key=lambda row: (-row.waiting, -row.records, row.name))


def _row(summary: ReasonSummary, samples: Sequence[DeadLetter], zone: tzinfo) -> ReasonRow:
    return ReasonRow(
        shown(summary.reason),
        summary.records,
        summary.dead_letters - summary.records,
        summary.replayed,
        summary.refused_again,
        _required(summary.first, zone),
        _required(summary.last, zone),
        advice_on(summary.reason),
        _commands(summary.reason),
        [_sample(dead_letter, zone) for dead_letter in samples],
    )


def _commands(reason: str) -> Sequence[str]:
    """Return what to type, for reasons of ours alone: others are text that somebody wrote."""
    if reason not in set(Reason):
        return ()
    show = f"auditlog dead-letters show --reason {reason} --limit 3"
    replay = f"auditlog dead-letters replay --reason {reason}"
    return (show, f"{replay} --dry-run", replay) if advice_on(reason).is_replayable else (show,)


def _sample(dead_letter: DeadLetter, zone: tzinfo) -> Sample:
    origin = dead_letter.origin
    message = dead_letter.message
    if not message.startswith(dead_letter.path):
        message = f"{dead_letter.path}: {message}"
    value = shown_bytes(dead_letter.value or b"")
    return Sample(
        f"{shown(origin.topic)} [{origin.partition}] offset {origin.offset}",
        _cut(shown(message)),
        display_time(dead_letter.written, zone),
        list(_facts(dead_letter)),
        value[:_VALUE_MAX],
        len(value) > _VALUE_MAX or dead_letter.size is not None,
    )


def _facts(dead_letter: DeadLetter) -> Sequence[tuple[str, str]]:
    facts = [(name, dead_letter.event_field(name)) for name in ("id", "action")]
    found = [(f"event.{name}", _cut(shown(value))) for name, value in facts if value is not None]
    if dead_letter.key is not None:
        found.append(("key", _cut(shown_bytes(dead_letter.key))))
    for name, value in dead_letter.headers:
        found.append((_cut(shown(name)), "none" if value is None else _cut(shown_bytes(value))))
    size = dead_letter.size if dead_letter.size is not None else len(dead_letter.value or b"")
    return [*found, ("size", "no value" if dead_letter.value is None else f"{size:,} bytes")]


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"


def _required(moment: datetime | None, zone: tzinfo) -> DisplayTime:
    if moment is None:
        raise ValueError("a reason that was counted has times")
    return display_time(moment, zone)


def _time_of(reading: Reading[NewestDeadLetters] | None, zone: tzinfo) -> DisplayTime | None:
    return display_time(reading.at, zone) if reading is not None and reading.at else None
