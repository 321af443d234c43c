"""Signing in with an identity provider: the way there and back, and every way that it must not go."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from audit_runtime import CredentialsError
from audit_runtime.elastic import connect
from audit_server import ListenError
from audit_server.listener import check_listening
from audit_server.sign_in import Outcome, sign_in_of
from server.sign_in.people import Clock, Desk
from support.fake_provider import new_key

pytestmark = pytest.mark.servers


def test_person_signs_in_and_reads_what_their_role_permits(at_desk: Desk) -> None:
    """Under their own name, on the page and in the API, and goes on to where they wanted."""
    at_desk.provider.claims = {"groups": ["analysts", "unrelated"]}
    assert at_desk.client.get("/users/Ada?from=-1h").headers["location"].startswith("/login?next=")
    answer = at_desk.callback(at_desk.begin(next="/users/Ada?from=-1h"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/users/Ada?from=-1h")
    page = at_desk.client.get("/")
    assert (page.status_code, ">fay<" in page.text) == (200, True)
    assert at_desk.client.json("/events")["events"]
    assert at_desk.client.problem("/reports/users", 403)["detail"].startswith("This takes the role")


def test_sign_in_is_on_record_with_the_providers_id(at_desk: Desk) -> None:
    """So is what they read, and that they left."""
    at_desk.sign_in()
    at_desk.client.get("/api/v1/events")
    at_desk.client.post("/logout")
    events = {event["action"]: event for event in at_desk.client.published.wait_for(3)}
    assert set(events) == {"audit-log-signed-in", "audit-log-searched", "audit-log-signed-out"}
    assert [event["user"] for event in events.values()] == [{"name": "fay", "id": "f-1"}] * 3
    assert events["audit-log-signed-in"]["labels"]["roles"] == "analyst"


def test_request_to_the_provider_is_bound_to_this_browser(at_desk: Desk) -> None:
    """By state, nonce and challenge, which are new each time; the verifier stays here."""
    seen = []
    for _ in range(2):
        answer = at_desk.client.get("/sign-in")
        asked = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        assert asked["code_challenge_method"] == "S256"
        assert asked["response_type"] == "code"
        assert asked["redirect_uri"] == "http://127.0.0.1/sign-in/callback"
        seen += [asked[name] for name in ("state", "nonce", "code_challenge")]
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert not any(asked[name].lower() in cookie for name in ("state", "nonce", "code_challenge"))
    assert len(set(seen)) == 6


def test_session_cookie_tells_nothing(at_desk: Desk) -> None:
    """It is random, scripts can't read it, and no other site's form makes a browser send it."""
    cookie = at_desk.sign_in().headers["set-cookie"]
    assert "auditlog_session_80=" in cookie
    session = next(part for part in cookie.split(", ") if part.startswith("auditlog_session"))
    assert {"HttpOnly", "SameSite=lax"} <= set(session.split("; "))
    answer = at_desk.client.post("/logout", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_login_page_offers_what_there_is(at_desk: Desk) -> None:
    """The provider by its name; and no form for tokens, where there are none."""
    page = at_desk.client.get("/login?next=/users/Ada%26x").text
    assert "Sign in with single sign-on" in page
    assert 'href="/sign-in?next=%2Fusers%2FAda%26x"' in page
    assert "<form" not in page


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_sign_in_leads_nowhere_else(at_desk: Desk, target: str) -> None:
    """Neither by the address, nor by a cookie that somebody else wrote."""
    assert at_desk.callback(at_desk.begin(next=target)).headers["location"] == "/start"
    answer = at_desk.begin()
    name = "auditlog_sign_in_80"
    secret, _, _ = at_desk.client.cookies[name].strip('"').partition(".")
    at_desk.client.cookies.delete(name)
    forged = urlsafe_b64encode(target.encode()).decode()
    at_desk.client.cookies.set(name, f"{secret}.{forged}")
    assert at_desk.callback(answer).headers["location"] == "/start"


STALE = "This sign-in was not begun in this browser, or too long ago; sign in again"


def test_forged_state_signs_nobody_in(at_desk: Desk) -> None:
    """Nor does one of another browser, or none: nobody is signed in as somebody else by a link."""
    answer = at_desk.begin()
    for forged in ({**answer, "state": "x" * 43}, {"code": answer["code"]}, {}):
        assert at_desk.refusal(at_desk.callback(forged)) == (400, STALE)
    at_desk.client.cookies.clear()
    assert at_desk.refusal(at_desk.callback(answer)) == (400, STALE)
    assert at_desk.provider.requests == ["/.well-known/openid-configuration"]
    (event,) = at_desk.client.published.wait_for(1)
    assert (event["action"], event["reason"]) == ("audit-log-refused", STALE)


def test_code_is_good_once(at_desk: Desk) -> None:
    """Whoever reads it in a log or a history signs in with it no more, in whatever browser."""
    answer = at_desk.begin()
    kept = dict(at_desk.client.cookies)
    assert at_desk.callback(answer).status_code == 303
    assert at_desk.refusal(at_desk.callback(answer)) == (400, STALE)
    at_desk.client.cookies.update(kept)
    replayed = "This sign-in was completed before, or took too long; sign in again"
    assert at_desk.refusal(at_desk.callback(answer)) == (400, replayed)


def test_stolen_code_is_of_no_use_in_another_browser(at_desk: Desk) -> None:
    """It was asked for with another challenge (PKCE)."""
    stolen = at_desk.begin()
    own = at_desk.begin()
    answer = at_desk.callback({**own, "code": stolen["code"]})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": "another-app"}, "is for another application"),
        ({"aud": ["audit-logs", "another-app"]}, "is for another application"),
        ({"aud": ["audit-logs", "another-app"], "azp": "another-app"}, "is for another application"),
        ({"azp": "another-app"}, "is for another application"),
        ({"iss": "https://evil.example"}, "is of another issuer"),
        ({"nonce": "x"}, "belongs to another sign-in"),
        ({"nonce": None}, "belongs to another sign-in"),
        ({"sub": None}, "lacks what it needs"),
        ({"sub": ""}, "lacks what it needs"),
        ({"exp": None}, "lacks what it needs"),
        ({"exp": "tomorrow"}, "lacks what it needs"),
    ],
)
def test_token_that_is_not_for_this_sign_in_is_refused(
    at_desk: Desk, claims: dict[str, Any], why: str
) -> None:
    """Each with what is wrong and, if it helps, what to do."""
    status, sentence = at_desk.refusal(at_desk.sign_in(**claims))
    assert (status, sentence.startswith(f"The identity provider's token {why}")) == (403, True)
    assert at_desk.client.get("/api/v1/events").status_code == 401


@pytest.mark.parametrize(("late", "status"), [(55, 303), (65, 403)])
def test_clocks_may_differ_by_a_minute(at_desk: Desk, clock: Clock, late: int, status: int) -> None:
    """In both directions, and by no more."""
    now = int(clock().timestamp())
    expired = at_desk.sign_in(iat=now - 600, exp=now - late)
    assert expired.status_code == status
    assert ("has expired" in expired.text) == (status == 403)
    early = at_desk.sign_in(iat=now + late)
    assert early.status_code == status
    assert ("is from the future" in early.text) == (status == 403)


def test_token_that_somebody_else_signed_is_refused(at_desk: Desk) -> None:
    """With a key under the known name, with no signature, or with what everybody knows as a secret."""
    provider = at_desk.provider
    known = provider.key
    provider.keys = [known]
    provider.key = new_key(str(known.kid))
    status, sentence = at_desk.refusal(at_desk.sign_in())
    assert (status, "invalid signature" in sentence) == (403, True)
    public = known.as_pem(private=False)
    signed = provider.id_token
    for algorithm in ("none", "HS256"):
        forge = partial(_signed_anew, signed, algorithm, public)
        provider.id_token = forge  # type: ignore[method-assign]
        status, sentence = at_desk.refusal(at_desk.sign_in())
        assert (status, "not accepted" in sentence) == (403, True)


def _signed_anew(signed: Callable[[str], str], algorithm: str, secret: bytes, nonce: str) -> str:
    """Return a token's claims under another algorithm, signed with what is no secret."""
    head, claims, _ = signed(nonce).split(".")
    header = json.loads(urlsafe_b64decode(head + "==")) | {"alg": algorithm}
    start = f"{_encoded(json.dumps(header).encode())}.{claims}"
    digest = b"" if algorithm == "none" else hmac.digest(secret, start.encode(), "sha256")
    return f"{start}.{_encoded(digest)}"


