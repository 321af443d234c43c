"""Importing files of another audit log, by means of a mapping file."""

from audit_admin.importing.commands import register

__all__ = ["register"]
