"""The log of librdkafka, as a logger of Python's: told once, not twenty times a second."""

import logging
import time

__all__ = ["KAFKA_LOG"]

_QUIET_SECONDS = 30.0


class _Repeats(logging.Filter):
    """Lets a kind of line through once in half a minute; a broker that is away fills no disk."""

    def __init__(self) -> None:
        super().__init__()
        self._until: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line is new. librdkafka's lines begin with their kind, such as FAIL."""
        kind = record.getMessage().split(" ", 1)[0]
        now = time.monotonic()
        if now < self._until.get(kind, 0.0):
            return False
        self._until[kind] = now + _QUIET_SECONDS
        return True


KAFKA_LOG = logging.getLogger("auditlog.kafka")
KAFKA_LOG.addFilter(_Repeats())
