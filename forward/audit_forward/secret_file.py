"""Secrets of streams: in files, read when they are needed, so that they can be changed meanwhile."""

from pathlib import Path

from audit_runtime import CredentialsError, secret_of

__all__ = ["read_secret"]


def read_secret(file: Path) -> bytes:
    """Return what a secret's file holds now. Raises CredentialsError, also for an empty one."""
    found = secret_of(None, file)
    if not found:
        raise CredentialsError(f"{file} is empty; it must hold a secret")
    return found.encode()
