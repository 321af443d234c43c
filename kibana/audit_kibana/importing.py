"""What is brought into Kibana, step by step, and what became of each.

What is there already is replaced, except for what people attach to a rule in Kibana: its actions,
its dashboards and investigation guide, its exceptions, and whether it is switched on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol

from audit_kibana.bundle import OBJECTS_FILE, Bundle
from audit_kibana.errors import KibanaRefusedError, KibanaUnreachableError
from audit_kibana.kibana_rules import KibanaRule
from audit_kibana.saved_objects import ndjson

__all__ = ["ImportOutcome", "ImportResult", "Sender", "imported"]

_IMPORT = "/api/saved_objects/_import?overwrite=true"
_ACTION_KEYS = (
    "id",
    "group",
    "params",
    "frequency",
    "uuid",
    "alerts_filter",
    "use_alert_data_for_template",
)
"""What an action is written with; Kibana reads out more than it takes."""
_MEANINGS = {
    "conflict": "there is another object of this id; delete or rename it in Kibana",
    "ambiguous_conflict": "several copies of it are there; delete the old ones in Kibana",
    "missing_references": "what it refers to was refused too",
    "unsupported_type": "this Kibana does not know this type; it may lack the feature",
}
_WRITES_NONE = {"conflict", "ambiguous_conflict", "missing_references"}
"""With one of these among its errors, Kibana writes nothing, and lists the rest as successes."""
_NO_INTERNAL = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)


class ImportOutcome(StrEnum):
    """What became of one thing."""

    CREATED = "created"
    UPDATED = "updated"
    NOT_WRITTEN = "not written"
    FAILED = "failed"
    NOT_TRIED = "not tried"

    @property
    def is_done(self) -> bool:
        """Tell whether it is in Kibana now as it is here."""
        return self in (ImportOutcome.CREATED, ImportOutcome.UPDATED)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """One thing, and what became of it; `reason` says what to do if it failed."""

    what: str
    name: str
    outcome: ImportOutcome
    reason: str = ""


class Sender(Protocol):
    """What this needs of a client; `Kibana` is one."""

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Send JSON and return the answer's. Raises KibanaError."""
        ...

    def upload(self, path: str, name: str, content: str) -> Any:
        """Send a file. Raises as `send` does."""
        ...


def imported(bundle: Bundle, kibana: Sender) -> Iterator[ImportResult]:
    """Bring it all in; yield what became of each thing, in order.

    A refusal of one thing hinders no other. When Kibana can't be reached any more, the rest is told
    as not tried.
    """
    try:
        yield from _objects(bundle, kibana)
    except KibanaUnreachableError as error:
        yield ImportResult("objects", OBJECTS_FILE, ImportOutcome.FAILED, str(error))
        yield from _left(bundle.rules)
        return
    for number, rule in enumerate(bundle.rules):
        try:
            yield ImportResult(rule.type, rule.rule, _rule(rule, kibana))
        except KibanaRefusedError as error:
            yield ImportResult(rule.type, rule.rule, ImportOutcome.FAILED, str(error))
        except KibanaUnreachableError as error:
            yield ImportResult(rule.type, rule.rule, ImportOutcome.FAILED, str(error))
            yield from _left(bundle.rules[number + 1 :])
            return


def _left(rules: tuple[KibanaRule, ...]) -> Iterator[ImportResult]:
    return (ImportResult(rule.type, rule.rule, ImportOutcome.NOT_TRIED) for rule in rules)


def _objects(bundle: Bundle, kibana: Sender) -> Iterator[ImportResult]:
    try:
        answer = kibana.upload(_IMPORT, OBJECTS_FILE, ndjson(bundle.objects))
    except KibanaRefusedError as error:
        yield ImportResult("objects", OBJECTS_FILE, ImportOutcome.FAILED, str(error))
        return
    succeeded = {(each.get("type"), each.get("id")): each for each in _listed(answer, "successResults")}
    failed = {(each.get("type"), each.get("id")): each for each in _listed(answer, "errors")}
    blocking = {_kind(error) for error in failed.values()} & _WRITES_NONE
    for each in bundle.objects:
        key = each["type"], each["id"]
        result = _object(each, succeeded.get(key), failed.get(key))
        yield _not_written(result) if blocking and result.outcome.is_done else result


