"""An alert as an example of its rule, for the page and for the API."""

from dataclasses import dataclass
from http import HTTPStatus

from audit_alerts import EXAMPLE_MAX, Alert, Rule, evidence_events, silent_example
from audit_query import QuerySpec
from fastapi import Request

from audit_server.access import Caller
from audit_server.errors import ProblemError
from audit_server.rule_book import rule_book

__all__ = ["RuleExample", "example_of"]


@dataclass(frozen=True, slots=True)
class RuleExample:
    """A `silent` example of a rule: YAML, for somebody to commit."""

    rule: Rule
    text: str


def example_of(request: Request, caller: Caller, alert: Alert) -> RuleExample:
    """Return an alert's example, and note that it was read.

    Raises ProblemError where its rule is no longer in force, and what `silent_example` raises.
    """
    rule = rule_book(request).rule(alert.rule)
    if rule is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"The rule {alert.rule} is no longer in force")
    events = evidence_events(caller.log, rule, alert, limit=EXAMPLE_MAX + 1)
    caller.record_search(QuerySpec(), len(events), alert=alert.id)
    return RuleExample(rule, silent_example(rule, alert, events))
