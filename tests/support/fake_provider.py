"""A small OpenID provider with keys of its own, which does whatever a test wants of it."""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "FakeProvider", "fake_provider", "new_key"]

CLIENT_ID = "audit-logs"
CLIENT_SECRET = "a client's secret"  # noqa: S105 - of a fake


def new_key(key_id: str) -> ECKey:
    """Return a key of this name."""
    return ECKey.generate_key("P-256", {"kid": key_id, "use": "sig"})


@dataclass
class FakeProvider:
    """Signs whoever is `claims` in, without asking. What it says and signs with can be changed."""

    issuer: str
    clock: Callable[[], datetime]
    claims: dict[str, Any] = field(default_factory=dict)
    """On top of a valid token's; None takes a claim away."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """On top of a valid discovery document."""
    key: ECKey = field(default_factory=lambda: new_key("first"))
    keys: list[ECKey] = field(default_factory=list)
    """Those that are published; by default the one that signs."""
    requests: list[str] = field(default_factory=list)
    """The paths that were asked for."""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def authorize(self, url: str) -> dict[str, str]:
        """Return what a browser that follows `url` brings back to the callback."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def rotate(self, key_id: str) -> None:
        """Sign with a new key, and publish it alone."""
        self.key = new_key(key_id)

    def discovery(self) -> Mapping[str, Any]:
        """Return what it says of itself."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/logout",
        } | self.metadata

    def published_keys(self) -> Mapping[str, Any]:
        """Return its JWKS."""
        return {"keys": [key.as_dict(private=False) for key in self.keys or [self.key]]}

    def token(self, form: Mapping[str, str], authorization: str) -> tuple[int, Mapping[str, Any]]:
        """Exchange a code, once, for whoever has the verifier and the client's secret."""
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or challenge != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        login = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if login != f"{CLIENT_ID}:{CLIENT_SECRET.replace(' ', '+').replace(chr(39), '%27')}":
            return 401, {"error": "invalid_client"}
        return 200, {"id_token": self.id_token(asked["nonce"]), "access_token": "x"}

    def id_token(self, nonce: str) -> str:
        """Return a signed token."""
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "f-1",
            "preferred_username": "fay",
            "groups": ["analysts"],
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
        } | self.claims
        header = {"alg": "ES256", "kid": self.key.kid}
        present = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(header, present, self.key, algorithms=["ES256"])


@contextmanager
def fake_provider(clock: Callable[[], datetime]) -> Iterator[FakeProvider]:
    """Run one on the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.requests.append(self.path)
            answers = {
                "/.well-known/openid-configuration": provider.discovery,
                "/keys": provider.published_keys,
            }
            self._answer(200, answers[self.path]())

        def do_POST(self) -> None:
            provider.requests.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*provider.token(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, found: Mapping[str, Any]) -> None:
            text = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = FakeProvider(f"http://127.0.0.1:{server.server_port}", clock)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
