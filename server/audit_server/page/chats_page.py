"""The page of chats: how long they wait, who took none of them, who gave them to whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from audit_query import AuditLog, Filter
from audit_query.reports import (
    ChatRow,
    ChatTally,
    GroupTally,
    MissedChats,
    Person,
    Spread,
    TransferRow,
)
from markupsafe import Markup

from audit_server.page.bars import end_of
from audit_server.page.counting import Computed
from audit_server.page.durations import duration
from audit_server.page.heat_map import WEEKDAYS, heat_map
from audit_server.page.histogram import label_of
from audit_server.page.report_view import Period, ReportView
from audit_server.page.rows import DisplayTime, display_time
from audit_server.page.team_page import Figure
from audit_server.page.view import chat_path, format_time
from audit_server.page.wait_chart import WaitBar, wait_chart
from audit_server.page.wait_table import Share, compared, share_of, wait_table

__all__ = ["BucketLine", "ChatLine", "TransferLine", "chats_context"]

_STEPS = {
    "Opened": "chat-opened",
    "Assigned": "chat-assigned-to-user",
    "Joined": "user-joined-to-chat",
    "Answered": "chat-answered",
    "Closed": "chat-closed",
}
_MISSED = 10
_TRANSFERS = 10
_CHATS = 25


@dataclass(frozen=True, slots=True)
class BucketLine:
    """An hour's or a day's waits."""

    label: str
    link: str
    opened: int
    spreads: Sequence[Spread]
    shares: Sequence[Share]
    most: int


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A chat in a list."""

    chat: str
    link: str
    opened: DisplayTime | None
    people: str
    waits: Sequence[float | None]
    handling: float | None
    waiting: timedelta | None
    """How long it is open; None of one that is closed."""


@dataclass(frozen=True, slots=True)
class TransferLine:
    """Who gave chats to whom."""

    giver: str
    taker: str
    count: int
    link: str


def chats_context(log: AuditLog, view: ReportView, period: Period, interval: str) -> Mapping[str, Any]:
    """Return the page's links, and functions of what is counted once the page has begun."""
    return {
        "steps": lambda: Computed.by(lambda: _steps(log, view, period)),
        "interval": interval,
        "sections": lambda tally, before: _sections(tally, before, view, period, interval),
        "csv": {
            name: view.to_api(name, period, format="csv", size="10000")
            for name in ("chats", "unanswered", "transfers", "objective")
        },
    }


def _steps(log: AuditLog, view: ReportView, period: Period) -> Mapping[str, Any]:
    """Return how many events of chats there are of each kind, against the time before."""
    if period.wanted.users or period.wanted.exclude.users:
        return {"figures": ()}  # of some users' chats, that is: it takes the pass to know them
    now, before = (_counts(log, wanted) for wanted in (period.wanted, period.before))
    figures = [
        (
            name,
            Figure(now.get(action, 0), before.get(action, 0), view.to_events(period, activity=action)),
        )
        for name, action in _STEPS.items()
        if action != "chat-answered" or action in now or action in before
    ]
    return {"figures": figures, "compared": bool(before)}


def _counts(log: AuditLog, wanted: Filter) -> Mapping[str, int]:
    steps = replace(wanted, activities=tuple(_STEPS.values()))
    return {ranked.value: ranked.count for ranked in log.top(steps, "activity", size=len(_STEPS))}


def _sections(
    tally: ChatTally, before: ChatTally | None, view: ReportView, period: Period, interval: str
) -> Mapping[str, Any]:
    earlier = None if before is None else before.all
    kinds = ["assigned", "joined", *(["answered"] if tally.has_answers else [])]
    lines = _buckets(tally, kinds, view, period, interval)
    bars = [_bar(line, kinds.index("joined")) for line in lines]
    transfers = tally.transfers
    return {
        "kinds": kinds,
        "all": [(kind, compared(kind, tally.all, earlier)) for kind in kinds],
        "handled": compared("handled", tally.all, earlier),
        "at_once": tally.all.at_once,
        "at_once_at": tally.all.at_once.at and display_time(tally.all.at_once.at, view.view.zone),
        "shares": [
            share_of(one, tally.all, earlier, view.to_decided(period, one.kind))
            for one in tally.objectives
        ],
        "lines": lines,
        "chart": Markup(wait_chart(bars, "Wait for somebody to join")),  # noqa: S704 - written as XML
        **_week(tally),
        "missed": [
            (
                "Unassigned",
                "Nobody was assigned",
                _missed(tally.unassigned, view, period),
                tally.unassigned,
            ),
            ("Unanswered", _unanswered(tally), _missed(tally.missed, view, period), tally.missed),
        ],
        "transfers": [_transfer(row, view, period) for row in transfers[:_TRANSFERS]],
        "transferred": sum(row.count for row in transfers) + tally.other_transfers,
        "more_pairs": max(0, len(transfers) - _TRANSFERS),
        "waits": wait_table(tally, view, period, before),
        "latest": _latest(tally, kinds, view),
    }


