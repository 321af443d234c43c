"""What each role may do: every route names its permission, and the documents have the table."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from audit_query import AuditLog, QuerySettings
from audit_server.access import Permitted, _current_caller
from audit_server.app import create_app
from audit_server.roles import ROLES, WITHOUT_ROLES, Permission, Role
from audit_server.settings import ServeSettings
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from support.api_client import ApiClient, api_client
from support.servers import ROOT

NOWHERE = QuerySettings(elasticsearch_url="http://127.0.0.1:9")
"""Whoever is let in meets an Elasticsearch that is not there."""

OPEN = {"/login", "/logout", "/sign-in", "/sign-in/callback", "/static/{name}"}
"""For everybody: how one signs in and out, and the page's own files, which tell nothing."""

Route = tuple[str, str, Permission | None]


def api_routes(routes: Sequence[Any]) -> Iterator[APIRoute]:
    """Yield the routes of an application, those of included routers too."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from api_routes(route.original_router.routes)


def calls(dependant: Dependant) -> Iterator[Any]:
    """Yield what a route depends on, and what that depends on."""
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from calls(dependency)


def guarded_routes() -> list[Route]:
    """Return method, path and permission of each route that is not open; None: whoever signed in."""
    found = []
    with AuditLog(NOWHERE) as log:
        app = create_app(log, ServeSettings(elasticsearch_url="http://127.0.0.1:9"))
    for route in api_routes(app.routes):
        if route.path in OPEN:
            continue
        called = list(calls(route.dependant))
        permissions = {call.permission for call in called if isinstance(call, Permitted)}
        assert _current_caller in called, f"{route.path} lets in everybody"
        assert len(permissions) <= 1, f"{route.path} takes {permissions}"
        permission = permissions.pop() if permissions else None
        found += [(method, route.path, permission) for method in sorted(route.methods or ())]
    return sorted(found, key=lambda row: (row[1].removeprefix("/api/v1"), row[1], row[0]))


ROUTES = guarded_routes()
FOR_ALL = {"/api/v1/openapi.json", "/start"}
"""For whoever signed in, whatever they may do; so are the views that they saved."""


PAGE = ROOT / "docs" / "security.md"
START, END = "<!-- roles:start -->\n", "<!-- roles:end -->"


def table() -> str:
    """Return the table of the documents: what each permission opens, and who has it."""
    head = ["permission", "routes", *ROLES, "token without roles"]
    lines = [head, ["---"] * len(head)]
    for permission in (*Permission, None):
        routes = [f"`{method} {path}`" for method, path, needed in ROUTES if needed == permission]
        holders = [permission is None or permission in given for given in ROLES.values()]
        holders.append(permission is None or permission in WITHOUT_ROLES)
        cells = ["yes" if holds else "no" for holds in holders]
        lines.append([permission or "any", "<br>".join(routes) or "none yet", *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def test_every_route_takes_one_permission() -> None:
    """Only these are for whoever signed in."""
    free = {path for _, path, permission in ROUTES if permission is None}
    assert {path for path in free if "/views" not in path} == FOR_ALL


def test_documents_have_the_table_of_roles() -> None:
    """Whoever gives a role reads what it gives.

    To write it anew: PYTHONPATH=tests .venv/bin/python -m server.test_server_roles
    """
    written = PAGE.read_text().partition(START)[2].partition(END)[0]
    assert table() == written, "write it anew, as this test's docstring says"


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Role, ApiClient]]:
    """Give a client of each role, over a log that never answers."""
    folder = tmp_path_factory.mktemp("roles")
    with (
        AuditLog(NOWHERE) as log,
        api_client(log, Path(folder, "tokens.json"), elasticsearch_url="http://127.0.0.1:9") as client,
    ):
        assert client.tokens is not None
        found = {}
        for role in Role:
            secret = client.tokens.create(role, roles=[role])
            headers = {"Authorization": f"Bearer {secret}"}
            found[role] = ApiClient(
                client.app, base_url="http://127.0.0.1", headers=headers, follow_redirects=False
            )
        yield found


@pytest.mark.parametrize(("method", "path", "permission"), ROUTES)
def test_role_may_do_its_own_and_nothing_else(
    clients: dict[Role, ApiClient], method: str, path: str, permission: Permission | None
) -> None:
    """Each route for each role: who may not is told which role it takes."""
    address = path.replace("{name:path}", "x").replace("{", "").replace("}", "")
    for role, client in clients.items():
        answer = client.request(method, address)
        is_refused = permission is not None and permission not in ROLES[role]
        assert (answer.status_code == 403) == is_refused, (role, answer.text)
        if is_refused:
            assert "This takes the role" in answer.text


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(START)
    PAGE.write_text(f"{before}{START}{table()}{END}{rest.partition(END)[2]}")
