"""The YAML documents of a rule file, before they mean anything: read, and held to known keys. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from audit_alerts.attributes import Attributes
from audit_alerts.errors import RuleRefusedError
from audit_alerts.yaml_documents import load_documents

__all__ = ["DENIED", "RuleDocument", "rule_documents"]

DENIED = "%denied_ranges%"
"""As a value in a rule: the ranges of the file that AUDITLOG_DENIED_RANGES names."""

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
_TEXTS = ("correlation.rules", "correlation.group-by", "detection.condition", "falsepositives")
"""What holds texts alone, where it is a list."""


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """One document: Sigma's part, and ours."""

    sigma: dict[str, Any]
    ours: Attributes
    uses_ranges: bool

    @property
    def label(self) -> str:
        """What to call it in messages."""
        return str(self.sigma.get("name") or self.sigma.get("title") or "a document")


def rule_documents(text: str, file: str, ranges: Sequence[str] | None) -> list[RuleDocument]:
    """Return the documents of a file, with the denied ranges filled in.

    `ranges` None: those of the examples. Raises RuleRefusedError.
    """
    found = load_documents(text, file)
    if not found or not all(isinstance(part, dict) for part in found):
        raise RuleRefusedError(file, "holds no rule")
    for part in found:
        _check_keys(part, file)
        _check_shapes(part, file)
    read = [(part, _ours(part, file)) for part in found]
    if ranges is None:
        ranges = [text for _, ours in read if ours.examples for text in ours.examples.denied_ranges]
    return [_document(part, ours, ranges) for part, ours in read]


def _document(part: dict[str, Any], ours: Attributes, ranges: Sequence[str]) -> RuleDocument:
    sigma = {name: value for name, value in part.items() if name != "auditlog"}
    filled = _filled(sigma, list(ranges))
    return RuleDocument(filled, ours, filled != sigma)


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


def _filled(value: Any, ranges: list[str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, ranges) for name, inner in value.items()}
    if isinstance(value, list):
        return [
            text
            for inner in value
            for text in (ranges if inner == DENIED else [_filled(inner, ranges)])
        ]
    return ranges if value == DENIED else value
