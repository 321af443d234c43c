"""Dead letters: listing them, showing them, and replaying them."""

from audit_admin.dead_letters.advice import Advice, advice_on
from audit_admin.dead_letters.commands import register
from audit_admin.dead_letters.dead_letter import DeadLetter, Selection
from audit_admin.dead_letters.newest import NewestDeadLetters, ReadLimits, read_newest
from audit_admin.dead_letters.reader import DeadLetterReader
from audit_admin.dead_letters.summary import ReasonSummary, Summary
from audit_admin.dead_letters.text import dead_letter_json, reason_json, shown, shown_bytes

__all__ = [
    "Advice",
    "DeadLetter",
    "DeadLetterReader",
    "NewestDeadLetters",
    "ReadLimits",
    "ReasonSummary",
    "Selection",
    "Summary",
    "advice_on",
    "dead_letter_json",
    "read_newest",
    "reason_json",
    "register",
    "shown",
    "shown_bytes",
]
