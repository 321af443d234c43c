"""The filters in force as the page shows them: one by one, each of which can be taken away. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from audit_query import EXCLUDE, QuerySpec

from audit_server.page.view import View

__all__ = ["LABELS", "Chip", "Drop", "chips_of", "drops_of"]

LABELS = {
    "user": "User",
    "effective_user": "Effective user",
    "activity": "Activity",
    "outcome": "Outcome",
    "ip": "IP Address",
    "country": "Country",
    "asn": "Network",
    "list": "List",
    "org": "Organization",
    "service": "Service",
    "chat": "Chat",
    "session": "Session",
    "text": "Text",
    "from": "From",
    "to": "To",
}
_TIMES = ("from", "to")
_DROPS_MAX = 8


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force; `flip` excludes what is included, and the other way round."""

    label: str
    value: str
    excluded: bool
    remove: str
    flip: str | None


@dataclass(frozen=True, slots=True)
class Drop:
    """A filter that keeps events out: how many there would be without it."""

    label: str
    value: str
    link: str
    count: int


def chips_of(view: View) -> Sequence[Chip]:
    """Return the filters in the order of the query."""
    return [_chip(view, name, value) for name, value in view.spec.pairs]


def drops_of(view: View, count: Callable[[QuerySpec], int]) -> Sequence[Drop]:
    """Return the filters without which there are events, the one that hides most first.

    Beginning and end of the time count as one filter. `count` is called for eight at most.
    """
    spec = view.spec
    tries: dict[QuerySpec, tuple[str, str]] = {}
    for name, value in spec.pairs:
        if name in _TIMES:
            spoken = [f"{word} {spec.value(word)}" for word in _TIMES if spec.value(word)]
            tries[spec.without("from").without("to")] = ("the time", " ".join(spoken))
        else:
            tries[spec.without(name, value)] = (_label(name), value)
    drops = [
        Drop(label, value, view.with_spec(less).link(), count(less))
        for less, (label, value) in list(tries.items())[:_DROPS_MAX]
    ]
    return sorted((drop for drop in drops if drop.count), key=lambda drop: -drop.count)


def _chip(view: View, name: str, value: str) -> Chip:
    excluded = name.startswith(EXCLUDE)
    flip = None
    if name not in _TIMES:
        other = name.removeprefix(EXCLUDE) if excluded else EXCLUDE + name
        flip = replace(view, expanded=None, after=None).with_(other, value)
    return Chip(_label(name), value, excluded, view.without(name, value), flip)


def _label(name: str) -> str:
    label = LABELS[name.removeprefix(EXCLUDE)]
    return f"not {label}" if name.startswith(EXCLUDE) else label
