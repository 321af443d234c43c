"""pySigma's condition tree, as conditions of ours. What could differ from Lucene is refused. Pure."""

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from audit_runtime import LIST_NAME
from audit_schemas import is_ip
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
)
from sigma.types import (
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaExists,
    SigmaNull,
    SigmaNumber,
    SigmaString,
    SpecialChars,
)

from audit_alerts.condition import AllOf, AnyOf, Condition, Equals, Exists, InList, InNetwork, Like, Not
from audit_alerts.fields import DEAD_LETTER_FIELDS, FieldKind, kind_of, nearest
from audit_alerts.plan import LogSource

__all__ = ["UntranslatableError", "translated"]

_WILDCARDS = {SpecialChars.WILDCARD_MULTI: None, SpecialChars.WILDCARD_SINGLE: ...}
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_OPERATORS = frozenset({"AND", "OR", "NOT"})


class UntranslatableError(ValueError):
    """A part of a condition can't be evaluated exactly; the text says which."""


def translated(tree: Any, log_source: LogSource) -> Condition:
    """Return the condition that a parsed tree is. Raises UntranslatableError."""
    if isinstance(tree, ConditionAND):
        return AllOf(tuple(translated(part, log_source) for part in tree.args))
    if isinstance(tree, ConditionOR):
        return AnyOf(tuple(translated(part, log_source) for part in tree.args))
    if isinstance(tree, ConditionNOT):
        return Not(translated(tree.args[0], log_source))
    if isinstance(tree, ConditionFieldEqualsValueExpression):
        return _leaf(tree.field, tree.value, _kind(tree.field, log_source))
    if tree is None:
        raise UntranslatableError("the condition selects nothing")
    raise UntranslatableError("a word without a field is searched in all fields; name the field")


def _kind(path: str, log_source: LogSource) -> FieldKind:
    if log_source is LogSource.DEAD_LETTERS:
        kind, known = DEAD_LETTER_FIELDS.get(path), list(DEAD_LETTER_FIELDS)
    else:
        kind, known = kind_of(path), None
    if kind is None:
        raise UntranslatableError(f"{path} is not a field that rules can use{nearest(path, known)}")
    return kind


def _leaf(path: str, value: Any, kind: FieldKind) -> Condition:
    if kind == "label":
        _check_label(path)
    if isinstance(value, SigmaNull):
        return Not(Exists(path))
    if isinstance(value, SigmaExists):
        if not value.exists:  # pySigma's Lucene leaves out the brackets that a denial needs
            raise UntranslatableError(f"{path}: instead of exists: false, write the field with null")
        return Exists(path)
    if isinstance(value, SigmaCIDRExpression) and kind == "ip":
        return _network(path, value.network)
    if isinstance(value, SigmaNumber) and isinstance(value.number, int) and kind != "ip":
        return Equals(path, str(value.number))
    if isinstance(value, SigmaString) and not isinstance(value, SigmaCasedString):
        if (name := _list_named(value)) is not None:
            return InList(path, name, kind)
        return _READERS[kind](path, value)
    raise UntranslatableError(
        f"{path}: {type(value).__name__.removeprefix('Sigma')} can't be evaluated exactly on this field"
    )


def _list_named(value: SigmaString) -> str | None:
    """Return the list that `%lists.NAME%` names; None if a value is something else."""
    if (found := re.fullmatch(r"%lists\.(.*)%", str(value))) is None:
        return None
    if LIST_NAME.fullmatch(found[1]) is None:
        raise UntranslatableError(
            f"{value} names no list: these have lowercase letters, digits, - and _"
        )
    return found[1]


def _number(path: str, value: SigmaString) -> Condition:
    raise UntranslatableError(f"{path}: {value} is not a number, such as 64500, or a list of some")


def _keyword(path: str, value: SigmaString) -> Condition:
    _check_characters(path, value)
    if not value.contains_special():
        return Equals(path, "".join(part for part in value.s if isinstance(part, str)))
    return Like(path, tuple(_WILDCARDS.get(part, part) for part in value.s))  # type: ignore[arg-type]


def _label(path: str, value: SigmaString) -> Condition:
    if value.contains_special():
        raise UntranslatableError(f"{path}: a label is compared whole; wildcards are for other fields")
    return _keyword(path, value)


def _address(path: str, value: SigmaString) -> Condition:
    text = str(value)
    if value.contains_special() or not is_ip(text):
        raise UntranslatableError(f"{path}: {text} is not a valid IP address; for a range, use |cidr")
    return InNetwork(path, ipaddress.ip_network(text))


def _network(path: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Condition:
    if "%" in str(network):
        raise UntranslatableError(
            f"{path}: {network} has a zone, which means something on one host only"
        )
    if network.version == 6 and network.subnet_of(_MAPPED):  # noqa: PLR2004
        raise UntranslatableError(f"{path}: {network} is a range of IPv4 addresses; write it as such")
    return InNetwork(path, network)


_READERS: dict[str, Callable[[str, SigmaString], Condition]] = {
    "keyword": _keyword,
    "label": _label,
    "ip": _address,
    "number": _number,
}


def _check_label(path: str) -> None:
    """Refuse a label's name that pySigma would write as syntax: it escapes values, but not names."""
    if re.fullmatch(r"[\w.@-]+", path) is None:
        raise UntranslatableError(f"{path}: a label is asked for by letters, digits and _ . @ - alone")


def _check_characters(path: str, value: SigmaString) -> None:
    """Refuse what Lucene's query syntax can't say."""
    text = "".join(part for part in value.s if isinstance(part, str))
    if not value.s:
        raise UntranslatableError(f"{path}: the empty text can't be asked for; use null or |exists")
    if text in _OPERATORS and not value.contains_special():
        raise UntranslatableError(f"{path}: {text} is an operator of Lucene, which can't be asked for")
    if isinstance(value.s[0], str) and text.startswith(("<", ">")):
        raise UntranslatableError(
            f"{path}: {text} would be a range; < and > can't be escaped at the start"
        )
    if not text.isprintable():
        raise UntranslatableError(f"{path}: a value with control characters can't be asked for")
