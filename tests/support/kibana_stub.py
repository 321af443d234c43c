"""A stub that answers as Kibana does: what our import and its trial ask for, and no more."""

import email.parser
import email.policy
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

__all__ = ["Answer", "Request", "Rules", "Stub", "file_of", "serving"]


@dataclass
class Request:
    """What arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass
class Answer:
    """What goes back."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


Rules = Callable[[Request], Answer | None]


class Stub:
    """A Kibana that keeps what it is sent, and refuses what a test wants refused."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.special: Rules = lambda _: None
        self.rules: dict[str, Any] = {}
        self.objects: dict[str, Any] = {}
        self.failures: dict[str, str] = {}
        """What the run of a rule ended with, by the rule's id; without one it went well."""
        self.panel = '<div data-render-complete="true">drawn</div>'
        self.url = ""

    def answer(self, request: Request) -> Answer:
        """Answer as Kibana does: 409 for what is there, its own form for what was imported."""
        self.requests.append(request)
        found = self.special(request)
        if found is not None:
            return found
        path = request.path.partition("?")[0].removeprefix("/base").removeprefix("/s/team")
        if path in ("/login", "/app/home", "/app/dashboards"):
            return self._page(request, path)
        if path.startswith("/api/saved_objects/"):
            return self._imported(request) if path.endswith("_import") else self._exported(request)
        if path == "/api/detection_engine/rules":
            asked = request.path.partition("rule_id=")[2]
            return self._rule(request, asked or request.json["rule_id"])
        if path.startswith("/internal/alerting/rule/"):
            return self._internal(request, path.removeprefix("/internal/alerting/rule/"))
        assert path.startswith("/api/alerting/rule/"), path
        return self._rule(request, path.removeprefix("/api/alerting/rule/"))

    def _imported(self, request: Request) -> Answer:
        found = []
        for line in file_of(request)[1].splitlines():
            each = json.loads(line)
            found.append({"type": each["type"], "id": each["id"]})
            if each["id"] in self.objects:
                found[-1]["overwrite"] = True
            self.objects[each["id"]] = each
        return Answer(body={"success": True, "successCount": len(found), "successResults": found})

    def _exported(self, request: Request) -> Answer:
        ids = [each["id"] for each in request.json["objects"]]
        if missing := [each for each in ids if each not in self.objects]:
            return Answer(400, {"statusCode": 400, "message": f"Error fetching {missing}"})
        return Answer(body="".join(json.dumps(self.objects[each]) + "\n" for each in ids).encode())

    def _rule(self, request: Request, key: str) -> Answer:
        if request.method == "POST":
            if key in self.rules:
                return Answer(409, {"statusCode": 409, "message": f"{key} already exists"})
            self.rules[key] = request.json
        elif key not in self.rules:
            return Answer(404, {"statusCode": 404, "message": f"{key} not found"})
        elif request.method == "PUT":
            kept = {name: value for name, value in self.rules[key].items() if name != "artifacts"}
            self.rules[key] = kept | request.json
        shown = {name: value for name, value in self.rules[key].items() if name != "artifacts"}
        return Answer(body=shown | self._run(key))

    def _internal(self, request: Request, key: str) -> Answer:
        if "x-elastic-internal-origin" not in request.headers:
            return Answer(400, {"statusCode": 400, "message": "not available in this configuration"})
        answer = self._rule(request, key)
        return Answer(body=self.rules[key]) if answer.status == HTTPStatus.OK else answer

    def _run(self, key: str) -> dict[str, Any]:
        """Return what Kibana says of the rule's last run, a detection rule's and the others'."""
        why = self.failures.get(key)
        detection = {"status": "failed" if why else "succeeded", "message": why or ""}
        alerting = {"status": "error", "error": {"message": why}} if why else {"status": "ok"}
        return {"execution_summary": {"last_execution": detection}, "execution_status": alerting}

    def _page(self, request: Request, path: str) -> Answer:
        """Answer a browser: a form, and after it the dashboard with the panels that were imported."""
        if request.method == "POST":
            return Answer(302, b"", {"location": "/app/home"})
        text = (
            '<form method="post"><input data-test-subj="loginUsername" name="u">'
            '<input data-test-subj="loginPassword" name="p" type="password">'
            '<button data-test-subj="loginSubmit">Log in</button></form>'
        )
        if path == "/app/dashboards":
            dashboards = [each for each in self.objects.values() if each["type"] == "dashboard"]
            panels = json.loads(dashboards[0]["attributes"]["panelsJSON"])
            text = "".join(f"<h2>{panel['title']}</h2>{self.panel}" for panel in panels)
        return Answer(body=text.encode(), headers={"content-type": "text/html"})


@contextmanager
def serving(files: tuple[Path, Path] | None = None) -> Iterator[Stub]:
    """Run a stub on loopback, with TLS if there are a certificate and its key."""
    found = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits for the client to acknowledge its head

        def _do(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, self.rfile.read(length))
            answer = found.answer(request)
            if answer.cut:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _do  # noqa: N815 - the base class's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if files is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        # The handshake is the thread's own: one that fails must not end the server.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
    found.url = f"http{'s' if files else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def file_of(request: Request) -> tuple[str | None, str]:
    """Return name and content of the form's field `file`."""
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    assert "multipart/form-data" == form.get_content_type()
    (part,) = form.iter_parts()
    assert "file" == part.get_param("name", header="content-disposition")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return part.get_filename(), content.decode()
