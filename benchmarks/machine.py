"""What a figure was measured on: never a host's name, nor a path."""

import os
import platform
import subprocess
from pathlib import Path

import psutil
from audit_local.artifacts import ELASTICSEARCH_VERSION, KAFKA_VERSION
from audit_local.settings import LocalSettings

from benchmarks.children import ROOT


def describe() -> str:
    """Return the machine and the versions of what takes part, as a sentence."""
    settings = LocalSettings()
    cores, load = psutil.cpu_count(), os.getloadavg()[0]
    return (
        f"{cores} cores ({_processor()}), load {load:.1f} before; {platform.system()}, "
        f"Python {platform.python_version()}, Kafka {KAFKA_VERSION} (heap {settings.kafka_heap}), "
        f"Elasticsearch {ELASTICSEARCH_VERSION} (heap {settings.elasticsearch_heap}); "
        f"commit {_commit()}"
    )


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """Return the commit, marked where files differ from it; unknown outside of a clone."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
