"""The proof that nothing was lost, and the repair of what was."""

from audit_admin.verification.commands import closing_line, register
from audit_admin.verification.repair import repair
from audit_admin.verification.verify import PartitionProof, verify

__all__ = ["PartitionProof", "closing_line", "register", "repair", "verify"]
