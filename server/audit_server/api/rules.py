"""/rules: the rules in force; their files are the truth."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from audit_alerts import Firings, rule_fields
from audit_query import QuerySpec
from fastapi import APIRouter, Depends, Request, Response

from audit_server.access import AlertCaller
from audit_server.api.alert_responses import RulesResponse
from audit_server.api.query_params import PREFIX, check_query
from audit_server.api.responses import documented, json_response
from audit_server.errors import ProblemError
from audit_server.rule_book import RuleFile, rule_book

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["alerts"], dependencies=[Depends(check_query)])

_COUNTED = timedelta(days=30)


@router.get(
    "/rules", summary="Rules in force", response_class=Response, responses=documented(RulesResponse)
)
def rules(request: Request, caller: AlertCaller) -> Response:
    """Return the rules that the server's settings name, with how often each fired in 30 days.

    `step_seconds` is how long the runner takes to evaluate one, of late; null where none has.
    """
    book = rule_book(request)
    if book.trouble:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, book.trouble)
    fired = caller.alerts.firings(request.app.state.clock() - _COUNTED)
    times = caller.alerts.step_times()
    caller.record_search(QuerySpec(), len(book.files), list="rules")
    rows = [_rule(file, fired.get(file.rule.name), times.get(file.rule.id)) for file in book.files]
    return json_response({"rules": rows})


def _rule(file: RuleFile, fired: Firings | None, step: timedelta | None) -> dict[str, Any]:
    rule = file.rule
    return {
        **rule_fields(rule),
        "alert_span_seconds": rule.alert_span // 1000,
        "file": file.name,
        "text": file.text,
        "examples": {kind: [one["says"] for one in some] for kind, some in _examples(rule.examples)},
        "fired": {
            "alerts": fired.count if fired else 0,
            "open": fired.open if fired else 0,
            "last": fired.last.isoformat() if fired else None,
        },
        "step_seconds": None if step is None else step.total_seconds(),
    }


def _examples(examples: Any) -> list[tuple[str, Any]]:
    return [(kind, examples[kind]) for kind in ("fires", "silent")]
