"""Processes that the bench starts: each with a log, ended by its own id, never left behind."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.errors import BenchError
from benchmarks.family import Family

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["ROOT", "Child", "Command", "clean_environment", "job", "job_of", "running", "undisturbed"]

ROOT = Path(__file__).resolve().parent.parent

_STOP_SECONDS = 40.0
_LOG_LINES = 12


@dataclass(frozen=True, slots=True)
class Command:
    """A Python module to run as a process."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None


def job(name: str, module: str, work: "DataclassInstance") -> Command:
    """Return the command that runs one of our own modules; `job_of` reads `work` there."""
    return Command(name, module, (json.dumps(asdict(work)),))


def job_of(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the fields that `job` was given."""
    fields: dict[str, Any] = json.loads(arguments[1])
    return fields


class Child:
    """A process of ours. Use `running`, which ends it whatever happens."""

    def __init__(self, command: Command, log: Path) -> None:
        self.name = command.name
        self._log = log
        self._output = log.with_suffix(".out")
        with log.open("wb") as errors, self._output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", command.module, *command.arguments],
                cwd=ROOT,
                env=clean_environment() | dict(command.environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is ours to answer: we end it, and then report
            )
        self.family = Family(self.name, self._process.pid)

    def check(self, *, may_be_done: bool = False) -> None:
        """Raise BenchError, with the end of its log, if the process ended by itself, or failed."""
        status = self._process.poll()
        if status is not None and (status or not may_be_done):
            raise BenchError(f"{self.name} ended with status {status}. {self.end_of_log()}")

    def end_of_log(self) -> str:
        """Return its last lines, for a message."""
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()[-_LOG_LINES:]
        return "Its last lines:\n" + "\n".join(line[:400] for line in lines)

    def output(self) -> bytes:
        """Return what it printed so far."""
        return self._output.read_bytes()

    def finish(self, seconds: float) -> bytes:
        """Wait for its end and return what it printed. Raises BenchError if it failed or dawdles."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise BenchError(
                f"{self.name} was not done after {seconds:.0f} s. {self.end_of_log()}"
            ) from error
        if status:
            raise BenchError(f"{self.name} ended with status {status}. {self.end_of_log()}")
        return self.output()

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL for one that does not listen."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(commands: Sequence[Command], folder: Path) -> Iterator[list[Child]]:
    """Run the commands beside us; all are ended at the end of the block, whatever happens in it."""
    with ExitStack() as stack:
        children = []
        for number, command in enumerate(commands):
            with undisturbed():
                child = Child(command, folder / f"{_slug(command.name)}-{number}.log")
                stack.callback(_stop_undisturbed, child)
            children.append(child)
        yield children


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait for the end of the block: what is started has to be noted, and ended.

    Call it in the main thread, and inside of what will clean up: the signal comes as the block ends.
    """
    came: list[int] = []
    held = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda number, _: came.append(number)) for number in held]
    try:
        yield
    finally:
        for number, handler in zip(held, before, strict=True):
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def clean_environment() -> dict[str, str]:
    """Return the environment, less the settings that would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AUDITLOG_")}


def _slug(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower())


def _stop_undisturbed(child: Child) -> None:
    with undisturbed():
        child.stop()
