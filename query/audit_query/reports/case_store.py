"""The cases that are under way: a bounded number in memory, the rest in a file that is deleted."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import fields
from types import TracebackType
from typing import Any, Self

from audit_query.reports.case import OPENED, Case, ChatRow, Step, Transfer, Wait
from audit_query.reports.people import Person

__all__ = ["CaseStore", "Chat"]

Chat = tuple[str | None, str]
"""Organization and id: two organizations may have a chat of one id."""

_PEOPLE = ("opener", "assignee", "holder", "joiner", "answerer", "closer")
_FIELDS = tuple(field.name for field in fields(Case))


class CaseStore:
    """Cases by chat, for one pass over the log in order of time; a context manager.

    The cases that were touched longest ago are moved to a temporary database, and back when they
    are touched: chats that nobody ever closes cost disk, not memory.
    """

    def __init__(self, in_memory: int) -> None:
        self._limit = in_memory
        self._cases: dict[Chat, Case] = {}
        self._moved = 0
        # A file that nobody else can open. A server reads on in another thread, never in two at a time.
        self._disk = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._disk.execute("CREATE TABLE cases (chat TEXT PRIMARY KEY, fields TEXT) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._disk.close()

    def knows(self, chat: Chat) -> bool:
        """Tell whether there is a case, open or closed just now."""
        return self._find(chat) is not None

    def take(self, step: Step) -> tuple[Wait | Transfer | None, ChatRow | None]:
        """Go on by a step: return what it changes, a wait or a transfer, and the row if it closes.

        After its closing nothing changes a case; an opening begins another.
        """
        key = (step.organization, step.chat)
        case = self._find(key)
        if case is None or (case.closed is not None and step.action == OPENED):
            case = Case(*key)
        elif case.closed is not None:
            return None, None
        self._cases.pop(key, None)
        self._cases[key] = case  # as the last one touched
        change = case.take(step)
        return change, None if case.closed is None else case.to_row()

    def tidy(self, before: int) -> None:
        """Forget what was closed before then, and move what is too much for memory to disk."""
        done = [k for k, c in self._cases.items() if c.closed is not None and c.closed < before]
        for chat in done:
            del self._cases[chat]
        if len(self._cases) > self._limit:
            self._move(list(self._cases)[: len(self._cases) - self._limit // 2])

    def open_cases(self) -> Iterator[ChatRow]:
        """Yield what is open still, in no order."""
        with closing(self._disk.execute("SELECT fields FROM cases")) as rows:
            moved = (_read(text) for (text,) in rows)
            for case in (*self._cases.values(),):
                if case.closed is None:
                    yield case.to_row()
            for case in moved:
                if case.closed is None:
                    yield case.to_row()

    def _find(self, chat: Chat) -> Case | None:
        case = self._cases.get(chat)
        if case is None and self._moved:
            row = self._disk.execute(
                "SELECT fields FROM cases WHERE chat = ?", (_key(chat),)
            ).fetchone()
            if row is not None:
                self._disk.execute("DELETE FROM cases WHERE chat = ?", (_key(chat),))
                self._moved -= 1
                case = self._cases[chat] = _read(row[0])
        return case

    def _move(self, chats: Iterable[Chat]) -> None:
        rows = [(_key(chat), _write(self._cases.pop(chat))) for chat in chats]
        self._disk.execute("BEGIN")
        self._disk.executemany("INSERT INTO cases VALUES (?, ?)", rows)
        self._disk.execute("COMMIT")
        self._moved += len(rows)


def _key(chat: Chat) -> str:
    return json.dumps(chat)


def _write(case: Case) -> str:
    return json.dumps([getattr(case, name) for name in _FIELDS])


def _read(text: str) -> Case:
    values: dict[str, Any] = dict(zip(_FIELDS, json.loads(text), strict=True))
    for name in _PEOPLE:
        values[name] = values[name] and Person(*values[name])
    return Case(**values)
