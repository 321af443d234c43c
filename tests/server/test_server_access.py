"""Who is let in, under which name and from where; and what those are told who are not."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_query import AuditLog, QuerySettings
from audit_server.networks import names_loopback
from support.api_client import NOW, ApiClient, api_client

NOWHERE = QuerySettings(elasticsearch_url="http://127.0.0.1:9")
"""Whoever is let in meets an Elasticsearch that is not there: 503."""
LET_IN = 503


@pytest.fixture
def log() -> Iterator[AuditLog]:
    """Give a log that never answers: access is settled before it is asked."""
    with AuditLog(NOWHERE) as log:
        yield log


@pytest.fixture
def guarded(log: AuditLog, tmp_path: Path) -> Iterator[ApiClient]:
    """Give a client that has a token, by default."""
    with api_client(log, tmp_path / "tokens.json") as client:
        yield client


@pytest.fixture
def free(log: AuditLog) -> Iterator[ApiClient]:
    """Give a client of a server without tokens."""
    with api_client(log) as client:
        yield client


def test_token_lets_in(guarded: ApiClient) -> None:
    """By the header, with any capitals in the scheme's name."""
    assert guarded.get("/api/v1/events").status_code == LET_IN
    secret = guarded.headers["authorization"].split()[1]
    headers = {"Authorization": f"bearer {secret}"}
    assert guarded.get("/api/v1/events", headers=headers).status_code == LET_IN


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("", "A token is missing"),
        ("Bearer ", "A token is missing"),
        ("Basic YTpi", "A token is missing"),
        ("Bearer nonsense", "The token is unknown"),
        ("Bearer auditlog_" + "A" * 43, "The token is unknown"),
    ],
)
def test_without_a_good_token_it_is_401(guarded: ApiClient, header: str, why: str) -> None:
    """A problem that says why, and a header that says what is missing; on record as refused."""
    answer = guarded.get("/api/v1/events", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(why)
    (event,) = guarded.published.wait_for(1)
    assert (event["action"], event["user"]) == ("audit-log-refused", {"name": "unknown"})
    assert event["reason"] == why[0].lower() + why[1:]
    assert "auditlog_" not in str(event)


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/events", "/api/v1/events/0123456789abcdef", "/api/v1/buckets", "/api/v1/top?by=ip"),
        *("/api/v1/suggest?field=user&prefix=a", "/api/v1/export"),
        *("/api/v1/reports/users", "/api/v1/reports/chats", "/api/v1/reports/user", "/api/v1/timeline"),
        "/api/v1/openapi.json",
    ],
)
def test_every_route_asks_for_the_token_first(guarded: ApiClient, path: str) -> None:
    """Before it says what else is wrong."""
    assert guarded.get(path, headers={"Authorization": ""}).status_code == 401
    assert guarded.get(f"{path}?nonsense=1", headers={"Authorization": ""}).status_code == 401


def test_expired_token_is_refused_under_its_name(log: AuditLog, tmp_path: Path) -> None:
    """Who still uses it is worth knowing."""
    now = NOW
    with api_client(log, tmp_path / "t.json", clock=lambda: now) as client:
        assert client.tokens is not None
        secret = client.tokens.create("ben", organization="acme", expires=NOW + timedelta(days=1))
        client.headers["Authorization"] = f"Bearer {secret}"
        assert client.get("/api/v1/events").status_code == LET_IN
        now = NOW + timedelta(days=1)
        assert "has expired" in client.problem("/events", 401)["detail"]
        (event,) = client.published.wait_for(1)
    assert (event["user"], event["organization"]) == ({"name": "ben"}, "acme")
    assert event["reason"] == "the token has expired"


def test_revoked_token_is_refused_at_once(guarded: ApiClient) -> None:
    """The file is read again when it has changed."""
    assert guarded.get("/api/v1/events").status_code == LET_IN
    assert guarded.tokens is not None
    guarded.tokens.revoke("tester")
    assert guarded.get("/api/v1/events").status_code == 401


