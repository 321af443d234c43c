"""The operator's commands: setup, diagnosis, dead letters, verification, indices, import."""

from audit_admin.errors import SelectionError
from audit_admin.lag import Lag
from audit_admin.settings import SetupSettings
from audit_admin.setup import set_up
from audit_admin.verification import PartitionReconciliation, closing_line, verify

__all__ = [
    "Lag",
    "PartitionReconciliation",
    "SelectionError",
    "SetupSettings",
    "closing_line",
    "set_up",
    "verify",
]
