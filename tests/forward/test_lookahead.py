"""Batches in the making: at the same time, within bounds, in order."""

import threading
from collections.abc import Iterator

import pytest
from audit_forward.item import Batch
from audit_forward.lookahead import LookAhead


@pytest.fixture
def ahead() -> Iterator[LookAhead]:
    """Give what makes two batches at once, of 100 bytes together."""
    found = LookAhead(2, 100)
    yield found
    found.close()


def batch(end: int) -> Batch:
    """Return a batch that ends there."""
    return Batch([], {0: end})


def broken() -> Batch:
    """Fail."""
    raise OSError("away")


def test_batches_are_made_at_once_and_taken_in_order(ahead: LookAhead) -> None:
    """The first is not there before the second, and is taken before it."""
    second_is_made = threading.Event()

    def first() -> Batch:
        assert second_is_made.wait(60)
        return batch(1)

    def second() -> Batch:
        second_is_made.set()
        return batch(2)

    ahead.add(first, 1)
    ahead.add(second, 1)
    assert [ahead.take().ends, ahead.take().ends] == [{0: 1}, {0: 2}]
    assert ahead.is_empty


@pytest.mark.parametrize(
    ("sizes", "is_full"), [([], False), ([99], False), ([1, 1], True), ([100], True)]
)
def test_it_is_full_by_number_or_by_bytes(ahead: LookAhead, sizes: list[int], *, is_full: bool) -> None:
    """Whether they are made or not; what is taken makes room."""
    for size in sizes:
        ahead.add(lambda: batch(1), size)
    assert ahead.is_full is is_full
    if sizes:
        ahead.take()
        assert not ahead.is_full


def test_error_comes_in_its_turn_and_nothing_gets_past_it(ahead: LookAhead) -> None:
    """What was added before is taken; what was added behind is not, until all is forgotten."""
    ahead.add(lambda: batch(1), 1)
    ahead.add(broken, 1)
    assert ahead.take().ends == {0: 1}
    ahead.add(lambda: batch(3), 1)
    for _ in range(2):
        with pytest.raises(OSError, match="away"):
            ahead.take()
    ahead.clear()
    assert ahead.is_empty
    ahead.add(lambda: batch(2), 1)
    ahead.add_error(OSError("gone"))
    assert ahead.take().ends == {0: 2}
    assert ahead.is_full, "nothing is added behind an error"
    with pytest.raises(OSError, match="gone"):
        ahead.take()