def _not_written(result: ImportResult) -> ImportResult:
    reason = "Kibana writes no object while another one has such an error; fix that, and import again"
    return replace(result, outcome=ImportOutcome.NOT_WRITTEN, reason=reason)


def _object(
    wanted: Mapping[str, Any], success: Mapping[str, Any] | None, error: Mapping[str, Any] | None
) -> ImportResult:
    attributes = wanted["attributes"]
    what, name = wanted["type"], attributes.get("name") or attributes["title"]
    if error is not None:
        return ImportResult(what, name, ImportOutcome.FAILED, _meaning(error))
    if success is None:
        reason = "Kibana's answer does not say what became of it; look for it in Kibana"
        return ImportResult(what, name, ImportOutcome.FAILED, reason)
    return ImportResult(
        what, name, ImportOutcome.UPDATED if success.get("overwrite") else ImportOutcome.CREATED
    )


def _meaning(error: Mapping[str, Any]) -> str:
    """Return what an error inside an answer of 200 means."""
    kind = _kind(error)
    said = _inner(error).get("message") or _MEANINGS.get(kind)
    return f"{kind}: {said}" if said else f"Kibana refuses it: {kind}"


def _kind(error: Mapping[str, Any]) -> str:
    return str(_inner(error).get("type", "unknown"))


def _inner(error: Mapping[str, Any]) -> Mapping[str, Any]:
    found = error.get("error")
    return found if isinstance(found, dict) else {}


def _rule(rule: KibanaRule, kibana: Sender) -> ImportOutcome:
    """Make a rule; where it is there already, replace it. Two answers of 409 are somebody else."""
    try:
        kibana.send("POST", rule.path, rule.body)
    except KibanaRefusedError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
    else:
        return ImportOutcome.CREATED
    replace_rule = _replace_detection if rule.type.is_detection else _replace_alerting
    try:
        replace_rule(rule, kibana)
    except KibanaRefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        raise KibanaRefusedError(
            error.status,
            f"its id {rule.id} is taken, but not in this space. Delete what has it, or import with "
            "--space",
        ) from None
    return ImportOutcome.UPDATED


def _replace_alerting(rule: KibanaRule, kibana: Sender) -> None:
    there = _alerting_rule(rule, kibana)
    actions = [
        {key: action[key] for key in _ACTION_KEYS if key in action}
        for action in _listed(there, "actions")
    ]
    kept = {key: rule.body[key] for key in ("name", "schedule", "params", "tags")}
    if isinstance(there, dict) and there.get("artifacts"):
        kept["artifacts"] = there["artifacts"]
    kibana.send("PUT", rule.path, kept | {"actions": actions})


def _alerting_rule(rule: KibanaRule, kibana: Sender) -> Any:
    """Return the rule with its dashboards and investigation guide, where this Kibana has those.

    A replacement without them deletes them, and only the internal route shows them.
    """
    try:
        return kibana.send("GET", f"/internal/alerting/rule/{rule.id}")
    except KibanaRefusedError as error:
        if error.status not in _NO_INTERNAL:
            raise
    return kibana.send("GET", rule.path)


def _replace_detection(rule: KibanaRule, kibana: Sender) -> None:
    there = kibana.send("GET", f"{rule.path}?rule_id={rule.id}")
    kept = {
        key: there[key]
        for key in ("enabled", "actions", "exceptions_list")
        if isinstance(there, dict) and key in there
    }
    kibana.send("PUT", rule.path, rule.body | kept)


def _listed(answer: Any, key: str) -> list[Mapping[str, Any]]:
    """Return a list of an answer, without what is no object."""
    found = answer.get(key) if isinstance(answer, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
