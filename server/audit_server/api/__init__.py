"""The HTTP API, under /api/v1."""

from audit_server.api import (
    alerts,
    chat_reports,
    counts,
    dead_letters,
    events,
    exceptions,
    exports,
    reports,
    rules,
    views,
)
from audit_server.api.export_response import ExportSlots
from audit_server.api.openapi import describe, document_router, documented_parameters
from audit_server.api.validation import explain

__all__ = ["ROUTERS", "ExportSlots", "describe", "document_router", "documented_parameters", "explain"]

ROUTERS = (
    events.router,
    counts.router,
    reports.router,
    chat_reports.router,
    exports.router,
    alerts.router,
    exceptions.router,
    rules.router,
    views.router,
    dead_letters.router,
)
