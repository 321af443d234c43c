"""The Audit Logs page: rendered on the server, made quicker to use by plain JavaScript."""

from audit_server.page.counting import Tallies
from audit_server.page.routes import error_page, router

__all__ = ["Tallies", "error_page", "router"]
