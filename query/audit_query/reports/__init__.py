"""What users did, how long chats waited, one user's sessions, and what happened around an event."""

from audit_query.reports.case import ChatRow
from audit_query.reports.chat_cases import chats
from audit_query.reports.overview import (
    LOGIN_FAILED,
    FailureSource,
    Overview,
    PublishingService,
    Totals,
    overview,
    period_before,
)
from audit_query.reports.sessions import Facts, Session, UserReport, user_report
from audit_query.reports.timeline import (
    SAME,
    WINDOW_MAX,
    Timeline,
    TimelineEntry,
    around,
    chat_timeline,
    parse_window,
)
from audit_query.reports.user_activity import users
from audit_query.reports.user_row import UserRow
from audit_query.reports.wait_row import Spread, WaitRow, waits
from audit_query.reports.waiting_chats import WaitingChats, waiting_chats
from audit_query.reports.windows import WHOLE, Progress

__all__ = [
    "LOGIN_FAILED",
    "SAME",
    "WHOLE",
    "WINDOW_MAX",
    "ChatRow",
    "Facts",
    "FailureSource",
    "Overview",
    "Progress",
    "PublishingService",
    "Session",
    "Spread",
    "Timeline",
    "TimelineEntry",
    "Totals",
    "UserReport",
    "UserRow",
    "WaitRow",
    "WaitingChats",
    "around",
    "chat_timeline",
    "chats",
    "overview",
    "parse_window",
    "period_before",
    "user_report",
    "users",
    "waiting_chats",
    "waits",
]