def test_tokens_file_that_is_gone_lets_nobody_in(guarded: ApiClient, capsys: Any) -> None:
    """The operator is told where it was, the reader is not."""
    assert guarded.tokens is not None
    guarded.tokens.path.unlink()
    detail = guarded.problem("/events", 503)["detail"]
    assert str(guarded.tokens.path) not in detail
    assert "No such file" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, True) for host in ("localhost", "LOCALHOST:80", "127.0.0.1:8484", "127.9.9.9")),
        *((host, True) for host in ("[::1]", "[::1]:8484")),
        *((host, False) for host in ("", "evil.example", "evil.example:8484", "192.0.2.1", "[::]")),
        *((host, False) for host in ("localhost.evil.example", "127.0.0.1.evil.example", "127.1")),
        *((host, False) for host in ("a:b:c", "localhost@evil.example", "2130706433")),
    ],
)
def test_names_of_this_machine(host: str, expected: bool) -> None:  # noqa: FBT001
    """Only those that no name server can point here."""
    assert expected == names_loopback(host)


def test_without_tokens_only_this_machines_name_is_answered(free: ApiClient) -> None:
    """DNS rebinding: a site's own name, which now means 127.0.0.1, gets nothing."""
    assert free.get("/api/v1/events").status_code == LET_IN
    for path in ("/api/v1/events", "/api/v1/export", "/api/v1/openapi.json", "/", "/rows"):
        answer = free.get(path, headers={"Host": "evil.example:8484"})
        assert answer.status_code == 403
    (event,) = free.published.wait_for(1)
    assert event["reason"] == "the Host header does not name this machine"


def test_with_tokens_any_name_is_answered(guarded: ApiClient) -> None:
    """A server that others reach has a name; the token is what protects it."""
    answer = guarded.get("/api/v1/events", headers={"Host": "audit.example"})
    assert answer.status_code == LET_IN


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_can_not_ask(free: ApiClient, site: str) -> None:
    """Not even where it could not read the answer: an export costs."""
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert free.get("/api/v1/export", headers=headers).status_code == 403
    headers["Sec-Fetch-Mode"] = "navigate"  # a link in a chat
    assert free.get("/api/v1/events", headers=headers).status_code == LET_IN


def test_without_tokens_the_account_is_who_asks(free: ApiClient) -> None:
    """On the loopback address, that is who runs the server."""
    assert free.get("/login").headers["location"] == "/"
    assert free.post("/login", content="token=x").headers["location"] == "/"
    assert not free.cookies


def log_in(client: ApiClient, **form: str) -> Any:
    """Post the form of the login."""
    client.headers.pop("Authorization", None)
    return client.post("/login", data=form)


def test_log_in_gives_a_cookie_that_scripts_can_not_read(guarded: ApiClient) -> None:
    """And that other sites can't make a browser send."""
    secret = guarded.headers["authorization"].split()[1]
    answer = log_in(guarded, token=f" {secret} ", next="/users/Ada?from=-1h")
    assert (answer.status_code, answer.headers["location"]) == (303, "/users/Ada?from=-1h")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie  # there is no TLS here
    assert guarded.get("/api/v1/events").status_code == LET_IN
    assert guarded.post("/logout").headers["location"] == "/login"
    assert guarded.get("/api/v1/events").status_code == 401


def test_cookie_over_tls_is_this_hosts_alone(log: AuditLog, tmp_path: Path) -> None:
    """No other name under the same domain, and nothing without TLS, can set it."""
    url = "https://audit.example"
    with api_client(log, tmp_path / "t.json", base_url=url, is_https=True) as client:
        secret = client.headers["authorization"].split()[1]
        cookie = log_in(client, token=secret).headers["set-cookie"]
        assert cookie.startswith("__Host-auditlog_token=")
        assert {"Path=/", "Secure"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert client.get("/api/v1/events").status_code == LET_IN
        assert client.post("/logout").headers["set-cookie"].startswith('__Host-auditlog_token="";')
        client.cookies.set("auditlog_token_443", secret)
        assert client.get("/api/v1/events").status_code == 401


def test_cookie_without_tls_is_this_ports(guarded: ApiClient) -> None:
    """Browsers send it to all ports of the machine; another server's is not taken for ours."""
    secret = guarded.headers["authorization"].split()[1]
    cookie = log_in(guarded, token=secret).headers["set-cookie"]
    assert cookie.startswith("auditlog_token_80=")
    guarded.cookies.clear()
    for name in ("auditlog_token", "auditlog_token_8485", "__Host-auditlog_token"):
        guarded.cookies.set(name, secret)
    assert guarded.get("/api/v1/events").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:8485"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://127.0.0.1"}, 303),
        ({"Origin": "http://127.0.0.1:80"}, 303),
        ({"Origin": "https://behind.proxy", "Sec-Fetch-Site": "same-origin"}, 303),
        ({}, 303),
    ],
)
def test_another_sites_form_sets_no_cookie(
    guarded: ApiClient, headers: dict[str, str], status: int
) -> None:
    """Nor where the browser says no more than the Origin: nobody is signed in as somebody else."""
    form = {"token": guarded.headers.pop("authorization").split()[1]}
    answer = guarded.post("/login", data=form, headers=headers)
    assert (answer.status_code, "set-cookie" in answer.headers) == (status, status == 303)


