"""Places of addresses: what databases say, in what order, and when they change, break or are old."""

import json
import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from audit_consumer import GeoFile, Places
from audit_consumer.metrics import Metrics
from audit_generator.mmdb import Value, write_mmdb
from support.geo_files import COLOGNE, TELEKOM, geo_file

FOUND = {
    "geo": {
        "country_iso_code": "DE",
        "city_name": "Cologne",
        "location": {"lat": 50.9333, "lon": 6.95},
    },
    "as": {"number": 3320, "organization": {"name": 'Deutsche "Telekom" AG'}},
}


def of(places: Places, ip: str) -> Any:
    """Return what `source` has beside its address."""
    return json.loads("{" + places.of(ip)[1:] + "}")


def test_several_databases_are_one_place(tmp_path: Path) -> None:
    """City and ASN, any mix; what is not there is left out."""
    city = geo_file(tmp_path / "city.mmdb", {"192.0.2.0/24": COLOGNE, "2001:db8::/32": COLOGNE})
    network = geo_file(tmp_path / "asn.mmdb", {"192.0.0.0/16": TELEKOM})
    places = Places([city, network])
    assert FOUND == of(places, "192.0.2.7")
    assert FOUND == of(places, "::ffff:192.0.2.7")
    assert {"as": FOUND["as"]} == of(places, "192.0.3.7")
    assert {"geo": FOUND["geo"]} == of(places, "2001:DB8::1")
    assert places.of("203.0.113.1") == ""


def test_the_first_database_that_knows_a_field_says_it(tmp_path: Path) -> None:
    """A country of the first, a city of the second."""
    first = geo_file(tmp_path / "a", {"192.0.2.0/24": {"country_code": "FR"}})
    second = geo_file(tmp_path / "b", {"192.0.2.0/24": COLOGNE})
    geo = of(Places([first, second]), "192.0.2.7")["geo"]
    assert ("FR", "Cologne") == (geo["country_iso_code"], geo["city_name"])


def test_networks_smaller_than_a_cache_entry_are_told_apart(tmp_path: Path) -> None:
    """Answers are kept by /24 and /64 only where all of it has one."""
    records: dict[str, dict[str, Value]] = {
        "192.0.2.0/24": COLOGNE,
        "192.0.2.64/28": {"country_code": "FR"},
        "2001:db8::/64": COLOGNE,
        "2001:db8::f0/124": {"country_code": "FR"},
    }
    places = Places([geo_file(tmp_path / "a", records)])
    for _ in range(2):
        for german, french in (("192.0.2.1", "192.0.2.65"), ("2001:db8::1", "2001:db8::f1")):
            assert "DE" == of(places, german)["geo"]["country_iso_code"]
            assert "FR" == of(places, french)["geo"]["country_iso_code"]


@pytest.mark.parametrize(
    "record",
    [
        {"country": {"iso_code": "Germany"}},
        {"country": "de", "city": {"names": {"en": 7}}},
        {"location": {"latitude": 91.0, "longitude": 6.0}},
        {"location": {"latitude": float("nan"), "longitude": float("inf")}},
        {"location": {"latitude": 50.0}},
        {"location": ["50.0", "6.0"]},
        {"autonomous_system_number": "none", "autonomous_system_organization": " \u202e"},
        {"asn": 0},
    ],
)
def test_what_elasticsearch_would_refuse_is_left_out(tmp_path: Path, record: Any) -> None:
    """Whatever a database holds, it costs no event."""
    places = Places([geo_file(tmp_path / "odd", {"192.0.2.0/24": record})])
    assert places.of("192.0.2.7") == ""


