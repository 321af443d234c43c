"""Fields that are one text of the row, as it is: most of a mapping, so they are read together. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from audit_admin.importing.row import Fields
from audit_admin.importing.row_path import text_of
from audit_admin.importing.values import ValueRule

__all__ = ["TextField", "text_putter"]

Put = Callable[[Fields, dict[str, Any]], None]


class TextField(NamedTuple):
    """A field of an event, the rule that has its one source, and what fills it by itself."""

    path: str
    rule: ValueRule
    put: Put


class _Leaf(NamedTuple):
    """A text of an object in the row."""

    path: str
    name: str
    nothing: frozenset[str]
    longest: int
    """How long a text that stands for no value is at the most."""


def text_putter(fields: Iterable[TextField]) -> Put:
    """Return a function that does what all `put` of the fields do.

    Each object of the row is looked up once for all that is read from it. A row that has something else
    there, such as a list, or a column with a dot in its name, takes the way of `put`.
    """
    leaves: defaultdict[tuple[Any, ...], list[_Leaf]] = defaultdict(list)
    puts: defaultdict[tuple[Any, ...], list[Put]] = defaultdict(list)
    columns = set()
    for path, rule, put in fields:
        (source,) = rule.sources
        *parents, name = source.steps or (source.text,)
        if parents:
            columns.add(source.text)
        longest = max(map(len, rule.nothing), default=0)
        leaves[tuple(parents)].append(_Leaf(path, str(name), rule.nothing, longest))
        puts[tuple(parents)].append(put)
    groups = [(parents, leaves[parents], puts[parents]) for parents in leaves]

    def put_all(row: Fields, values: dict[str, Any]) -> None:
        has_columns = not columns.isdisjoint(row)
        for parents, inside, alone in groups:
            inner: Any = row
            for name in parents:
                if type(inner) is not dict:
                    break
                inner = inner.get(name)
            if type(inner) is dict and not has_columns:
                _put_leaves(inside, inner, values)
            elif inner is not None or has_columns:
                for put in alone:
                    put(row, values)

    return put_all


def _put_leaves(leaves: list[_Leaf], inner: dict[str, Any], values: dict[str, Any]) -> None:
    for path, name, nothing, longest in leaves:
        found = inner.get(name)
        if found is not None:
            text = found.strip() if type(found) is str else text_of(found)
            if text and (len(text) > longest or text.lower() not in nothing):
                values[path] = text
