"""`report user U`: what one user did, session by session."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from audit_query.filter import Filter
from audit_query.log import AuditLog
from audit_query.reports.cells import FIRST_AND_LAST, Cell, by_field, cells, from_millis, iso, to_millis

__all__ = ["FAILED_WITHIN", "Facts", "Session", "UserReport", "facts_of", "user_report"]

FAILED_WITHIN = timedelta(hours=1)
"""How long before a login a failed one is counted beside it."""

_LOGIN, _LOGOUT, _FAILED = "login", "logout", "login-failed"
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Facts:
    """What events have in common: how many, of which activities, from where, first and last.

    `login` is the first login among them, `logout` the last logout, if no login came after it.
    """

    events: int
    activities: Mapping[str, int]
    ips: Mapping[str, int]
    first: datetime
    last: datetime
    login: datetime | None
    logout: datetime | None

    def to_json(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Return them as JSON has it."""
        return {
            "events": self.events,
            "first": iso(self.first, zone),
            "last": iso(self.last, zone),
            "activities": dict(self.activities),
            "ips": dict(self.ips),
        }


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the user's in the time asked for, and those of its events that are shown.

    `id` is None for the events that have no session. `facts` are of all its events, also those
    that are not shown. `failed` counts the user's failed logins in the hour before the login,
    whenever the report begins; None without a login.
    """

    id: str | None
    facts: Facts
    failed: int | None
    events: Sequence[Mapping[str, Any]]

    def to_json(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the session as JSON has it; the events are whole."""
        facts = self.facts
        return {
            "session": self.id,
            "login": iso(facts.login, zone),
            "logout": iso(facts.logout, zone),
            "failed_logins_before": self.failed,
            **facts.to_json(zone),
            "shown": list(self.events),
        }


@dataclass(frozen=True, slots=True)
class UserReport:
    """All that the user did in the time asked for, in sum; and sessions with the events shown.

    Sessions are in the order of their first event that is shown. No facts: no events.
    """

    user: str
    facts: Facts | None
    sessions: Sequence[Session]

    @property
    def shown(self) -> int:
        """How many events are shown."""
        return sum(len(session.events) for session in self.sessions)

    def to_json(self, zone: tzinfo = UTC) -> dict[str, Any]:
        """Return the report as JSON has it."""
        facts = self.facts.to_json(zone) if self.facts else {"events": 0}
        return {
            "user": self.user,
            **facts,
            "shown": self.shown,
            "sessions": [session.to_json(zone) for session in self.sessions],
        }


def user_report(
    log: AuditLog, wanted: Filter, user: str, *, newest_first: bool = True, limit: int = 200
) -> UserReport:
    """Return what a user, by whole id or name, did: up to `limit` events, grouped by session.

    Of more events (at most 10,000) the newest are shown, or the oldest; large events make it fewer
    (see `AuditLog.search`). The sums are of all.
    """
    theirs = replace(wanted, users=(user,))
    shown: dict[str | None, list[Mapping[str, Any]]] = {}
    for event in log.search(theirs, size=limit, newest_first=newest_first).events:
        shown.setdefault(_session_of(event), []).append(event)
    session = by_field("audit.session.id", optional=True)
    total, each = facts_of(
        cells(log, theirs, [session, by_field("event.action")], facts=FIRST_AND_LAST),
        cells(log, theirs, [session, by_field("source.ip")]),
        set(shown),
    )
    logins = {name: facts.login for name, facts in each.items() if facts.login is not None}
    failed = _failed(log, theirs, {name: at for name, at in logins.items() if name is not None})
    return UserReport(
        user,
        total,
        [
            Session(name, each[name], failed.get(name), events)
            for name, events in shown.items()
            if name in each
        ],
    )


def facts_of(
    actions: Iterable[Cell], ips: Iterable[Cell], kept: set[str | None]
) -> tuple[Facts | None, dict[str | None, Facts]]:
    """Return the facts of all events, and of each session that is kept. Pure.

    The cells' keys are a session and an activity, and a session and an address.
    """
    everything, each = _Gathered(), {name: _Gathered() for name in kept}
    for cell in actions:
        for gathered in _into(everything, each, cell):
            gathered.action(cell)
    for cell in ips:
        for gathered in _into(everything, each, cell):
            gathered.ips[cell.key[1]] += cell.count
    facts = {name: gathered.facts() for name, gathered in each.items()}
    return everything.facts(), {name: known for name, known in facts.items() if known is not None}


class _Gathered:
    def __init__(self) -> None:
        self.activities: Counter[str] = Counter()
        self.ips: Counter[str] = Counter()
        self._times: dict[str, tuple[int, int]] = {}

    def action(self, cell: Cell) -> None:
        action = cell.key[1]
        self.activities[action] += cell.count
        if cell.first is not None and cell.last is not None:
            first, last = self._times.get(action, (cell.first, cell.last))
            self._times[action] = (min(first, cell.first), max(last, cell.last))

    def facts(self) -> Facts | None:
        if not self._times:
            return None
        logins, logouts = (self._times.get(action) for action in (_LOGIN, _LOGOUT))
        out = logouts is not None and (logins is None or logins[1] <= logouts[1])
        return Facts(
            events=self.activities.total(),
            activities=dict(self.activities.most_common()),
            ips=dict(self.ips.most_common()),
            first=from_millis(min(first for first, _ in self._times.values())),
            last=from_millis(max(last for _, last in self._times.values())),
            login=from_millis(logins[0]) if logins else None,
            logout=from_millis(logouts[1]) if out and logouts else None,
        )


def _into(
    everything: _Gathered, each: Mapping[str | None, _Gathered], cell: Cell
) -> Iterator[_Gathered]:
    yield everything
    if cell.key[0] in each:
        yield each[cell.key[0]]


def _failed(log: AuditLog, theirs: Filter, logins: Mapping[str, datetime]) -> dict[str | None, int]:
    """Return how many logins failed in the hour before each of these."""
    failed = Filter(users=theirs.users, organizations=theirs.organizations, activities=(_FAILED,))
    counts: dict[str | None, int] = {}
    names = list(logins)
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        hours = {str(n): _hour_before(logins[name]) for n, name in enumerate(some)}
        response = log.raw_search(
            failed, size=0, track_total_hits=False, aggs={"hours": {"filters": {"filters": hours}}}
        )
        counted = response.get("aggregations", {}).get("hours", {}).get("buckets", {})
        counts |= {name: counted.get(str(n), {}).get("doc_count", 0) for n, name in enumerate(some)}
    return counts


def _hour_before(login: datetime) -> dict[str, Any]:
    span = {"gte": to_millis(login - FAILED_WITHIN), "lt": to_millis(login), "format": "epoch_millis"}
    return {"range": {"@timestamp": span}}


def _session_of(event: Mapping[str, Any]) -> str | None:
    session_id = (event["audit"].get("session") or {}).get("id")
    return session_id if session_id is None else str(session_id)
