"""The lifecycle of the indices: how long events are kept, and how indices are rebuilt."""

import typer

from audit_admin.indices import reindex_commands, retention_commands

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    retention_commands.register(app)
    reindex_commands.register(app)
