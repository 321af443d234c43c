"""The routes of saved views: plain forms, and the page that one starts with."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from audit_server.access import AnyCaller
from audit_server.errors import ProblemError
from audit_server.page.forms import Form, PostedForm
from audit_server.page.navigation import VIEWS, links_to_parts
from audit_server.page.render import show, view_of
from audit_server.roles import Permission
from audit_server.saved_view import NAME_MAX, checked_address
from audit_server.view_desk import ViewDesk

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/start")
def start(request: Request, caller: AnyCaller) -> Response:
    """Go to the view that somebody starts with, or else to the log, or to what they may see."""
    view = ViewDesk(request, caller).start()
    if view is not None:
        return RedirectResponse(view.address, HTTPStatus.SEE_OTHER)
    parts = links_to_parts(caller.permissions, None, None)
    is_reader = caller.may(Permission.EVENTS) or not parts
    return RedirectResponse("/" if is_reader else parts[0].address, HTTPStatus.SEE_OTHER)


@router.get(VIEWS)
def show_views(request: Request, caller: AnyCaller, save: str = "") -> Response:
    """List somebody's views and those shared with them; `save` is an address to save."""
    desk = ViewDesk(request, caller)
    start_view = desk.start()
    return show(
        request,
        caller,
        "views.html",
        view=view_of(request, without=("save",)),
        views=desk.views(),
        owner=desk.owner,
        start_id=start_view.id if start_view else None,
        address=_savable(save),
        name_max=NAME_MAX,
        is_bound=caller.organization is not None,
    )


@router.post(VIEWS)
def create_view(request: Request, caller: AnyCaller, form: PostedForm) -> Response:
    """Save a view."""
    view = ViewDesk(request, caller).create(
        form.value("name"), form.value("address"), is_shared=_is_shared(form)
    )
    return _back(view.id)


@router.post(f"{VIEWS}/start")
def choose_start(request: Request, caller: AnyCaller, form: PostedForm) -> Response:
    """Let somebody start with a view, or with none."""
    ViewDesk(request, caller).start_with(form.value("view"))
    return _back(form.value("view"))


@router.post(f"{VIEWS}/{{view_id}}")
def change_view(request: Request, caller: AnyCaller, form: PostedForm, view_id: str) -> Response:
    """Rename a view, or share it."""
    view = ViewDesk(request, caller).change(
        view_id, form.value("version"), form.value("name"), None, is_shared=_is_shared(form)
    )
    return _back(view.id)


@router.post(f"{VIEWS}/{{view_id}}/delete")
def delete_view(request: Request, caller: AnyCaller, form: PostedForm, view_id: str) -> Response:
    """Delete a view."""
    ViewDesk(request, caller).delete(view_id, form.value("version"))
    return _back("")


def _is_shared(form: Form) -> bool:
    return form.value("shared") == "on"


def _savable(address: str) -> str:
    """Return an address as it would be saved; nothing if it is of no page that can be."""
    try:
        return checked_address(address) if address else ""
    except ProblemError:
        return ""


def _back(view_id: str) -> Response:
    """Return to the list; ids are ours, anything else stays out of the address."""
    place = f"#v-{view_id}" if view_id.isalnum() and len(view_id) <= NAME_MAX else ""
    return RedirectResponse(f"{VIEWS}{place}", HTTPStatus.SEE_OTHER)
