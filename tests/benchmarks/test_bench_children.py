"""Processes of the bench: ended whatever happens, and heard when they fail."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.children import Child, Command, job, running, undisturbed
from benchmarks.errors import BenchError
from benchmarks.records import random_id

SLEEP = Command("a sleeper", "timeit", ("-n", "1", "-r", "1", "import time; time.sleep(60)"))
FAIL = Command("a failure", "timeit", ("raise SystemExit('what went wrong')",))


def test_interrupt_at_the_very_start_of_a_process_leaves_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ctrl-C that comes when the process runs, and before anyone has noted it."""
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def interrupted(*arguments: Any, **options: Any) -> "subprocess.Popen[bytes]":
        started.append(real(*arguments, **options))
        signal.raise_signal(signal.SIGINT)
        return started[-1]

    monkeypatch.setattr("benchmarks.children.subprocess.Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), running([SLEEP, SLEEP], tmp_path):
        pytest.fail("the block was entered")
    assert len(started) == 1
    assert started[0].poll() == -signal.SIGTERM


def test_processes_end_with_the_block(tmp_path: Path) -> None:
    """Also when the block fails."""
    pids: list[int] = []

    def fail(children: list[Child]) -> None:
        pids.extend(child.family.pid for child in children)
        assert all(psutil.pid_exists(pid) for pid in pids)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), running([SLEEP, SLEEP], tmp_path) as children:
        fail(children)
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_killed_process_does_not_finish_anything(tmp_path: Path) -> None:
    """As in a crash."""
    with running([SLEEP], tmp_path) as (child,):
        child.kill()
        with pytest.raises(BenchError, match=f"a sleeper ended with status -{signal.SIGKILL:d}"):
            child.check()


def test_failure_is_told_with_the_end_of_the_log(tmp_path: Path) -> None:
    """By whoever looks first: who checks, or who waits for the end."""
    with running([FAIL], tmp_path) as (child,):
        with pytest.raises(BenchError, match=r"(?s)a failure ended with status 1.*what went wrong"):
            child.finish(30)
        with pytest.raises(BenchError, match="what went wrong"):
            child.check()


def test_process_that_dawdles_is_told(tmp_path: Path) -> None:
    """Nothing is waited for without end."""
    with running([SLEEP], tmp_path) as (child,), pytest.raises(BenchError, match="not done after 0 s"):
        child.finish(0.1)


def test_cpu_time_and_memory_are_those_of_the_process(tmp_path: Path) -> None:
    """More than half a second of work, and fifty megabytes."""
    work = "import time; x = b'1' * 50_000_000\nwhile time.process_time() < 0.7: pass\ntime.sleep(60)"
    busy = Command("a worker", "timeit", ("-n", "1", "-r", "1", work))
    with running([busy], tmp_path) as (child,):
        deadline = time.monotonic() + 60
        while child.family.cpu_seconds() < 0.5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert child.family.cpu_seconds() < 2
        assert 50_000_000 < child.family.peak_bytes() < 120_000_000
    with pytest.raises(BenchError, match="a worker ended while it was measured"):
        child.family.cpu_seconds()


def test_signal_comes_at_the_end_of_an_undisturbed_block() -> None:
    """Late, and once; the handlers are as they were."""
    before = signal.getsignal(signal.SIGINT)
    done: list[str] = []

    def work() -> None:
        signal.raise_signal(signal.SIGINT)
        done.append("all")

    with pytest.raises(KeyboardInterrupt), undisturbed():
        work()
    assert done == ["all"]
    assert signal.getsignal(signal.SIGINT) is before


def test_environment_of_a_process_has_no_setting_but_those_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is measured is at its defaults."""
    monkeypatch.setenv("AUDITLOG_BATCH_EVENTS", "1")
    show = ("-n", "1", "-r", "1", "import os; print(sorted(n for n in os.environ if 'AUDITLOG' in n))")
    command = Command("a look", "timeit", show, {"AUDITLOG_GROUP": "g"})
    with running([command], tmp_path) as (child,):
        assert child.finish(30).startswith(b"['AUDITLOG_GROUP']")


def test_function_runs_as_a_process_and_gives_its_result(tmp_path: Path) -> None:
    """Arguments and result travel as JSON."""
    with running([job("an id", random_id, "x")], tmp_path) as (child,):
        assert json.loads(child.finish(30)) == random_id("x")
