"""Messages in lists that are small enough to be looked up together. Pure."""

from collections.abc import Iterable, Iterator

from confluent_kafka import Message

__all__ = ["message_batches"]

_BYTES = 8 * 1024 * 1024


def message_batches(messages: Iterable[Message], most: int) -> Iterator[list[Message]]:
    """Yield the messages in lists of at most `most`, and of about 8 MB."""
    batch: list[Message] = []
    size = 0
    for message in messages:
        batch.append(message)
        size += len(message)
        if len(batch) == most or size >= _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
