"""The parts of the page, and the links between them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from audit_server.page.view import View
from audit_server.roles import Permission

__all__ = ["PARTS", "VIEWS", "Part", "PartLink", "links_to_parts", "views_link"]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page: its name, where it begins, and what its reader must be permitted."""

    name: str
    path: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class PartLink:
    """A link to a part; of the part that is shown, a current one."""

    name: str
    address: str
    is_current: bool


VIEWS = "/views"
"""Where saved views are listed."""

PARTS = (
    Part("Overview", "/overview", Permission.EVENTS),
    Part("Alerts", "/alerts", Permission.ALERTS),
    Part("Events", "/", Permission.EVENTS),
    Part("Reports", "/reports/team", Permission.REPORTS),
    Part("Dead letters", "/dead-letters", Permission.DEAD_LETTERS),
)
"""In the order of the navigation."""


def links_to_parts(
    permissions: Collection[Permission], view: View | None, current: str | None
) -> Sequence[PartLink]:
    """Return links to the parts that somebody may see; they keep the zone of the view."""
    return [
        PartLink(part.name, view.other_page(part.path) if view else part.path, part.name == current)
        for part in PARTS
        if part.permission in permissions
    ]


def views_link(path: str, query: str) -> str:
    """Return the address of the saved views, where what is being looked at can become one."""
    if path == VIEWS:
        return VIEWS
    return f"{VIEWS}?{urlencode({'save': f'{path}?{query}' if query else path})}"
