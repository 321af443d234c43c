"""The bench's own Kafka and Elasticsearch, in a folder that goes with them."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from audit_local import LocalSettings, Stack
from audit_local.ports import free_port
from rich.console import Console

from benchmarks.children import undisturbed
from benchmarks.family import Family

_CALM_SHARE = 0.1
_CALM_SECONDS = 20.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Servers:
    """Where they answer, what they use, and a folder for the bench's own files."""

    kafka: str
    elasticsearch: str
    broker: Family
    elastic: Family
    folder: Path

    def calm_down(self) -> None:
        """Wait until both have nothing left to do: merges and deletions of the run before."""
        deadline = time.monotonic() + _CALM_SECONDS
        while time.monotonic() < deadline:
            before = self.broker.cpu_seconds() + self.elastic.cpu_seconds()
            time.sleep(_LOOK_SECONDS)
            used = self.broker.cpu_seconds() + self.elastic.cpu_seconds() - before
            if used < _CALM_SHARE * _LOOK_SECONDS:
                return


@contextmanager
def running_servers(console: Console) -> Iterator[Servers]:
    """Start both, and end and delete them at the end of the block, whatever happens in it.

    Raises LocalError. Never the servers of the environment: figures need a machine of their own.
    """
    with ExitStack() as stack:
        with undisturbed():
            folder = Path(tempfile.mkdtemp(prefix="auditlog-bench-"))
            stack.callback(undisturbed()(shutil.rmtree), folder, ignore_errors=True)
        folder.chmod(0o755)  # the servers run as another account, where root runs the bench
        scratch = folder / "bench"
        scratch.mkdir()
        settings = LocalSettings(
            home=folder / "home", kafka_port=free_port(), elasticsearch_port=free_port()
        )
        both = Stack(settings, console, requires_password=False)
        stack.callback(undisturbed()(both.reset))
        with undisturbed():  # a server that is not on record yet would be left behind
            kafka, elastic = both.up()
        yield Servers(
            kafka.address,
            f"http://{elastic.address}",
            Family(kafka.name, kafka.process.pid, is_settled=True),
            Family(elastic.name, elastic.process.pid, is_settled=True),
            scratch,
        )
