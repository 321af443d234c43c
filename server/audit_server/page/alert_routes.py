"""The routes of the page's Alerts part: the list, one alert, and what is done about them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from audit_alerts import Alert, NoSuchAlertError
from audit_query import QuerySpec
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from audit_server.access import AlertCaller, Caller, TriageCaller
from audit_server.alert_example import example_of
from audit_server.errors import ProblemError
from audit_server.page.alert_list import ListedAlerts, alert_list
from audit_server.page.alert_page import alert_page
from audit_server.page.alert_triage import Outcome, taken, triage_all, triage_one
from audit_server.page.alert_view import ALERTS, AlertView, alert_path
from audit_server.page.forms import PostedForm
from audit_server.page.render import now_of, render, show, view_of
from audit_server.page.rule_page import RULES, rules_page
from audit_server.page.view import ZONE_COOKIE, View
from audit_server.roles import Permission
from audit_server.rule_book import rule_book

__all__ = ["PART", "router"]

PART = "Alerts"

router = APIRouter(include_in_schema=False)


@router.get(ALERTS)
def alerts(request: Request, caller: AlertCaller) -> Response:
    """List alerts. Blank fields of the form are removed from the address first."""
    given = request.query_params.multi_items()
    if any(not value.strip() for _, value in given):
        return RedirectResponse(_asked(request).link(), HTTPStatus.SEE_OTHER)
    return _list(request, caller, _asked(request), taken(request.query_params.get("did", "")))


@router.get(f"{ALERTS}/rows")
def rows(request: Request, caller: AlertCaller) -> Response:
    """Return the rows of the list as they are now, for a page that is open."""
    asked = _asked(request)
    found = _listed(request, caller, asked)
    return render("alert_rows.html", view=asked.view, **_own(caller), **found.context)


@router.post(ALERTS)
def triage_chosen(request: Request, caller: TriageCaller, form: PostedForm) -> Response:
    """Take one step on all chosen alerts; where it failed for some, say for which, and why."""
    asked = _asked_before(request, form.value("back"))
    outcome = triage_all(caller, form)
    if outcome.failed:
        return _list(request, caller, asked, outcome, HTTPStatus.CONFLICT)
    return RedirectResponse(outcome.told_in(asked.link()), HTTPStatus.SEE_OTHER)


@router.get(f"{ALERTS}/{{alert_id}}")
def alert(request: Request, caller: AlertCaller, alert_id: str) -> Response:
    """Show one alert."""
    view = view_of(request, without=("did",))
    outcome = taken(request.query_params.get("did", ""))
    return _alert(request, caller, _found(caller, alert_id), view, outcome)


@router.post(f"{ALERTS}/{{alert_id}}")
def triage(request: Request, caller: TriageCaller, alert_id: str, form: PostedForm) -> Response:
    """Take a step on an alert; where somebody was faster, show what it is now."""
    view = view_of(request)
    outcome = triage_one(caller, alert_id, form)
    if outcome.failed:
        found = _found(caller, alert_id)
        return _alert(request, caller, found, view, outcome, HTTPStatus.CONFLICT)
    return RedirectResponse(
        outcome.told_in(view.other_page(alert_path(alert_id))), HTTPStatus.SEE_OTHER
    )


@router.get(f"{ALERTS}/{{alert_id}}/example")
def example(request: Request, caller: AlertCaller, alert_id: str) -> Response:
    """Return an alert as a `silent` example of its rule: YAML, for somebody to commit."""
    found = _found(caller, alert_id)
    made = example_of(request, caller, found)
    name = f"{made.rule.name}-{found.id[:10]}.yml"
    return PlainTextResponse(
        made.text,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get(RULES)
def rules(request: Request, caller: AlertCaller, rule: str = "") -> Response:
    """Show the rules in force; `rule` is the one that is unfolded."""
    view = view_of(request, without=("rule",))
    context = rules_page(rule_book(request), caller.alerts, now_of(request), view)
    caller.record_search(QuerySpec(), len(context["rules"]), list="rules")
    return show(request, caller, "rules.html", part=PART, view=view, open_rule=rule, **context)


def _alert(
    request: Request,
    caller: Caller,
    found: Alert,
    view: View,
    outcome: Outcome | None,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    rule = rule_book(request).rule(found.rule)
    context = alert_page(caller.log, caller.alerts, found, rule, view)
    caller.record_search(QuerySpec(), 1, alert=found.id)
    shown = show(
        request,
        caller,
        "alert.html",
        part=PART,
        view=view,
        outcome=outcome,
        **_own(caller),
        **context,
    )
    shown.status_code = status
    return shown


def _list(
    request: Request,
    caller: Caller,
    asked: AlertView,
    outcome: Outcome | None,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    found = _listed(request, caller, asked)
    shown = show(
        request,
        caller,
        "alerts.html",
        part=PART,
        view=asked.view,
        outcome=outcome,
        **_own(caller),
        **found.context,
    )
    shown.status_code = status
    return shown


def _listed(request: Request, caller: Caller, asked: AlertView) -> ListedAlerts:
    book = rule_book(request)
    found = alert_list(caller.alerts, asked, now_of(request), caller.name, book.names)
    labels = {name: ", ".join(asked.values(name)) for name, _ in asked.pairs}
    caller.record_search(QuerySpec(), found.total, list="alerts", **labels)
    return found


def _own(caller: Caller) -> Mapping[str, Any]:
    return {"may_triage": caller.may(Permission.TRIAGE), "me": caller.name}


def _asked(request: Request) -> AlertView:
    """Return which alerts the address asks for. Raises ParameterError."""
    given = [pair for pair in request.query_params.multi_items() if pair[0] != "did"]
    return _view_of(request, given)


def _asked_before(request: Request, back: str) -> AlertView:
    """Return which alerts the page showed that a form came from: only its query is believed."""
    return _view_of(request, parse_qsl(urlsplit(back).query))


def _view_of(request: Request, given: list[tuple[str, str]]) -> AlertView:
    cookie = request.cookies.get(ZONE_COOKIE)
    return AlertView.of(given, cookie=cookie, default=request.app.state.settings.time_zone)


def _found(caller: Caller, alert_id: str) -> Alert:
    try:
        return caller.alerts.alert(alert_id)
    except NoSuchAlertError as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, str(error)) from None
