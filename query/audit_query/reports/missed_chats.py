"""Chats that nobody was assigned to, joined or answered: how many, and the most pressing. Pure."""

import heapq
from dataclasses import dataclass, field
from itertools import count

from audit_query.reports.case import ChatRow

__all__ = ["MISSED_SHOWN", "MissedChats"]

MISSED_SHOWN = 200
"""Chats that are kept of each sort: first those that are open, the longest ago first."""


@dataclass(slots=True)
class MissedChats:
    """Counts chats, and keeps some: those still open before those closed, the oldest first."""

    open: int = 0
    closed: int = 0
    _kept: list[tuple[tuple[bool, float], int, ChatRow]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    @property
    def total(self) -> int:
        """How many there are."""
        return self.open + self.closed

    @property
    def rows(self) -> list[ChatRow]:
        """Those that are kept, the most pressing first."""
        return [row for _, _, row in sorted(self._kept, key=lambda kept: kept[:2], reverse=True)]

    def add(self, row: ChatRow) -> None:
        """Count a chat whose opening is known."""
        if row.closed is None:
            self.open += 1
        else:
            self.closed += 1
        urgency = (row.closed is None, -row.opened.timestamp() if row.opened else 0.0)
        item = (urgency, -next(self._numbers), row)
        if len(self._kept) < MISSED_SHOWN:
            heapq.heappush(self._kept, item)
        else:
            heapq.heappushpop(self._kept, item)
