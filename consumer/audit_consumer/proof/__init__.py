"""The proof that nothing was lost, and the repair of what was."""

from audit_consumer.proof.commands import closing_line, register
from audit_consumer.proof.repair import repair
from audit_consumer.proof.verify import PartitionProof, verify

__all__ = ["PartitionProof", "closing_line", "register", "repair", "verify"]
