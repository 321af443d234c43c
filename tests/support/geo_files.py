"""Small databases of places in MaxMind's format."""

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

from audit_generator.mmdb import Value, write_mmdb

__all__ = ["COLOGNE", "TELEKOM", "geo_file"]

COLOGNE: dict[str, Value] = {
    "country": {"iso_code": "DE"},
    "city": {"names": {"en": "Cologne", "de": "Köln"}},
    "location": {"latitude": 50.9333, "longitude": 6.95, "accuracy_radius": 20},
}
TELEKOM: dict[str, Value] = {
    "autonomous_system_number": 3320,
    "autonomous_system_organization": 'Deutsche "Telekom" AG',
}


def geo_file(
    path: Path, records: Mapping[str, Mapping[str, Value]], built: datetime | None = None
) -> Path:
    """Write a database that gives each network its record; return its path."""
    networks = {ip_network(network): record for network, record in records.items()}
    path.write_bytes(write_mmdb(networks, "Test", built or datetime.now(UTC)))
    return path
