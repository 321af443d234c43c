"""What a mapping file may contain, table by table. Its errors name the place, as it is written."""

import io
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from audit_schemas import AuditEvent, leaves
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from audit_admin.importing.clean import CLEANERS
from audit_admin.importing.condition import ALWAYS, Condition, Selection
from audit_admin.importing.extract import Extraction, InvalidPatternError, compile_pattern
from audit_admin.importing.row_path import read_path
from audit_admin.importing.time_format import has_hour, has_year, wrong_in
from audit_admin.importing.timestamps import TIME_FORMS, TimestampRule
from audit_admin.importing.values import ChangeRule, ValueRule

__all__ = ["MappingFile", "sentence_of"]

_OWN = {
    "event.id": "[source] id",
    "@timestamp": "[time]",
    "event.action": "[activity]",
    "audit.changes": "[[changes]]",
    "audit.altered": "auditlog itself",
}
_LABELS = "labels."
_PATHS = {leaf.path for leaf in leaves(AuditEvent, into_lists=False)} - {"labels"}
_NOTHING = ("-", "null", "(null)", "none", "nil", "n/a", "undefined", "unknown")


def _as_list(found: Any) -> Any:
    return [found] if isinstance(found, str | dict) else found


def _encoding(name: str) -> str:
    try:
        io.TextIOWrapper(io.BytesIO(), name)  # `codecs.lookup` knows base64 and the like, too
    except (LookupError, ValueError):
        raise ValueError("is not a known encoding, such as utf-8 or windows-1254") from None
    return name


def _delimiter(text: str) -> str:
    if len(text) != 1 or text in '"\r\n':
        raise ValueError("must be one character")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError("is not a time zone, such as Europe/Istanbul or UTC") from None
    return name


def _time_format(form: str) -> str:
    if form in TIME_FORMS:
        return form
    if "%" not in form:
        raise ValueError(f"must be one of {', '.join(TIME_FORMS)}, or like %d/%m/%Y %H:%M:%S")
    if wrong := wrong_in(form):
        raise ValueError(wrong)
    return form


def _label(path: str) -> str:
    if not path.startswith(_LABELS) or path == _LABELS:
        raise ValueError("must be a label, such as labels.address")
    return path


def _event_field(path: str) -> str:
    if path in _OWN:
        raise ValueError(f"is set by {_OWN[path]}")
    if path not in _PATHS and not (path.startswith(_LABELS) and path != _LABELS):
        raise ValueError("is not a field of an event; put fields of your own under labels")
    return path


Names = Annotated[list[str], BeforeValidator(_as_list)]
Tests = dict[str, bool | Names]


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_known_keys(cls, found: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        strange = sorted(set(found) - set(known)) if isinstance(found, dict) else []
        if strange:
            raise ValueError(f"{strange[0]} is not a known key; known are {', '.join(known)}")
        return found


class SourceTable(_Table):
    """[source]: the file."""

    name: str = Field(min_length=1)
    format: Literal["csv", "ndjson"]
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    delimiter: Annotated[str, AfterValidator(_delimiter)] = ","
    columns: Names = []
    id: Names = []
    skip_lines: int = Field(default=0, ge=0, le=1000)
    records: str | None = None
    each: str | None = None
    invalid_bytes: Literal["reject", "escape"] = "reject"
    empty: Names = list(_NOTHING)

    @property
    def nothing(self) -> frozenset[str]:
        """The texts that stand for no value, in lower case."""
        return frozenset(text.lower() for text in self.empty)


class TimeTable(_Table):
    """[time]: when it happened."""

    source: Names = Field(alias="from", min_length=1)
    format: Annotated[list[Annotated[str, AfterValidator(_time_format)]], BeforeValidator(_as_list)] = (
        Field(default=["rfc3339"], min_length=1)
    )
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    year: int | None = Field(default=None, ge=1990, le=2100)
    date_only: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for form in self.format:
            if form in TIME_FORMS:
                continue
            if not has_hour(form) and not self.date_only:
                raise ValueError(
                    "format has no hour, so every event would be at midnight: name both columns, such "
                    'as from = ["Date", "Time"], or set date_only = true'
                )
            if not has_year(form) and self.year is None:
                raise ValueError("format has no year: set year to that of the first row")
        return self

    def rule(self) -> TimestampRule:
        """Return the rule."""
        zone = ZoneInfo(self.zone) if self.zone is not None else None
        return TimestampRule(tuple(map(read_path, self.source)), tuple(self.format), zone, self.year)


class SelectionTable(_Table):
    """`when` and `unless`: for which rows."""

    when: Tests | None = None
    unless: Tests | None = None

    def selection(self) -> Selection:
        """Return the selection: ALWAYS where nothing is said, as for most values."""
        if self.when is None and self.unless is None:
            return ALWAYS
        return Selection(_condition(self.when), _condition(self.unless))


class SkipTable(SelectionTable):
    """[[skip]]: rows that are left out."""

    @model_validator(mode="after")
    def _has_condition(self) -> Self:
        if not self.when and not self.unless:
            raise ValueError("must have when or unless: all rows would be left out")
        return self


class ValueTable(SelectionTable):
    """Where a value comes from, and how it is translated."""

    source: Names | None = Field(default=None, alias="from", min_length=1)
    join: str | None = None
    constant: str | None = None
    map: dict[str, str] | None = None
    otherwise: str | None = None
    default: str | None = None
    split: str | None = Field(default=None, min_length=1)
    clean: Literal["address", "lower"] | None = None
    keep: Annotated[str, AfterValidator(_label)] | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.source is None) == (self.constant is None):
            raise ValueError("must have either from or constant")
        return self

    def rule(self, nothing: frozenset[str] = frozenset()) -> ValueRule:
        """Return the rule; `nothing`: the texts that stand for no value."""
        return ValueRule(
            tuple(map(read_path, self.source or ())),
            self.constant,
            self.join,
            self.map,
            self.otherwise,
            self.default,
            self.split,
            CLEANERS[self.clean] if self.clean else None,
            self.keep,
            self.selection(),
            nothing,
        )


