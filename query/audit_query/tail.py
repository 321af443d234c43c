"""Events as they arrive, each once."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from audit_query.cursor import Cursor
from audit_query.filter import Filter
from audit_query.log import AuditLog

__all__ = ["follow"]

_REMEMBERED = 10_000
_POLL_SIZE = 1000


def follow(
    log: AuditLog,
    wanted: Filter,
    *,
    first: int,
    wait: Callable[[], object],
    fields: Sequence[str] | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """Yield the last `first` events, then those that arrive, oldest first; never ends by itself.

    `wait` is called between two polls, and may raise to end it. Polls overlap by a minute, so what
    became visible late shows too; of more than a thousand since the last poll, the last. `fields`
    leaves all others out; event.id has to be among them.
    """
    seen: OrderedDict[str, None] = OrderedDict()
    since: Cursor | None = None
    limit = first
    while True:
        page = log.newest_arrivals(wanted, since=since, size=_POLL_SIZE, fields=fields)
        fresh = [event for event in page.events if event["event"]["id"] not in seen]
        if shown := fresh[:limit]:
            yield shown[::-1]
        seen.update((event["event"]["id"], None) for event in fresh)
        while len(seen) > _REMEMBERED:
            seen.popitem(last=False)
        since, limit = page.cursor, _POLL_SIZE
        wait()
