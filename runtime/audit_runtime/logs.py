"""Logging of long-running processes. No line holds an event's body, a query or a secret."""

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog

from audit_runtime.settings import LogFormat

__all__ = ["configure_logging"]


def configure_logging(log_format: LogFormat, *, level: int = logging.INFO) -> None:
    """Write log lines to standard error: for people on a terminal, as JSON lines elsewhere.

    A line that can't be written, such as to a full disk, is lost: it must not end who logs it.
    """
    for_people = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        # The default formatter prints local variables, which may hold secrets.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if for_people
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Unfailing(sys.stderr))),
    )


class _Unfailing:
    """What a logger needs of a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()
