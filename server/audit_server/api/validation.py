"""What is wrong with a request's parameters, as a sentence. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from audit_query import ParameterError, unknown_parameter
from audit_runtime import did_you_mean
from fastapi.exceptions import RequestValidationError

__all__ = ["explain"]

_SHOWN_MAX = 64
_NUMBER_ERRORS = ("int_parsing", "int_parsing_size", "greater_than_equal", "less_than_equal")


def explain(
    error: RequestValidationError, parameters: Mapping[str, Mapping[str, Any]]
) -> ParameterError:
    """Return the first thing that is wrong; `parameters` are those of the OpenAPI document.

    A name that does not exist comes first: what else is wrong may follow from it.
    """
    first = min(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
    name = str(first["loc"][1]) if len(first["loc"]) > 1 else "query"
    if first["loc"][:1] == ("body",):
        return _of_body(first)
    if first["type"] == "extra_forbidden":
        return unknown_parameter(name, parameters)
    return ParameterError(name, _reason(first, parameters.get(name, {})))


def _of_body(detail: Mapping[str, Any]) -> ParameterError:
    if detail["type"] in ("json_invalid", "model_attributes_type"):
        return ParameterError("body", "must be a JSON object")
    name = ".".join(map(str, detail["loc"][1:]))[:_SHOWN_MAX] or "body"
    if detail["type"] == "extra_forbidden":
        return ParameterError(name, "there is no such field")
    return ParameterError(name, "is required" if detail["type"] == "missing" else _reason(detail, {}))


def _reason(detail: Mapping[str, Any], parameter: Mapping[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return f"is required. {parameter.get('description', '')}".rstrip()
    if kind == "literal_error":
        return _not_one_of(detail["input"], re.findall("'([^']*)'", context["expected"]))
    if kind in _NUMBER_ERRORS:
        schema = parameter.get("schema", {})
        least, most = schema.get("minimum"), schema.get("maximum")
        return f"must be a whole number from {least} to {most}, not {_shown(detail['input'])}"
    if kind == "string_too_long":
        return f"must have at most {context['max_length']} characters"
    return str(context.get("error", detail["msg"]))


def _not_one_of(value: Any, values: list[str]) -> str:
    near = did_you_mean(str(value), values)
    hint = f"; did you mean {near}?" if near else ""
    return f"must be one of {', '.join(values)}, not {_shown(value)}{hint}"


def _shown(value: Any) -> str:
    return repr(str(value)[:_SHOWN_MAX])