def _encoded(text: bytes) -> str:
    return urlsafe_b64encode(text).decode().rstrip("=")


def test_new_key_is_fetched_when_it_is_met_and_not_too_often(at_desk: Desk) -> None:
    """A provider may change its keys; whoever invents names of keys makes us ask no more."""
    at_desk.sign_in()
    keys = at_desk.client.app.state.access.sign_in._provider.keys  # type: ignore[attr-defined]  # noqa: SLF001
    now = keys._fetched  # noqa: SLF001
    keys._monotonic = lambda: now + 31  # noqa: SLF001
    at_desk.provider.rotate("second")
    assert at_desk.sign_in().status_code == 303
    at_desk.provider.keys = [at_desk.provider.key]
    for name in ("third", "fourth"):
        at_desk.provider.rotate(name)
        _, sentence = at_desk.refusal(at_desk.sign_in())
        assert "a key that it does not name" in sentence
    assert at_desk.provider.requests.count("/keys") == 2


def test_provider_that_is_down_is_one_sentence(at_desk: Desk, capsys: Any) -> None:
    """The operator's log says which address does not answer; those who are signed in go on."""
    at_desk.sign_in()
    at_desk.provider.metadata = {"token_endpoint": "http://127.0.0.1:9/token"}
    sign_in = at_desk.client.app.state.access.sign_in  # type: ignore[attr-defined]
    sign_in._provider._metadata = None  # noqa: SLF001
    sign_in._provider._read_at = float("-inf")  # noqa: SLF001
    status, sentence = at_desk.refusal(at_desk.callback(at_desk.begin()))
    assert status == 503
    assert sentence == (
        "The identity provider can't be used at the moment; try again, or sign in with a token"
    )
    assert "http://127.0.0.1:9/token gives no answer" in "".join(capsys.readouterr())
    assert at_desk.client.get("/api/v1/events").status_code == 200


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"issuer": "https://evil.example"}, "is of the issuer https://evil.example"),
        ({"jwks_uri": None}, "lacks jwks_uri"),
        ({"token_endpoint": "http://192.0.2.1/token"}, "in plain text"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "not a valid web address"),
    ],
)
def test_discovery_that_is_wrong_is_not_used(
    at_desk: Desk, metadata: dict[str, Any], reason: str, capsys: Any
) -> None:
    """The operator is told what to change."""
    at_desk.provider.metadata = metadata
    assert at_desk.client.get("/sign-in").status_code == 503
    assert reason in "".join(capsys.readouterr())


