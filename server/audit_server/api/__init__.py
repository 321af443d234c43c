"""The HTTP API, under /api/v1."""

from audit_server.api import counts, dead_letters, events, exports, reports, views
from audit_server.api.export_response import ExportSlots
from audit_server.api.openapi import describe, document_router, documented_parameters
from audit_server.api.validation import explain

__all__ = ["ROUTERS", "ExportSlots", "describe", "document_router", "documented_parameters", "explain"]

ROUTERS = (
    events.router,
    counts.router,
    reports.router,
    exports.router,
    views.router,
    dead_letters.router,
)
