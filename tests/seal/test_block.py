"""Blocks: each offset has its own slot, and no other one has any."""

import pytest
from audit_seal import SLOT_BYTES, Block
from audit_seal.errors import FormatError

SLOTS = [bytes([number]) * SLOT_BYTES for number in range(1, 4)]
BLOCK = Block("audit.events", "topic-1", 0, 7, 10, 1, 2, b"".join(SLOTS))


def test_each_offset_has_its_slot() -> None:
    """From the first one on."""
    assert SLOTS == [BLOCK.slot(offset) for offset in range(7, 10)]
    assert Block.decode(BLOCK.encode()) == BLOCK


@pytest.mark.parametrize("offset", [0, 4, 6, 10, 263])
def test_an_offset_outside_has_no_slot(offset: int) -> None:
    """Counted from the end or cut short, it would be that of another record."""
    with pytest.raises(FormatError, match=f"has no slot of {offset}"):
        BLOCK.slot(offset)
