"""Two runs of a reindex at the same time: the one that comes second leaves all as the first left it."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from audit_admin.indices import reindex
from audit_admin.indices.inventory import IndexInfo, Inventory
from audit_admin.indices.reindex import Reindexer
from audit_consumer import SetupFaultError
from audit_runtime.terminal import silent
from audit_schemas import IndexNaming

NAMING = IndexNaming("audit-events")
NAME = "audit-events-2026.10"
MONTH = date(2026, 10, 1), date(2026, 11, 1)
SOURCE = IndexInfo(
    NAME,
    NAME,
    1,
    *MONTH,
    True,
    7,
    7,
    {"_meta": {}},
    {"index.uuid": "first"},
    frozenset({"audit-events"}),
)
COPY = replace(SOURCE, index=NAMING.copy_of(NAME, 2), version=2, settings={"index.uuid": "second"})


class Indices:
    """What the first run left: its copy under the name, and the clone of the old index."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def get_mapping(self, *, index: str, **_: object) -> dict[str, Any]:
        """Return the mapping of the clone."""
        return {index: {"mappings": {"_meta": {"clone_of": "first"}}}}

    def clone(self, **_: object) -> None:
        """Refuse, since the source is an alias."""
        raise SetupFaultError("no such index")

    def __getattr__(self, name: str) -> Any:
        return lambda **given: self.asked.append((name, given["index"]))


class Job:
    """A job that has copied all there is."""

    source = SOURCE
    target = COPY.index
    was_blocked = False

    def difference(self) -> None:
        """Find none."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: 0


def test_run_that_comes_second_neither_blocks_the_new_index_nor_deletes_the_old_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name that it would block leads to the new index; the clone is the only old copy."""
    monkeypatch.setattr(reindex, "take_inventory", lambda *_: Inventory([COPY], []))
    monkeypatch.setattr(reindex, "ReindexJob", lambda *_: Job())
    indices = Indices()
    reader: Any = SimpleNamespace(client=SimpleNamespace(indices=indices))
    work = Reindexer(reader, NAMING, {}, silent, grace=0, announce=lambda _: None)
    monkeypatch.setattr(work, "_live", seen_by_turns([SOURCE, COPY]))
    with pytest.raises(SetupFaultError, match="Another reindex has replaced"):
        work.reindex(NAME)
    assert not indices.asked


def seen_by_turns(indices: list[IndexInfo]) -> Any:
    """Return what finds one index after the other, and the last one from then on."""
    return lambda _: indices.pop(0) if len(indices) > 1 else indices[0]
