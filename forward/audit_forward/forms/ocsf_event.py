"""One event of the log as an event of OCSF."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from audit_forward.forms.ocsf_classes import (
    ACTIVITIES,
    Log,
    OcsfActivity,
    OcsfClass,
    Resource,
    activity_of,
)
from audit_forward.forms.ocsf_objects import INTEGER_MAX, endpoint, is_email, user
from audit_forward.forms.stored import inner, milliseconds, part, strings, text

__all__ = ["event"]

_INFORMATIONAL = 1
_STATUS = {"success": 1, "failure": 2}
_UNKNOWN = 0
_ASSIGNMENT = "chat-assigned-to-user"

Facts = dict[str, Any]


@dataclass(slots=True)
class _Making:
    """An event on its way: the document's parts, what is made of it, and what is left over."""

    activity: OcsfActivity
    document: Mapping[str, Any]
    action: str
    user: Mapping[str, Any]
    audit: Mapping[str, Any]
    is_system: bool
    made: Facts
    unmapped: Facts

    def leave(self, path: str, value: object) -> None:
        """Keep what OCSF has no attribute for; None, or nothing in it, is not kept."""
        if value:
            self.unmapped[path] = value

    def leave_account(self, path: str, account: Mapping[str, Any]) -> None:
        """Keep of a user what OCSF's user has no attribute for."""
        if roles := account.get("roles"):
            self.unmapped[f"{path}.roles"] = roles
        if (email := text(account, "email")) and not is_email(email):
            self.unmapped[f"{path}.email"] = email


def event(document: Mapping[str, Any], metadata: Mapping[str, Any]) -> Facts:
    """Return an event of OCSF; `metadata` is what all events have there."""
    what = part(document, "event")
    audit = part(document, "audit")
    action = text(what, "action") or "unknown"
    activity, classified = _classified(action)
    making = _Making(
        activity,
        document,
        action,
        part(document, "user"),
        audit,
        part(audit, "actor").get("kind") == "system",
        dict(classified),
        {},
    )
    made = making.made
    made["time"] = milliseconds(text(document, "@timestamp")) or 0
    made["metadata"] = _metadata(making, what, metadata)
    made["status_id"] = _STATUS.get(text(what, "outcome") or "", _UNKNOWN)
    if reason := text(what, "reason"):
        made["status_detail"] = reason
    if message := text(document, "message"):
        made["message"] = message
    if (source := endpoint(part(document, "source"))) is not None:
        made["src_endpoint"] = source
    _CONTENT[activity.ocsf_class](making)
    _leave_rest(making, what)
    if making.unmapped:
        made["unmapped"] = making.unmapped
    return made


@lru_cache(maxsize=1024)
def _classified(action: str) -> tuple[OcsfActivity, Mapping[str, Any]]:
    """Return what an activity is, and the attributes that all events of it have in common."""
    activity = activity_of(action)
    uid = activity.ocsf_class.uid
    return activity, {
        "category_uid": uid // 1000,
        "class_uid": uid,
        "class_name": activity.ocsf_class.caption,
        "activity_id": activity.id,
        "activity_name": activity.name,
        "type_uid": uid * 100 + activity.id,
        "severity_id": _INFORMATIONAL,
    }


def _metadata(making: _Making, what: Mapping[str, Any], common: Mapping[str, Any]) -> Facts:
    document = making.document
    made = {**common, "event_code": making.action}
    if uid := text(what, "id"):
        made |= {"uid": uid, "original_event_uid": uid}
    if time := text(document, "@timestamp"):
        made["original_time"] = time
    if (logged := milliseconds(text(what, "created"))) is not None:
        made["logged_time"] = logged
    if (processed := milliseconds(text(what, "ingested"))) is not None:
        made["processed_time"] = processed
    if tenant := inner(document, "organization", "id"):
        made["tenant_uid"] = tenant
    if provider := inner(document, "service", "name"):
        made["log_provider"] = provider
    if trace := inner(document, "trace", "id"):
        made["correlation_uid"] = trace
    sequence = what.get("sequence")
    if isinstance(sequence, int):
        if sequence <= INTEGER_MAX:
            made["sequence"] = sequence
        else:
            making.leave("event.sequence", sequence)
    return made


def _leave_rest(making: _Making, what: Mapping[str, Any]) -> None:
    """Keep what no class has an attribute for."""
    making.leave_account("user", making.user)
    making.leave("labels", making.document.get("labels"))
    making.leave("audit.changes", making.audit.get("changes"))
    making.leave("audit.altered", making.audit.get("altered"))
    making.leave("event.hash", what.get("hash"))
    if making.action not in ACTIVITIES:
        making.leave("event.category", what.get("category"))
        making.leave("event.type", what.get("type"))