def test_providers_refusal_is_told(at_desk: Desk) -> None:
    """Its own words are shown escaped; an answer of another provider is none (RFC 9207)."""
    state = at_desk.begin()["state"]
    denied = at_desk.callback({"error": "access_denied", "state": state})
    assert "did not let you in" in at_desk.refusal(denied)[1]
    hostile = at_desk.callback({"error": "<script>\x1b[2J", "state": state})
    assert hostile.status_code == 400
    assert "<script>\x1b" not in hostile.text
    assert "&lt;script&gt;" in hostile.text
    other = at_desk.callback({"code": "x", "state": state, "iss": "https://evil.example"})
    assert "another identity provider" in at_desk.refusal(other)[1]


def test_session_outlives_neither_idleness_nor_its_day(at_desk: Desk, clock: Clock) -> None:
    """An hour without a request, or twelve with; then the page leads to the login."""
    at_desk.sign_in()
    for _ in range(14):
        clock.now += timedelta(minutes=50)
        assert at_desk.client.get("/api/v1/events").status_code == 200
    clock.now += timedelta(minutes=21)
    assert at_desk.client.get("/api/v1/events").status_code == 401
    assert at_desk.client.get("/").headers["location"].startswith("/login")
    at_desk.sign_in()
    clock.now += timedelta(minutes=60)
    assert "has ended" in at_desk.client.problem("/events", 401)["detail"]


@pytest.mark.parametrize(
    ("given", "plain_text", "says"),
    [
        ({"oidc_client_id": None}, False, "takes AUDITLOG_OIDC_CLIENT_ID and AUDITLOG_PEOPLE_FILE"),
        ({"people_file": None}, False, "takes AUDITLOG_OIDC_CLIENT_ID and AUDITLOG_PEOPLE_FILE"),
        ({"oidc_issuer": "http://192.0.2.1/realm"}, False, "in plain text"),
        ({"page_url": "https://audit.example"}, False, "but there is no TLS here"),
        ({}, True, "it must begin with https"),
    ],
)
def test_settings_that_would_let_nobody_in_are_an_error_at_the_start(
    at_desk: Desk, given: dict[str, Any], *, plain_text: bool, says: str
) -> None:
    """Each with the variables that it is about."""
    settings = at_desk.settings.model_copy(update=given)

    def start() -> None:
        check_listening(settings, plain_text=plain_text)
        with closing(connect(settings, seconds=1)) as client:
            sign_in_of(settings, client)

    with pytest.raises(Exception, match=says) as caught:
        start()
    assert isinstance(caught.value, ListenError | CredentialsError)


def test_sign_ins_are_counted_by_what_came_of_them(at_desk: Desk) -> None:
    """Those that succeeded, and each way to fail; all are shown at 0 before."""
    assert at_desk.sign_ins() == dict.fromkeys(map(str, Outcome), 0)
    at_desk.sign_in()
    at_desk.sign_in(groups=["strangers"])
    at_desk.sign_in(aud="another")
    at_desk.callback({"state": "forged", "code": "c"})
    at_desk.callback({"state": at_desk.begin()["state"], "error": "access_denied"})
    at_desk.provider.metadata = {"token_endpoint": "http://127.0.0.1:9/token"}
    provider = at_desk.client.app.state.access.sign_in._provider  # type: ignore[attr-defined]  # noqa: SLF001
    provider._metadata, provider._read_at = None, float("-inf")  # noqa: SLF001
    at_desk.callback(at_desk.begin())
    expected = dict.fromkeys(map(str, Outcome), 1) | {"people-file": 0}
    assert at_desk.sign_ins() == expected
