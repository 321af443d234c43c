"""What the log shows as an event's user, and counts, groups and finds it by (`audit.user`).

A name, else an id, else the system. The actor's kind decides who is the system, since anybody may call
themselves so: a person of that name has ` (user)` behind it. No two names become one by that.
"""

import re

from audit_schemas.invisible import visible_name

__all__ = ["SYSTEM", "id_of", "shown_person", "shown_user"]

SYSTEM = "system"

_USER = " (user)"
_LIKE_SYSTEM = re.compile(r"\s*system\s*(?: \(user\))*", re.IGNORECASE)


def shown_user(kind: str | None, name_or_id: str | None) -> str | None:
    """Return who an event is by; `kind` is the actor's. None if it names nobody."""
    if kind == SYSTEM:
        shown = visible_name(name_or_id or SYSTEM)
        return SYSTEM if _LIKE_SYSTEM.fullmatch(shown) else shown  # also if called as a person is shown
    return shown_person(name_or_id) if name_or_id else None


def shown_person(name_or_id: str) -> str:
    """Return how a person of this name or id is shown."""
    shown = visible_name(name_or_id)
    return shown + _USER if _LIKE_SYSTEM.fullmatch(shown) else shown


def id_of(shown: str) -> str | None:
    """Return the name or id that `shown_person` shows so; None if that can be the system's alone."""
    if not _LIKE_SYSTEM.fullmatch(shown):
        return shown
    return shown.removesuffix(_USER) if shown.endswith(_USER) else None
