"""Logging of long-running processes."""

import sys
from pathlib import Path

import pytest
import structlog
from audit_runtime.logs import configure_logging


def test_log_on_a_full_disk_ends_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer goes on, without its lines."""
    before = structlog.get_config()
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it fails
    monkeypatch.setattr(sys, "stderr", full)
    try:
        configure_logging("json")
        structlog.get_logger().info("a line")
    finally:
        structlog.configure(**before)
        with pytest.raises(OSError, match="No space left"):
            full.close()
