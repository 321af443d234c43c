"""Which class and activity of OCSF each activity of the log is. Here is where to look and to add."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

__all__ = ["ACTIVITIES", "Log", "OcsfActivity", "OcsfClass", "Resource", "activity_of"]


class OcsfClass(Enum):
    """A class of OCSF: its number and its name there."""

    ACCOUNT_CHANGE = (3001, "Account Change")
    AUTHENTICATION = (3002, "Authentication")
    USER_ACCESS = (3005, "User Access Management")
    WEB_RESOURCES = (6001, "Web Resources Activity")
    EVENT_LOG = (1008, "Event Log Activity")
    DETECTION_FINDING = (2004, "Detection Finding")

    def __init__(self, uid: int, caption: str) -> None:
        self.uid = uid
        self.caption = caption


@dataclass(frozen=True, slots=True)
class Resource:
    """The web resource that an activity of 6001 is about, besides what `audit.target` names."""

    type: str
    uid: str | None = None
    """The label that has its id."""
    name: str | None = None
    """The label that has its name."""
    called: str = "unknown"
    """Its name, where neither is there."""


@dataclass(frozen=True, slots=True)
class Log:
    """The log that an activity of 1008 is about."""

    label: str | None = None
    """The label that names it."""
    called: str = "audit-log"


@dataclass(frozen=True, slots=True)
class OcsfActivity:
    """What an activity of the log is in OCSF."""

    ocsf_class: OcsfClass
    id: int
    name: str
    about: Resource | Log | None = None


_ACCOUNT, _LOGIN = OcsfClass.ACCOUNT_CHANGE, OcsfClass.AUTHENTICATION
_ACCESS, _WEB, _LOG = OcsfClass.USER_ACCESS, OcsfClass.WEB_RESOURCES, OcsfClass.EVENT_LOG

_CHAT = Resource("chat")
_ALERT = Resource("alert", uid="alert", name="rule")
_EXCEPTION = Resource("alert-exception", uid="exception", name="rule")
_VIEW = Resource("view", uid="view", name="name")

OTHER = 99
"""The activity that a class has no number for; its name is ours."""

ACTIVITIES: Mapping[str, OcsfActivity] = {
    "login": OcsfActivity(_LOGIN, 1, "Logon"),
    "login-failed": OcsfActivity(_LOGIN, 1, "Logon"),
    "logout": OcsfActivity(_LOGIN, 2, "Logoff"),
    "user-created": OcsfActivity(_ACCOUNT, 1, "Create"),
    "user-changed": OcsfActivity(_ACCOUNT, OTHER, "user-changed"),
    "user-deleted": OcsfActivity(_ACCOUNT, 6, "Delete"),
    "password-changed": OcsfActivity(_ACCOUNT, 3, "Password Change"),
    "password-reset-requested": OcsfActivity(_ACCOUNT, 4, "Password Reset"),
    "role-granted": OcsfActivity(_ACCESS, 1, "Assign Privileges"),
    "role-revoked": OcsfActivity(_ACCESS, 2, "Revoke Privileges"),
    "chat-opened": OcsfActivity(_WEB, 1, "Create", _CHAT),
    "chat-assigned-to-user": OcsfActivity(_WEB, 3, "Update", _CHAT),
    "chat-closed": OcsfActivity(_WEB, 3, "Update", _CHAT),
    "chat-answered": OcsfActivity(_WEB, OTHER, "chat-answered", _CHAT),
    "user-joined-to-chat": OcsfActivity(_WEB, OTHER, "user-joined-to-chat", _CHAT),
    "settings-changed": OcsfActivity(_WEB, 3, "Update", Resource("settings", called="settings")),
    "audit-log-signed-in": OcsfActivity(_LOGIN, 1, "Logon"),
    "audit-log-signed-out": OcsfActivity(_LOGIN, 2, "Logoff"),
    "audit-log-refused": OcsfActivity(_LOGIN, 1, "Logon"),
    "audit-log-searched": OcsfActivity(_WEB, 5, "Search", Resource("audit-log", called="audit-log")),
    "audit-log-exported": OcsfActivity(_LOG, 3, "Export", Log()),
    "audit-log-deleted": OcsfActivity(_LOG, 2, "Delete", Log("index")),
    "alert-acknowledged": OcsfActivity(_WEB, 3, "Update", _ALERT),
    "alert-assigned": OcsfActivity(_WEB, 3, "Update", _ALERT),
    "alert-closed": OcsfActivity(_WEB, 3, "Update", _ALERT),
    "alert-reopened": OcsfActivity(_WEB, 3, "Update", _ALERT),
    "alert-noted": OcsfActivity(_WEB, 3, "Update", _ALERT),
    "alert-exception-created": OcsfActivity(_WEB, 1, "Create", _EXCEPTION),
    "alert-exception-ended": OcsfActivity(_WEB, 4, "Delete", _EXCEPTION),
    "audit-view-created": OcsfActivity(_WEB, 1, "Create", _VIEW),
    "audit-view-changed": OcsfActivity(_WEB, 3, "Update", _VIEW),
    "audit-view-deleted": OcsfActivity(_WEB, 4, "Delete", _VIEW),
}
"""Every activity that the product ships. What a receiver needs besides is `metadata.event_code`, which
is our own name of the activity in each event."""

_ANY = Resource("service")


def activity_of(action: str) -> OcsfActivity:
    """Return what an activity is in OCSF; a deployment's own is another activity on a web resource."""
    return ACTIVITIES.get(action) or OcsfActivity(OcsfClass.WEB_RESOURCES, OTHER, action, _ANY)
