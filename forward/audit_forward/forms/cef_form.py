"""CEF, the line of text that most SIEMs read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from audit_schemas import SYSTEM, Catalogue, shown_alert

from audit_forward.forms.alert_document import change_of, changed_at
from audit_forward.forms.cef_line import cef_header, cef_line
from audit_forward.forms.stored import inner, ip_of, milliseconds, part, strings, text

__all__ = ["CefForm"]

_VENDOR, _PRODUCT = ("chat-auditlog", 63), ("auditlog", 63)
_SIGNATURE_MAX, _NAME_MAX = 1023, 512
_WORD, _ID, _LINE, _CUSTOM = 63, 128, 1023, 4000
"""How long the dictionary of CEF lets values be; an id is never cut, since repeats are found by it."""

_NORMAL, _FAILED = 3, 5
_LEVELS = {"informational": 1, "low": 3, "medium": 5, "high": 8, "critical": 10}

Pair = tuple[str, str | int | None, int]
"""A key, its value, and how long that may be."""
Custom = tuple[str, str, str | int | None, int]
"""The same with a label behind the key."""


class CefForm:
    """An event's signature is its activity, an alert's the rule's name."""

    name = "cef"

    def __init__(self, version: str) -> None:
        self._product = (_VENDOR, _PRODUCT, (version, 31))
        self._names = {name: activity.description for name, activity in Catalogue.load().items()}
        self._header_of = lru_cache(maxsize=1024)(self._header)

    def event(self, document: Mapping[str, Any]) -> str:
        """Return an event's line; an activity of the deployment's own is called as it is."""
        what = part(document, "event")
        action = text(what, "action") or "unknown"
        header = self._header_of(action, self._names.get(action, action))
        severity = _FAILED if what.get("outcome") == "failure" else _NORMAL
        return cef_line(header, severity, _of_event(document, what, action))

    def alert(self, document: Mapping[str, Any]) -> str:
        """Return the line of an alert as it is now: created, updated or closed."""
        shown = shown_alert(document)
        rule, own = part(shown, "rule"), shown["audit"]["alert"]
        signature = text(rule, "name") or text(rule, "id") or "alert"
        title = text(shown, "message") or signature
        severity = _LEVELS.get(text(own, "level") or "", _FAILED)
        steps = _integer(part(part(document, "audit"), "alert").get("triage_version", 0))
        pairs = [
            ("act", change_of(document), _WORD),
            *_of_alert(shown, own, changed_at(document)),
            *_custom([("cn2", "Triage Steps", steps, 0)]),
        ]
        return cef_line(self._header(signature, title), severity, pairs)

    def _header(self, signature: str, name: str) -> str:
        return cef_header([*self._product, (signature, _SIGNATURE_MAX), (name, _NAME_MAX)])


def _of_event(document: Mapping[str, Any], what: Mapping[str, Any], action: str) -> list[Pair]:
    user, audit = part(document, "user"), part(document, "audit")
    categories = strings(what, "category")
    pairs: list[Pair] = [
        ("rt", milliseconds(text(document, "@timestamp")), 0),
        ("externalId", text(what, "id"), _ID),
        ("cat", categories[0] if categories else "event", _LINE),
        ("act", action, _WORD),
        ("outcome", text(what, "outcome"), _WORD),
        ("reason", text(what, "reason"), _LINE),
        ("msg", text(document, "message"), _LINE),
        *_addresses(inner(document, "source", "ip")),
        *_account("s", user),
        *_account("d", part(user, "target")),
        ("requestClientApplication", inner(document, "user_agent", "original"), _LINE),
        ("sourceServiceName", inner(document, "service", "name"), _LINE),
    ]
    if not user and part(audit, "actor").get("kind") == SYSTEM:
        pairs.append(("suser", SYSTEM, _LINE))
    thing = part(audit, "target")
    custom: Sequence[Custom] = (
        ("cs1", "Organization", inner(document, "organization", "id"), _CUSTOM),
        ("cs2", "Chat", inner(audit, "chat", "id"), _CUSTOM),
        ("cs3", "Session", inner(audit, "session", "id"), _CUSTOM),
        ("cs4", "Target", _words(thing, "type", "id", "name") if thing else None, _CUSTOM),
        ("cs5", "Changes", _json(audit.get("changes")), _CUSTOM),
        ("cs6", "Labels", _json(document.get("labels")), _CUSTOM),
        ("flexString1", "Trace", inner(document, "trace", "id"), _LINE),
        ("flexString2", "Acted As", _name_of(part(user, "effective")), _LINE),
        ("cn1", "Sequence", _integer(what.get("sequence")), 0),
    )
    return [*pairs, *_custom(custom)]


