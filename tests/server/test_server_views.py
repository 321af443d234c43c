"""Saved views: private and shared, on record, and never the way to another host."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

import jsonschema
import pytest
from audit_query import AuditLog
from audit_server.errors import ProblemError
from audit_server.roles import Role
from audit_server.saved_view import checked_address, checked_name
from support.api_client import ApiClient, api_client
from support.servers import Deployment, Servers, new_deployment

pytestmark = pytest.mark.servers

NAME = '<script>alert("x")</script> & =cmd'


@pytest.fixture(scope="module")
def deployment_of_views(servers: Servers) -> Iterator[Deployment]:
    """Give a deployment of which only the index of views is used."""
    deployment = new_deployment(servers)
    yield deployment
    with deployment.client() as client:
        client.indices.delete(index=f"views-{deployment.name}", ignore_unavailable=True)


@pytest.fixture(scope="module")
def desk(
    deployment_of_views: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiClient]:
    """Give a server with tokens; `as_user` says whose."""
    deployment = deployment_of_views
    tokens = tmp_path_factory.mktemp("tokens") / "tokens.json"
    with (
        AuditLog(deployment.query) as log,
        api_client(
            log,
            tokens,
            elasticsearch_url=deployment.servers.elasticsearch,
            index_prefix=deployment.name,
            views_index=f"views-{deployment.name}",
        ) as client,
    ):
        yield client


@contextmanager
def as_user(client: ApiClient, name: str, organization: str | None = None) -> Iterator[ApiClient]:
    """Send requests as somebody."""
    assert client.tokens is not None
    before = client.headers["Authorization"]
    secret = client.tokens.create(name, organization=organization, roles=[Role.READER])
    client.headers["Authorization"] = f"Bearer {secret}"
    try:
        yield client
    finally:
        client.headers["Authorization"] = before


def save(client: ApiClient, name: str, address: str = "/?activity=login", **fields: str) -> str:
    """Save a view by the form, and return its id."""
    answer = client.post("/views", data={"name": name, "address": address, **fields})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"]).removeprefix("/views#v-")


def found(client: ApiClient, view_id: str) -> dict[str, Any]:
    """Return a view as the API has it."""
    answer: dict[str, Any] = client.json(f"/views/{view_id}")
    return answer


def test_view_is_saved_opened_and_on_record(desk: ApiClient) -> None:
    """From the page that is looked at, by a plain form; a name is text and nothing else."""
    with as_user(desk, "ada") as ada:
        asked = unescape(ada.get("/views?save=%2Foverview%3Ffrom%3D-7d%26after%3Dx").text)
        assert 'name="address" value="/overview?from=-7d"' in asked
        view_id = save(ada, NAME, "/overview?from=-7d")
        text = ada.get("/views").text
        assert "<script>alert" not in text
        assert 'class="name" href="/overview?from=-7d">&lt;script&gt;' in text
        events = [e for e in ada.published.wait_for(1) if e["action"] == "audit-view-created"]
        labels = events[-1]["labels"]
        assert (labels["view"], labels["name"], labels["shared"]) == (view_id, NAME, "no")
        assert events[-1]["user"] == {"name": "ada"}


def test_private_view_is_seen_by_nobody_else(desk: ApiClient) -> None:
    """A shared one by those of the same organization alone, who can't change it."""
    with as_user(desk, "eve-of-acme", "acme") as eve:
        private, shared = save(eve, "private"), save(eve, "for us all", shared="on")
        version = found(eve, shared)["version"]
    with as_user(desk, "bob-of-acme", "acme") as bob:
        assert [view["name"] for view in bob.json("/views")["views"]] == ["for us all"]
        assert bob.get(f"/api/v1/views/{private}").status_code == 404
        for path in (f"/views/{shared}", f"/views/{shared}/delete"):
            answer = bob.post(path, data={"name": "mine", "version": version})
            assert answer.status_code == 403
        assert "Delete<span" not in bob.get("/views").text
    for name, organization in (("mallory", "globex"), ("root", None)):
        with as_user(desk, name, organization) as other:
            assert "for us all" not in [view["name"] for view in other.json("/views")["views"]]
            assert other.get(f"/api/v1/views/{shared}").status_code == 404


def test_changing_and_deleting_are_on_record(desk: ApiClient) -> None:
    """With the name before, each time; who comes late is told, and nothing is overwritten."""
    with as_user(desk, "grace") as grace:
        view_id = save(grace, "first")
        version = found(grace, view_id)["version"]
        changed = grace.post(
            f"/views/{view_id}", data={"name": "second", "shared": "on", "version": version}
        )
        assert changed.status_code == 303
        late = grace.post(f"/views/{view_id}", data={"name": "third", "version": version})
        assert (late.status_code, "changed or deleted meanwhile" in late.text) == (409, True)
        gone = grace.post(f"/views/{view_id}/delete", data={"version": version})
        assert gone.status_code == 409
        now = found(grace, view_id)
        assert (now["name"], now["shared"]) == ("second", True)
        grace.post(f"/views/{view_id}/delete", data={"version": now["version"]})
        assert grace.get(f"/api/v1/views/{view_id}").status_code == 404
        events = {e["action"]: e["labels"] for e in grace.published.wait_for(4)}
    assert events["audit-view-changed"]["name-before"] == "first"
    assert events["audit-view-changed"]["shared-before"] == "no"
    assert events["audit-view-deleted"]["name"] == "second"


