"""Streams of events and alerts to other systems: at least once, in order within a partition."""

from audit_forward.errors import ForwardError, StreamFileError
from audit_forward.service import run_history, run_streams
from audit_forward.settings import ForwardSettings
from audit_forward.stream_file import StreamFile, load_stream, load_streams

__all__ = [
    "ForwardError",
    "ForwardSettings",
    "StreamFile",
    "StreamFileError",
    "load_stream",
    "load_streams",
    "run_history",
    "run_streams",
]
