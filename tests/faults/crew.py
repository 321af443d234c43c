"""The consumers of a test: they join, leave, are killed, stand still, and go on."""

import contextlib
import math
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from audit_admin.lag import Lag
from elasticsearch import Elasticsearch
from faults.group import owned
from support.conditions import wait_until
from support.servers import Deployment

__all__ = ["Crew", "Process", "conflicts"]

Process = subprocess.Popen[bytes]


class Crew:
    """Real `auditlog consume` processes, each with a log of its own; ended with the context."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self._deployment = deployment
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._log_of: dict[Process, Path] = {}
        self.alive: list[Process] = []

    def join(self) -> Process:
        """Start one more."""
        log = self._folder / f"consumer-{len(self._log_of)}.log"
        process = self._stack.enter_context(self._deployment.consuming(log=log))
        self._log_of[process] = log
        self.alive.append(process)
        return process

    def kill(self, process: Process) -> None:
        """End one by kill -9. It has to be at work still."""
        self.check()
        process.kill()
        process.wait()
        self.alive.remove(process)

    def leave(self, process: Process, *, drains: bool = True) -> None:
        """End one by SIGTERM, which it has to take well.

        Where it can't drain, it has to end with status 1, and say so. It may not have begun its
        work, and know of no SIGTERM yet.
        """
        self.check()
        process.terminate()
        status = process.wait(120)
        said = self._log_of[process].read_text()
        was_early = status == -signal.SIGTERM and said == ""
        gave_up = status == 1 and "read again at the next start" in said and not drains
        assert status == 0 or was_early or gave_up, f"SIGTERM gave status {status}"
        self.alive.remove(process)

    def dismiss(self) -> None:
        """End all, however."""
        for process in self.alive:
            process.terminate()
        for process in self.alive:
            process.wait(120)
        self.alive.clear()

    def log(self) -> str:
        """Return what they all wrote."""
        return "".join(path.read_text() for path in self._log_of.values())

    def check(self) -> None:
        """Fail if one has ended by itself."""
        for process in self.alive:
            if process.poll() is not None:
                end = self._log_of[process].read_text()[-2000:]
                raise AssertionError(f"A consumer ended, status {process.returncode}: {end}")

    def wait_for_work(self, least: int = 1) -> None:
        """Return when Elasticsearch has done so many writes since the call."""
        with self._deployment.client() as client:
            enough = self._operations(client) + least

            def is_done() -> bool:
                self.check()
                return self._operations(client) >= enough

            wait_until(is_done, pause=0.05, what="events are written")

    def wait_for_shares(self, shares: list[int]) -> None:
        """Return when the group's members have so many partitions each, the fewest first."""

        def is_shared() -> bool:
            self.check()
            return owned(self._deployment) == shares

        wait_until(is_shared, seconds=300, what=f"the group's members have {shares} partitions")

    def settle(self, *, patience: float = 180) -> None:
        """Wait until all that is published is settled. Fail after so many seconds with no progress."""
        with Lag(self._deployment.consumer) as asked:
            left, since = asked.records(), time.monotonic()

            def is_settled() -> bool:
                nonlocal left, since
                self.check()
                now = asked.records()
                if now < left:
                    left, since = now, time.monotonic()
                assert time.monotonic() - since < patience, f"{now} records stay unsettled"
                return not now

            wait_until(is_settled, seconds=math.inf, what="all is settled")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            print(self.log())  # noqa: T201 - shown where the test fails
            for process in self.alive:
                process.kill()
                process.wait()
        self._stack.close()

    def _operations(self, client: Elasticsearch) -> int:
        """Return how many writes were tried since Elasticsearch's start; counted without a refresh."""
        counts = _indexing(self._deployment, client)
        return counts.get("index_total", 0) + counts.get("index_failed", 0)


def conflicts(deployment: Deployment) -> int:
    """Return how many writes met a document that was there already, since Elasticsearch's start."""
    with deployment.client() as client:
        return _indexing(deployment, client).get("index_failed", 0)


def _indexing(deployment: Deployment, client: Elasticsearch) -> dict[str, int]:
    found = client.indices.stats(index=f"{deployment.name}-*", metric="indexing")
    return dict(found["_all"]["primaries"].get("indexing", {}))
