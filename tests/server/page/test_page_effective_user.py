"""Who acted as whom, on the page."""

from datetime import UTC, datetime
from html import unescape
from urllib.parse import quote

import pytest
from audit_producer import new_event
from audit_query import AuditLog
from support.api_client import api_client
from support.log_index import log_index
from support.servers import Servers
from support.stored_events import store

pytestmark = pytest.mark.servers


def test_who_acted_as_whom_is_shown_and_found(servers: Servers) -> None:
    """In the table, with the whole event, in a chat, on both users' pages; escaped, and a filter."""
    bob = "<Bob>\u200b"
    event = new_event(
        "chat-closed",
        user={"id": "u-7", "name": "Ada"},
        effective_user={"id": "u-8", "name": bob},
        chat="chat-42",
        reason="ticket 4711",
        at=datetime.now(UTC),
    )
    with log_index(servers) as deployment:
        store(deployment, event)
        with AuditLog(deployment.query) as log, api_client(log) as client:

            def page(path: str) -> str:
                answer = client.get(path, headers={"accept": "text/html"})
                assert 200 == answer.status_code, answer.text
                assert "<Bob>" not in answer.text
                return answer.text

            for path in ("/", f"/events/{event.event.id}", "/users/Ada", "/chats/chat-42"):
                assert "&lt;Bob&gt;\\u200b" in page(path), path
            assert f"effective_user={quote(bob)}" in unescape(page("/"))
            for query, shown in ((quote(bob), True), ("u-8", True), ("Ada", False)):
                found = page(f"/?effective_user={query}")
                assert shown == (event.event.id in found)
            assert "Others acted as this user" in page("/users/u-8")
            assert "Others acted as this user" not in page("/users/Ada")
