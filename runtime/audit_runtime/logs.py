"""Logging of long-running processes. No line holds an event's body, a query or a secret."""

import logging
import sys

import structlog

from audit_runtime.settings import LogFormat

__all__ = ["configure_logging"]


def configure_logging(log_format: LogFormat, *, level: int = logging.INFO) -> None:
    """Write log lines to standard error: for people on a terminal, as JSON lines elsewhere."""
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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
