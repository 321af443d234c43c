"""A saved view: a question of any part of the page, with a name. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from audit_schemas import format_timestamp, printable

from audit_server.errors import ProblemError

__all__ = ["ADDRESS_MAX", "NAME_MAX", "Owner", "SavedView", "checked_address", "checked_name"]

NAME_MAX = 100
ADDRESS_MAX = 4000
_PARTS = (
    *("", "overview", "alerts", "exceptions", "rules", "reports", "users", "chats", "events"),
    "dead-letters",
)
"""What the first word of a view's path may be: pages that show something."""
_PATH = re.compile(r"(?:/[A-Za-z0-9._~%:@!$&'()*+,;=-]*)+")
_TRANSIENT = ("open", "after", "since", "did", "save")
"""Parameters that say where a reader has got to, not what they ask."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who may have views: a name, within an organization or the whole log."""

    name: str
    organization: str | None


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view as it is stored; `version` changes with each change."""

    id: str
    name: str
    address: str
    owner: Owner
    is_shared: bool
    created: datetime
    changed: datetime
    version: str

    def is_visible_to(self, owner: Owner) -> bool:
        """Tell whether somebody may see it: their own, and what is shared in their organization."""
        return self.is_of(owner) or (self.is_shared and self.owner.organization == owner.organization)

    def is_of(self, owner: Owner) -> bool:
        """Tell whether it is somebody's own, to change and delete."""
        return self.owner == owner

    def to_json(self, owner: Owner) -> Mapping[str, Any]:
        """Return the view as the API has it, for somebody."""
        return {
            "id": self.id,
            "name": self.name,
            "address": self.address,
            "owner": self.owner.name,
            "shared": self.is_shared,
            "mine": self.is_of(owner),
            "created": format_timestamp(self.created),
            "changed": format_timestamp(self.changed),
            "version": self.version,
        }


def checked_name(text: str) -> str:
    """Return a name, without blanks around it. Raises ProblemError (400)."""
    name = text.strip()
    if not name or len(name) > NAME_MAX:
        raise _refused("name", f"must have 1 to {NAME_MAX} characters")
    if printable(name) != name:
        raise _refused("name", "must have no control characters, nor any that can't be seen")
    return name


def checked_address(text: str) -> str:
    """Return the address of a page of ours, without what is only about reading on.

    A path and a query alone, so that no view ever leads to another host, or does anything. Raises
    ProblemError (400).
    """
    path, _, query = text.strip().partition("#")[0].partition("?")
    if len(text) > ADDRESS_MAX:
        raise _refused("address", f"must have at most {ADDRESS_MAX} characters")
    words = path[1:].split("/")
    is_plain = _PATH.fullmatch(path) is not None and not path.startswith("//")
    climbs = any(unquote(word) in (".", "..") for word in words)
    if not is_plain or climbs or words[0] not in _PARTS:
        raise _refused("address", "must be that of a page of this log, such as /?activity=login")
    try:
        pairs = parse_qsl(query, max_num_fields=300, errors="strict")
    except ValueError:
        raise _refused("address", "has a query that can't be read") from None
    kept = [(name, value) for name, value in pairs if name not in _TRANSIENT]
    return f"{path}?{urlencode(kept)}" if kept else path


def _refused(parameter: str, detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, detail, parameter=parameter)
