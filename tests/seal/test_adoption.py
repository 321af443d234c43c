"""Adoption asked for twice, without a server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_seal import SealError
from audit_seal.adoption import adopted_blocks, unproven_ranges
from audit_seal.request_commands import adopt
from audit_seal.requests import Requests
from audit_seal.sealed_log import SealedPartition
from audit_seal.statement import OffsetRange, Place, RetiredStatement, encode_statement

PLACE = Place("audit.events", "id-1", 0)


def documents(first: int) -> Iterator[dict[str, Any]]:
    """Yield documents of offsets up to 600; two have none."""
    for offset in range(first, 600):
        if offset not in (256, 257):
            yield {
                "event": {"created": "2026-11-27T00:00:00.000Z", "original": "bytes"},
                "audit": {"kafka": {"topic": PLACE.topic, "partition": 0, "offset": offset}},
            }


def test_blocks_of_a_log_that_grew_meanwhile_would_overlap() -> None:
    """So nobody may ask beside what is only partly taken in: the log would have a fault for ever."""
    partition = SealedPartition(PLACE)
    partition.add_gap(OffsetRange(PLACE, 0, 1000))
    asked = [block for block, _ in adopted_blocks(partition, (0, 1000), documents(0))]
    assert partition.add_block(asked[0], 0) is None
    (left,) = unproven_ranges(partition)
    again = [block for block, _ in adopted_blocks(partition, left, documents(left[0]))]
    assert [partition.add_block(block, 1) for block in asked[1:]] == [None, None]
    assert "are sealed twice" in str(partition.add_block(again[0], 2))


def test_nobody_asks_for_adoption_beside_what_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor while another command is asking; it says what to do, and asks for nothing."""
    monkeypatch.setenv("AUDITLOG_SEAL_FOLDER", str(tmp_path))
    requests = Requests(tmp_path)
    with requests.alone(), pytest.raises(SealError, match="Another command"):
        adopt()
    requests.write([(encode_statement(RetiredStatement("audit-events-2026.01", ())), b"")])
    with pytest.raises(SealError, match="try again after it"):
        adopt()
    assert len(requests.waiting()) == 1
    monkeypatch.setenv("AUDITLOG_SEAL_FOLDER", str(tmp_path / "missing"))
    with pytest.raises(SealError, match="can't be used"):
        adopt()
