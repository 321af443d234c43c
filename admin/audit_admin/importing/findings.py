"""What an import has to say at its end beyond what became of the rows: what may be wrong in silence."""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Any

from audit_runtime import did_you_mean
from audit_schemas import Catalogue, printable

from audit_admin.importing.mapping import Mapping
from audit_admin.importing.row import Fields
from audit_admin.importing.row_path import RowPath, text_of
from audit_admin.importing.values import ValueRule

__all__ = ["FieldUse", "Findings"]

_EXAMPLES = 3
_EXAMPLE_MAX = 40
_ROWS_FOR_EXAMPLES = 1000
_ROWS_FOR_NAMES = 100
_NAMES_MAX = 1000
_DEPTH_MAX = 5
_TEXTS_MAX = 1000
_SHAPES_MAX = 1000


@dataclass(frozen=True, slots=True)
class FieldUse:
    """In how many events a field is, and what some of them have there."""

    count: int
    examples: list[str]


class _Optional:
    """A field that may be left out though its row has something there."""

    def __init__(self, rule: ValueRule) -> None:
        self.first, *self.more = (source.of for source in rule.sources)
        self.nothing = rule.nothing
        self.is_kept = rule.keep is not None
        self.takes = rule.rows.compiled()


@dataclass(slots=True)
class _Shape:
    """Events that have the same fields."""

    left_out: list[tuple[str, _Optional]]
    rows: int = 0


class Findings:
    """Looks at each row and its event. Its memory grows with the mapping alone."""

    def __init__(self, mapping: Mapping, catalogue: Catalogue) -> None:
        self._mapping = mapping
        self._failures = {name: f"{name}-failed" for name in catalogue if f"{name}-failed" in catalogue}
        changes = ["audit.changes"] if mapping.changes else []
        self._examples: dict[str, list[str]] = {
            path: [] for path in ("@timestamp", "event.action", *mapping.fields, *changes)
        }
        self._without_examples = set(self._examples)
        self._tries: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._optional = {
            path: _Optional(rule)
            for path, rule in mapping.fields.items()
            if rule.nothing and rule.sources
        }
        self._names: dict[str, None] = {}
        self._rows = 0
        self._dismissed: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        self._beyond: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._lists = _lists(mapping)

    @property
    def uses(self) -> dict[str, FieldUse]:
        """How each field of the mapping was used so far."""
        self._count()
        return {path: FieldUse(self._counts[path], some) for path, some in self._examples.items()}

    def note(self, row: Fields, values: Table[str, Any]) -> None:
        """Look at a row, and at the values that its event has at which paths."""
        self._rows += 1
        if self._rows <= _ROWS_FOR_NAMES:
            self._note_names(row, "", 1)
        shape = self._shapes.get(tuple(values)) or self._new_shape(values)
        shape.rows += 1
        if self._without_examples:
            self._note_examples(values)
        for path, optional in shape.left_out:
            if optional.first(row) is not None or optional.more:
                self._note_nothing(path, optional, row)
        for indexed, last in self._lists.items():
            entries = indexed.of(row)
            if isinstance(entries, list) and len(entries) > last + 1:
                self._beyond[indexed.text] += 1
        action = values["event.action"]
        if values.get("event.outcome") == "failure" and action in self._failures:
            self._failed[action] += 1

    def sentences(self) -> list[str]:
        """Return what should be looked at before the import is believed."""
        return [
            *self._never_filled(),
            *(
                f"{count:,} events are {action} with outcome failure, which no rule looks for: map "
                f"these rows to {self._failures[action]}"
                for action, count in self._failed.items()
            ),
            *(
                f"{count:,} rows have more entries in {path} than the mapping reads: name them by "
                f"{path}[name=value], or set each"
                for path, count in self._beyond.items()
            ),
            *(
                f'"{printable(text)}" was taken as no value in {count:,} places: see [source] empty'
                for text, count in self._dismissed.most_common(5)
            ),
            *(
                f"{count:,} values of {path} could not be cleaned, and went into "
                f"{self._mapping.fields[path].keep}"
                for path, count in self._kept.items()
            ),
        ]

    def _never_filled(self) -> Iterable[str]:
        if not self._rows:
            return
        for path, use in self.uses.items():
            if use.count:
                continue
            rule = self._mapping.fields.get(path)
            sources = [source.text for source in rule.sources] if rule else []
            near = next((n for s in sources if s not in self._names and (n := self._near(s))), None)
            hint = f": did you mean {near}?" if near else ""
            yield f"{path} was never filled" + (f" from {', '.join(sources)}{hint}" if sources else "")

    def _near(self, name: str) -> str | None:
        return did_you_mean(name, self._names)

    def _note_examples(self, values: Table[str, Any]) -> None:
        """Take different values of a field, of the first rows that have it."""
        for path in self._without_examples & values.keys():
            examples = self._examples[path]
            text = printable(_shown(values[path]))
            shown = text if len(text) <= _EXAMPLE_MAX else text[: _EXAMPLE_MAX - 1] + "…"
            if shown not in examples:
                examples.append(shown)
            self._tries[path] += 1
            if len(examples) == _EXAMPLES or self._tries[path] >= _ROWS_FOR_EXAMPLES:
                self._without_examples.remove(path)

    def _new_shape(self, values: Table[str, Any]) -> "_Shape":
        if len(self._shapes) >= _SHAPES_MAX:
            self._count()
        left_out = [(path, one) for path, one in self._optional.items() if path not in values]
        shape = self._shapes[tuple(values)] = _Shape(left_out)
        return shape

    def _count(self) -> None:
        """Add up in how many events each field is."""
        for paths, shape in self._shapes.items():
            for path in paths:
                self._counts[path] += shape.rows
        self._shapes.clear()

    def _note_nothing(self, path: str, optional: "_Optional", row: Fields) -> None:
        for of in (optional.first, *optional.more):
            text = text_of(of(row))
            if text is None:
                continue
            if text.lower() in optional.nothing:
                if len(self._dismissed) < _TEXTS_MAX:
                    self._dismissed[text] += 1
            elif optional.is_kept and (optional.takes is None or optional.takes(row)):
                self._kept[path] += 1
            return

    def _note_names(self, found: Any, before: str, depth: int) -> None:
        entries = found.items() if isinstance(found, dict) else ()
        for name, value in entries:
            if len(self._names) >= _NAMES_MAX:
                return
            self._names[f"{before}{name}"] = None
            if depth < _DEPTH_MAX:
                self._note_names(value, f"{before}{name}.", depth + 1)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(one["field"] if isinstance(one, dict) else str(one) for one in value)
    return str(value)


def _lists(mapping: Mapping) -> dict[RowPath, int]:
    """Return the lists that are read by position, and the last position that is."""
    found: dict[RowPath, int] = {}
    for paths in mapping.sources():
        for path in paths:
            for inner, index in path.indices():
                found[inner] = max(found.get(inner, 0), index)
    return found