def test_flat_records_of_free_databases_are_read(tmp_path: Path) -> None:
    """As those under CC0 and PDDL have them."""
    flat: dict[str, Value] = {
        "country_code": "DE",
        "city": "Bonn",
        "latitude": 50.7,
        "longitude": 7.1,
        "asn": "AS3320",
    }
    found = of(Places([geo_file(tmp_path / "flat", {"192.0.2.0/24": flat})]), "192.0.2.7")
    geo = {"country_iso_code": "DE", "city_name": "Bonn", "location": {"lat": 50.7, "lon": 7.1}}
    assert {"geo": geo, "as": {"number": 3320}} == found


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Without a restart, and what was kept of it is forgotten."""
    path = geo_file(tmp_path / "a", {"192.0.2.0/24": COLOGNE})
    places = Places([path])
    assert FOUND["geo"] == of(places, "192.0.2.7")["geo"]
    geo_file(path, {"192.0.2.0/24": {"country_code": "FR"}})
    os.utime(path, ns=(1, 1))
    places.refresh()
    assert {"geo": {"country_iso_code": "FR"}} == of(places, "192.0.2.7")


@pytest.mark.parametrize("what", ["cut", "junk", "removed", "folder"])
def test_a_broken_file_is_a_warning_and_what_was_read_is_used_on(tmp_path: Path, what: str) -> None:
    """Cut in place, too, which would end a process that had mapped the file."""
    path = geo_file(tmp_path / "a", {"192.0.2.0/24": COLOGNE})
    other = geo_file(tmp_path / "b", {"192.0.0.0/16": TELEKOM})
    places, whole = Places([path, other]), path.read_bytes()
    if what in ("removed", "folder"):
        path.unlink()
        if what == "folder":
            path.mkdir()
    else:
        path.write_bytes(whole[:100] if what == "cut" else b"junk")
    places.refresh()
    assert FOUND == of(places, "192.0.2.7")
    broken, sound = places.files
    assert "the one before is used" in broken.warning(datetime.now(UTC))
    assert sound.warning(datetime.now(UTC)) == ""
    alone = Places([path, other])
    assert {"as": FOUND["as"]} == of(alone, "192.0.2.7")


def test_number_without_end_is_left_out(tmp_path: Path) -> None:
    """Python refuses to read one of so many digits, which must not end the consumer."""
    record: dict[str, Value] = {"asn": "AS" + "1" * 5000, "country_code": "DE"}
    places = Places([geo_file(tmp_path / "flat", {"192.0.2.0/24": record})])
    assert {"geo": {"country_iso_code": "DE"}} == of(places, "192.0.2.7")


@pytest.mark.parametrize("what", ["gone", "folder"])
def test_a_file_that_can_not_be_read_costs_no_answers(tmp_path: Path, what: str) -> None:
    """It is tried again every second; what others said of an address is kept meanwhile."""
    good = geo_file(tmp_path / "good", {"192.0.2.0/24": COLOGNE})
    if what == "folder":
        (tmp_path / what).mkdir()
    places = Places([good, tmp_path / what])
    of(places, "192.0.2.7")
    places.refresh()
    assert "192.0.2.7" in places.known
    if what == "folder":
        (tmp_path / what).rmdir()
    geo_file(tmp_path / what, {"192.0.0.0/16": TELEKOM})
    places.refresh()
    assert FOUND == of(places, "192.0.2.7")


def test_a_file_that_came_late_is_taken_in(tmp_path: Path) -> None:
    """One that was missing or broken at the start."""
    places = Places([tmp_path / "a"])
    assert places.of("192.0.2.7") == ""
    assert "can't be read: No such file" in places.files[0].problem
    geo_file(tmp_path / "a", {"192.0.2.0/24": COLOGNE})
    places.refresh()
    assert {"geo": FOUND["geo"]} == of(places, "192.0.2.7")


def test_damage_inside_a_database_costs_its_answer_alone(tmp_path: Path) -> None:
    """Its tree leads nowhere; the others still answer."""
    path = tmp_path / "a"
    built = write_mmdb({ip_network("192.0.2.0/24"): COLOGNE}, "Test", datetime.now(UTC))
    at = built.index(b"\xab\xcd\xefMaxMind.com")
    path.write_bytes(built[: at - 60] + b"\xff" * 60 + built[at:])
    other = geo_file(tmp_path / "b", {"192.0.0.0/16": TELEKOM})
    assert FOUND["as"] == of(Places([path, other]), "192.0.2.7")["as"]


def test_an_old_file_is_a_warning(tmp_path: Path) -> None:
    """By the day its publisher made it, whenever it was copied here."""
    now = datetime(2026, 11, 27, tzinfo=UTC)
    path = geo_file(tmp_path / "a", {"192.0.2.0/24": COLOGNE}, now - timedelta(days=91))
    found = GeoFile(path).renewed()
    assert f"{path} was made on 2026-08-28" == found.warning(now)
    assert found.warning(now - timedelta(days=2)) == ""


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many networks come."""
    monkeypatch.setattr("audit_consumer.places._KEPT", 10)
    places = Places([geo_file(tmp_path / "a", {"192.0.2.0/24": COLOGNE})])
    for number in range(50):
        places.of(f"10.0.{number}.1")
    assert len(places._current.known) <= 11  # noqa: SLF001 - nobody else needs it
    assert FOUND["geo"] == of(places, "192.0.2.7")["geo"]


def test_metrics_tell_what_is_broken_and_how_old_each_is(tmp_path: Path) -> None:
    """By the file's name."""
    built = datetime(2026, 11, 1, tzinfo=UTC)
    good = geo_file(tmp_path / "good.mmdb", {"192.0.2.0/24": COLOGNE}, built)
    metrics = Metrics()
    metrics.geo_files(Places([good, tmp_path / "gone.mmdb"]).files)

    def value(name: str, file: str) -> float | None:
        return metrics.registry.get_sample_value(f"auditlog_geo_file_{name}", {"file": file})

    assert (1, 0) == (value("usable", "good.mmdb"), value("usable", "gone.mmdb"))
    assert built.timestamp() == value("built_timestamp_seconds", "good.mmdb")
