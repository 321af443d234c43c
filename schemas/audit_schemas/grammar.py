"""The canonical form of an event as a regular expression, generated from the model's JSON Schema.

A publisher that writes events as `encode` does, as the SDK is one, has them read in a fifth of the
time: one match tells that a text is what the model would write, and where its parts are. It knows
no escapes, no white space and no other order of fields; what it does not match may still be a valid
event, and takes the way of `decode`.

The patterns have the form that Python's `re` is quick at. A field's opening quotation mark belongs to
what stands before it, so that the first letter tells whether a field is left out. For text of ASCII
alone, which most is, classes of characters need no negation.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from audit_schemas.event import PRINTABLE, AuditEvent

__all__ = ["canonical_form", "canonical_lines", "group_of"]

# Possessive where a part is repeated: what it has taken is never given back, so time is linear.
_NEXT = r',"(?!\})'
_MORE = rf"(?:{_NEXT}|(?=\}}))"
_PLAIN = r'[^"\\\x00-\x1f]'
_PRINTABLE = PRINTABLE.replace("[^", r'[^"\\', 1)
_ASCII = {_PLAIN: r"[ !#-\[\]-\x7f]", _PRINTABLE: r"[ !#-\[\]-~]"}
_ADDRESS = r"[0-9A-Fa-f.:]{2,45}+"
_LABELS = r'\{{(?:"{key}":"{value}"(?:,"{key}":"{value}"){{0,{more}}}+)?+\}}'
_WHOLE = r"(?:0|[1-9][0-9]{0,17}+)"  # eighteen digits are below any 64-bit limit


def canonical_form(captured: Iterable[str], *, is_ascii: bool = False) -> re.Pattern[str]:
    """Return a pattern for the whole text of an event, with groups for the captured paths.

    What matches is valid and canonical, but for three things to be looked at apart: that the day of
    `@timestamp` exists, that `source.ip` is an address, and that `labels` are in ascending order.
    A group holds a string without its quotation marks, an object or a list with its brackets.

    With `is_ascii` it knows ASCII alone, in less time.
    """
    return re.compile(_pattern(captured, {}, is_ascii=is_ascii))


def canonical_lines(captured: Iterable[str], *, is_ascii: bool = False) -> re.Pattern[str]:
    r"""Return a pattern whose `findall` gives the groups of each line of a text of events.

    Each line ends with "\n". The groups of one that is no canonical event are empty; so is that of a
    path that it does not have. Besides those of `canonical_form` there is `rest`, what stands behind
    the value of `event.action`.
    """
    rest = {"event.action": "(?P<rest>"}
    return re.compile(rf"(?:{_pattern(captured, rest, is_ascii=is_ascii)})|[^\n]*+)\n")


def group_of(path: str) -> str:
    """Return the name of the group that holds what is at a path."""
    return re.sub(r"\W", "_", path)


def _pattern(captured: Iterable[str], behind: Mapping[str, str], *, is_ascii: bool) -> str:
    schema = _schema()
    return _Grammar(schema["$defs"], frozenset(captured), behind, is_ascii=is_ascii).of(schema, "")


@cache
def _schema() -> Mapping[str, Any]:
    """Return the model's JSON Schema, which takes as long to make as all that is made of it."""
    return AuditEvent.model_json_schema(by_alias=True)


class _Grammar:
    """Turns nodes of a JSON Schema into patterns; `behind` the fields at some paths, more is put."""

    def __init__(
        self,
        definitions: Mapping[str, Any],
        captured: frozenset[str],
        behind: Mapping[str, str],
        *,
        is_ascii: bool,
    ) -> None:
        self._definitions = definitions
        self._captured = captured
        self._behind = behind
        self._is_ascii = is_ascii
        self._kinds = {"integer": self._integer, "array": self._array, "object": self._object}

    def of(self, schema: Mapping[str, Any], path: str) -> str:
        if "$ref" in schema:
            return self.of(self._definitions[schema["$ref"].rpartition("/")[2]], path)
        if "type" not in schema:  # X or null, and nulls are left out
            (inner,) = (one for one in schema["anyOf"] if one != {"type": "null"})
            return self.of(inner, path)
        if schema["type"] == "string":
            return f'"{self._captured_as(path, self._text(schema))}"'
        return self._captured_as(path, self._kinds[schema["type"]](schema, path))

    def _integer(self, _: Mapping[str, Any], __: str) -> str:
        return _WHOLE

    def _object(self, schema: Mapping[str, Any], path: str) -> str:
        """Return what an object is.

        Up to the last field that every one has, a comma follows each; behind that, it is looked for.
        """
        if "properties" not in schema:
            return self._labels(schema)
        required = set(schema.get("required", ()))
        fields = [
            (self._field(name, field, path), name in required or field.get("default") is not None)
            for name, field in schema["properties"].items()
        ]
        sure = max((n for n, (_, always) in enumerate(fields, 1) if always), default=0)
        begin = "".join(
            f'{text},"' if always else f'(?:{text},"|)' for text, always in fields[:sure]
        ).removesuffix(',"')
        more = [text for text, _ in fields[sure:]]
        rest = "".join(f"(?:{text}{_MORE}|)" for text in more[:-1])
        rest += "".join(f"(?:{text}|)" for text in more[-1:])
        if not sure:
            alone = more[0] if len(more) == 1 else rf"(?!\}}){rest}"
            return rf'\{{(?:"{alone}|)\}}'
        return rf'\{{"{begin}(?:{_NEXT}{rest}|)\}}' if more else rf'\{{"{begin}\}}'

    def _field(self, name: str, schema: Mapping[str, Any], path: str) -> str:
        """Return a field without the quotation mark that it begins with."""
        inner = f"{path}.{name}" if path else name
        return f'{name}":{self.of(schema, inner)}{self._behind.get(inner, "")}'

    def _array(self, schema: Mapping[str, Any], path: str) -> str:
        item = self.of(schema["items"], f"{path}[]")
        return rf"\[(?:{item}(?:,{item}){{0,{schema['maxItems'] - 1}}}+)?+\]"

    def _labels(self, schema: Mapping[str, Any]) -> str:
        ((pattern, value),) = schema["patternProperties"].items()
        key = self._text({**schema["propertyNames"], "pattern": pattern})
        return _LABELS.format(key=key, value=self._text(value), more=schema["maxProperties"] - 1)

    def _captured_as(self, path: str, text: str) -> str:
        return f"(?P<{group_of(path)}>{text})" if path in self._captured else text

    def _text(self, schema: Mapping[str, Any]) -> str:
        """Return what stands between the quotation marks of a string."""
        if "anyOf" in schema:
            return _ADDRESS
        if "enum" in schema:
            return f"(?:{'|'.join(map(re.escape, schema['enum']))})"
        pattern = schema.get("pattern", "")
        if pattern in ("", f"^{PRINTABLE}*$"):
            letter = _PRINTABLE if pattern else _PLAIN
            letter = _ASCII[letter] if self._is_ascii else letter
            return f"{letter}{{{schema.get('minLength', 0)},{schema['maxLength']}}}+"
        return re.sub(r"\((?!\?)", "(?:", pattern.removeprefix("^").removesuffix("$"))
