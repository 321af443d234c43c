"""Where the made-up addresses are: countries, cities and owners of networks that nobody has. Pure.

Each network of a stranger has one place for good, so that the same seed tells the same story. AS
numbers are those of documentation (RFC 5398), owners are invented.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import cycle

from audit_generator.mmdb import Value, write_mmdb

__all__ = ["FAR", "HOME", "PLACES", "networks_of", "place_database"]

_CITIES = (
    ("DE", "Cologne", 50.94, 6.96, "Example Telekom", 64501),
    ("FR", "Lyon", 45.76, 4.84, "Exemple Fibre", 64502),
    ("TR", "Izmir", 38.42, 27.14, "Ornek Net", 64503),
    ("GB", "Leeds", 53.8, -1.55, "Example Broadband", 64504),
    ("US", "Denver", 39.74, -104.98, "Example Cable", 64505),
    ("BR", "Recife", -8.05, -34.9, "Exemplo Redes", 64506),
    ("IN", "Pune", 18.52, 73.86, "Udaharan Mobile", 64507),
    ("JP", "Osaka", 34.69, 135.5, "Rei Networks", 64508),
    ("ZA", "Durban", -29.86, 31.02, "Voorbeeld Wireless", 64509),
    ("NL", "Utrecht", 52.09, 5.12, "Example Hosting", 64510),
    ("SG", "Singapore", 1.35, 103.82, "Example Cloud", 64511),
)
FAR = ("Denver", "Recife", "Pune", "Osaka", "Durban")
"""Cities on other continents than the office's."""
HOME = "Cologne"
"""Where the house's people are, also those who come in their hundreds from an address of their own."""
_OFFICE = ("DE", "Berlin", 52.52, 13.4, "Example House", 64500)
_HOSTING = _CITIES[-2]

Network = IPv4Network | IPv6Network
_Place = tuple[str, str, float, float, str, int]


def place_database(built: datetime) -> bytes:
    """Return a small database in MaxMind's format of all that `Traffic` and `Attacks` make up."""
    return write_mmdb(PLACES, "AuditLog-Made-Up", built)


def _record(place: _Place) -> Mapping[str, Value]:
    country, city, latitude, longitude, owner, number = place
    return {
        "country": {"iso_code": country},
        "city": {"names": {"en": city}},
        "location": {"latitude": latitude, "longitude": longitude},
        "autonomous_system_number": number,
        "autonomous_system_organization": owner,
    }


def _strangers() -> dict[Network, _Place]:
    """Return the places of networks that stories take at random: neighbours are in one."""
    wide: tuple[tuple[Network, int], ...] = (
        (ip_network("198.18.0.0/15"), 20),
        (ip_network("240.0.0.0/5"), 13),
        (ip_network("2001:db8::/32"), 40),
    )
    found: dict[Network, _Place] = {}
    for network, length in wide:
        parts: Iterator[Network] = network.subnets(new_prefix=length)
        found |= zip(parts, cycle(_CITIES))
    return found


PLACES: Mapping[Network, Mapping[str, Value]] = {
    network: _record(place)
    for network, place in {
        **_strangers(),
        ip_network("192.0.2.0/24"): _OFFICE,
        ip_network("198.51.100.0/25"): _CITIES[0],
        ip_network("2001:db8:de00::/40"): _CITIES[0],
        ip_network("2001:db8:aaaa::/48"): _OFFICE,
        ip_network("198.51.100.128/25"): _HOSTING,
        ip_network("203.0.113.0/24"): _HOSTING,
        ip_network("2001:db8:bad::/48"): _HOSTING,
        ip_network("2001:db8:dead::/48"): _HOSTING,
    }.items()
}
"""A record for each network that is made up."""


@cache
def networks_of(city: str) -> list[Network]:
    """Return the networks of strangers that are in a city, none smaller than a stranger's own."""
    return [
        network
        for network, place in _strangers().items()
        if place[1] == city and PLACES[network] == _record(place)
    ]
