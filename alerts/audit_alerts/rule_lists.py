"""The lists that rules name, as a deployment has them at a time. Pure.

A list that is missing, broken or past its validity leaves the rule idle, wherever the rule names it:
without the exceptions that a list holds, a rule would fire on what it promises to leave out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from audit_query import RANGES_MAX, ranges_in
from audit_runtime import ListError, ReferenceList, ReferenceLists

from audit_alerts.condition import AllOf, AnyOf, InList, Not, leaves_of
from audit_alerts.plan import Absence, Base, Correlation, Node, Rule, bases_of, bases_read

__all__ = ["with_lists"]


def with_lists(rule: Rule, lists: ReferenceLists, at: datetime) -> Rule:
    """Return the rule with its lists as they are now; `idle` says why it can't do as it promises."""
    if not rule.lists:
        return rule
    found: dict[str, ReferenceList] = {}
    why: str | None = None
    for name in rule.lists:
        if name in rule.optional_lists and name not in lists.lists and name not in lists.problems:
            continue
        try:
            found[name] = lists.find(name, at)
        except ListError as error:
            why = why or str(error)
    made = replace(
        rule,
        root=_Filling(found).root(rule.root),
        lists={name: found[name].digest if name in found else "" for name in rule.lists},
    )
    return replace(made, idle=why or _too_many_ranges(made) or _without_any(made))


class _Filling:
    """Fills lists into the nodes of a plan; one that is used twice stays one."""

    def __init__(self, lists: Mapping[str, ReferenceList]) -> None:
        self._lists = lists
        self._made: dict[int, Any] = {}

    def root(self, root: Correlation | Absence) -> Correlation | Absence:
        if isinstance(root, Absence):
            return replace(root, base=self._base(root.base))
        found: Correlation = self._node(root)
        return found

    def _node(self, node: Node) -> Any:
        if isinstance(node, Base):
            return self._base(node)
        if id(node) not in self._made:
            self._made[id(node)] = replace(node, parts=tuple(map(self._node, node.parts)))
        return self._made[id(node)]

    def _base(self, base: Base) -> Base:
        if id(base) not in self._made:
            seen = tuple(replace(each, base=self._base(each.base)) for each in base.seen_before)
            condition = self._condition(base.condition)
            self._made[id(base)] = replace(base, condition=condition, seen_before=seen)
        found: Base = self._made[id(base)]
        return found

    def _condition(self, condition: Any) -> Any:
        match condition:
            case AllOf(parts):
                return AllOf(tuple(map(self._condition, parts)))
            case AnyOf(parts):
                return AnyOf(tuple(map(self._condition, parts)))
            case Not(part):
                return Not(self._condition(part))
            case InList(field, name, kind):
                entries = self._lists.get(name)
                return InList(field, name, kind, entries.digest if entries else "", entries)
            case _:
                return condition


def _too_many_ranges(rule: Rule) -> str | None:
    """Return what is wrong with the size of a rule's lists: each range is a clause of a search."""
    bases = {base.name: base for base in bases_of(rule.root)}.values()
    together = [leaf for base in bases for leaf in _list_leaves(base)]
    for leaves in (together, *(list(_list_leaves(base)) for base in bases_read(rule.root))):
        addresses = {
            leaf.name: leaf.entries for leaf in leaves if leaf.kind == "ip" and leaf.entries is not None
        }
        count = sum(len(ranges_in(entries.networks)) for entries in addresses.values())
        if count > RANGES_MAX:
            names = ", ".join(sorted(addresses))
            return (
                f"its lists ({names}) have {count:,} ranges, and a rule takes {RANGES_MAX}; name "
                "networks by their AS numbers, and source.as.number in the rule"
            )
    return None


def _without_any(rule: Rule) -> str | None:
    if any(_may_fit(base.condition) for base in bases_of(rule.root)):
        return None
    names = ", ".join(rule.lists)
    return f"none of its lists ({names}) exists; put one as NAME.txt into the folder of AUDITLOG_LISTS"


def _may_fit(condition: Any) -> bool:
    match condition:
        case AllOf(parts):
            return all(map(_may_fit, parts))
        case AnyOf(parts):
            return any(map(_may_fit, parts))
        case InList():
            return condition.entries is not None
        case _:
            return True


def _list_leaves(base: Base) -> Iterator[InList]:
    return (leaf for leaf in leaves_of(base.condition) if isinstance(leaf, InList))
