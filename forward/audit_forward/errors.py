"""What goes wrong between the log and a receiver.

::

    ForwardError                what a person fixes: a stream's file, a setting
    ├── StreamFileError         a stream's file can't be used
    └── PositionLostError       another process has this stream now
    NotDeliveredError           a receiver did not take events: they are sent again
    RefusedError                a receiver refuses events for good, by what they say
"""

__all__ = [
    "ForwardError",
    "NotDeliveredError",
    "PositionLostError",
    "RefusedError",
    "StreamFileError",
]


class ForwardError(Exception):
    """Base of what ends a command, as one sentence that says what to do."""


class StreamFileError(ForwardError):
    """A stream's file can't be used."""


class PositionLostError(ForwardError):
    """Another process has taken the stream over."""


class NotDeliveredError(Exception):
    """A receiver did not take what was sent; it may later. Nothing is known of what it has stored."""


class RefusedError(Exception):
    """A receiver refuses what was sent, because of its contents: sending it again is in vain."""
