"""Types the commands of a document as a reader would, against a deployment."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from handbook.block import Block
from support.command import clean_environment
from support.conditions import wait_until
from support.forked_process import ForkedProcess
from support.servers import Deployment

__all__ = ["Typist"]

_SERVICES = ("auditlog consume", "auditlog serve", "auditlog alerts run")
"""Go on until another of their kind starts, or the document ends."""
_WATCHES = ("auditlog tail", "auditlog status --watch")
"""Are left with Ctrl-C as soon as they have shown something."""
_SHELL = re.compile(r"[|<>;&$`\n]")


class Typist:
    """A terminal: a folder, variables, and what each command said. Close it.

    `given` says what stands here for what the documents have: another path, address or port.
    """

    def __init__(
        self,
        deployment: Deployment,
        folder: Path,
        given: Mapping[str, str],
        until: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.said: dict[str, str] = {}
        self.variables = clean_environment() | deployment.environment
        self.variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._folder = folder
        self.given = dict(given)
        self._until = until
        self._running: dict[str, ForkedProcess] = {}

    def type_all(self, block: Block) -> None:
        """Type each command of a block; all have to end well."""
        for command in block.commands():
            self.said[command] = self._type(self._here(command))
            if wanted := self._until.get(command):
                wait_until(lambda: self._says(command, wanted), what=f"{command} says {wanted}")  # noqa: B023 - asked at once

    def close(self) -> None:
        """End what still runs, which has to end well."""
        for service in list(self._running):
            self._end(service)

    def _says(self, command: str, wanted: str) -> bool:
        if wanted not in self.said[command]:
            self.said[command] = self._type(self._here(command))
        return wanted in self.said[command]

    def _here(self, command: str) -> str:
        for there, here in self.given.items():
            command = command.replace(there, here)
        return command

    def _type(self, command: str) -> str:
        if exported := re.fullmatch(r"export (\w+)=(.*)", command):
            self.variables[exported[1]] = self._shell(f"printf %s {exported[2]}")
            return self.variables[exported[1]]
        if not command.startswith("auditlog ") or _SHELL.search(command):
            return self._shell(command)
        if command.startswith(_SERVICES) and "--once" not in command:
            return self._serve(command)
        return self._auditlog(command)

    def _shell(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=self.variables,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _auditlog(self, command: str) -> str:
        out = self._folder / "said"
        out.unlink(missing_ok=True)
        is_watch = command.startswith(_WATCHES)
        process = self._start(command, out, {"TTY_COMPATIBLE": "1"} if is_watch else {})
        if is_watch:
            self._wait_for_words(process, out)
            process.send_signal(signal.SIGINT)
        well = (0, 130) if is_watch else (0,)
        assert process.wait(200) in well, f"{command}\n{out.read_text()}"
        return out.read_text()

    def _serve(self, command: str) -> str:
        service = command.split()[1]
        self._end(service)
        out = self._folder / f"said-{service}"
        out.unlink(missing_ok=True)
        self._running[service] = process = self._start(command, out)
        self._wait_for_words(process, out)
        return out.read_text()

    def _start(
        self, command: str, out: Path, more: Mapping[str, str] = MappingProxyType({})
    ) -> ForkedProcess:
        words = tuple(shlex.split(command)[1:])
        known = self.variables | {"PYTHONUNBUFFERED": "1"} | dict(more)
        return ForkedProcess(words, known, stdout=out, folder=self._folder)

    def _wait_for_words(self, process: ForkedProcess, out: Path) -> None:
        try:
            wait_until(
                lambda: (
                    process.poll() is not None
                    or (out.exists() and re.search("[a-z]{3}.*\n", out.read_text()))
                ),
                seconds=120,
                what="it says something",
            )
        except AssertionError:
            process.kill()
            raise
        assert process.poll() is None, out.read_text()

    def _end(self, service: str) -> None:
        process = self._running.pop(service, None)
        if process is None:
            return
        process.terminate()
        try:
            status = process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert status == 0, (self._folder / f"said-{service}").read_text()
