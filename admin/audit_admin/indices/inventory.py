"""Which indices of events there are, and what each of them holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import elasticsearch
from audit_schemas import MANAGED_BY, IndexNaming

__all__ = ["IndexInfo", "Inventory", "take_inventory"]


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """One of our indices."""

    index: str
    """Its own name in Elasticsearch."""
    name: str
    """The name that events are written to: the same, or an alias if the index was rebuilt."""
    version: int
    """1 for the original index, one more for each rebuild."""
    begin: date
    end: date
    """The first day that it covers, and the day after its last, in UTC."""
    is_live: bool
    """Whether it serves reads and writes; if not, it is a copy that `reindex` is making or has kept."""
    documents: int | None
    bytes: int | None
    """None if the index is closed."""
    mappings: Mapping[str, Any]
    settings: Mapping[str, Any]
    """Flat: one level of dotted keys."""
    aliases: frozenset[str]


@dataclass(frozen=True, slots=True)
class Inventory:
    """Our indices in order of time, and those that match the prefix but are not ours."""

    indices: Sequence[IndexInfo]
    foreign: Sequence[str]

    def live(self) -> Sequence[IndexInfo]:
        """Return the indices that serve reads and writes."""
        return [info for info in self.indices if info.is_live]


def take_inventory(client: elasticsearch.Elasticsearch, naming: IndexNaming) -> Inventory:
    """List all indices that match the prefix. Raises the errors of the Elasticsearch client.

    An index is ours if its mapping's `_meta` says that our template made it, and `naming` knows its
    name.
    """
    patterns = [naming.pattern, naming.copies]
    answer = client.indices.get(
        index=patterns, allow_no_indices=True, flat_settings=True, expand_wildcards="open,closed"
    )
    sizes = client.indices.stats(index=patterns, metric=["docs", "store"])["indices"]
    indices, foreign = [], []
    for index, body in answer.items():
        info = _info(index, body, sizes.get(index), naming)
        if info is None:
            foreign.append(index)
        else:
            indices.append(info)
    return Inventory(
        sorted(indices, key=lambda info: (info.begin, info.end, info.version)), sorted(foreign)
    )


def _info(
    index: str, body: Mapping[str, Any], sizes: Mapping[str, Any] | None, naming: IndexNaming
) -> IndexInfo | None:
    name, version = naming.version_of(index)
    span = naming.span_of(name)
    if span is None or body["mappings"].get("_meta", {}).get("managed_by") != MANAGED_BY:
        return None
    aliases = frozenset(body["aliases"])
    return IndexInfo(
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
