"""The whole bench at its smallest, on its own servers, so that it can't rot."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.command import clean_environment
from support.conditions import wait_until
from support.servers import ROOT


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder for all that the bench makes, which the servers' account can reach."""
    made = Path(tempfile.mkdtemp(prefix="auditlog-test-bench-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def bench(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start a command of the bench, as if someone typed it."""
    environment = clean_environment() | {
        "TMPDIR": str(folder),
        "AUDITLOG_GROUP": "not-heeded",
        "AUDITLOG_LOCAL_ELASTICSEARCH_HEAP": "512m",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks", *arguments, "--out", str(folder / "out")],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_behind(folder: Path) -> list[list[str]]:
    """Return the processes that have anything to do with the folder."""
    return [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in part for part in process.info["cmdline"] or ())
        and process.pid != os.getpid()
    ]


@pytest.mark.servers
@pytest.mark.timeout(900)
def test_smallest_bench_measures_everything_and_leaves_nothing(folder: Path) -> None:
    """Every part has figures; counts were exact, or there would be none."""
    done = bench(folder, "all", "--events", "5000", "--rounds", "1", "--seconds", "2")
    said, _ = done.communicate(timeout=800)
    assert done.returncode == 0, said
    found = json.loads((folder / "out" / "quick.json").read_text())
    assert found.keys() == {"speed", "scaling", "latency", "producer"}
    contestants = found["speed"]["contestants"]
    assert contestants.keys() == {"ceiling", "one", "two", "by_hand"}
    for contestant in contestants.values():
        (run,) = contestant["runs"]
        assert run["documents"] == 5000
        assert min(run["documents_per_second"], run["peak_mib"], run["elastic_cpu_per_million"]) > 0
    assert 300 < found["speed"]["event_bytes"] < 400
    assert found["latency"]["p50"] <= found["latency"]["p99"] <= found["latency"]["highest"]
    assert found["producer"]["ways"]["bare"]["ratio_to_bare"]["median"] == 1
    assert (folder / "out" / "quick.svg").read_text().startswith("<svg")
    assert str(folder) not in json.dumps(found), "no path of the machine"
    assert [path.name for path in folder.iterdir()] == ["out"]
    assert left_behind(folder) == []


@pytest.mark.servers
@pytest.mark.timeout(600)
def test_smallest_bench_of_answers_measures_every_kind(folder: Path) -> None:
    """Each kind both ways, and exports that were counted."""
    done = bench(folder, "query", "--events", "2000", "--rounds", "1")
    said, _ = done.communicate(timeout=500)
    assert done.returncode == 0, said
    found = json.loads((folder / "out" / "quick.json").read_text())
    assert found["query_tenth"]["events"] * 10 == found["query"]["events"] == 2000
    for kind in found["query"]["kinds"].values():
        assert 0 < kind["module"]["p50"] <= kind["module"]["p95"]
    assert found["query"]["export"].keys() == {"bare", "ndjson", "csv"}
    assert "Asking 2,000 events" in said
    assert left_behind(folder) == []


@pytest.mark.servers
@pytest.mark.timeout(600)
def test_smallest_bench_of_alerts_times_each_rule(folder: Path) -> None:
    """Every rule that asks Elasticsearch, and all of them together."""
    done = bench(folder, "alerts", "--events", "2000")
    said, _ = done.communicate(timeout=500)
    assert done.returncode == 0, said
    found = json.loads((folder / "out" / "quick.json").read_text())["alerts"]
    assert len(found["rules"]) >= 12
    assert found["step"]["p50"] > max(times["p50"] for times in found["rules"].values()) > 0
    assert left_behind(folder) == []


@pytest.mark.servers
def test_interrupted_bench_leaves_nothing(folder: Path) -> None:
    """Ctrl-C, once the servers run and the topic is being filled."""
    running = bench(folder, "speed", "--events", "1000000", "--rounds", "1")
    wait_until(
        lambda: running.poll() is not None or any("preload" in " ".join(c) for c in children(running)),
        seconds=200,
        what="the topic is being filled",
    )
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=90)
    assert running.returncode not in (0, None), said
    assert "Traceback" not in said
    assert list(folder.iterdir()) == []
    assert left_behind(folder) == []


def children(process: "subprocess.Popen[str]") -> list[list[str]]:
    """Return the command lines of a process's children, as far as they are still there."""
    found = []
    for child in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.Error):
            found.append(child.cmdline())
    return found