def _authentication(making: _Making) -> None:
    """Set who logs in as the user; somebody who does so as another is the actor."""
    made, service = making.made, part(making.document, "service")
    _set_affected(making, part(making.user, "effective"), "user.effective", actor=None)
    found = {"name": text(service, "name") or "unknown", "version": text(service, "version")}
    made["service"] = {name: value for name, value in found.items() if value is not None}
    if session := inner(making.audit, "session", "id"):
        made["session"] = {"uid": session}
    _set_user_agent(making)
    making.leave("user.target", making.user.get("target"))
    _leave_things(making)


def _account_change(making: _Making) -> None:
    """Set whose account it is as the user: the target, or the actor."""
    target = part(making.user, "target")
    actor = _actor(making)
    if target:
        _set_affected(making, target, "user.target", actor)
        making.leave("user.effective", making.user.get("effective"))
    else:
        _set_affected(making, part(making.user, "effective"), "user.effective", actor)
    making.made["actor"] = actor
    _set_user_agent(making)
    _leave_things(making)
    making.leave("service.version", inner(making.document, "service", "version"))


def _user_access(making: _Making) -> None:
    """Set the roles that the target was given, or lost, as the privileges."""
    _account_change(making)
    making.made["privileges"] = strings(part(making.user, "target"), "roles")
    making.unmapped.pop("user.target.roles", None)


def _web_resources(making: _Making) -> None:
    """Set what it was done to; 6001 has an actor by the profile `host` alone."""
    made = making.made
    made["metadata"]["profiles"] = ["host"]
    made["actor"] = _actor(making)
    resources = _resources(making)
    target = part(making.user, "target")
    if making.action == _ASSIGNMENT and target:
        resources[0]["data"] = {"assignee": user(target)}
        making.leave_account("user.target", target)
    else:
        making.leave("user.target", target)
    made["web_resources"] = resources
    making.leave("user.effective", making.user.get("effective"))
    _set_user_agent(making)
    making.leave("service.version", inner(making.document, "service", "version"))


def _event_log(making: _Making) -> None:
    """Set which log it was."""
    about = making.activity.about
    log = about if isinstance(about, Log) else Log()
    named = text(part(making.document, "labels"), log.label) if log.label else None
    making.made["actor"] = _actor(making)
    making.made["log_name"] = named or log.called
    making.leave("user_agent.original", inner(making.document, "user_agent", "original"))
    for name in ("target", "effective"):
        making.leave(f"user.{name}", making.user.get(name))
    making.leave("service.version", inner(making.document, "service", "version"))
    _leave_things(making)


_CONTENT: Mapping[OcsfClass, Callable[[_Making], None]] = {
    OcsfClass.AUTHENTICATION: _authentication,
    OcsfClass.ACCOUNT_CHANGE: _account_change,
    OcsfClass.USER_ACCESS: _user_access,
    OcsfClass.WEB_RESOURCES: _web_resources,
    OcsfClass.EVENT_LOG: _event_log,
}
"""What fills in the attributes of each class."""


def _actor(making: _Making) -> Facts:
    made: Facts = {"user": user(making.user, system=making.is_system)}
    if session := inner(making.audit, "session", "id"):
        made["session"] = {"uid": session}
    return made


def _set_affected(making: _Making, affected: Mapping[str, Any], path: str, actor: Facts | None) -> None:
    """Set `user`: the one that it was done to, or as; without one, the one who did it."""
    if not affected:
        making.made["user"] = (actor or _actor(making))["user"]
        return
    making.made["user"] = user(affected)
    making.leave_account(path, affected)
    if actor is None:
        making.made["actor"] = {"user": user(making.user, system=making.is_system)}


def _set_user_agent(making: _Making) -> None:
    if agent := inner(making.document, "user_agent", "original"):
        making.made["http_request"] = {"user_agent": agent}


def _leave_things(making: _Making) -> None:
    """Keep the chat and the changed thing, which only 6001 has a place for."""
    making.leave("audit.chat.id", inner(making.audit, "chat", "id"))
    making.leave("audit.target", making.audit.get("target"))


def _resources(making: _Making) -> list[Facts]:
    """Return what the activity is about, then the changed thing, then the chat it happened in."""
    about = making.activity.about
    kind = about if isinstance(about, Resource) else Resource("unknown")
    named = target = chat = None
    if kind.uid and kind.name:
        labels = part(making.document, "labels")
        named = _resource(kind.type, text(labels, kind.uid), text(labels, kind.name))
    if thing := part(making.audit, "target"):
        target = _resource(text(thing, "type") or kind.type, text(thing, "id"), text(thing, "name"))
    if uid := inner(making.audit, "chat", "id"):
        chat = {"type": "chat", "uid": uid}
        if target and target.get("uid") == uid:
            chat, target = chat | target, None
    in_order = (chat, target) if kind.type == "chat" else (named, target, chat)
    if found := [each for each in in_order if each]:
        return found
    service = inner(making.document, "service", "name") if kind.type == "service" else None
    return [{"type": kind.type, "name": service or kind.called}]


def _resource(kind: str, uid: str | None, name: str | None) -> Facts | None:
    made: Facts = {"type": kind}
    if uid:
        made["uid"] = uid
    if name:
        made["name"] = name
    return made if len(made) > 1 else None
