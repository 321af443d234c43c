"""What Elasticsearch answers to a bulk in which every document is created. Pure."""

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any

__all__ = ["bulk_answer"]

_HEAD = {"took": 1, "errors": False}
_ITEM = {
    "_index": "",
    "_id": "",
    "_version": 1,
    "result": "created",
    "_shards": {"total": 1, "successful": 1, "failed": 0},
    "_seq_no": 0,
    "_primary_term": 1,
    "status": 201,
}


def bulk_answer(body: bytes, documents: int, filter_path: Sequence[str]) -> bytes:
    """Return the answer, with no more in it than `filter_path` asks for.

    The body is parsed only if the answer is to name ids or indices.
    """
    item, head = _shape("create", tuple(filter_path))
    if item.keys() & {"_id", "_index"}:
        items = [_named(item, line) for line in body.split(b"\n")[::2] if line]
        return _json({**head, "items": items}).encode()
    return _repeated(_json(head), _json({"create": item}), documents if item else 0)


@lru_cache(maxsize=64)
def _repeated(head: str, item: str, documents: int) -> bytes:
    if not documents:
        return head.encode()
    items = ",".join([item] * documents)
    return f'{head[:-1]}{"," if len(head) > len("{}") else ""}"items":[{items}]}}'.encode()


@cache
def _shape(operation: str, filter_path: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is left of an item and of the head."""
    head = {key: value for key, value in _HEAD.items() if _wanted((key,), filter_path)}
    item = {k: v for k, v in _ITEM.items() if _wanted(("items", operation, k), filter_path)}
    return item, head


def _wanted(path: tuple[str, ...], filters: Sequence[str]) -> bool:
    """Tell whether a filter path includes what is at `path`, and none excludes it."""
    excluded = [f[1:] for f in filters if f.startswith("-")]
    included = [f for f in filters if not f.startswith("-")]
    if any(_matches(path, f.split(".")) for f in excluded):
        return False
    return not included or any(_matches(path, f.split(".")) for f in included)


def _matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Match as Elasticsearch does: `*` inside a name, `**` for any names; a prefix takes all below."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_matches(path[n:], pattern[1:]) for n in range(len(path) + 1))
    if not path:
        return False
    return fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])


def _named(item: dict[str, Any], action: bytes) -> dict[str, Any]:
    ((operation, about),) = json.loads(action).items()
    own = {key: about.get(key, "") for key in ("_index", "_id") if key in item}
    return {operation: {**item, **own}}


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
