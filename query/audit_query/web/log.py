"""Logging of the server's process. No line holds an event, a query or a token."""

import logging
import sys
from typing import Literal

import structlog

__all__ = ["configure_logging"]


def configure_logging(form: Literal["auto", "console", "json"], *, level: int = logging.INFO) -> None:
    """Write log lines to standard error: for people on a terminal, as JSON lines elsewhere."""
    for_people = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
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
    # What uvicorn would say, the middleware says; and its lines hold queries.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
