"""Processes that the bench starts: each with a log, ended by its own id, never left behind."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

from benchmarks.errors import BenchError
from benchmarks.family import Family

ROOT = Path(__file__).resolve().parent.parent

_STOP_SECONDS = 40.0
_LOG_LINES = 12

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Command:
    """A process to run: a Python module, or another program."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    program: str = ""
    """A path; the module does not count then."""

    @property
    def argv(self) -> list[str]:
        """The program and its arguments."""
        start = [self.program] if self.program else [sys.executable, "-m", self.module]
        return [*start, *self.arguments]


def job(name: str, function: Callable[P, object], *positional: P.args, **named: P.kwargs) -> Command:
    """Return the command that calls a function of ours; arguments and result travel as JSON."""
    where = function.__module__, function.__name__
    return Command(name, "benchmarks.job", (*where, json.dumps([positional, named])))


class Child:
    """A process of ours. Use `running`, which ends it whatever happens."""

    def __init__(self, command: Command, log: Path) -> None:
        self.name = command.name
        self._log = log
        self._output = log.with_suffix(".out")
        with log.open("wb") as errors, self._output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own modules, and contestants
                command.argv,
                cwd=ROOT,
                env=_clean_environment() | dict(command.environment or {}),
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

    def finish(self, seconds: float) -> bytes:
        """Wait for its end and return what it printed. Raises BenchError if it failed or timed out."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise BenchError(
                f"{self.name} was not done after {seconds:.0f} s. {self.end_of_log()}"
            ) from error
        self.check(may_be_done=True)
        return self._output.read_bytes()

    def kill(self) -> None:
        """End it as a crash does, without a chance to finish anything."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it: SIGTERM, then SIGKILL if that is ignored."""
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
            slug = re.sub("[^a-z0-9]+", "-", command.name.lower())
            with undisturbed():
                child = Child(command, folder / f"{slug}-{number}.log")
                stack.callback(undisturbed()(child.stop))
            children.append(child)
        yield children


@contextmanager
def undisturbed() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM to the end of the block, so that what starts is noted, and ended.

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


def _clean_environment() -> dict[str, str]:
    """Return the environment, less the settings that would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AUDITLOG_")}
