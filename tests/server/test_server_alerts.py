"""/alerts, /exceptions and /rules over HTTP: read, triaged, and bound to an organization."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from audit_alerts import AlertDesk
from audit_alerts.runner.state import RuleState, RuleStates
from audit_query import AuditLog
from audit_server.roles import Role
from support.api_client import ApiClient, api_client
from support.servers import Deployment
from support.stored_alerts import NOW, made_alert, stored_alerts

pytestmark = pytest.mark.servers

MADE = {
    "first": made_alert(minutes=1),
    "second": made_alert(minutes=2),
    "third": made_alert(minutes=3),
    "acmes": made_alert("inhuman-chat-closing", "acme", "Cleo", minutes=4),
    "globexs": made_alert("inhuman-chat-closing", "globex", "Gus", minutes=5),
}
IDS = {name: alert_id for name, (alert_id, _) in MADE.items()}


@pytest.fixture(scope="module")
def desk(two: Deployment) -> Iterator[AlertDesk]:
    """Give a desk with five alerts."""
    with stored_alerts(two, *MADE.values()) as found:
        yield found


@pytest.fixture(scope="module")
def api(audit_log: AuditLog, desk: AlertDesk) -> Iterator[ApiClient]:
    """Give a client that may do everything, and whose steps are not published."""
    with api_client(audit_log, alerts=desk, clock=lambda: NOW) as client:
        yield client


def posted(api: ApiClient, path: str, status: int = 200, **body: Any) -> Any:
    """Return the answer to a POST."""
    answer = api.post(f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_alerts_are_listed_by_filter_and_page_by_page(api: ApiClient) -> None:
    """As the desk has them."""
    found = api.json("/alerts", rule="brute-force", size=2)
    assert (found["total"], len(found["alerts"])) == (3, 2)
    rest = api.json("/alerts", rule="brute-force", size=2, cursor=found["cursor"])
    assert [alert["event"]["id"] for alert in rest["alerts"]] == [IDS["first"]]
    assert api.json("/alerts", level="critical")["alerts"] == []
    assert api.problem("/alerts", 400, level="bad")["parameter"] == "level"
    assert api.problem("/alerts", 400, **{"from": "noon-ish"})["parameter"] == "from"
    assert api.problem("/alerts", 400, cursor="x")["parameter"] == "cursor"


def test_one_alert_comes_with_those_of_its_address(api: ApiClient) -> None:
    """And what is not there is a 404."""
    found = api.json(f"/alerts/{IDS['second']}")
    assert found["alert"]["audit"]["alert"]["version"] == 0
    related = {alert["event"]["id"] for alert in found["related"]["addresses"]}
    assert related == {IDS["first"], IDS["third"]}
    assert api.problem("/alerts/none", 404)["detail"].startswith("There is no such alert")


def test_the_later_of_two_gets_a_409_that_says_who_was_faster(api: ApiClient) -> None:
    """With the version that both looked at."""
    done = posted(api, f"/alerts/{IDS['first']}/close", reason="test", note="mine", version=0)
    assert done["alert"]["audit"]["alert"]["status"] == "closed"
    assert done["warning"]
    late = posted(api, f"/alerts/{IDS['first']}/acknowledge", 409, version=0)
    assert "closed it as test" in late["detail"]
    wrong = posted(api, f"/alerts/{IDS['second']}/close", 400)
    assert wrong["detail"].startswith("Say why it is closed: true-positive")
    assert posted(api, f"/alerts/{IDS['second']}/close", 400, reason="bored")["parameter"] == "reason"
    assert posted(api, f"/alerts/{IDS['second']}/note", 400, hint="x")["parameter"] == "hint"


def test_many_are_triaged_by_one_request(api: ApiClient) -> None:
    """What failed for one is said beside what was done for others."""
    chosen = [{"id": IDS["third"], "version": 0}, {"id": "none"}]
    done = posted(api, "/alerts/triage", step="acknowledge", alerts=chosen)
    assert [result["status"] for result in done["results"]] == [200, 404]
    many = [{"id": "x" * 32, "version": 1}] * 200
    assert len(posted(api, "/alerts/triage", step="note", note="n" * 2000, alerts=many)["results"]) == 1


def test_exception_is_previewed_made_listed_and_ended(api: ApiClient) -> None:
    """Each with the alert that it comes from."""
    body: dict[str, Any] = {"alert": IDS["second"], "fields": ["source.ip"], "because": "ours"}
    seen = posted(api, "/exceptions/preview", until="7d", **body)
    assert len(seen["alerts"]) == 3
    made = posted(api, "/exceptions", until="7d", **body)["exception"]
    (listed,) = api.json("/exceptions")["exceptions"]
    assert (listed["id"], listed["in_force"]) == (made["id"], True)
    end = f"/exceptions/{made['id']}/end"
    posted(api, end)
    assert posted(api, end, 400)["detail"].startswith("The exception is over")
    assert posted(api, "/exceptions", 400, until="soon", **body)["detail"].startswith("Until:")
    wide = posted(api, "/exceptions", until="7d", range="203.0.113.0/24", **body)["exception"]
    assert wide["group"] == {"source.ip": "203.0.113.0/24"}
    refused = posted(api, "/exceptions", 400, until="7d", range="203.0.0.0/15", **body)
    assert "for a /16 at most" in refused["detail"]
    body["fields"] = ["audit.user"]
    refused = posted(api, "/exceptions", 400, until="7d", **body)
    assert "not by audit.user" in refused["detail"]


def test_rules_have_their_text_and_how_often_they_fired(api: ApiClient) -> None:
    """Also those that never did."""
    rules = {rule["name"]: rule for rule in api.json("/rules")["rules"]}
    assert rules["brute-force"]["fired"]["alerts"] == 3
    assert rules["unusual-hours"]["fired"] == {"alerts": 0, "open": 0, "last": None}
    assert "timespan: 10m" in rules["brute-force"]["text"]
    assert rules["brute-force"]["examples"]["silent"]


def test_rules_say_how_long_a_step_takes(api: ApiClient, desk: AlertDesk) -> None:
    """As the runner has noted it, in the API and on the page; of a rule that nobody ran, nothing."""
    rules = {rule["name"]: rule for rule in api.json("/rules")["rules"]}
    assert rules["brute-force"]["step_seconds"] is None
    states = RuleStates(desk._client, desk._state_index)  # noqa: SLF001 - the runner's, beside it
    states.prepare()
    states.write([RuleState(rules["brute-force"]["id"], "v", 10, 20).done(1120)])
    desk._client.indices.refresh(index=desk._state_index)  # noqa: SLF001
    rules = {rule["name"]: rule for rule in api.json("/rules")["rules"]}
    assert rules["brute-force"]["step_seconds"] == 1.12
    assert rules["unusual-hours"]["step_seconds"] is None
    assert "1,120 ms" in api.get("/rules").text


def test_answers_have_the_shape_that_is_said(api: ApiClient) -> None:
    """The real ones, and the examples beside them."""
    document = api.get("/api/v1/openapi.json").json()
    for path, real in (
        ("/alerts", api.json("/alerts")),
        ("/alerts/{alert_id}", api.json(f"/alerts/{IDS['third']}")),
        ("/exceptions", api.json("/exceptions")),
        ("/rules", api.json("/rules")),
    ):
        operation = document["paths"][f"/api/v1{path}"]["get"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        whole = {**schema, "components": document["components"]}
        example = document["components"]["schemas"][schema["$ref"].split("/")[-1]]["example"]
        jsonschema.validate(real, whole)
        jsonschema.validate(example, whole)
        assert set(example) == set(real), path


def test_bound_token_sees_and_triages_its_organizations_alerts_alone(
    audit_log: AuditLog, desk: AlertDesk, tmp_path: Path
) -> None:
    """Others don't exist for it, and an exception of theirs is for their alerts."""
    file = tmp_path / "tokens.json"
    with api_client(audit_log, file, alerts=desk, clock=lambda: NOW) as client:
        assert client.tokens is not None
        for name, roles in (("ann", [Role.ANALYST]), ("rea", [Role.READER]), ("aud", [Role.AUDITOR])):
            secret = client.tokens.create(name, organization="acme", roles=roles)
            client.headers["Authorization"] = f"Bearer {secret}"
            if name == "rea":
                assert client.problem("/alerts", 403)["detail"].startswith("This takes the role")
                continue
            listed = [alert["event"]["id"] for alert in client.json("/alerts")["alerts"]]
            assert listed == [IDS["acmes"]]
            client.problem(f"/alerts/{IDS['globexs']}", 404)
            client.problem(f"/alerts/{IDS['globexs']}/example", 404)
            if name == "aud":
                posted(client, f"/alerts/{IDS['acmes']}/acknowledge", 403)
                continue
            posted(client, f"/alerts/{IDS['globexs']}/acknowledge", 404)
            posted(client, f"/alerts/{IDS['acmes']}/acknowledge")
            wanted: dict[str, Any] = {"fields": ["audit.user"], "until": "1d", "because": "x"}
            made = posted(client, "/exceptions", alert=IDS["acmes"], **wanted)
            assert made["exception"]["organization"] == "acme"
            assert len(client.json("/exceptions")["exceptions"]) == 1


def test_there_are_no_alerts_where_no_runner_ever_ran(audit_log: AuditLog, two: Deployment) -> None:
    """An empty list, not an error."""
    index = f"never-{two.name}"
    with api_client(
        audit_log, elasticsearch_url=two.servers.elasticsearch, alerts_index=index
    ) as client:
        assert client.json("/alerts") == {"alerts": [], "total": 0, "cursor": None}
        assert client.json("/exceptions") == {"exceptions": []}
        assert client.json("/rules")["rules"][0]["fired"]["alerts"] == 0
