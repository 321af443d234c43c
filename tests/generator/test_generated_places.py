"""Where made-up addresses are, and the format that says so."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import maxminddb
import pytest
from audit_generator import Attacks, Traffic, place_database
from audit_generator.mmdb import Value, write_mmdb
from support.command import auditlog

END = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> maxminddb.Reader:
    """Give the database of what is made up."""
    path = tmp_path_factory.mktemp("places") / "places.mmdb"
    path.write_bytes(place_database(END))
    return maxminddb.open_database(path)


def test_every_made_up_address_has_a_place(database: maxminddb.Reader) -> None:
    """A country, a city and an owner; agents are in one, and several strangers' are there."""
    addresses = {
        event.source.ip
        for event in Attacks(Traffic(2000, END, days=10))
        if event.source is not None and event.source.ip is not None
    }
    assert len(addresses) > 100
    places = [database.get(address) for address in addresses]
    countries = set()
    for place in places:
        assert isinstance(place, dict)
        assert isinstance(place["country"], dict)
        assert {"city", "location", "autonomous_system_number"} < set(place)
        countries.add(place["country"]["iso_code"])
    assert len(countries) > 5


def test_generate_writes_the_places(tmp_path: Path) -> None:
    """`auditlog generate --places FILE`, for AUDITLOG_GEO_FILES."""
    file = tmp_path / "places.mmdb"
    arguments = ["--count", "10", "--places", str(file), "--out", str(tmp_path / "events.ndjson")]
    done = auditlog("generate", *arguments)
    assert done.returncode == 0, done.stderr
    with maxminddb.open_database(file) as reader:
        built = datetime.fromtimestamp(reader.metadata().build_epoch, UTC)
        assert timedelta() <= datetime.now(UTC) - built < timedelta(hours=1)
        assert reader.get("192.0.2.10") is not None


@pytest.mark.parametrize("mode", [maxminddb.MODE_MMAP_EXT, maxminddb.MODE_MEMORY])
def test_what_is_written_is_read_back(tmp_path: Path, mode: int) -> None:
    """By MaxMind's own readers: all sizes of texts, the narrowest network, both families."""
    wide: dict[str, Value] = {
        "short": "x",
        "29": "x" * 29,
        "284": "x" * 284,
        "285": "x" * 285,
        "5000": "é" * 2500,
        "zero": 0,
        "number": 4_294_967_295,
        "half": -0.5,
        "list": ["a", {"b": "c"}],
        "empty": {},
    }
    records: dict[IPv4Network | IPv6Network, dict[str, Value]] = {
        ip_network("10.0.0.0/8"): wide,
        ip_network("10.1.0.0/16"): {"a": "narrow"},
        ip_network("10.1.2.3/32"): {"a": "one"},
        ip_network("2001:db8::/32"): wide,
        ip_network("2001:db8::1/128"): {"a": "one"},
    }
    path = tmp_path / "all.mmdb"
    path.write_bytes(write_mmdb(records, "Test", END))
    with maxminddb.open_database(path, mode) as reader:
        assert (
            wide == reader.get("10.0.0.0") == reader.get("10.255.255.255") == reader.get("2001:db8::2")
        )
        assert {"a": "narrow"} == reader.get("10.1.2.4")
        assert {"a": "one"} == reader.get("10.1.2.3") == reader.get("2001:db8::1")
        assert None is reader.get("11.0.0.0") is reader.get("2001:db9::")
        assert "Test" == reader.metadata().database_type
        assert int(END.timestamp()) == reader.metadata().build_epoch
