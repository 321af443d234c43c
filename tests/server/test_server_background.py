"""What is found out in the background."""

import threading

import pytest
from audit_server.background import BackgroundValue
from support.conditions import wait_until


def test_value_is_found_out_once_there_is_a_thread_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who reads it meanwhile gets an error, and it is not pending for ever."""
    now = 0.0
    value = BackgroundValue("answer", lambda: 42, fresh_seconds=10, clock=lambda: now)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert value.read(wait_seconds=1).is_pending
    now = 20.0
    value.read()
    wait_until(lambda: value.read().value == 42, what="it is known")
