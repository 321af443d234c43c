"""What users did, how long chats waited, one user's sessions, and what happened around an event."""

from audit_query.reports.bucket_clock import BucketClock
from audit_query.reports.case import ChatRow, Kind, Transfer, Wait
from audit_query.reports.chat_cases import cases, chats, life_of
from audit_query.reports.chat_tally import AtOnce, ChatTally, GroupTally, TransferRow
from audit_query.reports.decisions import AskedDecisions, DecidedChats, Decision
from audit_query.reports.flat_rows import flat_row
from audit_query.reports.missed_chats import MissedChats
from audit_query.reports.overview import (
    LOGIN_FAILED,
    FailureSource,
    Overview,
    PublishingService,
    Totals,
    overview,
)
from audit_query.reports.people import Person
from audit_query.reports.period_before import period_before
from audit_query.reports.sessions import Facts, Session, UserReport, user_report
from audit_query.reports.staff_report import StaffReport, StaffRow, staff, summed_staff
from audit_query.reports.tallied import RatioRow, Tallying, decided, ratios, unanswered
from audit_query.reports.team_rows import TeamRow, team_rows
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
from audit_query.reports.wait_row import KINDS, Spread, WaitRow, waits
from audit_query.reports.waiting_chats import WaitingChats, waiting_chats
from audit_query.reports.windows import WHOLE, Progress

__all__ = [
    "KINDS",
    "LOGIN_FAILED",
    "SAME",
    "WHOLE",
    "WINDOW_MAX",
    "AskedDecisions",
    "AtOnce",
    "BucketClock",
    "ChatRow",
    "ChatTally",
    "DecidedChats",
    "Decision",
    "Facts",
    "FailureSource",
    "GroupTally",
    "Kind",
    "MissedChats",
    "Overview",
    "Person",
    "Progress",
    "PublishingService",
    "RatioRow",
    "Session",
    "Spread",
    "StaffReport",
    "StaffRow",
    "Tallying",
    "TeamRow",
    "Timeline",
    "TimelineEntry",
    "Totals",
    "Transfer",
    "TransferRow",
    "UserReport",
    "UserRow",
    "Wait",
    "WaitRow",
    "WaitingChats",
    "around",
    "cases",
    "chat_timeline",
    "chats",
    "decided",
    "flat_row",
    "life_of",
    "overview",
    "parse_window",
    "period_before",
    "ratios",
    "staff",
    "summed_staff",
    "team_rows",
    "unanswered",
    "user_report",
    "users",
    "waiting_chats",
    "waits",
]
