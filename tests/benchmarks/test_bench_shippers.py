"""Programs of others that index the topic: found or not, and told where everything is."""

from pathlib import Path

import pytest

from benchmarks.children import ROOT, running
from benchmarks.family import Family
from benchmarks.servers import Servers
from benchmarks.shippers import RSYSLOG

US = Family("us", 1)


def program(folder: Path, script: str) -> None:
    """Install a daemon of RSYSLOG's name."""
    file = folder / RSYSLOG.program
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Find programs in the test's folder alone."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("benchmarks.shippers._SYSTEM", "/nowhere")


def test_shipper_without_its_program_or_a_module_is_missing(tmp_path: Path) -> None:
    """The sentence names the packages."""
    why = "rsyslog is left out: it needs Debian's packages rsyslog, rsyslog-kafka and "
    assert (RSYSLOG.missing() or "").startswith(why)
    program(tmp_path, "exit 1")
    assert (RSYSLOG.missing() or "").startswith(why)
    program(tmp_path, '[ "$1 $2" = "-N 1" ] && [ -f "$4" ] && [ "$BENCH_INDEX" = "check-all" ]')
    assert RSYSLOG.missing() is None


def test_shipper_is_told_where_everything_is(tmp_path: Path) -> None:
    """In the environment, which its configuration reads."""
    program(tmp_path, 'echo "$BENCH_KAFKA $BENCH_ELASTICSEARCH $BENCH_TOPIC $BENCH_GROUP $BENCH_INDEX"')
    servers = Servers("kafka:9092", "http://elastic:9200", US, US, tmp_path)
    command = RSYSLOG.command("rsyslog", servers, "events", "bench-1")
    with running([command], tmp_path) as (child,):
        assert child.finish(30).split() == b"kafka:9092 elastic:9200 events bench-1 bench-1-all".split()


def test_configuration_reads_what_it_is_told() -> None:
    """Nothing else of the environment, and all of it."""
    command = RSYSLOG.command("", Servers("", "", US, US, Path()), "", "")
    text = (ROOT / "benchmarks" / "rsyslog.conf").read_text()
    for name in command.environment or {}:
        assert f"`echo ${name}`" in text
