"""Errors of the embedded servers; each message says what to do."""

__all__ = ["FetchError", "JavaMissingError", "LocalError", "ServerFailedError"]


class LocalError(Exception):
    """Base of all that `audit_local` raises."""


class JavaMissingError(LocalError):
    """There is no recent enough Java, and none could be downloaded."""


class FetchError(LocalError):
    """A server's distribution could not be downloaded."""


class ServerFailedError(LocalError):
    """A server did not start, or did not become ready in time; carries the end of its log."""
