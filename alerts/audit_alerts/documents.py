"""The YAML documents of a rule file, before they mean anything: read, and held to known keys. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from audit_alerts.attributes import Attributes
from audit_alerts.errors import RuleRefusedError
from audit_alerts.yaml_documents import load_documents

__all__ = ["RuleDocument", "rule_documents"]

_TOP = frozenset({
    "title", "id", "name", "description", "status", "level", "author", "date", "modified",
    "references", "tags", "falsepositives", "license", "related", "fields", "taxonomy", "logsource",
    "detection", "correlation", "auditlog",
})  # fmt: skip
_CORRELATION = frozenset({"type", "rules", "group-by", "timespan", "condition", "aliases"})
_SHAPES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "id": (str, "a text"),
    "name": (str, "a text"),
    "logsource.product": (str, "a text"),
    "logsource.service": (str, "a text"),
    "detection.condition": ((str, list), "a text"),
    "correlation": (dict, "keys with values"),
    "correlation.type": (str, "a text"),
    "correlation.condition.gt": (int, "a whole number"),
    "correlation.condition.gte": (int, "a whole number"),
}
"""What pySigma takes for granted, or rounds."""
_FORMER = "%denied_ranges%"
_TEXTS = ("correlation.rules", "correlation.group-by", "detection.condition", "falsepositives")
"""What holds texts alone, where it is a list."""


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """One document: Sigma's part, and ours."""

    sigma: dict[str, Any]
    ours: Attributes

    @property
    def label(self) -> str:
        """What to call it in messages."""
        return str(self.sigma.get("name") or self.sigma.get("title") or "a document")


def rule_documents(text: str, file: str) -> list[RuleDocument]:
    """Return the documents of a file. Raises RuleRefusedError."""
    found = load_documents(text, file)
    if not found or not all(isinstance(part, dict) for part in found):
        raise RuleRefusedError(file, "holds no rule")
    for part in found:
        _check_keys(part, file)
        _check_shapes(part, file)
    return [_document(part, file) for part in found]


def _document(part: dict[str, Any], file: str) -> RuleDocument:
    sigma = {name: value for name, value in part.items() if name != "auditlog"}
    if "detection" in sigma:
        sigma["detection"] = _with_lists_whole(sigma["detection"], file)
    return RuleDocument(sigma, _ours(part, file))


def _check_keys(part: dict[str, Any], file: str) -> None:
    """Hold every key to those that mean something: pySigma passes over a key that is misspelt."""
    for holder, known in (
        (part, _TOP),
        (part.get("correlation"), _CORRELATION),
        (part.get("logsource"), frozenset({"product", "service"})),
    ):
        if isinstance(holder, dict) and (unknown := set(holder) - known):
            raise RuleRefusedError(file, f"{min(map(str, unknown))} is not a known key")
    detection = part.get("detection")
    if isinstance(detection, dict) and "timeframe" in detection:
        raise RuleRefusedError(file, "timeframe has no meaning any more; write a correlation")


def _check_shapes(part: dict[str, Any], file: str) -> None:
    """Hold that values are of a kind that pySigma can read; some others it falls over."""
    for path, (kind, words) in _SHAPES.items():
        for value in _at(part, path.split(".")):
            if not isinstance(value, kind) or isinstance(value, bool):
                raise RuleRefusedError(file, f"{path} has to be {words}")
    for path in _TEXTS:
        for value in _at(part, path.split(".")):
            if isinstance(value, list) and not all(isinstance(each, str) for each in value):
                raise RuleRefusedError(file, f"{path} has to be a list of texts")


def _at(found: Any, path: Sequence[str]) -> list[Any]:
    """Return the value at a path, as one or none."""
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return []
        found = found[name]
    return [found]


def _ours(part: dict[str, Any], file: str) -> Attributes:
    try:
        return Attributes.model_validate(part.get("auditlog") or {})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in ("auditlog", *first["loc"]))
        raise RuleRefusedError(file, f"{where}: {first['msg']}") from None


def _with_lists_whole(found: Any, file: str) -> Any:
    """Return a detection in which what names a list has no modifier that pySigma would apply to it."""
    if isinstance(found, list):
        return [_with_lists_whole(inner, file) for inner in found]
    if not isinstance(found, dict):
        return found
    if odd := [name for name in found if not isinstance(name, str)]:
        raise RuleRefusedError(file, f"detection: {odd[0]!r} is no name of a field: that is a text")
    return {_key(name, value, file): _with_lists_whole(value, file) for name, value in found.items()}


def _key(name: str, value: Any, file: str) -> str:
    """Return the key of a field: `|cidr` and `|expand` say nothing more of a list."""
    values = value if isinstance(value, list) else [value]
    if _FORMER in values:
        raise RuleRefusedError(
            file, f"{_FORMER} is the list '%lists.denied%' now; in examples, lists: {{denied: [...]}}"
        )
    lists = [each for each in values if isinstance(each, str) and each.startswith("%lists.")]
    field, *modifiers = name.split("|")
    if not lists or not modifiers:
        return name
    if "cidr" in modifiers and len(lists) < len(values):
        raise RuleRefusedError(file, f"{name}: put its ranges into a list, or into another selection")
    kept = [each for each in modifiers if each not in ("cidr", "expand")]
    if odd := set(kept) - {"all", "neq"}:
        raise RuleRefusedError(file, f"{name}: a list is compared whole; leave |{min(odd)} out")
    return "|".join((field, *kept))
