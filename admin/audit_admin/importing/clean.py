"""Cleaning values that another log writes with something around them. Pure."""

import ipaddress
import re

from audit_schemas import is_ip

__all__ = ["CLEANERS", "clean_address"]

_BRACKETED = re.compile(r"\[([^\]]*)\](?::\d{1,5})?")
_WITH_PORT = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}")


def clean_address(text: str) -> str | None:
    """Return the first address of a list, without port, brackets and zone id; None if it is none.

    That is `192.0.2.7` for `192.0.2.7:5123`, and for `192.0.2.7, 10.0.0.1`, as proxies write it; and
    `2001:db8::1` for `[2001:db8::1]:443`.
    """
    first = text.partition(",")[0].strip()
    if ":" not in first and is_ip(first):
        return first
    inner = _BRACKETED.fullmatch(first) or _WITH_PORT.fullmatch(first)
    address = (inner[1] if inner else first).partition("%")[0]
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None


def _lower(text: str) -> str | None:
    return text.lower()


CLEANERS = {"address": clean_address, "lower": _lower}
"""What `clean` in a mapping may be."""