@pytest.mark.parametrize(
    "path", ["/login/", "/logout/", "/rows/", "/api/v1/events/", "/users", "/live/"]
)
def test_no_redirect_names_another_host(guarded: ApiClient, path: str) -> None:
    """The Host header is whatever somebody sent."""
    answer = guarded.get(path, headers={"Host": "evil.example"})
    assert "evil.example" not in answer.headers.get("location", "")


def test_wrong_token_at_the_log_in_is_told_and_noted(guarded: ApiClient) -> None:
    """With the form again, and no cookie."""
    answer = log_in(guarded, token="nonsense")
    assert answer.status_code == 401
    assert "unknown or has expired" in answer.text
    assert "set-cookie" not in answer.headers
    (event,) = guarded.published.wait_for(1)
    assert event["reason"] == "the token is unknown"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "", "/a\r\nb: c"],
)
def test_log_in_leads_nowhere_else(guarded: ApiClient, target: str) -> None:
    """A link to the login is no link to another site."""
    secret = guarded.headers["authorization"].split()[1]
    assert log_in(guarded, token=secret, next=target).headers["location"] == "/start"


def test_large_form_is_refused(guarded: ApiClient) -> None:
    """Before it is read whole."""
    assert log_in(guarded, token="x" * 100_000).status_code == 413


def test_page_without_a_token_leads_to_the_log_in(guarded: ApiClient) -> None:
    """And back to where the reader wanted to; a first look is no refusal."""
    del guarded.headers["Authorization"]
    answer = guarded.get("/users/Ada%20L?from=-24h")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fusers%2FAda+L%3Ffrom%3D-24h"
    assert answer.headers["cache-control"] == "no-store"
    part = guarded.get("/rows", headers={"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"})
    assert part.status_code == 401  # a script's question gets no page in place of rows
    guarded.cookies.set("auditlog_token_80", "nonsense")
    assert guarded.get("/").status_code == 303
    (event,) = guarded.published.wait_for(1)
    assert event["reason"] == "the token is unknown"


def test_form_remembers_where_the_reader_wanted_to(guarded: ApiClient) -> None:
    """A link that was shared leads to what it shows."""
    answer = guarded.get("/login?next=%2F%3Fuser%3DAda")
    assert answer.status_code == 200
    assert 'value="/?user=Ada"' in answer.text


def test_forged_forwarding_header_is_not_believed(guarded: ApiClient) -> None:
    """Nobody is behind a proxy unless the settings name it."""
    headers = {"Authorization": "Bearer x", "X-Forwarded-For": "198.51.100.1"}
    guarded.get("/api/v1/events", headers=headers)
    (event,) = guarded.published.wait_for(1)
    assert event["ip"] is None  # the test's client has no address


def test_trusted_proxys_header_names_the_reader(log: AuditLog, tmp_path: Path) -> None:
    """The last address before the trusted ones; what stands before may be forged."""
    with api_client(log, tmp_path / "t.json", serve_trusted_proxies="10.0.0.0/8") as client:
        access = client.app.state.access  # type: ignore[attr-defined]

        def client_of(peer: str, forwarded: str) -> str | None:
            from starlette.requests import Request  # noqa: PLC0415

            headers = [(b"x-forwarded-for", forwarded.encode())]
            scope = {"type": "http", "client": (peer, 1), "headers": headers}
            found: str | None = access.client_of(Request(scope))
            return found

        assert client_of("10.1.2.3", "1.2.3.4, 198.51.100.1, 10.9.9.9") == "198.51.100.1"
        assert client_of("192.0.2.1", "198.51.100.1") == "192.0.2.1"
