"""Objects of OCSF that events and alerts are made of."""

import re
from collections.abc import Mapping
from typing import Any

from audit_forward.forms.stored import inner, ip_of, part, text

__all__ = ["INTEGER_MAX", "endpoint", "is_email", "product", "user"]

INTEGER_MAX = 2**31 - 1
"""Of OCSF's `integer_t`, as receivers store it."""

_UNKNOWN_USER, _PERSON, _SYSTEM = 0, 1, 3
_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+")
"""What OCSF takes as an address, which is ASCII."""


def product(version: str) -> dict[str, str]:
    """Return what this product is called."""
    return {"name": "auditlog", "vendor_name": "chat-auditlog", "version": version}


def is_email(value: str) -> bool:
    """Tell whether OCSF takes a text as an e-mail address."""
    return _EMAIL.fullmatch(value) is not None


def user(account: Mapping[str, Any], *, system: bool = False) -> dict[str, Any]:
    """Return a user, who is always called something: a failed login may name nobody."""
    made: dict[str, Any] = {"type_id": _SYSTEM if system else _PERSON}
    if uid := text(account, "id"):
        made["uid"] = uid
    if name := text(account, "name"):
        made["name"] = name
    elif uid is None:
        made["name"] = "system" if system else "unknown"
        if not system:
            made["type_id"] = _UNKNOWN_USER
    if (email := text(account, "email")) and is_email(email):
        made["email_addr"] = email
    return made


def endpoint(source: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return where something came from, None if that is not known."""
    ip = ip_of(text(source, "ip") or "")
    if ip is None:
        return None
    made: dict[str, Any] = {"ip": ip}
    if place := _location(part(source, "geo")):
        made["location"] = place
    network = part(source, "as")
    if network:
        system = {"number": network.get("number"), "name": inner(network, "organization", "name")}
        if known := {key: value for key, value in system.items() if value is not None}:
            made["autonomous_system"] = known
    return made


def _location(geo: Mapping[str, Any]) -> dict[str, Any]:
    """Return a place; coordinates alone are none in OCSF."""
    made: dict[str, Any] = {}
    if country := text(geo, "country_iso_code"):
        made["country"] = country
    if city := text(geo, "city_name"):
        made["city"] = city
    point = part(geo, "location")
    if made and "lat" in point and "lon" in point:
        made |= {"lat": point["lat"], "long": point["lon"]}
    return made