def test_start_page_is_the_view_that_one_chose(desk: ApiClient) -> None:
    """The brand leads there; without one to the log, or to what one may see."""
    with as_user(desk, "linus") as linus:
        assert 'class="brand" href="/start"' in linus.get("/views").text
        assert linus.get("/start").headers["location"] == "/"
        view_id = save(linus, "today", "/overview?from=today")
        linus.post("/views/start", data={"view": view_id})
        assert linus.get("/start").headers["location"] == "/overview?from=today"
        assert "start page" in linus.get("/views").text
        linus.post("/views/start", data={"view": ""})
        assert linus.get("/start").headers["location"] == "/"
        linus.post("/views/start", data={"view": view_id})
        version = found(linus, view_id)["version"]
        linus.post(f"/views/{view_id}/delete", data={"version": version})
        assert linus.get("/start").headers["location"] == "/"
    assert desk.tokens is not None
    admin = desk.tokens.create("admin", roles=[Role.ADMIN])
    answer = desk.get("/start", headers={"Authorization": f"Bearer {admin}"})
    assert answer.headers["location"] == "/dead-letters"


@pytest.mark.parametrize(
    "address",
    [
        *("//evil.example/", "https://evil.example/", "/\\evil.example", "\\\\evil.example"),
        *("javascript:alert(1)", "/overview/../logout", "/%2e%2e/x", "/logout", "/api/v1/export"),
        *("/start", "/views", "", "overview", "/a b", "/\x00", "/static/app.js", "/users/%2E%2E"),
    ],
)
def test_view_never_leads_elsewhere(address: str) -> None:
    """Neither to another host, nor to what is no page."""
    with pytest.raises(ProblemError):
        checked_address(address)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("/", "/"),
        ("/?user=Ada%20L&open=x&after=y#e-1", "/?user=Ada+L"),
        ("/users/a%2Fb?tz=UTC", "/users/a%2Fb?tz=UTC"),
        ("/?user=//evil.example&user=%3Cb%3E", "/?user=%2F%2Fevil.example&user=%3Cb%3E"),
    ],
)
def test_address_keeps_what_is_asked(address: str, kept: str) -> None:
    """Less how far one had read."""
    assert kept == checked_address(address)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\x1b[2Jb", "a\nb", "a\u202eb"])
def test_hostile_name_is_refused(name: str) -> None:
    """Blank, endless, or with what a terminal would do."""
    with pytest.raises(ProblemError):
        checked_name(name)


def test_api_saves_changes_and_deletes(desk: ApiClient) -> None:
    """As the page does, with problems as JSON."""
    with as_user(desk, "api") as api:
        made = api.post("/api/v1/views", json={"name": "mine", "address": "/?user=Ada", "shared": True})
        assert made.status_code == 201, made.text
        view = made.json()
        schema = api.json("/openapi.json")["components"]["schemas"]["ViewResponse"]
        jsonschema.validate(view, schema)
        jsonschema.validate(schema["example"], schema)
        path = f"/api/v1/views/{view['id']}"
        changed = api.put(
            path, json={"name": "ours", "address": "/?user=Bob", "version": view["version"]}
        )
        assert (changed.json()["name"], changed.json()["shared"]) == ("ours", False)
        late = api.put(path, json={"name": "x", "address": "/", "version": view["version"]})
        assert (late.status_code, late.json()["status"]) == (409, 409)
        bad = api.post("/api/v1/views", json={"name": "x", "address": "//evil.example"})
        assert (bad.status_code, bad.json()["parameter"]) == (400, "address")
        assert api.delete(path, params={"version": view["version"]}).status_code == 409
        version = changed.json()["version"]
        assert api.delete(path, params={"version": version}).status_code == 204
        assert api.json("/views") == {"views": []}


def test_another_site_changes_nothing(desk: ApiClient) -> None:
    """A form of theirs is refused."""
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = desk.post("/views", data={"name": "x", "address": "/"}, headers=headers)
    assert answer.status_code == 403


def test_one_has_a_hundred_views_at_most(desk: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored is bounded."""
    monkeypatch.setattr("audit_server.view_store.VIEWS_MAX", 1)
    with as_user(desk, "hoarder") as client:
        save(client, "one")
        answer = client.post("/views", data={"name": "two", "address": "/"})
        assert (answer.status_code, "delete one" in answer.text) == (409, True)
