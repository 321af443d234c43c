"""`auditlog retention --ilm`: what is sent to a server that has ILM, and what one hears that has not.

The distribution that tests run has no ILM. So its part is played here by answers of the shapes that
Elasticsearch's reference gives; what is tested is what we send, not what ILM does with it.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import elasticsearch
import pytest
from audit_admin import SetupSettings
from audit_admin.indices.lifecycle import set_lifecycle
from audit_admin.indices.retention import RetentionPolicy
from audit_admin.setup import template_differs
from audit_schemas import IndexNaming
from audit_schemas.template import index_template, lifecycle_of
from support.in_process import auditlog_in_process, call
from support.servers import Deployment, Servers

PREFIX = "audit-events"
NAMING = IndexNaming(PREFIX)
MONTH = f"{PREFIX}-2026.10"


class Played:
    """An Elasticsearch with ILM: its indices, one template, and all that it was sent."""

    def __init__(self, *indices: str) -> None:
        self.indices = indices or (MONTH,)
        self.template = index_template(NAMING, SetupSettings().index_settings())
        self.sent: list[tuple[str, str, Any]] = []

    def answer(self, method: str, path: str, body: Any) -> object:
        """Return what Elasticsearch answers."""
        if method == "PUT":
            self.sent.append((method, path, body))
            if path == f"/_index_template/{PREFIX}":
                self.template = body
            return {"acknowledged": True}
        if path == "/_ilm/policy":
            return {"ilm-history-ilm-policy": {"version": 1, "policy": {"phases": {}}}}
        if path.startswith("/_index_template/"):
            return {"index_templates": [{"name": PREFIX, "index_template": self.template}]}
        if path.endswith("/_stats/docs,store"):
            sizes = {"docs": {"count": 7}, "store": {"size_in_bytes": 700}}
            return {"indices": {name: {"primaries": sizes, "total": sizes} for name in self.indices}}
        template = self.template["template"]
        settings = {"index.uuid": "u", "index.creation_date": "1"}
        index = {"aliases": {PREFIX: {}}, "mappings": template["mappings"], "settings": settings}
        return dict.fromkeys(self.indices, index)


@contextmanager
def playing(played: Played) -> Iterator[str]:
    """Play it on a port of the loopback address; give its URL."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.split("?")[0]
            said = played.answer(self.command, path, json.loads(data) if data else None)
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = _serve  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.servers
@pytest.mark.parametrize(
    ("keep", "age"), [(("--keep-days", "90"), "122d"), (("--keep-months", "12"), "404d")]
)
def test_policy_is_put_and_named_everywhere(servers: Servers, keep: tuple[str, str], age: str) -> None:
    """It waits a period longer, as ILM counts from an index's creation; a second run adds nothing."""
    played = Played()
    with playing(played) as url:
        environment = {
            "AUDITLOG_ELASTICSEARCH_URL": url,
            "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": servers.kafka,
            "AUDITLOG_SEALS_TOPIC": "nothing-is-sealed",
        }
        done = auditlog_in_process("retention", *keep, "--ilm", **environment)
        assert done.returncode == 0, done.stderr
        sent = {path: body for _, path, body in played.sent}
        phases = {"delete": {"min_age": age, "actions": {"delete": {}}}}
        assert sent[f"/_ilm/policy/{PREFIX}"] == {"policy": {"phases": phases}}
        assert sent[f"/{MONTH}/_settings"] == {"index.lifecycle.name": PREFIX}
        settings = sent[f"/_index_template/{PREFIX}"]["template"]["settings"]
        assert settings["index"]["lifecycle"] == {"name": PREFIX}
        played.sent.clear()
        again = auditlog_in_process("retention", *keep, "--ilm", **environment)
        assert again.returncode == 0
    assert f"/_index_template/{PREFIX}" not in {path for _, path, _ in played.sent}


def test_policy_is_set_on_years_of_days() -> None:
    """Elasticsearch refuses a request whose first line, with the names, has more than 4 KB."""
    begin = date(2024, 1, 1)
    days = [f"{PREFIX}-{begin + timedelta(days=n):%Y.%m.%d}" for n in range(1000)]
    played = Played(*days)
    with playing(played) as url, elasticsearch.Elasticsearch(url) as client:
        done = set_lifecycle(client, NAMING, SetupSettings(), RetentionPolicy(days=900))
    assert done[-1] == "set the policy on 1000 existing indices"
    paths = [path for _, path, _ in played.sent if path.endswith("/_settings")]
    assert max(map(len, paths)) < 4000
    named = [name for path in paths for name in path.split("/")[1].split(",")]
    assert named == days


def test_what_was_done_is_told_to_machines_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON, as every command does that is asked for it."""
    guard = SimpleNamespace(is_sealed=False)
    monkeypatch.setattr("audit_admin.indices.retention_commands.SealGuard", lambda *_: guard)
    with playing(Played()) as url:
        done = auditlog_in_process(
            "retention", "--keep-days", "90", "--ilm", "--json", AUDITLOG_ELASTICSEARCH_URL=url
        )
    assert json.loads(done.stdout)["done"][-1] == "set the policy on 1 existing indices"


def test_setup_leaves_the_policy_in_the_template() -> None:
    """Neither `setup` nor `doctor` takes it for a difference."""
    settings = SetupSettings()
    stored = index_template(NAMING, settings.index_settings("mine"))
    assert lifecycle_of(stored) == "mine"
    assert not template_differs(
        stored, index_template(NAMING, settings.index_settings(lifecycle_of(stored)))
    )
    assert lifecycle_of(index_template(NAMING, settings.index_settings())) is None
    assert lifecycle_of(None) is None


@pytest.mark.servers
def test_server_without_ilm_is_one_sentence(deployment: Deployment) -> None:
    """With what to do instead."""
    done = call(deployment, "retention", "--keep-months", "12", "--ilm", check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "auditlog: This Elasticsearch has no index lifecycle management (ILM). "
        "Schedule this instead: auditlog retention --keep-months 12 --delete --yes\n"
    )
