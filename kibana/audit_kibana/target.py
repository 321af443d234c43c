"""Where things are, and what they are called: aliases, a space, and ids that never change. Pure."""

import uuid
from dataclasses import dataclass

__all__ = ["ALERTS_INDEX", "ExportTarget"]

ALERTS_INDEX = "audit-alerts"
"""Where the runner puts alerts."""

_NAMESPACE = uuid.UUID("8f6f5a0e-6d0b-5f0c-9a83-a1e275b0c1ba")


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """What the exported objects look at, and the space that they are for."""

    events: str = "audit-events"
    alerts: str = ALERTS_INDEX
    space: str = "default"

    def id_of(self, kind: str, name: str) -> str:
        """Return the id of an object: the same at every export, another in every space.

        An id can be taken once in all spaces together, so the space is part of it.
        """
        where = "" if self.space == "default" else f"{self.space}/"
        return str(uuid.uuid5(_NAMESPACE, f"{where}{kind}/{name}"))
