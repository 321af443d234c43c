"""What people do with saved views: each change is checked, stored, and on record."""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

from fastapi import Request

from audit_server.access import Caller
from audit_server.errors import ProblemError
from audit_server.saved_view import Owner, SavedView, checked_address, checked_name
from audit_server.view_store import ViewStore

__all__ = ["ViewDesk"]

_CREATED, _CHANGED, _DELETED = "audit-view-created", "audit-view-changed", "audit-view-deleted"


class ViewDesk:
    """The saved views of whoever sends a request. Each method may raise ProblemError."""

    def __init__(self, request: Request, caller: Caller) -> None:
        self._store: ViewStore = request.app.state.views
        self._caller = caller
        self.owner = Owner(caller.name, caller.organization)

    def views(self) -> Sequence[SavedView]:
        """Return their own views, then those that are shared with them."""
        return self._store.visible_to(self.owner)

    def view(self, view_id: str) -> SavedView:
        """Return a view (404 for one that they may not see)."""
        return self._store.get(view_id, self.owner)

    def create(self, name: str, address: str, *, is_shared: bool) -> SavedView:
        """Save a view (400 for a bad name or address, 409 for one too many)."""
        view = self._store.create(
            self.owner, checked_name(name), checked_address(address), is_shared=is_shared
        )
        self._record(_CREATED, view)
        return view

    def change(
        self, view_id: str, version: str, name: str, address: str | None, *, is_shared: bool
    ) -> SavedView:
        """Change a view of their own (409 if it was changed since `version`)."""
        before = self._own(view_id, version)
        kept = before.address if address is None else checked_address(address)
        view = self._store.change(before, checked_name(name), kept, is_shared=is_shared)
        self._record(_CHANGED, view, before)
        return view

    def delete(self, view_id: str, version: str) -> None:
        """Delete a view of their own (409 if it was changed since `version`)."""
        view = self._own(view_id, version)
        self._store.delete(view)
        self._record(_DELETED, view)

    def start(self) -> SavedView | None:
        """Return the view that they start with."""
        return self._store.start_of(self.owner)

    def start_with(self, view_id: str) -> None:
        """Let them start with a view, or with none."""
        self._store.start_with(self.owner, self.view(view_id) if view_id else None)

    def _own(self, view_id: str, version: str) -> SavedView:
        view = self.view(view_id)
        if not view.is_of(self.owner):
            raise ProblemError(
                HTTPStatus.FORBIDDEN, "Only who saved a view may change it; save one of your own"
            )
        return replace(view, version=version)

    def _record(self, action: str, view: SavedView, before: SavedView | None = None) -> None:
        said = [("view", view.id), ("name", view.name), ("address", view.address)]
        said.append(("shared", "yes" if view.is_shared else "no"))
        if before is not None and before.name != view.name:
            said.append(("name-before", before.name))
        if before is not None and before.is_shared != view.is_shared:
            said.append(("shared-before", "yes" if before.is_shared else "no"))
        self._caller.record_change(action, said)
