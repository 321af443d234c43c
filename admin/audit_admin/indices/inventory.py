"""Which indices of events there are, and what each of them holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import elasticsearch
from audit_schemas import MANAGED_BY, IndexNaming

__all__ = ["Held", "Inventory", "take_inventory"]


@dataclass(frozen=True, slots=True)
class Held:
    """An index of ours."""

    index: str
    """What Elasticsearch calls it."""
    name: str
    """What events are written under: the same, or an alias, where the index was made anew."""
    version: int
    """How often it was made anew, and one."""
    begin: date
    end: date
    """The first day that it holds, and the day after its last, in UTC."""
    is_live: bool
    """Whether it holds the events now; else it is one that `reindex` makes, or has kept."""
    documents: int | None
    bytes: int | None
    """None: it is closed, so nobody knows."""
    mappings: Mapping[str, Any]
    settings: Mapping[str, Any]
    """Flat."""
    aliases: frozenset[str]


@dataclass(frozen=True, slots=True)
class Inventory:
    """The indices of events, in order of time, and those that carry the name and are not ours."""

    held: Sequence[Held]
    foreign: Sequence[str]

    def live(self) -> Sequence[Held]:
        """Return the indices that hold the events now."""
        return [one for one in self.held if one.is_live]


def take_inventory(client: elasticsearch.Elasticsearch, naming: IndexNaming) -> Inventory:
    """Look at all indices that carry the prefix. Errors of the Elasticsearch client pass through.

    Ours is what our template made, by its mapping's `_meta`, under a name that the naming gives.
    """
    patterns = [naming.pattern, naming.copies]
    found = client.indices.get(
        index=patterns, allow_no_indices=True, flat_settings=True, expand_wildcards="open,closed"
    )
    sizes = client.indices.stats(index=patterns, metric=["docs", "store"])["indices"]
    held, foreign = [], []
    for index, body in found.items():
        one = _held(index, body, sizes.get(index), naming)
        if one is None:
            foreign.append(index)
        else:
            held.append(one)
    return Inventory(sorted(held, key=lambda one: (one.begin, one.end, one.version)), sorted(foreign))


def _held(
    index: str, body: Mapping[str, Any], sizes: Mapping[str, Any] | None, naming: IndexNaming
) -> Held | None:
    name, version = naming.version_of(index)
    span = naming.span_of(name)
    if span is None or body["mappings"].get("_meta", {}).get("managed_by") != MANAGED_BY:
        return None
    aliases = frozenset(body["aliases"])
    return Held(
        index,
        name,
        version,
        *span,
        is_live=(version == 1 and index == name) or name in aliases,
        documents=sizes["primaries"]["docs"]["count"] if sizes else None,
        bytes=sizes["total"]["store"]["size_in_bytes"] if sizes else None,
        mappings=body["mappings"],
        settings=body["settings"],
        aliases=aliases,
    )
