"""The OpenAPI document: it says what there is, and its examples are like real answers."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from audit_query.query_spec import NAMES
from audit_server.api import ROUTERS
from fastapi.routing import APIRoute
from support.api_client import ApiClient

pytestmark = pytest.mark.servers


FEWER = (
    *("/api/v1/suggest", "/api/v1/events/{event_id}", "/api/v1/reports/chats", "/api/v1/reports/team"),
    *("/api/v1/reports/transfers", "/api/v1/reports/unanswered", "/api/v1/reports/objective"),
    *("/api/v1/reports/objective/chats", "/api/v1/events/{event_id}/evidence"),
    "/api/v1/dead-letters",
    "/api/v1/alerts",
    "/api/v1/alerts/{alert_id}",
    "/api/v1/alerts/{alert_id}/example",
    "/api/v1/exceptions",
    "/api/v1/rules",
    "/api/v1/views",
    "/api/v1/views/{view_id}",
)
"""Routes that don't take all filters."""


@pytest.fixture
def document(api: ApiClient) -> dict[str, Any]:
    """Give the document."""
    found: dict[str, Any] = api.get("/api/v1/openapi.json").json()
    return found


def routes() -> set[str]:
    """Return the paths of all routes of the API."""
    return {route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)}


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each operation, with its path and method."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method, operation


def test_every_route_is_in_it(document: dict[str, Any]) -> None:
    """And nothing else: the page is for people."""
    assert routes() == set(document["paths"])


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    """Each filter on each route that takes filters."""
    for path, method, operation in operations_of(document):
        assert operation["summary"]
        assert operation["description"]
        parameters = operation.get("parameters", [])
        names = [parameter["name"] for parameter in parameters]
        assert len(names) == len(set(names)), path
        for parameter in parameters:
            assert parameter["description"], (path, parameter["name"])
            assert parameter["schema"]
        if path not in FEWER and method == "get":
            assert set(NAMES) <= set(names), path


def test_every_example_of_a_parameter_is_taken(api: ApiClient, document: dict[str, Any]) -> None:
    """What the document shows can be typed."""
    for path, method, operation in operations_of(document):
        for parameter in operation.get("parameters", ()) if method == "get" else ():
            if parameter["in"] != "query" or "examples" not in parameter["schema"]:
                continue
            given = {
                other["name"]: other["schema"]["examples"][0]
                for other in operation["parameters"]
                if other["required"] and other["in"] == "query"
            }
            if parameter["name"] in ("window", "same"):
                given["around"] = "0" * 32
            (given[parameter["name"]], *_) = parameter["schema"]["examples"]
            answer = api.get(path, params=given)
            problem = answer.json() if answer.status_code == 400 else {}
            assert problem.get("parameter") != parameter["name"], (path, given, answer.text)


def answers_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of each route's answer, by its path."""
    found = {}
    for path, operations in document["paths"].items():
        if "get" not in operations:
            continue
        content = operations["get"]["responses"]["200"]["content"]
        if "application/json" in content:
            found[path.removeprefix("/api/v1")] = content["application/json"]["schema"]
    return found


def test_answers_and_examples_have_the_shape_that_is_said(
    api: ApiClient, document: dict[str, Any]
) -> None:
    """Real answers, and the examples beside them: same shape, same names."""
    event = api.json("/events", size=1)["events"][0]
    questions: dict[str, dict[str, Any]] = {
        "/events": {"size": 1},
        "/buckets": {"by": "activity"},
        "/top": {"by": "ip"},
        "/suggest": {"field": "user", "prefix": "a"},
        "/reports/users": {},
        "/reports/chats": {},
        "/reports/team": {},
        "/reports/transfers": {},
        "/reports/unanswered": {},
        "/reports/objective": {},
        "/reports/objective/chats": {"objective": "assigned"},
        "/reports/user": {"user": "Ada 1"},
        "/timeline": {"chat": "acme-chat-1"},
    }
    schemas = answers_of(document)
    # test_server_alerts.py, test_server_dead_letters.py and test_server_views.py have some of these.
    elsewhere = (
        *("/alerts", "/alerts/{alert_id}", "/alerts/{alert_id}/example"),
        *("/exceptions", "/rules", "/dead-letters"),
    )
    for path in (*elsewhere, "/views", "/views/{view_id}"):
        del schemas[path]
    assert set(schemas) == {*questions, "/events/{event_id}"}
    for path, schema in schemas.items():
        real = event if "{" in path else api.json(path, **questions[path])
        whole = {**schema, "components": document["components"]}
        example = document["components"]["schemas"][schema["$ref"].split("/")[-1]]["example"]
        jsonschema.validate(real, whole)
        jsonschema.validate(example, whole)
        if "{" not in path:  # an event has what its publisher gave
            assert set(example) == set(real), path
    report = api.json("/reports/users")["rows"][0]
    assert set(report) == set(document["components"]["schemas"]["RowsResponse"]["example"]["rows"][0])


def test_problems_have_the_shape_that_is_said(api: ApiClient, document: dict[str, Any]) -> None:
    """The example is the very problem that it shows."""
    shape = document["components"]["schemas"]["ProblemResponse"]
    real = api.problem("/events", 400, size=5000)
    jsonschema.validate(real, {**shape, "components": document["components"]})
    assert shape["example"] == real
    for _, _, operation in operations_of(document):
        assert {"400", "401", "403", "503"} <= set(operation["responses"])
        assert {"200", "201", "204"} & set(operation["responses"])
        assert "422" not in operation["responses"]


def test_document_names_nothing_elsewhere(document: dict[str, Any]) -> None:
    """No server, no script, no address of another's."""
    assert "http://" not in json.dumps(document)
    assert "https://" not in json.dumps(document)
