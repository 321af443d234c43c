"""Countries, networks and lists as filters and rankings."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_producer import new_event
from audit_query import AuditLog, Criteria, Filter, ParameterError, QuerySpec, place_label
from audit_query.network_filter import list_query
from audit_runtime.reference_list import ReferenceList, parse_list
from audit_schemas import Place
from support.in_process import call
from support.servers import Deployment
from support.stored_events import store

NOW = datetime.now(UTC)

GERMAN = Place("DE", "Cologne", 50.9, 6.9, 3320, "Deutsche Telekom AG").to_json()
FRENCH = Place("FR", as_number=64500, as_name="Hébergeur").to_json()


def found(log: AuditLog, **wanted: Any) -> set[str]:
    """Return whose events are found."""
    exclude = Criteria(**wanted.pop("exclude", {}))
    events = log.iter_events(Filter(**wanted, exclude=exclude), limit=100)
    return {event["user"]["id"] for event in events}


@pytest.mark.servers
def test_events_are_found_by_country_network_and_list(deployment: Deployment, tmp_path: Path) -> None:
    """Included and excluded; a list by address, range, AS number and owner, and as it is now."""
    for number, (user, ip, place) in enumerate(
        [
            ("ada", "192.0.2.7", GERMAN),
            ("ben", "198.51.100.9", FRENCH),
            ("cem", "2001:db8::1", ""),
            ("dia", None, ""),
        ]
    ):
        store(deployment, new_event("login", user=user, ip=ip, at=NOW), first=number, place=place)
    deployment.extra["AUDITLOG_LISTS"] = str(tmp_path)
    with AuditLog(deployment.query) as log:
        assert {"ada"} == found(log, countries=("de",))
        assert {"ben", "cem", "dia"} == found(log, exclude={"countries": ("DE",)})
        assert {"ada", "ben"} == found(log, asns=("AS3320", "64500"))
        for text, users in {
            "192.0.2.7": {"ada"},
            "192.0.2.0/24\n2001:db8::/32": {"ada", "cem"},
            "::/0": {"cem"},
            "AS64500": {"ben"},
            "Deutsche Telekom AG": {"ada"},
        }.items():
            (tmp_path / "own.txt").unlink(missing_ok=True)
            (tmp_path / "own.txt").write_text(text)
            assert users == found(log, lists=("own",)), text
            assert {"ada", "ben", "cem", "dia"} - users == found(log, exclude={"lists": ("own",)})
        ranked = {row.value: row.count for row in log.top(Filter(), "country")}
        assert {"DE": 1, "FR": 1} == ranked
        owners = {row.value for row in log.top(Filter(), "owner")}
        assert {"Deutsche Telekom AG", "Hébergeur"} == owners
        with pytest.raises(ParameterError, match="list: there is no list 'tor'"):
            log.count(Filter(lists=("tor",)))
    (line,) = call(deployment, "search", "--json", "--country", "DE").stdout.splitlines()
    assert "ada" == json.loads(line)["user"]["id"]
    assert "Deutsche Telekom AG" in call(deployment, "top", "owner").stdout


@pytest.mark.servers
def test_denied_ranges_are_a_list_of_their_own(deployment: Deployment, tmp_path: Path) -> None:
    """The setting that there was goes on working."""
    store(deployment, new_event("login", user="ada", ip="192.0.2.7", at=NOW - timedelta(minutes=1)))
    file = tmp_path / "ranges"
    file.write_text("192.0.2.0/24")
    deployment.extra["AUDITLOG_DENIED_RANGES"] = str(file)
    with AuditLog(deployment.query) as log:
        assert {"ada"} == found(log, lists=("denied",))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("country", "Germany"),
        ("country", "D1"),
        ("asn", "AS"),
        ("asn", "4294967296"),
        ("asn", "Telekom"),
    ],
)
def test_what_is_no_country_or_network_is_named(name: str, value: str) -> None:
    """As soon as it is typed."""
    for prefix in ("", "not_"):
        with pytest.raises(ParameterError, match=f"{prefix}{name}: '{value}' is not a"):
            QuerySpec.parse([(f"{prefix}{name}", value)])


def test_a_list_of_more_ranges_than_a_search_takes_is_refused() -> None:
    """Before Elasticsearch does; single addresses are another matter."""

    def find(name: str) -> ReferenceList:
        last = "/25" if name == "ranges" else ""
        text = "\n".join(f"10.{n // 250}.{n % 250}.0{last}" for n in range(501))
        return parse_list(name, text, name)

    with pytest.raises(ParameterError, match="ranges has 501 ranges, and a search takes 500"):
        list_query(["ranges"], find)
    (terms,) = list_query(["addresses"], find)["bool"]["should"]
    assert 501 == len(terms["terms"]["source.ip"])


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ({"ip": "192.0.2.7"}, ""),
        ({"geo": {"country_iso_code": "DE"}}, "DE"),
        ({"as": {"number": 1, "organization": {"name": "Example"}}}, "Example"),
        (
            {"geo": {"country_iso_code": "DE"}, "as": {"organization": {"name": "A\u202eB"}}},
            "A\\u202eB, DE",
        ),
    ],
)
def test_a_place_is_told_in_a_few_words(source: dict[str, Any], label: str) -> None:
    """Owner and country, what there is of them; nothing of it reaches a terminal unseen."""
    assert label == place_label({"source": source})
