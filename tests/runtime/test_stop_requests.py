"""Stop requests: the first asks, the second ends."""

import os
import signal
import subprocess
import sys

from audit_runtime import stop_requests


def test_first_signal_sets_the_event_and_calls_back() -> None:
    """Both signals that ask a process to stop do."""
    for number in (signal.SIGTERM, signal.SIGINT):
        calls: list[str] = []
        with stop_requests(lambda calls=calls: calls.append("stop")) as requested:  # type: ignore[misc]
            assert not requested.is_set()
            os.kill(os.getpid(), number)
            assert requested.wait(5)
            assert calls == ["stop"]


def test_handlers_from_before_return() -> None:
    """A caller that embeds us keeps its own handlers."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with stop_requests():
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in before} == before


def test_second_signal_ends_the_process() -> None:
    """Whoever can't wait for a clean stop presses Ctrl-C again."""
    program = (
        "import os, signal\n"
        "from audit_runtime import stop_requests\n"
        "with stop_requests() as requested:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    assert requested.wait(5)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    requested.clear(); requested.wait(5)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGTERM
