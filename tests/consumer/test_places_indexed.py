"""Places, end to end: the set-up of live indices, the doctor, what is indexed and searched."""

import json
from pathlib import Path
from typing import Any

import pytest
from audit_local.ports import free_port
from audit_producer import AuditProducer
from audit_schemas import IndexNaming, IndexSettings, index_template
from support.conditions import wait_until
from support.consumed import consume_all
from support.consumers import settle
from support.geo_files import COLOGNE, TELEKOM, geo_file
from support.metrics_endpoint import samples
from support.servers import Deployment

pytestmark = pytest.mark.servers


def publish(deployment: Deployment, user: str) -> None:
    """Publish a login from an address that the database knows."""
    with AuditProducer(deployment.producer) as producer:
        producer.login(user=user, ip="192.0.2.7")


def test_setup_gives_live_indices_the_fields_of_places(deployment: Deployment, tmp_path: Path) -> None:
    """An index of before keeps its events as they are, and takes new ones with a place."""
    client, name = deployment.client(), deployment.name
    older: Any = index_template(IndexNaming(name), IndexSettings())
    for field in ("geo", "as"):
        del older["template"]["mappings"]["properties"]["source"]["properties"][field]
    client.indices.put_index_template(name=name, body=older)
    publish(deployment, "before")
    consume_all(deployment)

    deployment.run("setup")
    city = geo_file(tmp_path / "city.mmdb", {"192.0.2.0/24": COLOGNE})
    network = geo_file(tmp_path / "asn.mmdb", {"192.0.2.0/24": TELEKOM})
    deployment.extra["AUDITLOG_GEO_FILES"] = f"{city}, {network}"
    publish(deployment, "after")
    consume_all(deployment)

    client.indices.refresh(index=name)
    near = {"distance": "20km", "source.geo.location": {"lat": 50.94, "lon": 6.96}}
    (hit,) = client.search(index=name, query={"geo_distance": near})["hits"]["hits"]
    assert "after" == hit["_source"]["user"]["id"]
    assert {"number": 3320, "organization": {"name": 'Deutsche "Telekom" AG'}} == hit["_source"][
        "source"
    ]["as"]
    assert 2 == client.count(index=name)["count"]
    assert json.loads(deployment.run("verify", "--json").stdout)


def test_a_running_consumer_takes_in_a_changed_file(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    """It says so in a metric when one is broken, and goes on with what it had."""
    file, port = geo_file(tmp_path / "city.mmdb", {"192.0.2.0/24": COLOGNE}), free_port()
    deployment.extra |= {"AUDITLOG_GEO_FILES": str(file), "AUDITLOG_METRICS_PORT": str(port)}
    usable = "auditlog_geo_file_usable{city.mmdb}"

    def stored() -> list[Any]:
        client.indices.refresh(index=deployment.name, ignore_unavailable=True)
        hits = client.search(index=deployment.name, sort="@timestamp")["hits"]["hits"]
        return [hit["_source"]["source"].get("geo", {}).get("country_iso_code") for hit in hits]

    with deployment.client() as client, deployment.consuming(log=log) as process:
        wait_until(lambda: samples(port).get(usable) == 1, what="the file is in use")
        file.write_bytes(b"junk")
        wait_until(lambda: samples(port).get(usable) == 0, what="the file is broken")
        publish(deployment, "one")
        settle(deployment, log, process)
        assert ["DE"] == stored()
        geo_file(file, {"192.0.2.0/24": {"country_code": "FR"}})
        wait_until(lambda: samples(port).get(usable) == 1, what="the new file is in use")
        publish(deployment, "two")
        settle(deployment, log, process)
        assert ["DE", "FR"] == stored()


def test_doctor_warns_of_databases_and_lists(deployment: Deployment, tmp_path: Path) -> None:
    """A good one has its date; one that is missing, old or damaged is named, with what to do."""
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "tor.txt").write_text("# valid until: 2999-12-31\n192.0.2.7\nAS64500\n")
    (lists / "old.txt").write_text("# valid until: 2020-01-01\n192.0.2.7\n")
    (lists / "bad.txt").write_text("192.0.2.7\n192.0.2.0/33\n")
    deployment.extra["AUDITLOG_LISTS"] = str(lists)
    good, bad = geo_file(tmp_path / "good.mmdb", {"192.0.2.0/24": COLOGNE}), tmp_path / "bad.mmdb"
    bad.write_text("junk")
    deployment.extra["AUDITLOG_GEO_FILES"] = f"{good},{bad},{tmp_path}/gone.mmdb"
    findings = json.loads(deployment.run("doctor", "--json", check=False).stdout)
    found = {each["subject"]: each for each in findings if each["subject"].startswith("geo database")}
    assert [True, False, False] == [each["ok"] for each in found.values()]
    assert "not a database in MaxMind's format" in found["geo database bad.mmdb"]["message"]
    assert found["geo database gone.mmdb"]["fix"]
    said = {each["subject"]: each for each in findings if each["subject"].startswith("list ")}
    assert {"list bad": False, "list old": False, "list tor": True} == {
        subject: each["ok"] for subject, each in said.items()
    }
    assert "2 entries, valid until 3000-01-01 00:00 UTC" == said["list tor"]["message"]
    assert "bad.txt:2: '192.0.2.0/33'" in said["list bad"]["message"]
    assert "was valid until 2020-01-02" in said["list old"]["message"]
