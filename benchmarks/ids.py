"""Ids as the SDK makes them, and as it does not. Pure: the same input gives the same id."""

import random
import uuid
from datetime import datetime

__all__ = ["in_order_of_time", "random_id"]

_REST = (1 << 76) - 1


def in_order_of_time(found: str, timestamp: str) -> str:
    """Return a UUIDv7 of the event's time, as `new_event_id` makes at that time.

    The rest is taken from the UUID that is given. The traffic's own ids are random ones, so that a
    seed gives the same events; a service's are not, and that shows in an index.
    """
    milliseconds = int(datetime.fromisoformat(timestamp).timestamp() * 1000)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | uuid.UUID(found).int & _REST))


def random_id(found: str) -> str:
    """Return a UUIDv4 in the place of another id."""
    bits = random.Random(found).getrandbits(128)  # noqa: S311 - to be repeated, not to be secret
    return str(uuid.UUID(int=bits, version=4))
