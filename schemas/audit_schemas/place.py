"""Where an address is, and whose network it is in: what a database says, in the fields of ECS. Pure.

It hangs on the database of a day, so it is no part of the event: neither hashed nor proven.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from audit_schemas.event import Mapped
from audit_schemas.model import Leaf

__all__ = ["PLACE", "Place"]

_TEXT_MAX = 256
_AS_MAX = 2**32 - 1

PLACE = (
    Leaf("source.geo.country_iso_code", Mapped()),
    Leaf("source.geo.city_name", Mapped()),
    Leaf("source.geo.location", Mapped("geo_point")),
    Leaf("source.as.number", Mapped("long")),
    Leaf("source.as.organization.name", Mapped()),
)
"""The fields that the consumer adds to an address, in the order it writes them."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of an address. What is no country, city and so on is left out.

    So no database, whatever it holds, makes a document that Elasticsearch refuses.
    """

    country: object = None
    """Two capital letters of ISO 3166."""
    city: object = None
    latitude: object = None
    longitude: object = None
    as_number: object = None
    as_name: object = None

    def to_json(self) -> str:
        """Return the fields as they follow the address in `source`, with a comma before each."""
        geo: dict[str, Any] = {}
        if isinstance(self.country, str) and _is_country(self.country):
            geo["country_iso_code"] = self.country
        if name := _name(self.city):
            geo["city_name"] = name
        latitude, longitude = _degrees(self.latitude, 90), _degrees(self.longitude, 180)
        if latitude is not None and longitude is not None:
            geo["location"] = {"lat": latitude, "lon": longitude}
        network: dict[str, Any] = {}
        if type(self.as_number) is int and 0 < self.as_number <= _AS_MAX:
            network["number"] = self.as_number
        if name := _name(self.as_name):
            network["organization"] = {"name": name}
        return _member("geo", geo) + _member("as", network)


def _member(name: str, fields: dict[str, Any]) -> str:
    if not fields:
        return ""
    return f',"{name}":{json.dumps(fields, ensure_ascii=False, separators=(",", ":"))}'


def _is_country(text: str) -> bool:
    return len(text) == 2 and text.isascii() and text.isalpha() and text.isupper()  # noqa: PLR2004


def _name(value: object) -> str | None:
    """Return a text of letters that can be seen, cut to what a keyword holds."""
    if not isinstance(value, str):
        return None
    return "".join(letter for letter in value[:_TEXT_MAX] if letter.isprintable()).strip() or None


def _degrees(value: object, most: int) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(float(value), 4) if abs(value) <= most else None
