"""What a figure was measured on: never a host's name, nor a path."""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import confluent_kafka
import elasticsearch
import psutil
from audit_local.artifacts import ELASTICSEARCH_VERSION, KAFKA_VERSION
from audit_local.settings import LocalSettings

from benchmarks.children import ROOT

__all__ = ["facts"]

_GIB = 1024**3
_PACKAGES = ("pydantic", "pydantic_core", "confluent-kafka", "elasticsearch", "elastic-transport")


def facts(client: elasticsearch.Elasticsearch) -> Mapping[str, Any]:
    """Return the machine, the versions of all that took part, and when it was."""
    settings = LocalSettings()
    nodes = client.nodes.info(metric="jvm", filter_path="nodes.*.jvm.version").body
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cores": psutil.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / _GIB, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "librdkafka": confluent_kafka.libversion()[0],
        "kafka": KAFKA_VERSION,
        "kafka_heap": settings.kafka_heap,
        "elasticsearch": ELASTICSEARCH_VERSION,
        "elasticsearch_heap": settings.elasticsearch_heap,
        "java": next(iter(nodes["nodes"].values()))["jvm"]["version"],
    }


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    if known.exists():
        for line in known.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """Return the commit, with a plus where files differ from it; unknown outside of a clone."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own arguments
        ["git", *arguments],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
