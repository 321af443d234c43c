"""Rules as functions, made once for all rows; the import and --explain call the same ones. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from audit_producer import MASK, is_secret_name, masked_text, shown_changes

from audit_admin.importing.errors import RowError, quoted
from audit_admin.importing.row import Fields
from audit_admin.importing.row_path import RowPath, text_of
from audit_admin.importing.values import ChangeRule, UncleanError, ValueRule

__all__ = [
    "CompiledField",
    "CompiledValue",
    "compile_changes",
    "compile_field",
    "compile_value",
    "is_text",
]

Found = str | list[Any] | None
Result = str | list[str] | None

_INTEGER = "event.sequence"
_LABELS = "labels."


@dataclass(frozen=True, slots=True)
class CompiledValue:
    """Gets one value of an event out of a row."""

    source: str
    """The fields of the row that it is read from; empty for a constant."""
    find: Callable[[Fields], Found]
    """Returns what the row has there: a text, or a list that becomes several values."""
    of: Callable[[Fields], Result]
    """Returns what becomes of it, None if there is no value. Raises RowError."""

    def one(self, row: Fields) -> str | None:
        """Return the value as one text. Raises RowError."""
        value = self.of(row)
        return ", ".join(value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class CompiledField:
    """Fills one field of an event."""

    path: str
    value: CompiledValue
    put: Callable[[Fields, dict[str, Any]], None]
    """Adds the field to those of an event, by its path, if the row has a value. Raises RowError."""


def compile_value(rule: ValueRule) -> CompiledValue:
    """Return the functions of a rule."""
    find = _finder(rule)
    return CompiledValue(rule.name, find, _reader(rule, find))


def compile_field(path: str, rule: ValueRule) -> CompiledField:
    """Return the functions of a rule for a field."""
    value, keep = compile_value(rule), rule.keep or ""
    of, show, show_kept = value.of, _shower(path, rule), _shower(keep, rule)

    def put(row: Fields, values: dict[str, Any]) -> None:
        try:
            found = of(row)
        except UncleanError as error:
            if not keep:
                raise
            values[keep] = show_kept(error.text) if show_kept else error.text
        else:
            if found is not None:
                values[path] = show(found) if show else found

    return CompiledField(path, value, put)


def is_text(path: str, rule: ValueRule) -> bool:
    """Tell whether a field is one text of the row, as it is; see `text_fields.py`."""
    is_named = rule.constant is None and rule.split is None and len(rule.sources) == 1
    if not is_named or not all(isinstance(step, str) for step in rule.sources[0].steps):
        return False
    is_read = rule.rows.compiled() is None and rule.default is None and _maker(rule) is None
    return is_read and _shower(path, rule) is None


def compile_changes(rule: ChangeRule) -> Callable[[Fields], Iterator[dict[str, Any]]]:
    """Return a function that yields the changes that a row describes, with secrets masked."""
    field = compile_value(rule.field)
    sides = tuple(compile_value(side) if side else None for side in (rule.before, rule.after))
    each, needs_side = rule.each, any(sides)

    def entries(row: Fields) -> Iterator[Fields]:
        if each is None:
            yield row
            return
        found = each.of(row)
        for entry in found if isinstance(found, list) else ():
            yield each.replaced(row, entry)

    def changes(row: Fields) -> Iterator[dict[str, Any]]:
        for entry in entries(row):
            name = field.one(entry)
            texts = [side.one(entry) if side else None for side in sides]
            if name is None or (needs_side and texts == [None, None]):
                continue
            before, after = (None if text is None else masked_text(text) for text in texts)
            yield from shown_changes({name: (before, after)})

    return changes


def _finder(rule: ValueRule) -> Callable[[Fields], Found]:
    if rule.constant is not None:
        constant = text_of(rule.constant)
        return lambda _: constant
    if rule.split is None and len(rule.sources) == 1:
        return _from_one(rule.sources[0], rule)
    nothing, known, joined = rule.nothing, rule.table or {}, rule.joined
    getters, takes_list = tuple(source.of for source in rule.sources), rule.split is not None

    def find(row: Fields) -> Found:
        texts: list[str] = []
        for of in getters:
            found = of(row)
            text = text_of(found)
            if text is None or (text.lower() in nothing and text not in known):
                continue
            if joined is None:
                return found if takes_list and isinstance(found, list) else text
            texts.append(text)
        return joined.join(texts) if joined is not None and texts else None

    return find


def _from_one(source: RowPath, rule: ValueRule) -> Callable[[Fields], str | None]:
    """Return the function for nearly all rules, for which it is worth a case of its own."""
    of, nothing, known = source.of, rule.nothing, rule.table or {}
    longest = max(map(len, nothing), default=0)

    def find(row: Fields) -> str | None:
        found = of(row)
        if found is None:
            return None
        text = found.strip() if type(found) is str else text_of(found)
        if not text or (len(text) <= longest and text.lower() in nothing and text not in known):
            return None
        return text

    return find


def _reader(rule: ValueRule, find: Callable[[Fields], Found]) -> Callable[[Fields], Result]:
    takes, default, make = rule.rows.compiled(), rule.default, _maker(rule)
    if takes is None and default is None and make is None:
        return find

    def of(row: Fields) -> Result:
        if takes is not None and not takes(row):
            return None
        found = find(row)
        if found is None:
            return default
        return found if make is None else make(found)

    return of


def _maker(rule: ValueRule) -> Callable[[Any], Result] | None:
    """Return what makes a value of what was found; None if it is left as it is."""
    translate = _translation(rule)
    if rule.split is None:
        return translate
    separator = rule.split

    def split(found: str | list[Any]) -> list[str] | None:
        parts = map(text_of, found) if isinstance(found, list) else found.split(separator)
        texts = [part.strip() for part in parts if part and part.strip()]
        values = map(translate, texts) if translate is not None else texts
        return [value for value in values if value] or None

    return split


def _translation(rule: ValueRule) -> Callable[[str], str | None] | None:
    """Return what looks a text up, and cleans it; None if it is left as it is."""
    name, table, otherwise, clean = rule.name, rule.table, rule.otherwise, rule.clean
    if table is None and clean is None:
        return None

    def translate(text: str) -> str | None:
        result: str | None = text
        if table is not None:
            result = table.get(text, otherwise)
            if result is None:
                raise RowError(name, f"{quoted(text)} is not in the mapping's table")
        if clean is not None and result:
            cleaned = clean(result)
            if cleaned is None:
                raise UncleanError(name, result)
            result = cleaned
        return result or None

    return translate


def _shower(path: str, rule: ValueRule) -> Callable[[Any], Any] | None:
    """Return how a value goes into a field: what looks like a secret is masked in free text."""
    if path == _INTEGER:
        return _integer
    if path != "message" and not path.startswith(_LABELS):
        return None
    if any(is_secret_name(name) for name in (path, *(source.text for source in rule.sources))):
        return lambda _: MASK
    return lambda value: masked_text(", ".join(value) if isinstance(value, list) else value)


def _integer(text: str | list[str]) -> int:
    if isinstance(text, str) and text.isascii() and text.isdigit():
        return int(text[:40])
    raise RowError(_INTEGER, "must be an integer")
