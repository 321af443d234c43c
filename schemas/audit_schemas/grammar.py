"""The canonical form of an event as a regular expression, generated from the model's JSON Schema.

A publisher that writes events as `encode` does, as the SDK is one, has them read in a fifth of the
time: one match tells that a text is what the model would write, and where its parts are. It knows
no escapes, no white space and no other order of fields; what it does not match may still be a valid
event, and takes the way of `decode`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from audit_schemas.event import PRINTABLE, AuditEvent

__all__ = ["canonical_form", "group_of"]

# Possessive throughout: what one part has taken is never given back, so time is linear in length.
_COMMA = r"(?:,(?!\})|(?=\}))"
_PLAIN = r'[^"\\\x00-\x1f]'
_PRINTABLE = PRINTABLE.replace("[^", r'[^"\\', 1)
_ADDRESS = r"[0-9A-Fa-f.:]{2,45}+"
_LABELS = r'\{{(?:"{key}":"{value}"(?:,"{key}":"{value}"){{0,{more}}}+)?+\}}'
_WHOLE = r"(?:0|[1-9][0-9]{0,17}+)"  # eighteen digits are below any 64-bit limit


def canonical_form(captured: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for the whole text of an event, with groups for the captured paths.

    What matches is valid and canonical, but for three things to be looked at apart: that the day of
    `@timestamp` exists, that `source.ip` is an address, and that `labels` are in ascending order.
    A group holds a string without its quotation marks, an object or a list with its brackets.
    """
    schema = AuditEvent.model_json_schema(by_alias=True)
    return re.compile(_Grammar(schema["$defs"], frozenset(captured)).of(schema, ""))


def group_of(path: str) -> str:
    """Return the name of the group that holds what is at a path."""
    return re.sub(r"\W", "_", path)


class _Grammar:
    """Turns nodes of a JSON Schema into patterns."""

    def __init__(self, definitions: Mapping[str, Any], captured: frozenset[str]) -> None:
        self._definitions = definitions
        self._captured = captured
        self._kinds = {"integer": self._integer, "array": self._array, "object": self._object}

    def of(self, schema: Mapping[str, Any], path: str) -> str:
        if "$ref" in schema:
            return self.of(self._definitions[schema["$ref"].rpartition("/")[2]], path)
        if "type" not in schema:  # X or null, and nulls are left out
            (inner,) = (one for one in schema["anyOf"] if one != {"type": "null"})
            return self.of(inner, path)
        if schema["type"] == "string":
            return f'"{self._captured_as(path, _text(schema))}"'
        return self._captured_as(path, self._kinds[schema["type"]](schema, path))

    def _integer(self, _: Mapping[str, Any], __: str) -> str:
        return _WHOLE

    def _object(self, schema: Mapping[str, Any], path: str) -> str:
        if "properties" not in schema:
            return self._labels(schema)
        fields = []
        for name, field in schema["properties"].items():
            inner = f"{path}.{name}" if path else name
            text = f'"{name}":{self.of(field, inner)}{_COMMA}'
            always = name in schema.get("required", ()) or field.get("default") is not None
            fields.append(text if always else f"(?>{text})?+")
        return rf"\{{{''.join(fields)}\}}"

    def _array(self, schema: Mapping[str, Any], path: str) -> str:
        item = self.of(schema["items"], f"{path}[]")
        return rf"\[(?:{item}(?:,{item}){{0,{schema['maxItems'] - 1}}}+)?+\]"

    def _labels(self, schema: Mapping[str, Any]) -> str:
        ((pattern, value),) = schema["patternProperties"].items()
        key = _text({**schema["propertyNames"], "pattern": pattern})
        return _LABELS.format(key=key, value=_text(value), more=schema["maxProperties"] - 1)

    def _captured_as(self, path: str, text: str) -> str:
        return f"(?P<{group_of(path)}>{text})" if path in self._captured else text


def _text(schema: Mapping[str, Any]) -> str:
    """Return what stands between the quotation marks of a string."""
    if "anyOf" in schema:
        return _ADDRESS
    if "enum" in schema:
        return f"(?:{'|'.join(map(re.escape, schema['enum']))})"
    pattern = schema.get("pattern", "")
    if pattern in ("", f"^{PRINTABLE}*$"):
        letter = _PRINTABLE if pattern else _PLAIN
        return f"{letter}{{{schema.get('minLength', 0)},{schema['maxLength']}}}+"
    return re.sub(r"\((?!\?)", "(?:", pattern.removeprefix("^").removesuffix("$"))
