"""Lists that are bounded by number and by bytes, such as those that are looked up together. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from confluent_kafka import Message

__all__ = ["bounded_batches", "message_batches"]

_BYTES = 8 * 1024 * 1024

_T = TypeVar("_T")


def bounded_batches(
    all_of_them: Iterable[_T], size_of: Callable[[_T], int], most: int, most_bytes: int
) -> Iterator[tuple[list[_T], int]]:
    """Yield lists of at most `most`, and the bytes of each; none grows once it has `most_bytes`."""
    batch: list[_T] = []
    size = 0
    for each in all_of_them:
        batch.append(each)
        size += size_of(each)
        if len(batch) == most or size >= most_bytes:
            yield batch, size
            batch, size = [], 0
    if batch:
        yield batch, size


def message_batches(messages: Iterable[Message], most: int) -> Iterator[list[Message]]:
    """Yield the messages in lists of at most `most`, and of about 8 MB."""
    for batch, _ in bounded_batches(messages, len, most, _BYTES):
        yield batch
