"""Another audit log's files, turned into events by a mapping file."""

from audit_admin.importing.commands import register

__all__ = ["register"]
