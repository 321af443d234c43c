"""/alerts: what rules found, and what people do about it."""

from pathlib import Path as FilePath
from typing import Annotated, Any

from audit_alerts import Alert, NoSuchAlertError, Step, Triaged
from audit_query import QuerySpec
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from audit_server.access import AlertCaller, TriageCaller
from audit_server.alert_example import example_of
from audit_server.api.alert_params import AlertsParams, BulkBody, StepBody
from audit_server.api.alert_responses import (
    AlertDetailsResponse,
    AlertExampleResponse,
    AlertsResponse,
    BulkResponse,
    StepResponse,
)
from audit_server.api.query_params import PREFIX, check_query
from audit_server.api.responses import documented, json_response

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["alerts"], dependencies=[Depends(check_query)])

AlertId = Annotated[str, Path(max_length=64, description="The alert's id.")]
_UNRECORDED = "It is stored, but its event could not be published"


@router.get("/alerts", summary="Alerts", response_class=Response, responses=documented(AlertsResponse))
def alerts(request: Request, caller: AlertCaller, params: Annotated[AlertsParams, Query()]) -> Response:
    """Return a page of alerts; without a status those that are open, acknowledged or closed."""
    wanted = params.filter(request)
    page = caller.alerts.alerts(wanted, size=params.size, after=params.cursor, order=params.order)
    asked = params.model_dump(by_alias=True, exclude_defaults=True, exclude={"cursor", "size", "order"})
    labels = {n: v if isinstance(v, str) else ", ".join(v) for n, v in asked.items()}
    caller.record_search(QuerySpec(), page.total, list="alerts", **labels)
    found = [alert.to_json() for alert in page.alerts]
    return json_response({"alerts": found, "total": page.total, "cursor": page.cursor})


@router.get(
    "/alerts/{alert_id}",
    summary="One alert",
    response_class=Response,
    responses=documented(AlertDetailsResponse, 404),
)
def alert(caller: AlertCaller, alert_id: AlertId) -> Response:
    """Return an alert, and other alerts of its addresses and of its users, at most 20 of each."""
    found = caller.alerts.alert(alert_id)
    related = caller.alerts.related(found)
    caller.record_search(QuerySpec(), 1, alert=found.id)
    return json_response(
        {
            "alert": found.to_json(),
            "related": {
                "addresses": [each.to_json() for each in related.of_addresses],
                "users": [each.to_json() for each in related.of_users],
            },
        }
    )


@router.get(
    "/alerts/{alert_id}/example",
    summary="An alert as an example of its rule",
    response_class=Response,
    responses=documented(AlertExampleResponse, 404, 409),
)
def example(request: Request, caller: AlertCaller, alert_id: AlertId) -> Response:
    """Return an alert as a `silent` example of its rule: YAML, to be put into the rule's file.

    Meant for a false positive: the rule has to be changed so that it holds. Nothing is changed here.
    """
    made = example_of(request, caller, caller.alerts.alert(alert_id))
    return json_response(
        {"rule": made.rule.name, "file": FilePath(made.rule.file).name, "text": made.text}
    )


@router.post(
    "/alerts/triage",
    summary="Triage many alerts",
    response_class=Response,
    responses=documented(BulkResponse),
)
def triage_all(caller: TriageCaller, body: BulkBody) -> Response:
    """Take one step on up to 200 alerts, each by itself; `results` say what came of each.

    Each step is an event of its own: `alert-acknowledged`, `alert-closed` and so on.
    """
    done = caller.alerts.triage_all(body.steps(), caller.actor)
    return json_response({"results": [_result(each) for each in done]})


@router.post(
    "/alerts/{alert_id}/{step}",
    summary="Triage an alert",
    response_class=Response,
    responses=documented(StepResponse, 404, 409),
)
def triage(
    caller: TriageCaller,
    alert_id: AlertId,
    step: Annotated[Step, Path(description="acknowledge, assign, close, reopen or note.")],
    body: StepBody,
) -> Response:
    """Take a step on an alert: acknowledge, assign, close, reopen or note.

    Whoever acknowledges an alert that is nobody's has it from then on. A step that was decided on an
    older `version`, or that the alert does not allow any more, is refused, and the problem says who
    did what meanwhile.
    """
    done = caller.alerts.triage(alert_id, body.step(step), caller.actor)
    return json_response(_step(done))


def _step(done: Triaged) -> dict[str, Any]:
    document = done.alert.to_json() if isinstance(done.alert, Alert) else None
    warning = None if done.is_recorded else _UNRECORDED
    return {"alert": document, "warning": warning}


def _result(done: Triaged) -> dict[str, Any]:
    if done.error is None:
        return {"id": done.id, "status": 200, "error": None, **_step(done)}
    status = 404 if isinstance(done.error, NoSuchAlertError) else 409
    return {"id": done.id, "status": status, "error": str(done.error), "alert": None, "warning": None}
