"""The routes of exceptions: the list, the form, and ending one."""

from http import HTTPStatus
from typing import Annotated

from audit_alerts import Alert, NoSuchAlertError, TriageError
from audit_query import QuerySpec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from audit_server.access import AlertCaller, Caller, TriageCaller
from audit_server.errors import ProblemError
from audit_server.page.exception_page import (
    EXCEPTIONS,
    AskedException,
    draft_of_form,
    exception_form,
    exception_list,
)
from audit_server.page.forms import PostedForm
from audit_server.page.render import now_of, show, view_of
from audit_server.page.view import View
from audit_server.roles import Permission

__all__ = ["router"]

_PART = "Alerts"
_OWN = ("alert", "about", "range", "until", "because", "do")

router = APIRouter(include_in_schema=False)


@router.get(EXCEPTIONS)
def exceptions(request: Request, caller: AlertCaller, ended: str = "") -> Response:
    """List the exceptions in force, or all."""
    view = view_of(request, without=("ended",))
    return _list(request, caller, view, ended_too=bool(ended))


@router.get(f"{EXCEPTIONS}/new")
def new_exception(
    request: Request,
    caller: TriageCaller,
    alert: str,
    about: Annotated[list[str] | None, Query()] = None,
    address_range: Annotated[str, Query(alias="range")] = "",
    until: str = "",
    because: str = "",
    do: str = "",
) -> Response:
    """Show the form; once it is filled, with what the exception would have suppressed."""
    found, view = _alert(caller, alert), view_of(request, without=_OWN)
    fields = about or ([] if do else list(found.group))
    asked = AskedException(fields, address_range, until, because)
    return _form(request, caller, found, asked, view, with_preview=bool(do))


@router.post(EXCEPTIONS)
def save_exception(request: Request, caller: TriageCaller, form: PostedForm) -> Response:
    """Make the exception that was previewed."""
    found, view = _alert(caller, form.value("alert")), view_of(request)
    asked = AskedException(
        form.values("about"), form.value("range"), form.value("until"), form.value("because")
    )
    try:
        draft = draft_of_form(caller.alerts, found, asked, now_of(request), view)
        caller.alerts.exceptions.create(draft, caller.actor, found)
    except TriageError as error:
        return _form(request, caller, found, asked, view, trouble=str(error))
    return RedirectResponse(view.other_page(EXCEPTIONS), HTTPStatus.SEE_OTHER)


@router.post(f"{EXCEPTIONS}/{{exception_id}}/end")
def end_exception(request: Request, caller: TriageCaller, exception_id: str) -> Response:
    """End an exception now; where somebody was faster, say who, and show what there is."""
    view = view_of(request)
    try:
        caller.alerts.exceptions.end(exception_id, caller.actor)
    except TriageError as error:
        return _list(request, caller, view, ended_too=True, trouble=str(error))
    return RedirectResponse(view.other_page(EXCEPTIONS), HTTPStatus.SEE_OTHER)


def _list(
    request: Request, caller: Caller, view: View, *, ended_too: bool, trouble: str = ""
) -> Response:
    context = exception_list(caller.alerts, view, ended_too=ended_too)
    caller.record_search(QuerySpec(), len(context["exceptions"]), list="exceptions")
    shown = show(
        request,
        caller,
        "exceptions.html",
        part=_PART,
        view=view,
        may_triage=caller.may(Permission.TRIAGE),
        trouble=trouble,
        **context,
    )
    shown.status_code = HTTPStatus.CONFLICT if trouble else HTTPStatus.OK
    return shown


def _form(
    request: Request,
    caller: Caller,
    alert: Alert,
    asked: AskedException,
    view: View,
    *,
    with_preview: bool = False,
    trouble: str = "",
) -> Response:
    now, preview = now_of(request), None
    if with_preview:
        try:
            draft = draft_of_form(caller.alerts, alert, asked, now, view)
            preview = caller.alerts.exceptions.preview(draft)
        except TriageError as error:
            trouble = str(error)
    context = exception_form(alert, asked, now, view, preview=preview, trouble=trouble)
    shown = show(request, caller, "exception.html", part=_PART, view=view, **context)
    shown.status_code = HTTPStatus.CONFLICT if trouble else HTTPStatus.OK
    return shown


def _alert(caller: Caller, alert_id: str) -> Alert:
    try:
        return caller.alerts.alert(alert_id)
    except NoSuchAlertError as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, str(error)) from None
