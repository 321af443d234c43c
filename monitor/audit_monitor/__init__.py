"""What our long-running processes show of themselves: metrics, and whether they are well."""

from audit_monitor.errors import MonitorError
from audit_monitor.health import Health
from audit_monitor.server import Monitor
from audit_monitor.settings import MonitorSettings

__all__ = ["Health", "Monitor", "MonitorError", "MonitorSettings"]
