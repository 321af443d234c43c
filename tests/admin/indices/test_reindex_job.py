"""What a copy is made with, and what is said before."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import elasticsearch
import pytest
from audit_admin import SetupSettings
from audit_admin.indices.inventory import IndexInfo
from audit_admin.indices.reindex_commands import preview
from audit_admin.indices.reindex_job import ReindexJob
from audit_consumer import SetupFaultError
from audit_schemas import IndexNaming, index_template

NAMING = IndexNaming("audit-events")
NAME = "audit-events-2026.10"
BODY = index_template(NAMING, SetupSettings().index_settings("audit-events"))["template"]


class Indices:
    """Makes indices, and has none."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []

    def get_mapping(self, *, index: str) -> None:
        """Say that it is not there."""
        meta: Any = SimpleNamespace(status=404)
        raise elasticsearch.NotFoundError(f"no such index {index}", meta, None)

    def create(self, *, settings: dict[str, Any], **_: object) -> None:
        """Note what it is made with."""
        self.made.append(settings)


@pytest.mark.parametrize(
    ("settings", "date_"),
    [
        ({"index.creation_date": "1000"}, "1000"),
        ({"index.creation_date": "2000", "index.lifecycle.origination_date": "1000"}, "1000"),
    ],
    ids=["first", "second"],
)
def test_lifecycle_counts_from_the_first_index_however_often_it_is_rebuilt(
    settings: dict[str, str], date_: str
) -> None:
    """Else each rebuild would keep events for as much longer as the index was old by then."""
    months = date(2026, 10, 1), date(2026, 11, 1)
    uuid = {"index.uuid": "u"}
    source = IndexInfo(
        NAME,
        NAME,
        1,
        *months,
        True,
        7,
        7,
        BODY["mappings"],
        settings | uuid,
        frozenset({"audit-events"}),
    )
    indices = Indices()
    reader: Any = SimpleNamespace(client=SimpleNamespace(indices=indices))
    ReindexJob(reader, source, NAMING.copy_of(NAME, 2), BODY).begin()
    (made,) = indices.made
    assert made["index"]["lifecycle"] == {"name": "audit-events", "origination_date": date_}


def test_preview_of_an_index_that_is_not_there_is_the_error_that_the_run_would_be() -> None:
    """Not a promise to copy no events; the name of a rebuilt index is as good as its alias."""
    months = date(2026, 10, 1), date(2026, 11, 1)
    index = NAMING.copy_of(NAME, 2)
    live = IndexInfo(index, NAME, 2, *months, True, 7, 7, {}, {}, frozenset({NAME}))
    assert preview(NAME, [live]) == f"{NAME}: 7 events would be copied"
    assert preview(index, [live]) == f"{index}: 7 events would be copied"
    with pytest.raises(SetupFaultError, match="There is no index audit-events-2026"):
        preview("audit-events-2026.11", [live])
