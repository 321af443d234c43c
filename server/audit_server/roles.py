"""What people and programs may do: roles, and the permissions that each of them gives."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

__all__ = [
    "EVERYTHING",
    "ROLES",
    "UNBOUND",
    "WITHOUT_ROLES",
    "Permission",
    "Role",
    "permissions_of",
    "roles_with",
]


class Permission(StrEnum):
    """What a route takes. Each route, page and export names one."""

    EVENTS = "events"
    """Search and read events."""
    EXPORT = "export"
    """Download events as a file."""
    REPORTS = "reports"
    """Read reports of users and chats, and download them."""
    ALERTS = "alerts"
    """Read alerts, rules and exceptions."""
    TRIAGE = "triage"
    """Acknowledge, assign, close and reopen alerts; make and end exceptions."""
    DEAD_LETTERS = "dead-letters"
    """Read records that were refused."""


class Role(StrEnum):
    """What somebody is here; one may have several."""

    READER = "reader"
    LEAD = "lead"
    ANALYST = "analyst"
    AUDITOR = "auditor"
    ADMIN = "admin"


ROLES: Mapping[Role, frozenset[Permission]] = {
    Role.READER: frozenset({Permission.EVENTS}),
    Role.LEAD: frozenset({Permission.EVENTS, Permission.REPORTS}),
    Role.ANALYST: frozenset(
        {Permission.EVENTS, Permission.EXPORT, Permission.ALERTS, Permission.TRIAGE}
    ),
    Role.AUDITOR: frozenset(Permission) - {Permission.TRIAGE},
    Role.ADMIN: frozenset({Permission.DEAD_LETTERS}),
}
"""The permissions of each role."""

EVERYTHING = frozenset(Permission)
"""Of whoever needs no token: the log is served to this machine alone."""

WITHOUT_ROLES = frozenset({Permission.EVENTS, Permission.EXPORT, Permission.REPORTS})
"""Of a token without roles: what every token could do before there were any."""


UNBOUND = frozenset({Permission.DEAD_LETTERS})
"""What nobody may who is bound to an organization: a record that was refused is of none for sure."""


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    """Return what roles together permit."""
    return frozenset[Permission]().union(*(ROLES[role] for role in roles))


def roles_with(permission: Permission) -> list[Role]:
    """Return the roles that give a permission."""
    return [role for role, permissions in ROLES.items() if permission in permissions]
