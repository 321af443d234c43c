"""Wait for a consumer."""

import subprocess
from pathlib import Path

from audit_admin.lag import Lag
from support.conditions import wait_until
from support.servers import Deployment

__all__ = ["settle"]


def settle(deployment: Deployment, log: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the consumer has settled all that is published."""
    with Lag(deployment.consumer) as lag:
        wait_until(
            lambda: lag.records() == 0 or process.poll() is not None,
            what="the group has settled everything",
        )
    assert process.poll() is None, log.read_text()
