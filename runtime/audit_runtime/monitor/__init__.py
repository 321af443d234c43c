"""What our long-running processes show of themselves: metrics, and whether they are well."""

from audit_runtime.monitor.health import Health
from audit_runtime.monitor.server import Monitor, monitored
from audit_runtime.monitor.settings import MonitorSettings

__all__ = ["Health", "Monitor", "MonitorSettings", "monitored"]
