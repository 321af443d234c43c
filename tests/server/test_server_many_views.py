"""Saved views where others share more than a list holds, without a server."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from audit_server.errors import ProblemError
from audit_server.saved_view import Owner
from audit_server.settings import ServeSettings
from audit_server.view_store import VIEWS_MAX, ViewStore

NOW = "2026-11-27T12:00:00.000Z"
ADA, BEN = Owner("ada", None), Owner("ben", None)


class Index:
    """Answers searches as Elasticsearch does, as far as these need it."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self._documents = documents

    def search(self, *, query: Mapping[str, Any], size: int, **_: Any) -> Mapping[str, Any]:
        """Return the first of what matches, by name."""
        matching = [each for each in self._documents if _matches(each, query)]
        matching.sort(key=lambda each: str(each["name"]))
        hits = [
            {"_id": each["name"], "_source": each, "_seq_no": 1, "_primary_term": 1}
            for each in matching
        ]
        return {"hits": {"hits": hits[:size]}}


def _matches(document: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    ((kind, what),) = query.items()
    if kind == "term":
        return all(document.get(name) == value for name, value in what.items())
    if kind == "exists":
        return what["field"] in document
    any_of = what.get("should", [])
    return (
        all(_matches(document, each) for each in what.get("filter", []))
        and not any(_matches(document, each) for each in what.get("must_not", []))
        and (not any_of or any(_matches(document, each) for each in any_of))
    )


def views_of(owner: str, count: int, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield shared views."""
    for number in range(count):
        yield {
            "kind": "view",
            "name": f"{prefix}-{number:03}",
            "address": "/",
            "owner": owner,
            "shared": True,
            "created": NOW,
            "changed": NOW,
        }


def store_of(*documents: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> ViewStore:
    """Return a store that has these."""
    store = ViewStore(ServeSettings())
    monkeypatch.setattr(store, "_client", Index(list(documents)))
    return store


def test_own_views_are_listed_whatever_others_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, and first, though hundreds of others' come before them by name."""
    others = [view for n in range(4) for view in views_of(f"other-{n}", 100, f"a{n}")]
    store = store_of(*others, *views_of("ben", 2, "z"), monkeypatch=monkeypatch)
    found = store.visible_to(BEN)
    assert [view.name for view in found[:3]] == ["z-000", "z-001", "a0-000"]
    assert len(found) == 300
    assert not any(view.is_of(ADA) for view in store.visible_to(ADA))


def test_the_limit_counts_own_views_whatever_others_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else somebody whose views come last could have any number."""
    others = [view for n in range(3) for view in views_of(f"other-{n}", 100, f"a{n}")]
    store = store_of(*others, *views_of("ben", VIEWS_MAX, "z"), monkeypatch=monkeypatch)
    with pytest.raises(ProblemError, match="delete one"):
        store.create(BEN, "one more", "/", is_shared=False)
