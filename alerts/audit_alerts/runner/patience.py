"""Kafka, asked with patience: right after a broker's start, or an election, it has no answer yet."""

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

__all__ = ["patiently"]

_SECONDS = 15.0
_PAUSE = 0.1
_BUSY = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.LEADER_NOT_AVAILABLE,
)

_T = TypeVar("_T")


def patiently(ask: Callable[[], _T], *, seconds: float = _SECONDS) -> _T:
    """Ask again where Kafka says that it has no answer just now. Raises KafkaException.

    A Kafka that is away is not waited for: that is its own time-out.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
