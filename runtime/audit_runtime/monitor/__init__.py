"""Metrics and health of our long-running processes, over HTTP."""

from audit_runtime.monitor.health import Health
from audit_runtime.monitor.server import Monitor, monitored
from audit_runtime.monitor.settings import MonitorSettings

__all__ = ["Health", "Monitor", "MonitorSettings", "monitored"]