def _unanswered(tally: ChatTally) -> str:
    return "Nobody answered" if tally.has_answers else "Nobody joined"


def _buckets(
    tally: ChatTally, kinds: Sequence[str], view: ReportView, period: Period, interval: str
) -> Sequence[BucketLine]:
    return [
        _bucket_line(tally, group, kinds, view, start, period, interval)
        for start, group in sorted(tally.buckets.items())
    ]


def _bucket_line(
    tally: ChatTally,
    group: GroupTally,
    kinds: Sequence[str],
    view: ReportView,
    start: Any,
    period: Period,
    interval: str,
) -> BucketLine:
    end = end_of(start, interval, view.view.zone)
    opened = {"opened_from": format_time(start), "opened_to": format_time(end)}
    part = replace(period, start=max(start, period.start), end=min(end, period.end))
    return BucketLine(
        label_of(start, end, view.view.zone),
        view.to_chats(part) if part.start < part.end else view.to_chats(period),
        group.opened,
        [group.spread(kind) for kind in kinds],  # type: ignore[arg-type]
        [
            share_of(one, group, None, view.to_decided(period, one.kind, **opened))
            for one in tally.objectives
        ],
        group.at_once.most,
    )


def _bar(line: BucketLine, place: int) -> WaitBar:
    spread = line.spreads[place]
    short = line.label[5:16] if " " in line.label else line.label[5:]
    return WaitBar(line.label, short, spread.median, spread.p95, line.link)


def _week(tally: ChatTally) -> Mapping[str, Any]:
    """Return the median wait for a join by weekday and hour, in whole seconds, one at least."""
    week = [[0] * 24 for _ in WEEKDAYS]
    for (day, hour), sketch in tally.hours.items():
        week[day][hour] = max(1, round((sketch.percentile(50) or 0) / 1000))
    picture = heat_map(week, "Median wait for somebody to join", _in_words)
    return {"week": list(zip(WEEKDAYS, week, strict=True)), "heat": Markup(picture)}  # noqa: S704


def _in_words(seconds: int) -> str:
    return f"median {duration(seconds)}" if seconds else "no chat"


def _missed(missed: MissedChats, view: ReportView, period: Period) -> Sequence[ChatLine]:
    return [_chat_line(row, (), view, period) for row in missed.rows[:_MISSED]]


def _latest(tally: ChatTally, kinds: Sequence[str], view: ReportView) -> Sequence[ChatLine]:
    known = [row for row in tally.latest if row.opened is not None]
    known.sort(key=lambda row: row.opened, reverse=True)  # type: ignore[arg-type, return-value]
    return [_chat_line(row, kinds, view, None) for row in known[:_CHATS]]


def _chat_line(row: ChatRow, kinds: Sequence[str], view: ReportView, period: Period | None) -> ChatLine:
    names = (_name(one) for one in (row.assignee, row.joiner, row.answerer))
    waiting = period.end - row.opened if period and row.opened and row.closed is None else None
    return ChatLine(
        row.chat,
        chat_path(row.chat, row.organization),
        display_time(row.opened, view.view.zone) if row.opened else None,
        ", ".join(dict.fromkeys(filter(None, names))),
        [row.seconds_to(getattr(row, kind)) for kind in kinds],
        row.handling_seconds,
        waiting,
    )


def _transfer(row: TransferRow, view: ReportView, period: Period) -> TransferLine:
    return TransferLine(
        _name(row.giver) or "", _name(row.taker) or "", row.count, view.to_chats(period, row.taker)
    )


def _name(person: Person | None) -> str | None:
    return person and person.user
