"""/exceptions: not this address, range, user or group for this rule, until then."""

from typing import Annotated, Any

from audit_alerts import Alert, ExceptionDraft, ExceptionStep, ListedException, parse_end
from audit_query import QuerySpec
from fastapi import APIRouter, Depends, Path, Request, Response

from audit_server.access import AlertCaller, Caller, TriageCaller
from audit_server.api.alert_params import ExceptionBody
from audit_server.api.alert_responses import (
    ExceptionPreviewResponse,
    ExceptionsResponse,
    ExceptionStepResponse,
)
from audit_server.api.query_params import PREFIX, check_query
from audit_server.api.responses import documented, json_response

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["alerts"], dependencies=[Depends(check_query)])

_UNRECORDED = "It is stored, but its event could not be published"


@router.get(
    "/exceptions",
    summary="Exceptions from rules",
    response_class=Response,
    responses=documented(ExceptionsResponse),
)
def exceptions(caller: AlertCaller) -> Response:
    """Return all exceptions, the latest first, with what they have suppressed; at most a thousand."""
    found = caller.alerts.exceptions.listed()
    caller.record_search(QuerySpec(), len(found), list="exceptions")
    return json_response({"exceptions": [_listed(each) for each in found]})


@router.post(
    "/exceptions/preview",
    summary="What an exception would suppress",
    response_class=Response,
    responses=documented(ExceptionPreviewResponse, 404),
)
def preview(request: Request, caller: AlertCaller, body: ExceptionBody) -> Response:
    """Return which alerts of the last 30 days an exception would have suppressed; nothing is made."""
    _, draft = _draft(request, caller, body)
    found = caller.alerts.exceptions.preview(draft)
    caller.record_search(QuerySpec(), len(found.alerts), list="exception-preview", alert=body.alert)
    return json_response(
        {
            "rule": draft.rule,
            "group": dict(draft.group),
            "until": draft.until.isoformat(),
            "alerts": [alert.to_json() for alert in found.alerts],
            "is_complete": found.is_complete,
        }
    )


@router.post(
    "/exceptions",
    summary="Make an exception",
    response_class=Response,
    responses=documented(ExceptionStepResponse, 404),
)
def create(request: Request, caller: TriageCaller, body: ExceptionBody) -> Response:
    """Make an exception from an alert's rule, which runners obey from their next step on.

    What it covers is stored as suppressed alerts, counted, and delivered to nobody. One of a token
    that is bound to an organization is for that organization's alerts alone.
    """
    alert, draft = _draft(request, caller, body)
    return json_response(_step(caller.alerts.exceptions.create(draft, caller.actor, alert)))


@router.post(
    "/exceptions/{exception_id}/end",
    summary="End an exception",
    response_class=Response,
    responses=documented(ExceptionStepResponse, 404),
)
def end(
    caller: TriageCaller,
    exception_id: Annotated[str, Path(max_length=64, description="The exception's id.")],
) -> Response:
    """End an exception before its time: what it would have suppressed fires again."""
    return json_response(_step(caller.alerts.exceptions.end(exception_id, caller.actor)))


def _draft(request: Request, caller: Caller, body: ExceptionBody) -> tuple[Alert, ExceptionDraft]:
    alert = caller.alerts.alert(body.alert)
    until = parse_end(body.until, request.app.state.clock())
    desk = caller.alerts.exceptions
    return alert, desk.draft(
        alert, body.fields, until=until, because=body.because, address_range=body.range
    )


def _step(done: ExceptionStep) -> dict[str, Any]:
    warning = None if done.is_recorded else _UNRECORDED
    return {"exception": done.exception.to_json(), "warning": warning}


def _listed(each: ListedException) -> dict[str, Any]:
    return {
        **each.exception.to_json(),
        "in_force": each.is_in_force,
        "suppressed": {"alerts": each.alerts, "events": each.events},
    }
