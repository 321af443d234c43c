"""Where addresses are, by the databases that a deployment gives.

Safe to use from several threads. Answers are kept by address and by network, so that the same ones
cost a fraction of a microsecond, and no more of them than a bound, whatever addresses come.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import maxminddb
import structlog
from audit_schemas import Place, canonical_ip, network_of

from audit_consumer.geo_file import GeoFile, Reader

__all__ = ["Places"]

_log = structlog.get_logger()

_KEPT = 50_000
"""Networks or addresses, of at most a few hundred bytes each."""
_DIGITS_MAX = 10
"""Of the number of an autonomous system."""
_NETWORK_BITS = {4: 24, 6: 64}
"""As `network_of` counts."""


class Places:
    """Finds the place of an address. `refresh` takes in files that changed."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.files: tuple[GeoFile, ...] = tuple(GeoFile(path) for path in paths)
        self._current = _Databases(())
        self.known: Mapping[str, str] = self._current.known
        """What `of` found lately, by address: a lookup here spares the call."""
        self._warned: dict[Path, str] = {}
        self.refresh()

    @property
    def bytes(self) -> int:
        """How much memory the files take."""
        return sum(file.state.size for file in self.files if file.state)

    def of(self, ip: str) -> str:
        """Return `Place.to_json` of an address. Raises ValueError if it is not one."""
        current = self._current
        found = current.known.get(ip)
        return current.find(ip) if found is None else found

    def refresh(self) -> None:
        """Read again what changed; of a file that is broken now, the data of before are used on.

        Blocks while it reads, a second for a large file. Never raises. Call it in one thread at a
        time.
        """
        files = tuple(file.renewed() for file in self.files)
        if any(new is not old for new, old in zip(files, self.files, strict=True)):
            # The databases of before are closed by whoever uses them last.
            self._current = _Databases(tuple(file.reader for file in files if file.reader))
            self.known = self._current.known
            self.files = files
        for file in files:
            warning = file.warning(datetime.now(UTC))
            if warning != self._warned.get(file.path, ""):
                self._warned[file.path] = warning
                if warning:
                    _log.warning("geo database", why=warning)


class _Databases:
    """Databases as they were read, and what was found in them so far."""

    def __init__(self, readers: tuple[Reader, ...]) -> None:
        self._readers = readers
        self.known: dict[str, str] = {}

    def find(self, ip: str) -> str:
        """Return what is known of an address that came for the first time in a while; keep it."""
        if len(self.known) >= _KEPT:
            self.known.clear()
        network = network_of(ip)
        found = self.known.get(network)
        if found is None:
            found, is_whole = self._look_up(ip)
            if is_whole:
                self.known[network] = found
        self.known[ip] = found
        return found

    def _look_up(self, ip: str) -> tuple[str, bool]:
        """Return what the databases say, and whether they say it of its whole network."""
        address = canonical_ip(ip)
        bits = _NETWORK_BITS[6 if ":" in address else 4]
        records = []
        is_whole = True
        for reader in self._readers:
            try:
                record, prefix = reader.get_with_prefix_len(address)
            except (ValueError, maxminddb.InvalidDatabaseError):  # no IPv6 in it; damaged there
                continue
            is_whole = is_whole and prefix <= bits
            if isinstance(record, dict):
                records.append(record)
        return _place(records).to_json(), is_whole


def _place(records: Iterable[Mapping[str, Any]]) -> Place:
    """Return what several records say: of each field, what the first says that has it.

    Besides MaxMind's own fields, those of the free databases that are flat.
    """
    found: dict[str, object] = {}
    for record in records:
        number = _at(record, "autonomous_system_number") or _number(_at(record, "asn"))
        said = {
            "country": _at(record, "country", "iso_code") or _at(record, "country_code"),
            "city": _at(record, "city", "names", "en") or _at(record, "city"),
            "latitude": _at(record, "location", "latitude"),
            "longitude": _at(record, "location", "longitude"),
            "as_number": number,
            "as_name": _at(record, "autonomous_system_organization") or _at(record, "as_name"),
        }
        if said["latitude"] is None:
            said |= {"latitude": _at(record, "latitude"), "longitude": _at(record, "longitude")}
        for field, value in said.items():
            if value is not None:
                found.setdefault(field, value)
    return Place(**found)


def _at(record: object, *path: str) -> object:
    for name in path:
        if not isinstance(record, dict):
            return None
        record = record.get(name)
    return record


def _number(asn: object) -> object:
    """Return the number of `AS64500`."""
    text = asn.removeprefix("AS") if isinstance(asn, str) else ""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS_MAX else asn
