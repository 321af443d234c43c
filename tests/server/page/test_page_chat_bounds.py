"""The page of a chat whose id is used for everything, without a server."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from audit_query.reports import ChatRow, Timeline
from audit_server.errors import ProblemError
from audit_server.page import chat_page
from audit_server.page.counting import Deadline
from audit_server.page.render import render
from audit_server.page.view import View

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def cases(count: int) -> Iterator[ChatRow]:
    """Yield a chat that is opened and closed every minute; the last time, it is open."""
    blank = dict.fromkeys((field.name for field in fields(ChatRow)), None)
    for number in range(count):
        at = NOW + timedelta(minutes=number)
        closed = None if number == count - 1 else at
        given: Any = blank | {"chat": "c-1", "opened": at, "closed": closed, "transfers": 0}
        yield ChatRow(**given)


@pytest.mark.parametrize(("count", "shown", "left"), [(1, 1, 0), (100, 100, 0), (5000, 100, 4900)])
def test_page_is_bounded(count: int, shown: int, left: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the first cases, how many more there are, and the state of the last one."""
    log: Any = None
    monkeypatch.setattr(chat_page, "chats", lambda *_, **__: cases(count))
    monkeypatch.setattr(chat_page, "chat_timeline", lambda *_, **__: Timeline([], count))
    found = chat_page.chat_page(log, "c-1", None, View.of([]), Deadline(60))
    assert (len(found["cases"]), found["more_cases"], found["state"]) == (shown, left, "open")
    text = bytes(render("chat.html", view=View.of([]), **found).body).decode()
    assert text.count("<dl") == shown
    assert ("4,900 more times" in text) == bool(left)


def test_pass_ends_with_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it takes longer: a thread that goes on for nobody would have no end."""
    log: Any = None

    def endless(*_: Any, progress: Any) -> Iterator[ChatRow]:
        while True:
            progress(1, 1)
            yield from cases(1)

    monkeypatch.setattr(chat_page, "chats", endless)
    monkeypatch.setattr(chat_page, "chat_timeline", lambda *_, **__: Timeline([], 1))
    with pytest.raises(ProblemError, match="takes too long"):
        chat_page.chat_page(log, "c-1", None, View.of([]), Deadline(0.05))
