"""Events whose id another index may hold: see `HomeIndex`. Pure: which of them come too late.

Of several events under one id the one that Kafka received first keeps it, since a publisher can choose
an event's time, but not when and where the broker appends the record.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from audit_schemas import format_timestamp

from audit_consumer.bulk import Stored, compare, is_earlier
from audit_consumer.record import Outcome, Prepared, Refusal, StrayLines

__all__ = ["positions_of_strays", "resolve_strays"]

_ID = re.compile(rb'"_id":"([^"]+)"')


def positions_of_strays(lines: Sequence[bytes]) -> list[int]:
    """Return which lines of a bulk request are strays, or have the id of one."""
    if StrayLines not in set(map(type, lines)):
        return []
    ids = {_id_in(each) for each in lines if type(each) is StrayLines}
    return [position for position, each in enumerate(lines) if _id_in(each) in ids]


def resolve_strays(
    items: Mapping[int, Prepared], elsewhere: Mapping[str, Iterable[Stored]]
) -> dict[int, Outcome | Refusal]:
    """Return what becomes of the items, by position, that are not the first under their id.

    `elsewhere` has what other indices hold, by id. Items in one index are left to Elasticsearch.
    """
    resolved: dict[int, Outcome | Refusal] = {}
    first: defaultdict[str, list[Prepared]] = defaultdict(list)
    for position, item in sorted(items.items(), key=_order):
        stored = [each for each in elsewhere.get(item.document.id, ()) if is_earlier(each, item)]
        stored += [_as_stored(other) for other in first[item.document.id] if other.index != item.index]
        if not stored:
            first[item.document.id].append(item)
        elif result := compare(item, min(stored, key=lambda each: each.created)):
            resolved[position] = result
    return resolved


def _id_in(lines: bytes) -> bytes:
    found = _ID.search(lines)
    return found[1] if found else b""


def _order(entry: tuple[int, Prepared]) -> tuple[object, ...]:
    record = entry[1].record
    return record.received, record.origin.partition, record.origin.offset


def _as_stored(item: Prepared) -> Stored:
    created = format_timestamp(item.record.received)
    return Stored(item.document.hash, item.record.origin, created)