def _as_value(found: Any) -> Any:
    if isinstance(found, str | list):
        return {"from": found}
    if not isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 - a TypeError would not be collected
            'must be the name of a field, or like { from = "name", map = {…} }'
        )
    return found


Value = Annotated[ValueTable, BeforeValidator(_as_value)]


class ChangesTable(_Table):
    """[[changes]]: what was changed."""

    field: Value
    before: Value | None = None
    after: Value | None = None
    each: str | None = None

    def rule(self) -> ChangeRule:
        """Return the rule."""
        before, after = (value.rule() if value else None for value in (self.before, self.after))
        return ChangeRule(self.field.rule(), before, after, read_path(self.each) if self.each else None)


class ExtractTable(_Table):
    """[extract.NAME]: values inside a text."""

    source: str = Field(alias="from")
    format: Literal["json", "key=value"] | None = None
    pattern: str | None = None

    @model_validator(mode="after")
    def _is_valid(self) -> Self:
        if (self.format is None) == (self.pattern is None):
            raise ValueError("must have either format or pattern")
        if self.pattern is not None:
            try:
                compile_pattern(self.pattern)
            except InvalidPatternError as error:
                raise ValueError(f"pattern is not valid: {error}") from None
        return self

    def extraction(self, name: str) -> Extraction:
        """Return what adds the values as an object of this name."""
        how = compile_pattern(self.pattern) if self.pattern is not None else self.format or "json"
        return Extraction(name, read_path(self.source), how)


class MappingFile(_Table):
    """The whole file."""

    source: SourceTable
    time: TimeTable
    activity: Annotated[list[Value], BeforeValidator(_as_list)] = Field(min_length=1)
    fields: dict[Annotated[str, AfterValidator(_event_field)], Value] = {}
    changes: list[ChangesTable] = []
    skip: list[SkipTable] = []
    extract: dict[str, ExtractTable] = {}


def sentence_of(error: ValidationError) -> str:
    """Return the first thing that is wrong, with its place in the file."""
    found = error.errors()[0]
    where = [part for part in found["loc"] if isinstance(part, str)]
    return f"{_place(where)} {_what(found)}"


def _condition(tests: Tests | None) -> Condition | None:
    if tests is None:
        return None
    return Condition(
        tuple(
            (read_path(name), wanted if isinstance(wanted, bool) else frozenset(wanted))
            for name, wanted in tests.items()
        )
    )


def _place(where: list[str]) -> str:
    lists = ("changes", "skip")
    where = [
        part
        for part in where
        if part not in ("[key]", "bool", "list[str]", "function-before[_as_list(), list[str]]")
    ]
    if not where:
        return "the file"
    head, *rest = where
    if head not in MappingFile.model_fields:
        return " ".join(["the file", *where])
    return " ".join([f"[[{head}]]" if head in lists else f"[{head}]", *rest])


def _what(found: Any) -> str:
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    if found["type"] == "literal_error":
        return f"must be {found['ctx']['expected'].replace(chr(39), chr(34))}"
    return _SENTENCES.get(found["type"], f"is not valid: {found['msg']}")


_SENTENCES = {
    "missing": "is missing",
    "string_type": "must be a string",
    "string_too_short": "is missing",
    "too_short": "is missing",
    "list_type": "must be a list of names",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}
