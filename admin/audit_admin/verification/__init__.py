"""Verification that nothing was lost, and the repair of what was."""

from audit_admin.verification.commands import closing_line, register
from audit_admin.verification.reconciliation import PartitionReconciliation, verify

__all__ = ["PartitionReconciliation", "closing_line", "register", "verify"]
