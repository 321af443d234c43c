"""The events that the page's tests look at: made ones, and the log of a real host under attack."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

from audit_generator.traffic import Traffic
from audit_producer import new_event
from audit_producer.lines import read_lines
from audit_schemas import AuditEvent
from server.page.page_server import NOW
from support.servers import ROOT

__all__ = ["ADA", "CHANGE", "all_events", "busiest", "linux"]

ADA = {"id": "u-ada", "name": "Ada Lovelace", "email": "ada@example.org", "roles": ["admin"]}
CHANGE = "ada-changes-the-settings"
"""The id of an event that has everything an event can have."""

_LINUX = ROOT.parent / "shared" / "data" / "linux-auth.ndjson"


def all_events() -> Iterator[AuditEvent]:
    """Yield three days of a chat platform, a chat, a change, and the host's log."""
    yield from _platform()
    yield from _chat()
    yield _change()
    yield from linux()


@cache
def busiest() -> str:
    """Return the name of the agent who did most."""
    people = (event.user for event in _platform())
    names = Counter(person.name for person in people if person and person.id and person.name)
    return names.most_common(1)[0][0]


def linux() -> Iterator[AuditEvent]:
    """Yield what the host logged; where its file is not at hand, lines of the same kinds."""
    if _LINUX.exists():
        with _LINUX.open("rb") as lines:
            yield from (line.event for line in read_lines(lines) if line.event is not None)
        return
    start = datetime(2026, 6, 14, 15, 16, tzinfo=UTC)
    kinds = ("login-failed", "ftp-connected", "login", "logout")
    for number in range(800):
        action = kinds[number % 7 % 4]
        yield new_event(
            action,
            user={"name": "root"} if action != "ftp-connected" else {"name": "unknown"},
            ip=f"218.188.2.{number % 200 + 1}",
            service="sshd",
            labels={"line": str(number)},
            at=start + timedelta(hours=number),
        )


def _platform() -> Traffic:
    return Traffic(3000, NOW - timedelta(minutes=20), days=3)


def _chat() -> Iterator[AuditEvent]:
    start = NOW - timedelta(minutes=9)
    steps = ("chat-opened", "chat-assigned-to-user", "user-joined-to-chat", "chat-closed")
    for minute, action in enumerate(steps):
        yield new_event(
            action,
            user=None if action == "chat-assigned-to-user" else ADA,  # type: ignore[arg-type]
            ip=None if action == "chat-assigned-to-user" else "2001:db8:7::17",
            chat="chat-of-ada",
            target_user=ADA if action == "chat-assigned-to-user" else None,  # type: ignore[arg-type]
            organization="acme",
            service="chat-api",
            at=start + timedelta(minutes=minute),
        )


def _change() -> AuditEvent:
    return new_event(
        "settings-changed",
        user=ADA,  # type: ignore[arg-type]
        ip="2001:db8:7::17",
        session="session-of-ada",
        organization="acme",
        service="admin-api",
        user_agent="Mozilla/5.0 (X11; Linux x86_64)",
        trace="4bf92f3577b34da6a3ce929d0e0e4736",
        message="Opening hours were changed for the holidays",
        labels={"queue": "billing", "channel": "web"},
        target={"type": "widget", "id": "w-1", "name": "Main widget"},
        changes={"opening_hours.close": (20, 21), "greeting": (None, "Hello"), "theme": ("dark", None)},
        reason="asked for by the customer",
        at=NOW - timedelta(minutes=2),
        event_id=CHANGE,
    )
