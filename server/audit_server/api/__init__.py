"""The routes of the HTTP API, under /api/v1."""

from audit_server.api import counts, events, exports, reports

__all__ = ["ROUTERS"]

ROUTERS = (events.router, counts.router, reports.router, exports.router)
