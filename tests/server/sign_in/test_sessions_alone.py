"""Sessions whose store has trouble, without a server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import elasticsearch
from audit_server.sign_in.session import Session
from audit_server.sign_in.sessions import Sessions

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


class FullStore:
    """Can be read, and takes no more writes, as Elasticsearch once a disk is full."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}

    def add(self, session: Session) -> None:
        """Take it, as long as there was room."""
        self.sessions[session.id] = session

    def get(self, session_id: str) -> Session | None:
        """Return it."""
        return self.sessions.get(session_id)

    def touch(self, _: str, __: datetime) -> None:
        """Refuse."""
        meta: Any = None
        raise elasticsearch.ApiError("cluster_block_exception", meta, None)

    def remove_old(self, _: datetime, __: datetime) -> None:
        """Do nothing."""


def test_session_is_good_though_its_use_can_not_be_stored() -> None:
    """Until it has been idle for too long by what is stored: nobody is let in for longer by that."""
    store: Any = FullStore()
    now = NOW
    idle, lifetime = timedelta(minutes=30), timedelta(hours=10)
    sessions = Sessions(store, idle=idle, lifetime=lifetime, clock=lambda: now)
    secret, session = sessions.begin("id-1", "ada", ("readers",), "token")
    for minutes in (2, 10, 29):
        now = NOW + timedelta(minutes=minutes)
        assert sessions.find(secret) == session
    now = NOW + timedelta(minutes=30)
    assert sessions.find(secret) is None
