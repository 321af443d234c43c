"""Log shippers that index the topic's events as they are: contestants where they are installed."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.children import ROOT, Command
from benchmarks.servers import Servers

_SYSTEM = "/usr/sbin:/sbin:/usr/local/sbin"
"""Where daemons are, which an account's PATH may leave out."""
_CHECK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Shipper:
    """A program of others, with a configuration of ours that reads `BENCH_*` from its environment."""

    name: str
    program: str
    run: tuple[str, ...]
    check: tuple[str, ...]
    """Arguments with which it reads its configuration, loads its modules, and ends with 0."""
    packages: str

    def missing(self) -> str | None:
        """Say in a sentence why it can't take part; None if it can."""
        if self._found() is not None and self._accepts():
            return None
        return f"{self.name} is left out: it needs Debian's packages {self.packages}."

    def command(self, what: str, servers: Servers, topic: str, prefix: str) -> Command:
        """Return what indexes the topic into `<prefix>-all`, as the group of that name."""
        environment = _environment(
            servers.kafka, urlsplit(servers.elasticsearch).netloc, topic, prefix, servers.folder
        )
        return Command(what, "", self.run, environment, self._found() or self.program)

    def _found(self) -> str | None:
        return shutil.which(self.program, path=os.pathsep.join((os.environ.get("PATH", ""), _SYSTEM)))

    def _accepts(self) -> bool:
        environment = dict(_environment("127.0.0.1:9", "127.0.0.1:9", "topic", "check", Path("/tmp")))  # noqa: S108 - nothing is written
        done = subprocess.run(  # noqa: S603 - the program was looked up, the arguments are ours
            [self._found() or self.program, *self.check],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_CHECK_SECONDS,
            check=False,
        )
        return done.returncode == 0


def _environment(
    kafka: str, elasticsearch: str, topic: str, prefix: str, folder: Path
) -> Mapping[str, str]:
    return {
        "BENCH_KAFKA": kafka,
        "BENCH_ELASTICSEARCH": elasticsearch,
        "BENCH_TOPIC": topic,
        "BENCH_GROUP": prefix,
        "BENCH_INDEX": f"{prefix}-all",
        "BENCH_FOLDER": str(folder),
        "BENCH_ERRORS": str(folder / f"{prefix}.errors"),
    }


_RSYSLOG_CONF = str(ROOT / "benchmarks" / "rsyslog.conf")

RSYSLOG = Shipper(
    name="rsyslog",
    program="rsyslogd",
    run=("-n", "-i", "NONE", "-f", _RSYSLOG_CONF),
    check=("-N", "1", "-f", _RSYSLOG_CONF),
    packages="rsyslog, rsyslog-kafka and rsyslog-elasticsearch",
)
