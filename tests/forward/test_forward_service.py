"""The process that has all streams, where one of them ends by a bug."""

import threading
from typing import Any

import pytest
from audit_forward import ForwardError, service
from audit_runtime.monitor import Health


class Ending:
    """A stream that ends at once, though nobody told it to."""

    read_problem = None

    def run(self) -> None:
        """End."""


class Releasing:
    """A stream that needs a moment to give its lease back."""

    read_problem = None

    def __init__(self, stop: threading.Event) -> None:
        self.is_released = False
        self._stop = stop

    def run(self) -> None:
        """Forward until it is told to stop."""
        self._stop.wait(60)
        threading.Event().wait(0.2)
        self.is_released = True


def test_stream_that_ends_by_a_bug_lets_the_others_end_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their leases are given back, and no connection is closed under them."""
    monkeypatch.setattr(service, "_LOOK_SECONDS", 0.01)
    stop = threading.Event()
    other = Releasing(stop)
    streams: list[Any] = [Ending(), other]
    with pytest.raises(ForwardError, match="by an error of ours"):
        service._watch(streams, Health(), stop)  # noqa: SLF001 - the rest of the process needs servers
    assert other.is_released
