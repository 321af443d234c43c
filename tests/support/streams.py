"""Streams of a test's own deployment: their files, their process, and what the log has for them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.command import start_auditlog
from support.conditions import wait_until
from support.consumed import consume_all
from support.events import chats
from support.forked_process import ForkedProcess
from support.servers import Deployment

__all__ = ["StreamTrial", "ids_of"]


class StreamTrial:
    """A deployment with a folder of streams."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.deployment = deployment
        self.folder = folder / "streams"
        self.folder.mkdir(exist_ok=True)
        self.log = folder / "forward.log"
        deployment.extra["AUDITLOG_STREAMS"] = str(self.folder)

    def write(self, name: str, text: str) -> None:
        """Write a stream's file."""
        (self.folder / f"{name}.toml").write_text(text)

    def publish(self, count: int, **context: Any) -> set[str]:
        """Publish events and have them judged; return their ids."""
        values = chats(count, **context)
        self.deployment.publish_raw(*values.values())
        consume_all(self.deployment)
        return set(values)

    def start(self, *streams: str) -> ForkedProcess:
        """Start `auditlog forward run`."""
        return start_auditlog(
            "forward", "run", *streams, output=self.log, **self.deployment.environment
        )

    @contextmanager
    def running(self, *streams: str) -> Iterator[ForkedProcess]:
        """Run the forwarder beside the test, and end it by SIGTERM."""
        process = self.start(*streams)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(120)

    def state(self, name: str) -> dict[str, Any]:
        """Return what is stored of a stream; nothing if nothing is."""
        with self.deployment.client() as client:
            found = client.options(ignore_status=(404, 503), max_retries=0).get(
                index=self.deployment.environment["AUDITLOG_STREAMS_INDEX"], id=f"stream-{name}"
            )
            return dict(found.body.get("_source", {}))

    def wait_for_begin(self, *names: str) -> None:
        """Wait until streams have noted where they begin."""
        wait_until(lambda: all(self.state(name) for name in names), what="the streams have begun")


def ids_of(lines: bytes) -> list[str]:
    """Return the ids of events, of a line each."""
    return [json.loads(line)["event"]["id"] for line in lines.splitlines()]
