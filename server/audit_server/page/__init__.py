"""The Audit Logs page: rendered on the server, made quicker to use by plain JavaScript."""

from audit_server.page.routes import error_page, router

__all__ = ["error_page", "router"]
