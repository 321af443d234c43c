"""The HTTP API and the Audit Logs page, over `audit_query`. `serve` needs the extra `web`."""

from audit_server.errors import ListenError
from audit_server.listener import listen
from audit_server.settings import ServeSettings
from audit_server.tokens import TokenFile

__all__ = ["ListenError", "ServeSettings", "TokenFile", "listen"]