def _of_alert(shown: Mapping[str, Any], own: Mapping[str, Any], changed: int) -> list[Pair]:
    what, related = part(shown, "event"), part(shown, "related")
    users, addresses = strings(related, "user"), strings(related, "ip")
    source = inner(shown, "source", "ip")
    tenant = inner(shown, "organization", "id") or text(own, "sole_organization")
    pairs: list[Pair] = [
        ("rt", changed, 0),
        ("start", milliseconds(text(what, "start")), 0),
        ("end", milliseconds(text(what, "end")), 0),
        ("externalId", text(what, "id"), _ID),
        ("cat", "alert", _LINE),
        ("cnt", _integer(own.get("count")), 0),
        ("msg", inner(shown, "rule", "description"), _LINE),
        ("reason", text(own, "reason"), _LINE),
        *_addresses(source or (addresses[0] if len(addresses) == 1 else None)),
        ("suser", users[0] if len(users) == 1 else None, _LINE),
        ("request", text(own, "link"), _LINE),
    ]
    custom: Sequence[Custom] = (
        ("cs1", "Organization", tenant, _CUSTOM),
        ("cs2", "Group", text(own, "group"), _CUSTOM),
        ("cs3", "Status", text(own, "status"), _CUSTOM),
        ("cs4", "Users", ",".join(users), _CUSTOM),
        ("cs5", "Addresses", ",".join(addresses), _CUSTOM),
        ("cs6", "Events", ",".join(strings(own, "samples")), _CUSTOM),
        ("flexString1", "Tags", ",".join(strings(shown, "tags")), _LINE),
        ("flexString2", "Assignee", text(own, "assignee"), _LINE),
        ("cn1", "Revision", _integer(own.get("revision")), 0),
    )
    return [*pairs, *_custom(custom)]


def _account(side: str, account: Mapping[str, Any]) -> list[Pair]:
    """Return who did it (`s`, the source), or whom it was done to (`d`, the destination)."""
    if not account:
        return []
    return [
        (f"{side}user", _name_of(account), _LINE),
        (f"{side}uid", text(account, "id"), _LINE),
        (f"{side}priv", ",".join(strings(account, "roles")), _LINE),
    ]


def _addresses(address: str | None) -> list[Pair]:
    """Return the source's address; CEF has one key for IPv4 and another for IPv6."""
    ip = ip_of(address) if address else None
    if ip is None:
        return []
    if ":" not in ip:
        return [("src", ip, _WORD)]
    return [*_custom([("c6a2", "Source IPv6 Address", ip, _WORD)])]


def _custom(fields: Iterable[Custom]) -> Iterator[Pair]:
    """Yield the fields that CEF leaves to us, each behind the label that says what it is."""
    for key, label, value, limit in fields:
        if value is not None and value != "":
            yield f"{key}Label={label} {key}", value, limit  # labels are ours: nothing to escape


def _words(found: Mapping[str, Any], *names: str) -> str:
    return " ".join(value for name in names if (value := text(found, name)))


def _name_of(account: Mapping[str, Any]) -> str | None:
    return text(account, "name") or text(account, "id")


def _json(value: object) -> str | None:
    return msgspec.json.encode(value).decode() if value else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None
