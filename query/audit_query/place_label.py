"""Where an address is, in a few words: `Deutsche Telekom AG, DE`. Pure."""

from collections.abc import Mapping
from typing import Any

from audit_schemas import printable

__all__ = ["PLACE_FIELDS", "place_label"]

PLACE_FIELDS = ("source.as.organization.name", "source.geo.country_iso_code")
"""What a label is made of."""


def place_label(event: Mapping[str, Any]) -> str:
    """Return the network's owner and the country that an event has beside its address, if any."""
    source = event.get("source") or {}
    owner = (source.get("as") or {}).get("organization") or {}
    parts = (owner.get("name"), (source.get("geo") or {}).get("country_iso_code"))
    return ", ".join(printable(part) for part in parts if isinstance(part, str) and part)
